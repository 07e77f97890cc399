"""Publishing: one move of one pointer at a time, never before the hour, never forgotten."""

import asyncio
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lookup.admin.publishing.publisher import Publisher
from lookup.admin.publishing.releases import Release
from lookup.admin.states import CLOSED, MOVES, OPEN, SCHEDULED, SEALED, SUPERSEDED, WITHDRAWN
from lookup.errors import DamagedError, RefusedError, ServiceError, UsageError
from lookup.kind_file import load_kind
from lookup.sealing import pre_check_key
from tests.admin_makers import HOUR, START, THPT, Office, holds_key, write_rows

RELEASE_STATES = (SEALED, SCHEDULED, OPEN, SUPERSEDED, CLOSED, WITHDRAWN)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def close(office: Office) -> Release:
    return office.do(lambda p: p.close("scores"))


def roll_back(office: Office) -> Release:
    return office.do(lambda p: p.roll_back("scores"))


def withdraw(office: Office, *, upcoming: bool = False) -> Release:
    return office.do(lambda p: p.withdraw("scores", "wrong", upcoming=upcoming))


def epoch(office: Office) -> int:
    pointer = office.pointer()
    return pointer.epoch if pointer else 0


def in_state(office: Office, state: str) -> Release:
    """A release that has reached a state by ordinary acts."""
    release = office.made()
    if state == SCHEDULED:
        office.schedule(release.id, START + HOUR)
    elif state != SEALED:
        office.open(release.id)
    if state == SUPERSEDED:
        office.open(office.made(5).id)
    elif state == CLOSED:
        close(office)
    elif state == WITHDRAWN:
        withdraw(office)
    found = office.release(release.id)
    assert found.state == state
    return found


@pytest.mark.parametrize("state", RELEASE_STATES)
@pytest.mark.parametrize("target", [SCHEDULED, OPEN])
def test_what_a_release_may_become_is_what_the_table_says(
    office: Office, state: str, target: str
) -> None:
    release = in_state(office, state)
    office.clock.now = START + 2 * HOUR
    before = office.pointer()

    def act() -> Release:
        if target == OPEN:
            return office.open(release.id)
        return office.schedule(release.id, START + 3 * HOUR)

    if target in MOVES[state]:
        assert act().state == target
        assert epoch(office) > (before.epoch if before else 0)
    else:
        with pytest.raises(RefusedError, match=state):
            act()
        assert office.pointer() == before


def test_a_scheduled_release_opens_at_its_hour_and_not_before(office: Office) -> None:
    release = office.made()
    office.schedule(release.id, START + HOUR)
    pointer = office.pointer()
    assert pointer is not None
    assert pointer.upcoming is not None
    assert pointer.current is None
    for early in (timedelta(0), HOUR - timedelta(microseconds=1)):
        office.clock.now = START + early
        with pytest.raises(RefusedError, match="before its hour"):
            office.open(release.id)
        assert office.pointer() == pointer
    office.clock.now = START + HOUR
    assert office.open(release.id).state == OPEN
    pointer = office.pointer()
    assert pointer is not None
    assert pointer.current is not None
    assert (pointer.current.opened_at, pointer.upcoming) == (START + HOUR, None)


def test_from_the_scheduling_until_the_hour_the_pointer_has_the_pre_check_key(
    office: Office,
) -> None:
    release = office.made()
    key = office.keys.get(release.id)
    for hours in (1, 2):
        office.schedule(release.id, START + hours * HOUR)
        pointer = office.pointer()
        assert pointer is not None
        assert pointer.upcoming is not None
        assert pointer.upcoming.pre_check == pre_check_key(key)
        assert not any(holds_key(content, key) for content in office.public_bytes().values())
    office.clock.now = START + 2 * HOUR
    office.open(release.id)
    contents = office.public_bytes().values()
    assert not any(holds_key(content, pre_check_key(key)) for content in contents)


def test_a_withdrawn_release_leaves_no_pre_check_key(office: Office) -> None:
    release = in_state(office, SCHEDULED)
    withdraw(office, upcoming=True)
    key = pre_check_key(office.keys.get(release.id))
    assert not any(holds_key(content, key) for content in office.public_bytes().values())


