"""Reviewing: nobody answers for their own work, and an approval is for one content only."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from lookup.admin.people.roles import LOADER, PUBLISHER, REVIEWER, Actor, machine_user
from lookup.admin.reviewing import approvals, approve, approved, approvers, reject, unconfirmed
from lookup.admin.states import APPROVED, CHECKED, LOADED, OPEN, REJECTED, SCHEDULED
from lookup.errors import RefusedError, UsageError
from tests.desk_makers import MACHINE, START, Bureau, disclosure_of, kind_called, person

EVERYBODY = person("everybody", LOADER, REVIEWER, PUBLISHER)


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    return Bureau(tmp_path)


def is_approved(bureau: Bureau, batch: int) -> bool:
    found = bureau.got(batch)
    return bureau.at_desk(lambda desk: approved(desk.database, bureau.settings, found))


def say_no(bureau: Bureau, batch: int, name: str = "reviewer", reason: str = "总分错") -> Any:
    return bureau.at_desk(lambda desk: reject(desk, batch, reason), person(name, REVIEWER))


def test_an_approval_by_another_makes_a_batch_approved(bureau: Bureau) -> None:
    batch = bureau.batch()
    assert not is_approved(bureau, batch)
    approval = bureau.approve(batch)
    assert (approval.person, approval.at) == ("reviewer", START.isoformat())
    assert approval.sha256 == bureau.got(batch).sha256
    assert approval.disclosure == disclosure_of(kind_called("scores"))
    assert bureau.got(batch).state == APPROVED
    assert is_approved(bureau, batch)
    (line,) = bureau.audit()
    assert (line.person, line.act, line.subject) == ("reviewer", "batch.approve", f"batch {batch}")
    assert line.after == approval.sha256


def test_nobody_approves_what_they_loaded(bureau: Bureau) -> None:
    batch = bureau.batch(loader=EVERYBODY.name)
    with pytest.raises(RefusedError, match="somebody else"):
        bureau.approve(batch, EVERYBODY.name)
    assert bureau.audit() == []


def test_nobody_approves_a_correction_of_what_they_loaded_nor_their_own_correction(
    bureau: Bureau,
) -> None:
    first = bureau.batch(loader="one")
    second = bureau.batch(loader="two", corrects=first, content="b")
    third = bureau.batch(loader="three", corrects=second, content="c")
    for name in ("one", "two", "three"):
        with pytest.raises(RefusedError, match="somebody else"):
            bureau.approve(third, name)
    bureau.approve(third, "four")
    assert is_approved(bureau, third)


def test_the_machines_own_user_can_never_approve(bureau: Bureau) -> None:
    batch = bureau.batch()
    confirmed = disclosure_of(kind_called("scores"))
    with pytest.raises(RefusedError, match="registered person"):
        bureau.at_desk(lambda desk: approve(desk, batch, confirmed), MACHINE)


@pytest.mark.parametrize("roles", [(), (LOADER,), (PUBLISHER, LOADER)])
def test_only_reviewers_approve_and_reject(bureau: Bureau, roles: tuple[str, ...]) -> None:
    batch = bureau.batch()
    actor = Actor("somebody", frozenset(roles))
    works: list[Any] = [
        lambda desk: approve(desk, batch, disclosure_of(kind_called("scores"))),
        lambda desk: reject(desk, batch, "no"),
    ]
    for work in works:
        with pytest.raises(RefusedError, match="role reviewer"):
            bureau.at_desk(work, actor)
    assert bureau.got(batch).state == CHECKED


@pytest.mark.parametrize("state", [LOADED, REJECTED])
def test_only_a_checked_batch_can_be_approved(bureau: Bureau, state: str) -> None:
    with pytest.raises(RefusedError, match=state):
        bureau.approve(bureau.batch(state=state))


def test_every_field_must_be_confirmed_with_its_declared_attribute(bureau: Bureau) -> None:
    batch = bureau.batch()
    right = disclosure_of(kind_called("scores"))
    assert set(right) == {field.name for field in kind_called("scores").fields}
    missing = {name: value for name, value in right.items() if name != "total"}
    wrong = right | {"total": "nonsense"}
    for confirmed, said in ((missing, "total is missing"), (wrong, "total is on_request, not")):
        with pytest.raises(RefusedError, match=said):
            bureau.at_desk(
                lambda desk, c=confirmed: approve(desk, batch, c),  # type: ignore[misc]
                person("reviewer", REVIEWER),
            )
    assert bureau.at_desk(lambda desk: approvals(desk.database, batch)) == []
    assert unconfirmed(kind_called("scores"), right | {"other": "withheld"}) == [
        "other is no field of scores"
    ]


def test_second_factors_are_confirmed_as_withheld() -> None:
    kind = kind_called("scores")
    factors = {field.name for field in kind.fields if field.secret}
    assert factors
    assert {disclosure_of(kind)[name] for name in factors} == {"withheld"}


def test_two_approvals_need_two_people(tmp_path: Path) -> None:
    bureau = Bureau(tmp_path, required_approvals=2)
    batch = bureau.batch()
    bureau.approve(batch, "one")
    bureau.approve(batch, "one")
    assert bureau.got(batch).state == CHECKED
    assert not is_approved(bureau, batch)
    bureau.approve(batch, "two")
    assert is_approved(bureau, batch)


def test_where_more_people_are_required_later_they_can_still_sign(tmp_path: Path) -> None:
    bureau = Bureau(tmp_path, required_approvals=1)
    batch = bureau.batch()
    bureau.approve(batch, "one")
    with pytest.raises(RefusedError, match="cannot become approved"):
        bureau.approve(batch, "two")
    stricter = Bureau(tmp_path, required_approvals=2)
    assert not is_approved(stricter, batch)
    stricter.approve(batch, "two")
    assert is_approved(stricter, batch)


def test_nobody_approves_what_they_loaded_before_they_were_registered(bureau: Bureau) -> None:
    batch = bureau.batch(loader=machine_user("li").name)
    with pytest.raises(RefusedError, match="somebody else"):
        bureau.approve(batch, "li")
    assert not is_approved(bureau, batch)


def test_a_batch_that_changed_after_approval_is_not_approved_any_more(bureau: Bureau) -> None:
    batch = bureau.batch()
    bureau.approve(batch)
    bureau.execute("UPDATE batch SET sha256 = 'other' WHERE id = ?", batch)
    assert not is_approved(bureau, batch)
    found = bureau.got(batch)
    assert bureau.at_desk(lambda desk: approvers(desk.database, found)) == frozenset()


def test_a_batch_checked_again_must_be_approved_again(bureau: Bureau) -> None:
    batch = bureau.batch()
    bureau.approve(batch)
    bureau.execute("UPDATE batch SET state = 'checked' WHERE id = ?", batch)
    assert not is_approved(bureau, batch)
    bureau.approve(batch)
    assert is_approved(bureau, batch)


def test_rejecting_revokes_the_approvals_and_keeps_the_reason(bureau: Bureau) -> None:
    batch = bureau.batch()
    bureau.approve(batch)
    say_no(bureau, batch)
    found = bureau.got(batch)
    assert (found.state, found.rejected_because, found.rejected_by) == (
        REJECTED,
        "总分错",
        "reviewer",
    )
    (approval,) = bureau.at_desk(lambda desk: approvals(desk.database, batch))
    assert approval.revoked_at == START.isoformat()
    assert not is_approved(bureau, batch)
    assert bureau.audit()[-1].detail == {"reason": "总分错", "approvals_revoked": 1}


def test_what_somebody_rejected_is_not_rejected_again_for_another_reason(bureau: Bureau) -> None:
    batch = bureau.batch()
    say_no(bureau, batch)
    with pytest.raises(RefusedError, match="was rejected by reviewer"):
        say_no(bureau, batch, name="other", reason="other")
    assert bureau.got(batch).rejected_because == "总分错"


def test_rejecting_needs_a_reason(bureau: Bureau) -> None:
    with pytest.raises(UsageError):
        say_no(bureau, bureau.batch(), reason=" ")


@pytest.mark.parametrize("state", [CHECKED, REJECTED])
def test_without_required_approvals_a_checked_batch_is_enough_and_a_rejected_one_never(
    tmp_path: Path, state: str
) -> None:
    bureau = Bureau(tmp_path, required_approvals=0)
    assert is_approved(bureau, bureau.batch(state=state)) == (state == CHECKED)


def together(bureau: Bureau, *works: tuple[str, Any]) -> list[Any]:
    """Reviewers who act at the same moment, each at a desk of their own."""

    async def one(name: str, work: Any) -> Any:
        async with bureau.desk(person(name, REVIEWER)) as desk:
            return await work(desk)

    async def run() -> list[Any]:
        awaited: list[Awaitable[Any]] = [one(name, work) for name, work in works]
        return list(await asyncio.gather(*awaited, return_exceptions=True))

    return asyncio.run(run())


def test_one_approves_and_one_rejects_at_once_and_the_batch_ends_rejected(bureau: Bureau) -> None:
    confirmed = disclosure_of(kind_called("scores"))
    for _ in range(3):
        batch = bureau.batch()
        together(
            bureau,
            ("one", lambda desk, b=batch: approve(desk, b, confirmed)),
            ("two", lambda desk, b=batch: reject(desk, b, "no")),
        )
        assert bureau.got(batch).state == REJECTED
        assert not is_approved(bureau, batch)


def test_the_same_approval_twice_at_once_counts_once(tmp_path: Path) -> None:
    bureau = Bureau(tmp_path, required_approvals=2)
    batch = bureau.batch()
    confirmed = disclosure_of(kind_called("scores"))
    together(bureau, *[("one", lambda desk: approve(desk, batch, confirmed))] * 2)
    assert not is_approved(bureau, batch)
    found = bureau.got(batch)
    assert bureau.at_desk(lambda desk: approvers(desk.database, found)) == {"one"}


@pytest.mark.parametrize("state", [SCHEDULED, OPEN])
def test_a_batch_is_not_rejected_while_its_release_is_scheduled_or_open(
    bureau: Bureau, state: str
) -> None:
    release = bureau.ready()
    batch = bureau.release(release).batch
    if state == OPEN:
        bureau.publish(lambda p: p.open(release))
    else:
        bureau.schedule(release)
    before = bureau.acts()
    with pytest.raises(RefusedError, match=rf"is {state}: .*release withdraw scores"):
        say_no(bureau, batch)
    assert bureau.acts() == before
    assert is_approved(bureau, batch)
    bureau.publish(lambda p: p.withdraw("scores", "no", upcoming=state == SCHEDULED))
    assert say_no(bureau, batch).state == REJECTED


def test_the_pointer_says_what_is_open_where_the_states_are_behind(bureau: Bureau) -> None:
    release = bureau.ready()
    bureau.publish(lambda p: p.open(release))
    bureau.execute("UPDATE release SET state = 'sealed'")
    with pytest.raises(RefusedError, match="is open"):
        say_no(bureau, bureau.release(release).batch)


def test_why_it_was_corrected_outlives_a_rejection(bureau: Bureau) -> None:
    batch = bureau.batch(corrects=bureau.batch())
    bureau.execute("UPDATE batch SET reason = '漏登' WHERE id = ?", batch)
    rejected = say_no(bureau, batch, reason="仍有误")
    assert (rejected.reason, rejected.rejected_because) == ("漏登", "仍有误")
