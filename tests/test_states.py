"""States: one table of legal moves, for batches and for releases; and no walk of acts that gets
round it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lookup.admin.batches import list_batches
from lookup.admin.people.roles import ROLES, Actor
from lookup.admin.publishing.releases import list_releases, reconcile
from lookup.admin.reviewing import approve, refuse_unapproved, reject
from lookup.admin.states import (
    APPROVED,
    CHECKED,
    CLOSED,
    LOADED,
    MOVES,
    OPEN,
    REJECTED,
    SCHEDULED,
    SEALED,
    SUPERSEDED,
    WITHDRAWN,
    check_move,
    may_become,
)
from lookup.errors import RefusedError, ServiceError
from tests.desk_makers import HOUR, MACHINE, START, Bureau, Clock, disclosure_of, kind_called

BATCH = {LOADED, CHECKED, REJECTED, APPROVED}
RELEASE = {SEALED, SCHEDULED, OPEN, SUPERSEDED, CLOSED, WITHDRAWN}


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == BATCH | RELEASE
    assert {state for moves in MOVES.values() for state in moves} <= set(MOVES)


def test_what_was_withdrawn_becomes_nothing_else() -> None:
    assert MOVES[WITHDRAWN] == frozenset()


def test_only_an_approved_batch_is_sealed_and_only_a_checked_one_approved() -> None:
    assert {state for state in BATCH if may_become(state, SEALED)} == {APPROVED}
    assert {state for state in BATCH if may_become(state, APPROVED)} == {CHECKED}


def test_a_release_never_becomes_a_batch_again() -> None:
    assert not any(MOVES[state] & BATCH for state in RELEASE)


def test_a_rejected_batch_reaches_approval_only_through_another_check() -> None:
    assert not may_become(REJECTED, APPROVED)
    assert may_become(REJECTED, CHECKED)


def test_an_illegal_move_is_one_sentence_naming_both_states() -> None:
    check_move("Batch 7", CHECKED, APPROVED)
    with pytest.raises(RefusedError, match=r"^Batch 7 is loaded and cannot become approved\.$"):
        check_move("Batch 7", LOADED, APPROVED)


PEOPLE = [*(Actor(name, frozenset(ROLES)) for name in ("an", "bo", "cai", "ding")), MACHINE]
"""Everybody may do everything: only who they are keeps them from signing for their own work."""
CONFIRMED = disclosure_of(kind_called("scores"))
WHO = st.integers(0, len(PEOPLE) - 1)
WHICH = st.integers(0, 9)


class AnyWalk(RuleBasedStateMachine):
    """Random acts of random people: what is open was signed for, by others, as it is."""

    @initialize(required=st.integers(1, 2))
    def start(self, required: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.bureau = Bureau(Path(self.folder.name), required_approvals=required)
        self.required = required
        self.hour = 0
        self.loaders: dict[int, set[str]] = {}
        self.signed: dict[int, dict[str, str]] = {}
        self.contents: dict[str, str] = {}
        self.rejected: set[int] = set()
        self.states: dict[str, str] = {}
        self.served: str | None = None
        # Two that are ready and one that is not: from nothing a walk seldom gets so far.
        for which in range(3):
            self.loading(0)
            for who in (1, 2)[: required if which < 2 else 0]:
                self.approving(who, which)
            self.building(which)

    def attempt(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except ServiceError:
            return None

    def pick(self, which: int, among: Any) -> Any:
        found = sorted(among)
        return found[which % len(found)] if found else None

    def content(self, batch: int) -> str:
        return self.bureau.got(batch).sha256

    @rule(who=WHO)
    def loading(self, who: int) -> None:
        batch = self.bureau.batch(loader=PEOPLE[who].name, content=str(len(self.loaders)))
        self.loaders[batch] = {PEOPLE[who].name}
        self.signed[batch] = {}

    @rule(who=WHO, which=WHICH)
    def correcting(self, who: int, which: int) -> None:
        if corrected := self.pick(which, self.loaders):
            name = PEOPLE[who].name
            batch = self.bureau.batch(
                loader=name, corrects=corrected, content=str(len(self.loaders))
            )
            self.loaders[batch] = {name} | self.loaders[corrected]
            self.signed[batch] = {}

    @rule(which=WHICH)
    def changing_content_behind_everybodys_back(self, which: int) -> None:
        if batch := self.pick(which, self.loaders):
            sql = "UPDATE batch SET sha256 = substr(sha256, 2) || substr(sha256, 1, 1) WHERE id = ?"
            self.bureau.execute(sql, batch)

    @rule(which=WHICH)
    def checking_again(self, which: int) -> None:
        batch = self.pick(which, self.loaders.keys() - self.rejected)
        if batch and may_become(self.bureau.got(batch).state, CHECKED):
            self.bureau.execute("UPDATE batch SET state = 'checked' WHERE id = ?", batch)

    @rule(who=WHO, which=WHICH)
    def approving(self, who: int, which: int) -> None:
        if batch := self.pick(which, self.loaders):
            person, content = PEOPLE[who], self.content(batch)
            done = self.attempt(
                lambda: self.bureau.at_desk(lambda desk: approve(desk, batch, CONFIRMED), person)
            )
            if done:
                assert person != MACHINE
                assert person.name not in self.loaders[batch]
                self.signed[batch][person.name] = content

    @rule(who=WHO, which=WHICH)
    def rejecting(self, who: int, which: int) -> None:
        batch = self.pick(which, self.loaders)
        if batch and self.attempt(
            lambda: self.bureau.at_desk(lambda desk: reject(desk, batch, "no"), PEOPLE[who])
        ):
            self.signed[batch].clear()
            self.rejected.add(batch)

    @rule(which=WHICH)
    def building(self, which: int) -> None:
        if batch := self.pick(which, self.loaders):
            done = self.attempt(
                lambda: self.bureau.at_desk(
                    lambda desk: refuse_unapproved(desk.database, desk.settings, batch)
                )
            )
            if done:
                self.contents[self.bureau.sealed(batch)] = self.content(batch)

    @rule(which=WHICH)
    def opening(self, which: int) -> None:
        if release := self.pick(which, self.contents):
            self.attempt(lambda: self.bureau.publish(lambda p: p.open(release)))

    @rule(which=WHICH, hours=st.integers(0, 2))
    def scheduling(self, which: int, hours: int) -> None:
        if release := self.pick(which, self.contents):
            at = START + (self.hour + hours) * HOUR
            self.attempt(lambda: self.bureau.schedule(release, at))

    @rule()
    def rolling_back(self) -> None:
        self.attempt(lambda: self.bureau.publish(lambda p: p.roll_back("scores")))

    @rule()
    def closing(self) -> None:
        self.attempt(lambda: self.bureau.publish(lambda p: p.close("scores")))

    @rule(upcoming=st.booleans())
    def withdrawing(self, upcoming: bool) -> None:
        self.attempt(
            lambda: self.bureau.publish(lambda p: p.withdraw("scores", "no", upcoming=upcoming))
        )

    @rule()
    def an_hour_passes(self) -> None:
        self.hour += 1
        assert isinstance(self.bureau.clock, Clock)
        self.bureau.clock.now += HOUR

    @invariant()
    def what_was_opened_had_been_signed_for_by_enough_others_as_it_is(self) -> None:
        served = self.bureau.served()
        if served and served != self.served:
            batch = self.bureau.release(served).batch
            content = self.contents[served]
            assert self.content(batch) == content
            signers = [name for name, signed in self.signed[batch].items() if signed == content]
            assert len(set(signers) - self.loaders[batch]) >= self.required
            assert batch not in self.rejected
        self.served = served

    @invariant()
    def every_step_is_one_of_the_table(self) -> None:
        async def look(desk: Any) -> dict[str, str]:
            mends = await reconcile(desk)
            assert mends == []
            releases = {release.id: release.state for release in await list_releases(desk.database)}
            return releases | {b.subject: b.state for b in await list_batches(desk.database)}

        now = self.bureau.at_desk(look)
        for name, state in now.items():
            before = self.states.get(name, state)
            assert state == before or may_become(before, state), (name, before, state)
        self.states = now

    def teardown(self) -> None:
        self.folder.cleanup()


AnyWalk.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=20,
)
TestAnyWalk = AnyWalk.TestCase


def test_the_whole_way_of_a_release_is_walked_by_real_acts(tmp_path: Path) -> None:
    """The walk above is random; this one surely reaches every state of a good release."""
    bureau = Bureau(tmp_path)
    batch = bureau.batch(loader="an")
    bureau.approve(batch, "bo")
    release = bureau.sealed(batch)
    states = [bureau.got(batch).state, bureau.release(release).state]
    states.append(bureau.schedule(release).state)
    assert isinstance(bureau.clock, Clock)
    bureau.clock.now += HOUR
    states.append(bureau.publish(lambda p: p.open(release)).state)
    states.append(bureau.publish(lambda p: p.close("scores")).state)
    states.append(bureau.publish(lambda p: p.open(release)).state)
    states.append(bureau.publish(lambda p: p.withdraw("scores", "no")).state)
    assert states == [APPROVED, SEALED, SCHEDULED, OPEN, CLOSED, OPEN, WITHDRAWN]
    assert [act for _, act in bureau.acts()] == [
        "batch.approve",
        "release.schedule",
        "release.open",
        "release.close",
        "release.open",
        "release.withdraw",
    ]
