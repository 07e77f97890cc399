"""The publisher of the console: at the hour, never before it, whatever happens meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lookup.admin.desk import Desk
from lookup.admin.publishing.heartbeat import alive
from lookup.admin.publishing.hours import RETRY_AFTER, SETTLED, HourKeeper
from lookup.admin.publishing.intents import intend
from lookup.admin.publishing.preflight import FAILED, PREFLIGHT_FROM
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.states import CLOSED, OPEN, SCHEDULED
from lookup.clock import SteadyClock
from lookup.errors import StorageError
from tests.desk_makers import HOUR, START, Bureau, Hands

HOUR_S = HOUR.total_seconds()
MINUTE = timedelta(minutes=1)


class Tower(Bureau):
    """A bureau whose hours a keeper keeps, in a time that passes only while all sleep."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(root)
        self.hands = Hands()
        self.steady = self.hands.clock()
        self.clock = self.steady
        self.meanwhile: Callable[[], object] = lambda: None
        self.early: list[float] = []
        self.sleepers: list[tuple[float, asyncio.Event]] = []
        self.real = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        """Stands in for asyncio.sleep."""
        if not seconds:
            await self.real(0)
            return
        sleeper = (self.hands.real_s + seconds, asyncio.Event())
        self.sleepers.append(sleeper)
        await sleeper[1].wait()

    async def pass_time(self, working: Callable[[], int]) -> None:
        """Once whoever works sleeps too, wake the next; and somebody may do something."""
        while working() > len(self.sleepers):
            await self.real(0.001)
        if self.sleepers:
            sleeper = min(self.sleepers, key=lambda sleeper: sleeper[0])
            self.sleepers.remove(sleeper)
            self.hands.real_s = max(self.hands.real_s, sleeper[0])
            await asyncio.to_thread(self.meanwhile)
            if self.hands.real_s < HOUR_S and self.served():
                self.early.append(self.hands.real_s)
            sleeper[1].set()
        await self.real(0)

    def steady_time(self) -> datetime:
        """What time it would be had nobody set a clock."""
        return START + timedelta(seconds=self.hands.real_s)

    def at(self, moment: datetime) -> None:
        """It is so late, and no clock was set."""
        self.hands.real_s = (moment - START).total_seconds()

    def keep(self, seconds: float = 30, *keepers: HourKeeper) -> HourKeeper:
        """Keep the hours for so long."""
        kept = keepers or (HourKeeper(self.settings, self.steady),)
        end = self.hands.real_s + seconds

        def waits() -> int:
            watches = [watch for keeper in kept for watch in keeper.watches.values()]
            openings = [watch.opening for watch in watches if watch.opening]
            return len(kept) + sum(not opening.done() for opening in openings)

        async def run() -> None:
            self.sleepers.clear()
            runs = [asyncio.create_task(keeper.run()) for keeper in kept]
            while self.hands.real_s < end:
                await self.pass_time(waits)
            while waits() > len(self.sleepers):
                await self.real(0.001)
            for task in runs:
                task.cancel()
            await asyncio.gather(*runs, return_exceptions=True)

        asyncio.run(run())
        return kept[0]

    def wait_for(self, release: str) -> str:
        """The state of a release after waiting for its hour as the command line does."""

        async def run() -> str:
            async with self.desk() as desk:
                opening = asyncio.create_task(Publisher(desk).open(release, wait=True))
                while not opening.done():
                    await self.pass_time(lambda: 0)
                return (await opening).state

        return asyncio.run(run())

    def say_no(self, batch: int) -> None:
        """A no that came by no act: whoever acts is told to withdraw the release first."""
        self.execute("UPDATE batch SET state = 'rejected' WHERE id = ?", batch)


@pytest.fixture
def tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tower:
    return Tower(tmp_path, monkeypatch)