def test_a_scheduled_release_without_marks_has_no_pre_check_key(office: Office) -> None:
    rows = write_rows(office.root / "t.csv", [["01000001", "4.40"]], ["SBD", "Toán"])
    loaded = office.load(load_kind(THPT), rows, codes_path=office.root / "codes.csv")
    office.schedule(office.build(loaded.batch).id, START + HOUR)
    pointer = office.pointer("thpt")
    assert pointer is not None
    assert pointer.upcoming is not None
    assert pointer.upcoming.pre_check is None


@pytest.mark.parametrize("hours", [0, -1])
def test_an_hour_that_is_past_cannot_be_scheduled(office: Office, hours: int) -> None:
    with pytest.raises(RefusedError, match="past"):
        office.schedule(office.made().id, START + hours * HOUR)


def test_a_window_cannot_end_before_it_begins(office: Office) -> None:
    release = office.made()
    with pytest.raises(RefusedError):
        office.do(lambda p: p.schedule(release.id, START + HOUR, START + HOUR))
    with pytest.raises(RefusedError):
        office.open(release.id, closes_at=START)
    assert office.pointer() is None


def test_only_one_release_of_a_kind_is_upcoming_and_its_hour_may_move(office: Office) -> None:
    first, second = office.made(), office.made(5)
    office.schedule(first.id, START + HOUR)
    with pytest.raises(RefusedError, match=first.id):
        office.schedule(second.id, START + HOUR)
    moved = office.schedule(first.id, START + 2 * HOUR)
    assert moved.opens_at == (START + 2 * HOUR).isoformat()


class Sleeper:
    """Stands in for asyncio.sleep: moves the clock on, and lets something happen meanwhile."""

    def __init__(self, office: Office, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.office = office
        self.meanwhile = meanwhile
        self.naps = 0
        self.real = asyncio.sleep

    async def __call__(self, seconds: float) -> None:
        if not seconds:
            await self.real(0)
            return
        self.naps += 1
        self.office.clock.now += timedelta(minutes=20)
        if self.naps == 1:
            await asyncio.to_thread(self.meanwhile)


@pytest.mark.parametrize(
    ("hours", "naps"),
    [(1, 3), (5, 15), (0.5, 2)],
    ids=["stays", "is moved later", "is moved earlier"],
)
def test_waiting_opens_at_the_hour_even_when_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, hours: float, naps: int
) -> None:
    release = office.made()
    office.schedule(release.id, START + HOUR)
    sleeper = Sleeper(office, lambda: office.schedule(release.id, START + hours * HOUR))
    monkeypatch.setattr(asyncio, "sleep", sleeper)
    assert office.open(release.id, wait=True).state == OPEN
    assert office.clock.now >= START + hours * HOUR
    assert sleeper.naps == naps


