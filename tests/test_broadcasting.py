"""Feeding the broadcast: who may, what the audit keeps, and what a kill leaves."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lookup.admin import broadcasting
from lookup.admin.desk import Desk
from lookup.admin.people.roles import MAY, PUBLISHER, ROLES, Actor
from lookup.errors import RefusedError, StorageError, UsageError
from lookup.stores.broadcast import Broadcast
from lookup.stores.entries import Begin, End, Retract, Round, School, Text, Words
from tests.admin_makers import lookup
from tests.studio_makers import FIRST, TITLE, Studio

SCHOOL = School("001", "第1中学", 20, 3, 17, 511.5, full=False)

ACTS: list[tuple[str, Callable[[Desk], Awaitable[Any]]]] = [
    ("live.begin", lambda desk: broadcasting.begin(desk, TITLE)),
    ("live.post", lambda desk: broadcasting.post(desk, TITLE)),
    ("live.retract", lambda desk: broadcasting.retract(desk, 2)),
    ("live.round", lambda desk: broadcasting.tell_round(desk, FIRST, "waiting")),
    ("live.import", lambda desk: broadcasting.show_table(desk, FIRST, [SCHOOL], "0" * 64)),
    ("live.stop", broadcasting.stop),
    ("live.end", broadcasting.end),
]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def test_a_broadcast_is_begun_said_taken_back_and_ended(studio: Studio) -> None:
    studio.begin()
    said = studio.post("第一批  开始\n投档", FIRST)
    studio.office.at_desk(lambda desk: broadcasting.retract(desk, said))
    studio.end()
    at = studio.office.clock.now
    assert studio.entries() == [
        Begin(1, at, TITLE),
        Words(2, at, Text("第一批 开始 投档"), FIRST),
        Retract(3, at, 2),
        End(4, at),
    ]
    assert not studio.air().running


def test_the_audit_keeps_what_was_said_with_the_ids_of_its_entries(studio: Studio) -> None:
    studio.begin()
    studio.post("开始投档", FIRST)
    studio.office.at_desk(lambda desk: broadcasting.retract(desk, 2))
    assert studio.lines() == [
        ("live.begin", {"entries": [1], "zh": "试验直播", "en": "Trial"}),
        ("live.post", {"entries": [2], "zh": "开始投档", "en": None, "round": FIRST}),
        ("live.retract", {"entries": [3], "entry": 2}),
    ]


@pytest.mark.parametrize(("act", "work"), ACTS, ids=[act for act, _ in ACTS])
def test_only_a_publisher_may_speak(
    studio: Studio, act: str, work: Callable[[Desk], Awaitable[Any]]
) -> None:
    studio.begin()
    studio.post("一")
    others = Actor("wang", frozenset(ROLES) - {PUBLISHER})
    with pytest.raises(RefusedError, match="publisher"):
        studio.office.at_desk(work, others)
    assert MAY[act] == {PUBLISHER}
    assert studio.acts() == ["live.begin", "live.post"]


@pytest.mark.parametrize(("act", "work"), ACTS[1:], ids=[act for act, _ in ACTS[1:]])
def test_nothing_is_said_while_nothing_is_on_the_air(
    studio: Studio, act: str, work: Callable[[Desk], Awaitable[Any]]
) -> None:
    with pytest.raises(RefusedError):
        studio.office.at_desk(work)
    assert studio.lines() == []
    assert studio.entries() == []


def test_a_broadcast_is_not_begun_over_another(studio: Studio) -> None:
    studio.begin()
    with pytest.raises(RefusedError, match="live end"):
        studio.begin()
    studio.end()
    studio.begin()
    assert studio.air().begun == 3


def test_only_words_of_this_broadcast_are_taken_back_and_once(studio: Studio) -> None:
    studio.begin()
    old = studio.post("旧")
    studio.end()
    studio.begin()
    for wrong in (old, 1, 99):
        with pytest.raises(UsageError, match="No words"):
            studio.office.at_desk(lambda desk, n=wrong: broadcasting.retract(desk, n))  # type: ignore[misc]  # a test's lambda
    new = studio.post("新")
    studio.office.at_desk(lambda desk: broadcasting.retract(desk, new))
    with pytest.raises(UsageError, match="No words"):
        studio.office.at_desk(lambda desk: broadcasting.retract(desk, new))


def test_words_must_be_there_in_chinese_and_not_too_long(studio: Studio) -> None:
    studio.begin()
    with pytest.raises(UsageError, match="Chinese"):
        studio.post(" \n ")
    with pytest.raises(RefusedError, match="500"):
        studio.post("长" * 501)
    assert studio.acts() == ["live.begin"]


@pytest.mark.parametrize("words", ["祝贺考生 010100001 录取", "电话 13800000000", "报名号00010002"])
def test_no_number_that_could_be_somebodys_goes_on_the_air(studio: Studio, words: str) -> None:
    studio.begin()
    with pytest.raises(UsageError, match="names no candidate"):
        studio.post(words)
    assert studio.acts() == ["live.begin"]


def test_an_offices_telephone_may_be_told(studio: Studio) -> None:
    studio.begin()
    assert studio.post("咨询电话 0571-88888888、12345") == 2


def test_numbers_of_a_round_that_are_not_given_stay(studio: Studio) -> None:
    studio.begin()

    async def work(desk: Desk) -> None:
        await broadcasting.tell_round(desk, FIRST, "waiting", candidates=300, plan=200)
        await broadcasting.tell_round(desk, FIRST, "under_way", forwarded=40)

    studio.office.at_desk(work)
    told = studio.air().rounds[FIRST]
    assert told == Round(3, told.at, FIRST, "under_way", 300, 40, 200, 0)


def test_a_table_of_many_schools_is_several_entries_of_one_act(studio: Studio) -> None:
    studio.begin()
    schools = [School(f"{n:03d}", f"第{n}中学", 20, 3, None, None, full=False) for n in range(450)]
    studio.office.at_desk(lambda desk: broadcasting.show_table(desk, FIRST, schools, "ab" * 32))
    assert list(studio.air().boards[FIRST].values()) == schools
    act, detail = studio.lines()[-1]
    assert (act, detail["entries"], detail["schools"]) == ("live.import", [2, 3, 4], 450)


# Faults


def test_what_the_disk_would_not_take_is_never_on_the_air_and_the_next_act_says_so(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.begin()

    def full(self: Broadcast, make: object) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Broadcast, "append", full)
        with pytest.raises(StorageError):
            studio.post("第一次")
    assert studio.air().last == 1
    assert studio.post("第二次") == 2
    assert [words.text.zh for words in studio.air().heard()] == ["第二次"]
    assert studio.lines()[1:] == [
        ("live.post", {"entries": [2], "zh": "第一次", "en": None, "round": None}),
        ("live.reconcile", {"line": 2, "lost": [2]}),
        ("live.post", {"entries": [2], "zh": "第二次", "en": None, "round": None}),
    ]


KILL = """
import os, signal
from lookup.stores.broadcast import Broadcast
import aiosqlite
left = {step}
def kill():
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
def counted(act):
    def call(*arguments, **options):
        kill()
        return act(*arguments, **options)
    return call
