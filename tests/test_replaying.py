"""Replaying a round: only of what is open, stopped and gone on with, never two at once."""

import asyncio
import itertools
import json
import signal
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from lookup.admin import broadcasting
from lookup.admin.broadcasting import replay_lock
from lookup.admin.desk import Desk
from lookup.admin.locks import only_one
from lookup.admin.people.roles import AUDITOR, Actor
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.refusals import refused
from lookup.admin.replaying import DONE, ENDED, SLICE_S, STOPPED, replay, span
from lookup.errors import RefusedError, UsageError
from lookup.public.account import Account
from lookup.release_file import ReleaseFile
from lookup.statistics import MINIMUM_CELL
from lookup.stores.entries import Board, Round, School, Words
from tests.admin_makers import lookup
from tests.studio_makers import FIRST, HEADER, SECOND, Studio, admitted, round_of


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def test_a_round_is_told_step_by_step_to_its_end(studio: Studio) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()
    ended = studio.replay(batch)
    assert (ended.how, ended.forwarded, ended.candidates) == (DONE, 120, 120)
    entries = studio.entries()
    kinds = [type(entry) for entry in entries[1:]]
    assert kinds == [Board, Round, *[Board, Round, Words] * 4]
    rounds = [entry for entry in entries if isinstance(entry, Round)]
    assert [told.forwarded for told in rounds] == [0, 30, 60, 90, 120]
    assert [told.state for told in rounds] == [*["under_way"] * 4, "done"]
    assert {(told.candidates, told.plan) for told in rounds} == {(120, 120)}
    board = studio.air().boards[FIRST]
    assert {code: row.admitted for code, row in board.items()} == dict.fromkeys(board, 40)


def test_the_first_step_comes_at_once_and_the_others_are_spread(studio: Studio) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()
    studio.replay(batch)
    assert set(studio.slept) == {SLICE_S}
    assert sum(studio.slept) == 45
    words = [entry for entry in studio.entries() if isinstance(entry, Words)]
    gaps = {(b.at - a.at).total_seconds() for a, b in itertools.pairwise(words)}
    assert gaps == {15}


def test_files_are_forwarded_by_total(studio: Studio) -> None:
    taken = [admitted(n, 300 + n, 1 if n > 10 else 2) for n in range(1, 21)]
    others = [admitted(n, 550.5, 3, 录取批次=SECOND) for n in range(100, 110)]
    batch = studio.opened([*taken, *others])
    studio.begin()
    studio.replay(batch)
    first, last = [e for e in studio.entries()[2:] if isinstance(e, Board)]
    assert [(row.code, row.admitted) for row in first.schools] == [("001", 10)]
    assert [(row.code, row.admitted) for row in last.schools] == [("001", 10), ("002", 10)]


def public_rows(studio: Studio) -> dict[str, tuple[int, float | None]]:
    """What the public statistics tell of the first round: admitted and cut-off line, by code."""
    pointer = studio.office.store.pointer("admissions")
    assert pointer is not None
    assert pointer.current is not None
    with closing(ReleaseFile(studio.office.store.path(pointer.current.reference))) as file:
        document = json.loads(file.statistics(pointer.current.key))
    rows = next(t["rows"] for t in document["tables"] if t["name"] == "schools")
    return {
        row["school_code"]: (row["admitted"], row["cut_off_line"])
        for row in rows
        if row["round"] == FIRST and row["school_code"]
    }


@pytest.mark.parametrize("sizes", [(30, 3, 27), (30, 12, 3), (30, 12, 9), (30, 14, 16)])
def test_at_its_end_a_replay_has_said_what_the_public_statistics_say_and_no_more(
    studio: Studio, sizes: tuple[int, ...]
) -> None:
    schools = [school for school, size in enumerate(sizes, 1) for _ in range(size)]
    numbered = list(enumerate(schools, 1))
    Random(5).shuffle(numbered)
    rows = [
        admitted(n, 590 - place, school, 录取分数线=f"{500 + school}")
        for place, (n, school) in enumerate(numbered)
    ]
    batch = studio.opened(rows, header=[*HEADER, "录取分数线"])
    studio.begin()
    studio.replay(batch)
    public, air = public_rows(studio), studio.air()
    board = {code: (row.admitted, row.score) for code, row in air.boards[FIRST].items()}
    assert board == public
    assert {row.position for row in air.boards[FIRST].values()} == {None}
    assert air.rounds[FIRST].forwarded == sum(count for count, _ in public.values())


def test_nothing_of_one_person_is_told(studio: Studio) -> None:
    batch = studio.opened(round_of(45))
    studio.begin()
    studio.replay(batch)
    content = (studio.office.store.live / "broadcast.jsonl").read_text()
    assert "秘密" not in content
    assert "01000" not in content


