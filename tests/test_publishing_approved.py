"""Opening: only what was approved, as it was approved, whoever else acts at the same moment."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lookup.admin.people.roles import LOADER, PUBLISHER, REVIEWER
from lookup.admin.publishing.intents import intend
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.publishing.releases import reconcile
from lookup.admin.reviewing import approve, reject
from lookup.admin.states import OPEN, SCHEDULED, SEALED, WITHDRAWN
from lookup.errors import DamagedError, RefusedError
from tests.admin_makers import Office, candidates, write_rows
from tests.desk_makers import (
    HOUR,
    START,
    Bureau,
    Clock,
    disclosure_of,
    kind_called,
    person,
)

PUBLISHER_PERSON = person("pub", PUBLISHER)


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    return Bureau(tmp_path)


def opened(bureau: Bureau, content: str = "content") -> str:
    release = bureau.ready(content=content)
    bureau.publish(lambda p: p.open(release))
    return release


ACTS: dict[str, Callable[[Publisher, str], Awaitable[Any]]] = {
    "schedule": lambda p, release: p.schedule(release, START + HOUR),
    "open": lambda p, release: p.open(release),
    "close": lambda p, release: p.close("scores"),
    "withdraw": lambda p, release: p.withdraw("scores", "no"),
    "roll back": lambda p, release: p.roll_back("scores"),
}


@pytest.mark.parametrize("act", ["schedule", "open"])
def test_what_is_not_approved_is_neither_scheduled_nor_opened(bureau: Bureau, act: str) -> None:
    release = bureau.sealed(bureau.batch())
    with pytest.raises(RefusedError, match=r"^Its approval is missing: batch 1 is checked with 0"):
        bureau.publish(lambda p: ACTS[act](p, release))
    assert bureau.pointer() is None
    assert bureau.acts() == []


def test_waiting_for_the_hour_without_an_approval_is_refused_at_once(bureau: Bureau) -> None:
    release = bureau.ready()
    bureau.schedule(release)
    bureau.execute("UPDATE approval SET revoked_at = 'now'")
    with pytest.raises(RefusedError, match="approval is missing"):
        bureau.publish(lambda p: p.open(release, wait=True))


def test_a_release_sealed_from_other_content_than_was_approved_never_opens(bureau: Bureau) -> None:
    batch = bureau.batch()
    release = bureau.sealed(batch)
    bureau.execute("UPDATE batch SET sha256 = 'other' WHERE id = ?", batch)
    bureau.approve(batch)
    with pytest.raises(DamagedError, match="other content"):
        bureau.publish(lambda p: p.open(release))
    assert bureau.pointer() is None


def test_rolling_back_needs_the_approval_of_what_it_serves_again(bureau: Bureau) -> None:
    first = opened(bureau)
    second = opened(bureau, "b")
    batch = bureau.release(first).batch
    bureau.at_desk(lambda desk: reject(desk, batch, "no"), person("rev", REVIEWER))
    with pytest.raises(RefusedError, match="approval is missing"):
        bureau.publish(lambda p: p.roll_back("scores"))
    assert bureau.served() == second


@pytest.mark.parametrize("act", ACTS)
def test_only_a_publisher_publishes(bureau: Bureau, act: str) -> None:
    opened(bureau)
    opened(bureau, "b")
    release = bureau.ready(content="c")
    before = bureau.pointer(), bureau.acts()
    for roles in ((), (LOADER, REVIEWER)):
        with pytest.raises(RefusedError, match="role publisher"):
            bureau.publish(lambda p: ACTS[act](p, release), person("somebody", *roles))
    assert (bureau.pointer(), bureau.acts()) == before


def test_the_audit_says_who_moved_what_from_which_digest_to_which_and_why(bureau: Bureau) -> None:
    first = opened(bureau)
    second = bureau.ready(content="b")
    digests = {release: bureau.release(release).sha256 for release in (first, second)}
    bureau.publish(lambda p: p.open(second), PUBLISHER_PERSON)
    bureau.publish(lambda p: p.roll_back("scores"), PUBLISHER_PERSON)
    bureau.publish(lambda p: p.withdraw("scores", "总分有误"), PUBLISHER_PERSON)
    lines = [entry for entry in bureau.audit() if entry.person == "pub"]
    assert [(e.act, e.subject, e.before, e.after) for e in lines] == [
        ("release.open", second, digests[first], digests[second]),
        ("release.roll_back", first, digests[second], digests[first]),
        ("release.withdraw", first, digests[first], ""),
    ]
    assert [e.detail for e in lines] == [{"over": first}, {"over": second}, {"reason": "总分有误"}]


def test_the_end_of_a_release_is_noted_and_taken_back_when_it_opens_again(bureau: Bureau) -> None:
    first, second = opened(bureau), opened(bureau, "b")
    assert bureau.release(first).ended_at == START.isoformat()
    bureau.publish(lambda p: p.roll_back("scores"))
    assert bureau.release(first).ended_at is None
    assert bureau.release(second).ended_at == START.isoformat()


def together(bureau: Bureau, *works: Callable[[Publisher], Awaitable[Any]]) -> list[Any]:
    """Two publishers at the same moment, each at a desk of their own."""

    async def one(work: Callable[[Publisher], Awaitable[Any]]) -> Any:
        async with bureau.desk(PUBLISHER_PERSON) as desk:
            return await work(Publisher(desk))

    async def run() -> list[Any]:
        return list(await asyncio.gather(*map(one, works), return_exceptions=True))

    return asyncio.run(run())


def agrees(bureau: Bureau) -> None:
    """The states are those of the pointer, and nobody had to mend them."""
    assert bureau.at_desk(reconcile) == []
    pointer = bureau.pointer()
    assert pointer is not None
    if pointer.current:
        assert bureau.release(pointer.current.reference.release).state == OPEN
    if pointer.upcoming:
        assert bureau.release(pointer.upcoming.reference.release).state == SCHEDULED


def test_opening_and_withdrawing_at_once_leaves_one_of_both_and_tells_the_other(
    bureau: Bureau,
) -> None:
    for number in range(4):
        release = bureau.ready(content=str(number))
        assert isinstance(bureau.clock, Clock)
        bureau.schedule(release, bureau.clock() + HOUR)
        bureau.clock.now += HOUR
        results = together(
            bureau,
            lambda p, r=release: p.open(r),  # type: ignore[misc]
            lambda p: p.withdraw("scores", "no", upcoming=True),
        )
        assert sum(isinstance(result, RefusedError) for result in results) >= 1
        assert not any(
            isinstance(result, BaseException) and not isinstance(result, RefusedError)
            for result in results
        )
        agrees(bureau)
        assert (bureau.served() == release) == (bureau.release(release).state == OPEN)


def test_opening_one_release_twice_at_once_opens_it_once(bureau: Bureau) -> None:
    release = bureau.ready()
    results = together(bureau, *[lambda p: p.open(release)] * 2)
    assert sum(isinstance(result, RefusedError) for result in results) == 1
    agrees(bureau)
    assert bureau.served() == release


def test_two_corrections_opened_at_once_end_with_one_served(bureau: Bureau) -> None:
    opened(bureau)
    one, two = bureau.ready(content="b"), bureau.ready(content="c")
    together(bureau, lambda p: p.open(one), lambda p: p.open(two))
    agrees(bureau)
    assert bureau.served() in {one, two}


def test_a_move_that_somebody_else_was_quicker_with_is_a_line_of_its_own(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, other = bureau.ready(), bureau.ready(content="b")

    async def overtaken(*arguments: Any, **options: Any) -> None:
        await intend(*arguments, **options)
        monkeypatch.setattr("lookup.admin.publishing.publisher.intend", intend)
        await asyncio.to_thread(bureau.publish, lambda p: p.open(other))

    monkeypatch.setattr("lookup.admin.publishing.publisher.intend", overtaken)
    with pytest.raises(RefusedError, match="meanwhile"):
        bureau.publish(lambda p: p.open(release))
    acts = [(e.act, e.subject) for e in bureau.audit() if e.act.startswith("release.")]
    assert acts == [
        ("release.open", release),
        ("release.open", other),
        ("release.open.failed", release),
    ]
    assert bureau.served() == other
    assert bureau.release(release).state == SEALED


class KilledError(BaseException):
    """As if the process had been killed."""


@pytest.mark.parametrize("step", ["after the intent", "after the pointer"])
@pytest.mark.parametrize("act", ["open", "withdraw"])
def test_a_kill_between_intent_pointer_and_state_is_mended_and_said(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch, act: str, step: str
) -> None:
    release = bureau.ready() if act == "open" else opened(bureau)
    before = bureau.release(release).state

    async def killed(*arguments: Any, **options: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        target = "_move" if step == "after the intent" else None
        if target:
            patch.setattr(Publisher, target, killed)
        else:
            patch.setattr("lookup.admin.publishing.publisher.settle", killed)
        with pytest.raises(KilledError):
            bureau.publish(lambda p: ACTS[act](p, release))
    assert bureau.acts()[-1][1] == f"release.{act}"
    assert bureau.release(release).state == before
    mends = bureau.at_desk(reconcile)
    if step == "after the intent":
        assert mends == []
        return
    after = OPEN if act == "open" else WITHDRAWN
    assert mends == [(release, before, after)]
    assert bureau.acts()[-1] == ("reconcile", "release.reconcile")
    assert bureau.at_desk(reconcile) == []


def test_a_batch_file_changed_after_approval_is_not_built(tmp_path: Path) -> None:
    office = Office(tmp_path, required_approvals=1)
    path = write_rows(tmp_path / "s.csv", candidates(5))
    batch = office.load(kind_called("scores"), path).batch
    confirmed = disclosure_of(kind_called("scores"))
    office.at_desk(lambda desk: approve(desk, batch, confirmed), person("rev", REVIEWER))
    with closing(sqlite3.connect(office.batch_file(batch))) as file, file:
        sql = "UPDATE record SET body = CAST(replace(CAST(body AS TEXT), '301', '901') AS BLOB)"
        file.execute(sql)
        changed = file.execute("SELECT count(*) FROM record WHERE instr(body, '901')").fetchone()
    assert changed == (1,)
    with pytest.raises(RefusedError):
        office.build(batch)
    assert office.releases() == []
    assert office.pointer() is None