def test_waiting_ends_when_the_release_is_withdrawn(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = office.made()
    office.schedule(release.id, START + HOUR)
    sleeper = Sleeper(office, lambda: withdraw(office, upcoming=True))
    monkeypatch.setattr(asyncio, "sleep", sleeper)
    with pytest.raises(RefusedError, match="withdrawn"):
        office.open(release.id, wait=True)
    pointer = office.pointer()
    assert pointer is not None
    assert pointer.current is None
    assert sleeper.naps == 1


@pytest.mark.parametrize("upcoming", [True, False])
def test_withdrawn_is_for_good(office: Office, upcoming: bool) -> None:
    release = in_state(office, SCHEDULED if upcoming else OPEN)
    taken = withdraw(office, upcoming=upcoming)
    assert (taken.id, taken.state, taken.reason) == (release.id, WITHDRAWN, "wrong")
    office.clock.now = START + 9 * HOUR
    office.open(office.made(5).id)
    for act in (office.open, lambda i: office.schedule(i, START + 10 * HOUR)):
        with pytest.raises(RefusedError, match=WITHDRAWN):
            act(release.id)
    key = office.keys.get(release.id)
    assert not any(holds_key(content, key) for content in office.public_bytes().values())


def test_withdrawing_needs_a_reason_and_something_to_withdraw(office: Office) -> None:
    with pytest.raises(UsageError):
        office.do(lambda p: p.withdraw("scores", " "))
    for upcoming in (True, False):
        with pytest.raises(RefusedError, match="nothing to withdraw"):
            withdraw(office, upcoming=upcoming)


def test_a_correction_supersedes_and_roll_back_serves_the_old_again(office: Office) -> None:
    first = in_state(office, OPEN)
    second = office.open(office.made(5).id)
    assert (office.release(first.id).state, second.opened_over) == (SUPERSEDED, first.id)
    assert roll_back(office).id == first.id
    assert [office.release(r.id).state for r in (first, second)] == [OPEN, SUPERSEDED]
    pointer = office.pointer()
    assert pointer is not None
    assert pointer.current is not None
    assert pointer.current.reference == first.reference
    assert pointer.current.key == office.keys.get(first.id)
    with pytest.raises(RefusedError, match="superseded nothing"):
        roll_back(office)


def test_rolling_back_never_reaches_a_withdrawn_release(office: Office) -> None:
    in_state(office, OPEN)
    withdraw(office)
    office.open(office.made(5).id)
    with pytest.raises(RefusedError):
        roll_back(office)


def test_rolling_back_never_opens_a_scheduled_release_before_its_hour(office: Office) -> None:
    first, second = office.made(), office.made(5)
    office.open(first.id)
    office.open(second.id)
    close(office)
    office.open(first.id)
    close(office)
    office.schedule(first.id, START + HOUR)
    office.open(second.id)
    with pytest.raises(RefusedError):
        roll_back(office)
    assert office.release(first.id).state == SCHEDULED


def test_nothing_open_can_be_neither_closed_nor_rolled_back(office: Office) -> None:
    for act in (close, roll_back):
        with pytest.raises(RefusedError):
            act(office)


def test_closing_takes_the_key_away(office: Office) -> None:
    release = in_state(office, OPEN)
    assert close(office).state == CLOSED
    key = office.keys.get(release.id)
    assert not any(holds_key(content, key) for content in office.public_bytes().values())


class KilledError(BaseException):
    """As if the process had been killed."""


ACTS: dict[str, tuple[str, Callable[[Office, str], object], str]] = {
    "open": (SEALED, lambda office, release: office.open(release), OPEN),
    "schedule": (SEALED, lambda office, r: office.schedule(r, START + HOUR), SCHEDULED),
    "close": (OPEN, lambda office, release: close(office), CLOSED),
    "withdraw": (OPEN, lambda office, release: withdraw(office), WITHDRAWN),
    "withdraw upcoming": (
        SCHEDULED,
        lambda office, release: withdraw(office, upcoming=True),
        WITHDRAWN,
    ),
    "roll back": (SUPERSEDED, lambda office, release: roll_back(office), OPEN),
}


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("moved", [True, False])
def test_a_kill_beside_the_pointers_move_is_mended(
    office: Office, monkeypatch: pytest.MonkeyPatch, name: str, moved: bool
) -> None:
    state, act, after = ACTS[name]
    release = in_state(office, state)
    original = Publisher._move

    async def killed(publisher: Publisher, before: object, **parts: object) -> None:
        if moved:
            with monkeypatch.context() as patch:
                # The move alone, without the states that follow it.
                patch.setattr("lookup.admin.publishing.publisher.settle", nothing)
                await original(publisher, before, **parts)  # type: ignore[arg-type]  # as it came
        raise KilledError

    async def nothing(*arguments: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "_move", killed)
        with pytest.raises(KilledError):
            act(office, release.id)
    assert office.release(release.id).state == (after if moved else state)
    if not moved:
        act(office, release.id)
        assert office.release(release.id).state == after


def test_a_kill_after_opening_over_another_can_still_be_rolled_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = in_state(office, OPEN)
    second = office.made(5)
    move = Publisher._move

    async def killed(publisher: Publisher, before: object, **parts: object) -> None:
        await move(publisher, before, **parts)  # type: ignore[arg-type]  # as it came
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "_move", killed)
        with pytest.raises(KilledError):
            office.open(second.id)
    assert office.release(second.id).state == OPEN
    assert roll_back(office).id == first.id


@pytest.mark.parametrize("act", ["open", "schedule", "roll back"])
def test_a_damaged_file_is_never_published(office: Office, act: str) -> None:
    release = in_state(office, SUPERSEDED if act == "roll back" else SEALED)
    path = office.store.path(release.reference)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    before = office.pointer()
    with pytest.raises(DamagedError):
        ACTS[act][1](office, release.id)
    assert office.pointer() == before