def test_nothing_is_replayed_before_its_hour_nor_after_its_window(studio: Studio) -> None:
    batch = studio.loaded(round_of(45))
    release = studio.office.build(batch)
    studio.begin()
    with pytest.raises(RefusedError, match="before its hour"):
        studio.replay(batch)
    studio.office.schedule(release.id, studio.office.clock.now + timedelta(hours=1))
    with pytest.raises(RefusedError, match="before its hour"):
        studio.replay(batch)
    studio.office.clock.now += timedelta(hours=1)
    studio.office.open(release.id)
    studio.office.do(lambda p: p.close("admissions"))
    with pytest.raises(RefusedError, match="before its hour"):
        studio.replay(batch)
    assert studio.air().rounds == {}


def test_a_release_that_is_taken_back_meanwhile_is_told_no_further(studio: Studio) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()

    async def close(seconds: float) -> None:
        await studio.sleep(seconds)
        if len(studio.slept) == 15:
            async with studio.office.desk() as desk:
                await Publisher(desk).close("admissions")

    with pytest.raises(RefusedError, match="before its hour"):
        studio.replay(batch, sleep=close)
    assert studio.air().rounds[FIRST].forwarded == 30
    assert studio.lines()[-1][1]["how"] == "cut"


def test_a_stopped_replay_goes_on_from_where_it_was(studio: Studio) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()

    async def stop(seconds: float) -> None:
        await studio.sleep(seconds)
        if len(studio.slept) == 10:
            async with studio.office.desk() as desk:
                await broadcasting.stop(desk)

    ended = studio.replay(batch, sleep=stop)
    assert (ended.how, ended.forwarded) == (STOPPED, 30)
    assert studio.air().rounds[FIRST].state == "under_way"
    ended = studio.replay(batch)
    assert (ended.how, ended.forwarded) == (DONE, 120)
    rounds = [entry.forwarded for entry in studio.entries() if isinstance(entry, Round)]
    assert rounds == [0, 30, 30, 60, 90, 120]
    assert studio.acts() == [
        "live.begin", "live.replay", "live.stop", "live.replay.ended", "live.replay",
        "live.replay.ended",
    ]  # fmt: skip


def test_a_replay_ends_with_its_broadcast(studio: Studio) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()

    async def begin_another(seconds: float) -> None:
        await studio.sleep(seconds)
        if len(studio.slept) == 10:
            async with studio.office.desk() as desk:
                await broadcasting.end(desk)
                await broadcasting.begin(desk, broadcasting.text("另一场"))

    ended = studio.replay(batch, sleep=begin_another)
    assert (ended.how, ended.forwarded) == (ENDED, 30)
    assert studio.air().rounds == {}


def test_an_interrupted_replay_says_how_far_it_came(studio: Studio) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()

    async def cancelled(seconds: float) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        studio.replay(batch, sleep=cancelled)
    assert studio.lines()[-1] == (
        "live.replay.ended",
        {"round": FIRST, "how": "cut", "last": 6, "forwarded": 30},
    )


def test_a_killed_replay_is_noted_and_gone_on_with(studio: Studio) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()
    kill = (
        "import os, signal, asyncio\n"
        "async def kill(seconds): os.kill(os.getpid(), signal.SIGKILL)\n"
        "from lookup.admin import replaying\n"
        "replaying.replay.__kwdefaults__['sleep'] = kill\n"
    )
    arguments = ("live", "replay", str(batch), FIRST)
    killed = lookup(studio.office.root, *arguments, script=kill)
    assert killed.returncode == -signal.SIGKILL
    assert studio.air().rounds[FIRST].forwarded == 30
    assert studio.replay(batch).how == DONE
    acts = studio.acts()
    assert acts[2:] == ["live.replay.cut", "live.replay", "live.replay.ended"]
    rounds = [entry.forwarded for entry in studio.entries() if isinstance(entry, Round)]
    assert rounds == [0, 30, 30, 60, 90, 120]


def test_what_was_told_to_its_end_is_not_told_again(studio: Studio) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()
    studio.replay(batch)
    with pytest.raises(RefusedError, match="to its end"):
        studio.replay(batch)
    studio.end()
    studio.begin()
    assert studio.replay(batch).how == DONE


def test_fewer_than_ten_are_never_a_step(studio: Studio) -> None:
    batch = studio.opened(round_of(9))
    studio.begin()
    with pytest.raises(RefusedError, match="No school of"):
        studio.replay(batch)
    assert studio.air().boards == {}


def rows_told(studio: Studio) -> list[dict[str, int]]:
    """The board after each of its entries: admitted by code."""
    board: dict[str, int] = {}
    after = []
    for entry in studio.entries():
        if isinstance(entry, Board):
            board |= {row.code: row.admitted for row in entry.schools}
            after.append(dict(board))
    return after