for name in ("fsync", "pwrite", "ftruncate"):
    setattr(os, name, counted(getattr(os, name)))
execute = aiosqlite.Connection.execute
def noted(self, sql, *arguments):
    if sql.startswith(("COMMIT", "INSERT INTO audit")):
        kill()
    return execute(self, sql, *arguments)
aiosqlite.Connection.execute = noted
"""


def test_a_kill_at_any_step_leaves_audit_and_file_that_explain_each_other(tmp_path: Path) -> None:
    for step in range(1, 12):
        studio = Studio(tmp_path / str(step))
        studio.begin()
        arguments = ("live", "post", "被中断的话")
        killed = lookup(studio.office.root, *arguments, script=KILL.format(step=step))
        heard = [words.text.zh for words in studio.air().heard()]
        noted = "live.post" in studio.acts()
        assert heard in ([], ["被中断的话"])
        # Nothing is on the air that the audit does not know.
        assert noted or not heard
        if killed.returncode == 0:
            assert step > 4
            break
        studio.post("之后")
        lost = [detail["lost"] for act, detail in studio.lines() if act == "live.reconcile"]
        assert lost == ([[2]] if noted and not heard else [])
        assert [entry.id for entry in studio.entries()] == [*range(1, studio.air().last + 1)]
        assert studio.lines()[-1][1]["entries"] == [studio.air().last]
    else:
        pytest.fail("there are more steps than were tried")