def test_a_wrong_key_is_never_published(office: Office) -> None:
    release = office.made()
    (office.root / "admin" / "keys" / f"{release.id}.key").write_text("00" * 32)
    with pytest.raises(DamagedError):
        office.open(release.id)
    assert office.pointer() is None


class AnyActs(RuleBasedStateMachine):
    """Random acts of a clerk: no key is public before its hour, and epochs only grow."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.office = Office(Path(self.folder.name))
        self.releases = [self.office.made(count).id for count in (3, 4, 5)]
        self.hours: dict[str, int] = {}
        self.hour = 0
        self.epoch = 0
        self.withdrawn: set[str] = set()

    def attempt(self, act: Callable[[], Release]) -> Release | None:
        try:
            return act()
        except ServiceError:
            return None

    @rule(which=st.integers(0, 2))
    def opening(self, which: int) -> None:
        self.attempt(lambda: self.office.open(self.releases[which]))

    @rule(which=st.integers(0, 2), hours=st.integers(0, 3))
    def scheduling(self, which: int, hours: int) -> None:
        opens_at = START + (self.hour + hours) * HOUR
        self.attempt(lambda: self.office.schedule(self.releases[which], opens_at))

    @rule()
    def closing(self) -> None:
        self.attempt(lambda: close(self.office))

    @rule()
    def rolling_back(self) -> None:
        self.attempt(lambda: roll_back(self.office))

    @rule(upcoming=st.booleans())
    def withdrawing(self, upcoming: bool) -> None:
        taken = self.attempt(lambda: withdraw(self.office, upcoming=upcoming))
        if taken:
            self.withdrawn.add(taken.id)

    @rule()
    def an_hour_passes(self) -> None:
        self.hour += 1
        self.office.clock.now += HOUR

    @invariant()
    def only_the_current_key_is_public_and_never_early(self) -> None:
        pointer = self.office.pointer()
        if pointer is None:
            return
        assert pointer.epoch >= self.epoch
        self.epoch = pointer.epoch
        current = pointer.current.reference.release if pointer.current else None
        upcoming = pointer.upcoming.reference.release if pointer.upcoming else None
        public = self.office.public_bytes().values()
        for release in self.releases:
            key = self.office.keys.get(release)
            assert any(holds_key(content, key) for content in public) == (release == current)
        assert current is None or current != upcoming
        assert current not in self.withdrawn
        states = {release.id: release.state for release in self.office.releases()}
        assert {r for r, state in states.items() if state == OPEN} == {current} - {None}
        assert {r for r, state in states.items() if state == SCHEDULED} == {upcoming} - {None}
        assert {r for r, state in states.items() if state == WITHDRAWN} == self.withdrawn

    def teardown(self) -> None:
        self.folder.cleanup()


AnyActs.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=15,
)
TestAnyActs = AnyActs.TestCase


def test_nothing_new_of_a_kind_opens_before_the_hour_of_what_is_scheduled(office: Office) -> None:
    first = office.made(3)
    office.schedule(first.id, START + HOUR)
    again = office.build(first.batch)
    for release in (again, office.made(5)):
        with pytest.raises(RefusedError, match="before its hour"):
            office.open(release.id)


def test_nothing_of_a_withdrawn_batch_opens_or_is_built_again(office: Office) -> None:
    first = office.made(3)
    again = office.build(first.batch)
    office.open(first.id)
    withdraw(office)
    with pytest.raises(RefusedError, match="withdrawn"):
        office.open(again.id)
    with pytest.raises(RefusedError, match="withdrawn"):
        office.build(first.batch)


def test_a_withdrawal_stays_in_the_pointer_when_the_next_release_opens(office: Office) -> None:
    first, second = office.made(3), office.made(5)
    office.open(first.id)
    withdraw(office)
    office.open(second.id)
    pointer = office.pointer()
    assert pointer is not None
    assert pointer.ended is not None
    assert pointer.ended.reference.release == first.id


def test_a_pointer_that_was_lost_is_replaced_by_one_readers_will_follow(office: Office) -> None:
    release = office.made(3)
    office.open(release.id)
    office.clock.now += HOUR
    before = epoch(office)
    (office.store.live / "scores.json").unlink()
    other = office.made(5)
    office.open(other.id)
    assert epoch(office) > before