@pytest.mark.parametrize("by_hand", [12, 119])
def test_a_replay_goes_on_from_what_it_told_itself_whatever_was_said_by_hand(
    studio: Studio, by_hand: int
) -> None:
    batch = studio.opened(round_of(120))
    studio.begin()

    async def stop(seconds: float) -> None:
        await studio.sleep(seconds)
        async with studio.office.desk() as desk:
            await broadcasting.stop(desk)

    assert studio.replay(batch, sleep=stop).forwarded == 30
    studio.office.at_desk(
        lambda desk: broadcasting.tell_round(desk, FIRST, "under_way", forwarded=by_hand)
    )
    studio.post("又有 12 名考生投档", FIRST)
    assert studio.replay(batch, sleep=stop).forwarded == 60
    assert studio.replay(batch).forwarded == 120
    told = rows_told(studio)
    for before, after in itertools.pairwise(told):
        changes = [after[code] - before[code] for code in after]
        assert all(change == 0 or change >= MINIMUM_CELL for change in changes)
    rounds = [entry.forwarded for entry in studio.entries() if isinstance(entry, Round)]
    assert rounds == [0, 30, by_hand, 30, 60, 60, 90, 120]


def test_two_rounds_are_not_replayed_at_once(studio: Studio) -> None:
    batch = studio.opened(round_of(45))
    studio.begin()

    async def work(desk: Desk) -> None:
        with (
            only_one(replay_lock(desk), refused("replay_running")),
            pytest.raises(RefusedError, match="being replayed"),
        ):
            await replay(desk, batch, FIRST, timedelta(0))

    studio.office.at_desk(work)


def test_a_replay_needs_a_publisher_a_broadcast_and_a_round(studio: Studio) -> None:
    batch = studio.opened(round_of(45))
    with pytest.raises(RefusedError, match="live begin"):
        studio.replay(batch)
    studio.begin()
    with pytest.raises(RefusedError, match=f"its rounds: {FIRST}"):
        studio.replay(batch, SECOND)
    auditor = Actor("qian", frozenset({AUDITOR}))
    with pytest.raises(RefusedError, match="publisher"):
        studio.office.at_desk(lambda desk: replay(desk, batch, FIRST, timedelta(0)), auditor)


def test_a_kind_without_the_fields_of_a_replay_is_refused(studio: Studio) -> None:
    release = studio.office.made()
    studio.office.open(release.id)
    studio.begin()
    with pytest.raises(RefusedError, match="outcome, round, school_code, school"):
        studio.replay(release.batch)


def test_somebody_without_a_total_is_forwarded_too(studio: Studio) -> None:
    rows = [*round_of(20, schools=1), admitted(90, "", 1)]
    batch = studio.opened(rows, plan=21)
    studio.begin()
    studio.replay(batch)
    row = studio.air().boards[FIRST]["001"]
    assert (row.admitted, row.position, row.score, row.full) == (21, None, None, True)
    assert len(HEADER) == len(rows[0])


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1H", 3600), ("0s", 0)])
def test_a_span_is_read(text: str, seconds: int) -> None:
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "25h", "1d", "999999s"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="10m"):
        span(text)


def test_a_withdrawn_release_is_taken_off_the_board_at_once_even_after_the_end(
    studio: Studio,
) -> None:
    batch = studio.opened(round_of(45))
    studio.begin()
    studio.post("各位观众好")
    studio.replay(batch)
    studio.end()
    studio.office.do(lambda p: p.withdraw("admissions", "名单有误"))
    assert studio.acts()[-1] == "live.clear"
    account = Account()
    for entry in studio.entries():
        account.take(entry)
    told = account.document()
    assert (told["board"], told["rounds"]) == ([], [])
    assert [words["text"]["zh"] for words in told["account"]] == ["各位观众好"]


def test_a_round_that_was_taken_off_can_be_told_anew(studio: Studio) -> None:
    batch = studio.opened(round_of(45))
    studio.begin()
    studio.replay(batch)
    studio.office.at_desk(lambda desk: broadcasting.clear(desk, FIRST))
    with pytest.raises(RefusedError, match="Nothing of"):
        studio.office.at_desk(lambda desk: broadcasting.clear(desk, FIRST))
    assert studio.air().boards == {}
    assert studio.replay(batch).how == DONE


def test_no_numbers_are_told_by_hand_before_the_hour_unless_they_are_public(
    studio: Studio,
) -> None:
    release = studio.office.build(studio.loaded(round_of(45)))
    studio.office.schedule(release.id, studio.office.clock.now + timedelta(hours=1))
    studio.begin()
    rows = [School("001", "第一中学", 20, 12, 4, 578.5, False)]

    def tell(public: bool) -> None:
        studio.office.at_desk(
            lambda desk: broadcasting.tell_round(
                desk, FIRST, "under_way", forwarded=12, already_public=public
            )
        )

    def show(public: bool) -> None:
        studio.office.at_desk(
            lambda desk: broadcasting.show_table(desk, FIRST, rows, "0" * 64, already_public=public)
        )

    for act in (tell, show):
        with pytest.raises(RefusedError, match="waits for its hour"):
            act(False)
        act(True)
        assert studio.lines()[-1][1]["already_public"] is True
    studio.office.at_desk(lambda desk: broadcasting.tell_round(desk, SECOND, "waiting", plan=9))
    studio.office.clock.now += timedelta(hours=1)
    show(False)