def once(act: Callable[[], object], when: Callable[[], bool]) -> Callable[[], object]:
    """Does something the first time that something is so."""
    done: list[bool] = []

    def maybe() -> None:
        if not done and when():
            done.append(True)
            act()

    return maybe


def test_a_scheduled_release_opens_at_its_hour_and_not_before(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.at(START + HOUR - MINUTE / 4)
    tower.keep(20)
    assert not tower.early
    assert tower.served() == release
    pointer = tower.pointer()
    assert pointer is not None
    assert pointer.current is not None
    assert timedelta(0) <= pointer.current.opened_at - (START + HOUR) < timedelta(seconds=1)
    assert tower.acts()[-1] == ("publisher", "release.open")


def test_the_audit_says_prepared_before_the_hour_and_opened_only_after_it(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.at(START + HOUR - MINUTE / 4)
    tower.keep(20)
    prepared, opened = tower.audit()[-2:]
    for line, act in ((prepared, "release.prepare"), (opened, "release.open")):
        assert (line.act, line.subject, line.before) == (act, release, "")
        assert line.after == tower.release(release).sha256
    assert datetime.fromisoformat(prepared.at) < START + HOUR
    assert datetime.fromisoformat(opened.at) >= START + HOUR


def test_what_was_due_while_nobody_kept_the_hours_opens_at_the_next_start(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.at(START + 2 * HOUR)
    tower.keep(5)
    assert tower.served() == release


def test_two_kinds_with_one_hour_both_open_even_when_a_third_is_damaged(tower: Tower) -> None:
    kinds = ("scores", "lottery", "admissions")
    releases = {kind: tower.ready(kind) for kind in kinds}
    for release in releases.values():
        tower.schedule(release)
    broken = tower.store.path(tower.release(releases["lottery"]).reference)
    broken.chmod(0o644)
    broken.write_bytes(b"nothing")
    tower.at(START + HOUR - MINUTE / 4)
    keeper = tower.keep(20)
    assert [tower.served(kind) for kind in kinds] == [
        releases["scores"],
        None,
        releases["admissions"],
    ]
    assert "digest differs" in keeper.watches["lottery"].problem
    assert keeper.watches["scores"].problem == ""


def test_a_pointer_that_cannot_be_read_is_told_and_harms_no_other_kind(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    (tower.store.live / "lottery.json").write_text("{")
    tower.at(START + HOUR - MINUTE / 4)
    keeper = tower.keep(20)
    assert tower.served() == release
    assert "cannot be read" in keeper.watches["lottery"].problem


def test_a_query_window_closes_at_its_end(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release, START + HOUR, closes_at=START + 2 * HOUR)
    tower.at(START + HOUR)
    tower.keep(5)
    assert tower.served() == release
    tower.at(START + 2 * HOUR - timedelta(seconds=1))
    tower.keep(5)
    assert tower.served() is None
    assert tower.release(release).state == CLOSED
    assert tower.acts()[-1] == ("publisher", "release.close")


def test_a_release_whose_approval_is_missing_at_its_hour_does_not_open(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.execute("UPDATE approval SET revoked_at = 'now'")
    tower.at(START + HOUR - MINUTE / 4)
    keeper = tower.keep(20)
    assert tower.served() is None
    assert "approval is missing" in keeper.watches["scores"].problem
    assert tower.release(release).state == SCHEDULED


@pytest.mark.parametrize("before_s", [8.0, 0.9, 0.4, 0.0])
def test_an_approval_revoked_at_the_last_moment_keeps_it_shut(
    tower: Tower, before_s: float
) -> None:
    release = tower.ready()
    tower.schedule(release)
    batch = tower.release(release).batch
    tower.meanwhile = once(
        lambda: tower.say_no(batch), lambda: tower.hands.real_s >= HOUR_S - before_s
    )
    if before_s == 0.0:
        # No sleep ends exactly then: the no comes right after the intent was noted.
        tower.meanwhile = once(
            lambda: tower.say_no(batch), lambda: ("publisher", "release.prepare") in tower.acts()
        )
    tower.at(START + HOUR - MINUTE / 4)
    keeper = tower.keep(20)
    assert tower.served() is None
    assert "rejected" in keeper.watches["scores"].problem


def test_an_intent_that_came_to_nothing_says_so_in_the_audit(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    batch = tower.release(release).batch
    tower.meanwhile = once(
        lambda: tower.say_no(batch), lambda: ("publisher", "release.prepare") in tower.acts()
    )
    tower.at(START + HOUR - MINUTE / 4)
    tower.keep(20)
    assert tower.acts()[-2:] == [
        ("publisher", "release.prepare"),
        ("publisher", "release.open.failed"),
    ]


@pytest.mark.parametrize("before_s", [8.0, 0.9, 0.4])
def test_what_is_withdrawn_in_the_last_seconds_stays_shut(tower: Tower, before_s: float) -> None:
    tower.schedule(tower.ready())
    tower.meanwhile = once(
        lambda: tower.publish(lambda p: p.withdraw("scores", "no", upcoming=True)),
        lambda: tower.hands.real_s >= HOUR_S - before_s,
    )
    tower.at(START + HOUR - MINUTE / 4)
    tower.keep(20)
    assert tower.served() is None


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S, 1.5])
@pytest.mark.parametrize("before_s", [3000.0, 12.0, 9.0, 0.6, 0.1])
def test_a_clock_that_is_set_before_the_hour_opens_nothing_early(
    tower: Tower, jump_s: float, before_s: float
) -> None:
    release = tower.ready()
    tower.schedule(release)

    def jump() -> None:
        tower.hands.set_s = jump_s

    tower.at(START + timedelta(seconds=HOUR_S - before_s - 2))
    tower.meanwhile = once(jump, lambda: tower.hands.real_s >= HOUR_S - before_s)
    keeper = HourKeeper(tower.settings, tower.steady)
    tower.keep(before_s % 1000 + 3, keeper)
    tower.at(max(tower.steady_time(), START + HOUR - timedelta(seconds=2)))
    tower.keep(6, keeper)
    assert not tower.early
    # Set back, it opens when the wall clock says so; set forward, when the time has passed.
    assert tower.served() == (None if jump_s < 0 else release)
    if jump_s < 0:
        tower.at(START + HOUR - timedelta(seconds=jump_s))
        tower.keep(5, keeper)
        assert tower.served() == release


def test_a_clock_that_was_set_is_an_alert(tower: Tower) -> None:
    tower.schedule(tower.ready())
    tower.at(START + HOUR - 5 * MINUTE)
    tower.hands.set_s = 30.0
    keeper = tower.keep(1)
    items = {item.name: item for item in keeper.watches["scores"].items}
    assert items["clock"].state == FAILED
    assert items["clock"].values == {"drift_s": 30.0}
    assert "clock" in keeper.watches["scores"].problem


def test_preflight_begins_ten_minutes_before_the_hour(tower: Tower) -> None:
    tower.schedule(tower.ready())
    tower.at(START + HOUR - PREFLIGHT_FROM - timedelta(seconds=5))
    assert tower.keep(1).watches["scores"].items == []
    tower.at(START + HOUR - PREFLIGHT_FROM)
    assert tower.keep(1).watches["scores"].items != []


@pytest.mark.parametrize("seconds", [2.0, 6.0, 14.0, 14.6, 15.0, 15.4])
def test_a_keeper_stopped_at_any_moment_is_taken_up_by_the_next(
    tower: Tower, seconds: float
) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.at(START + HOUR - MINUTE / 4)
    tower.keep(seconds)
    assert not tower.early
    tower.keep(20)
    assert not tower.early
    assert tower.served() == release
    assert tower.release(release).state == OPEN


def test_two_keepers_at_once_do_no_harm(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.at(START + HOUR - MINUTE / 4)
    keepers = [HourKeeper(tower.settings, tower.steady) for _ in range(2)]
    tower.keep(20, *keepers)
    assert not tower.early
    assert tower.served() == release
    assert [keeper.watches["scores"].problem for keeper in keepers] == ["", ""]
    acts = [act for _, act in tower.acts()]
    assert acts.count("release.open") == 1
    assert "release.open.failed" not in acts


def test_a_kill_between_the_pointer_and_its_line_is_told_at_the_next_start(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tower.ready()
    tower.schedule(release)

    class KilledError(BaseException):
        """As if the process had been killed."""

    async def killed(desk: Desk, act: str, *arguments: Any, **columns: Any) -> None:
        if act == "release.open":
            raise KilledError
        await intend(desk, act, *arguments, **columns)

    tower.at(START + HOUR - timedelta(seconds=2))
    with monkeypatch.context() as patch:
        patch.setattr("lookup.admin.publishing.publisher.intend", killed)
        with pytest.raises(KilledError):
            tower.wait_for(release)
    assert tower.served() == release
    assert tower.acts()[-1][1] == "release.prepare"
    keeper = tower.keep(1)
    assert keeper.mends == [(release, "scheduled", "open")]
    assert tower.acts()[-1] == ("reconcile", "release.reconcile")


def test_the_start_removes_what_a_killed_load_left(tower: Tower) -> None:
    left = tower.root / "admin" / "batches" / "0123456789abcdef.db.partial"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"records")
    tower.keep(3)
    assert not left.exists()


def test_the_start_says_what_it_mended(tower: Tower, monkeypatch: pytest.MonkeyPatch) -> None:
    release = tower.ready()

    async def nothing(*arguments: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr("lookup.admin.publishing.publisher.settle", nothing)
        tower.publish(lambda p: p.open(release))
    keeper = tower.keep(1)
    assert keeper.mends == [(release, "sealed", "open")]
    line = tower.audit()[-1]
    assert (line.person, line.act, line.subject) == ("reconcile", "release.reconcile", release)
    assert (line.before, line.after) == ("sealed", "open")
    assert tower.keep(1).mends == []
    assert tower.audit()[-1] == line


def test_whatever_fails_unexpectedly_is_told_without_its_message(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower.schedule(tower.ready())
    tower.at(START + 2 * HOUR)

    async def broken(*arguments: object, **options: object) -> None:
        raise KeyError("100000001")

    monkeypatch.setattr(Publisher, "open", broken)
    problem = tower.keep(2).watches["scores"].problem
    assert "KeyError" in problem
    assert "100000001" not in problem


def test_a_turn_that_breaks_is_followed_by_the_next(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.at(START + 2 * HOUR)
    stamps = tower.store.stamps
    left = [OSError, None]

    def breaks_once(store: object) -> object:
        if error := left.pop(0) if left else None:
            raise error
        return stamps()

    monkeypatch.setattr("lookup.admin.publishing.hours.EmbeddedStore.stamps", breaks_once)
    keeper = tower.keep(3)
    assert "OSError" in keeper.problem
    assert tower.served() == release


def test_a_disk_that_fails_is_told_and_tried_again(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.at(START + 2 * HOUR)
    path = tower.root / "admin" / "admin.db"
    away = path.rename(path.with_name("away.db"))
    path.write_bytes(b"not a database" * 100)
    keeper = tower.keep(3)
    assert "restore it" in keeper.problem
    assert "restore it" in keeper.watches["scores"].problem
    away.replace(path)
    tower.keep(65, keeper)
    assert tower.served() == release
    assert keeper.problem == keeper.watches["scores"].problem == ""


def test_a_closing_that_fails_does_not_fill_the_audit(
    tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tower.ready()
    tower.publish(lambda p: p.open(release, closes_at=START + MINUTE))

    def full(store: object, pointer: object, replaces: int) -> None:
        raise StorageError("The disk is full.")

    tower.at(START + 2 * MINUTE)
    with monkeypatch.context() as patch:
        patch.setattr("lookup.stores.embedded.EmbeddedStore.move", full)
        keeper = tower.keep(10)
    assert "full" in keeper.watches["scores"].problem
    tried = [line.act for line in tower.audit()].count("release.close")
    assert 2 <= tried <= 10 / RETRY_AFTER.total_seconds() + 1
    tower.keep(5, keeper)
    assert tower.release(release).state == CLOSED


def test_the_publisher_gives_a_sign_of_life_while_it_runs(tower: Tower) -> None:
    tower.batch()
    assert not alive(tower.root, tower.clock())
    tower.keep(1)
    assert alive(tower.root, tower.clock())
    assert not alive(tower.root, tower.clock() + MINUTE)


def test_what_is_due_is_destroyed_once_a_day(tower: Tower) -> None:
    release = tower.ready()
    tower.publish(lambda p: p.open(release))
    tower.publish(lambda p: p.close("scores"))
    keeper = tower.keep(1)
    assert tower.release(release).destroyed_at is None
    tower.at(START + timedelta(days=tower.settings.retention_days, hours=2))
    tower.keep(1, keeper)
    assert tower.release(release).destroyed_at is not None


def test_a_first_try_that_fails_does_not_make_the_next_one_destroy(tower: Tower) -> None:
    release = tower.ready()
    tower.publish(lambda p: p.open(release))
    tower.publish(lambda p: p.close("scores"))
    tower.hands.set_s = timedelta(days=tower.settings.retention_days + 1).total_seconds()
    tower.steady = tower.clock = tower.hands.clock()
    path = tower.root / "admin" / "admin.db"
    away = path.rename(path.with_name("away.db"))
    path.write_bytes(b"not a database" * 100)
    keeper = tower.keep(1)
    assert "restore it" in keeper.problem
    away.replace(path)
    tower.keep(2 * MINUTE.total_seconds(), keeper)
    assert keeper.problem == ""
    assert tower.release(release).destroyed_at is None


def test_a_clock_years_ahead_at_the_start_destroys_nothing_before_it_is_put_right(
    tower: Tower,
) -> None:
    release = tower.ready()
    tower.publish(lambda p: p.open(release))
    tower.publish(lambda p: p.close("scores"))
    tower.hands.set_s = timedelta(days=tower.settings.retention_days + 1).total_seconds()
    tower.steady = tower.clock = tower.hands.clock()
    keeper = tower.keep(1)
    tower.at(START + SETTLED / 2)
    tower.keep(1, keeper)
    tower.hands.set_s = 0
    tower.at(START + 2 * SETTLED)
    tower.keep(1, keeper)
    tower.at(START + 4 * SETTLED)
    tower.keep(1, keeper)
    assert tower.release(release).destroyed_at is None


def test_pages_that_keep_every_thread_busy_keep_no_release_from_its_hour(tower: Tower) -> None:
    release = tower.ready()
    done = threading.Event()

    async def run() -> str:
        loop = asyncio.get_running_loop()
        busy = ThreadPoolExecutor(max_workers=1)
        loop.set_default_executor(busy)
        page = loop.run_in_executor(None, done.wait, 20)
        async with tower.desk() as desk:
            opened = await Publisher(desk).open(release)
            state = opened.state if not page.done() else "late"
        done.set()
        await page
        return state

    assert asyncio.run(run()) == OPEN


def test_a_steady_clock_is_all_that_waiting_on_the_command_line_needs(tower: Tower) -> None:
    release = tower.ready()
    tower.schedule(release)
    tower.meanwhile = once(
        lambda: setattr(tower.hands, "set_s", HOUR_S), lambda: tower.hands.real_s >= HOUR_S - 100
    )
    tower.at(START + HOUR - 5 * MINUTE)
    assert isinstance(tower.clock, SteadyClock)
    assert tower.wait_for(release) == OPEN
    assert not tower.early
    assert tower.hands.real_s >= HOUR_S
