"""The publisher of the console: opens what is scheduled at its hour, closes what is over.

It may be killed and started again at any moment, and two of it do no harm: the pointer's
epoch decides who was first. What goes wrong with one kind is noted on its watch and keeps no
other kind from its hour.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lookup.admin import entering
from lookup.admin.desk import Desk, open_desk
from lookup.admin.people.roles import PUBLISHER_DAEMON
from lookup.admin.people.sessions import sweep
from lookup.admin.publishing.building import forget_killed
from lookup.admin.publishing.heartbeat import beat
from lookup.admin.publishing.preflight import (
    FAILED,
    PREFLIGHT_FROM,
    Item,
    preflight,
    sentence,
)
from lookup.admin.publishing.publisher import MAX_SLEEP_S, Publisher
from lookup.admin.publishing.releases import Mend, reconcile
from lookup.admin.publishing.retention import destroy_due
from lookup.clock import SteadyClock
from lookup.errors import ServiceError
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Pointer

PREFLIGHT_EVERY = timedelta(seconds=5)
READY_FROM = timedelta(seconds=10)
"""So long before the hour file, key and approval are checked and the wait begins."""
RETRY_AFTER = timedelta(seconds=2)
DAILY = timedelta(days=1)
AGAIN_AFTER = timedelta(minutes=1)
SETTLED = timedelta(hours=1)
"""After a start nothing is destroyed for so long: a machine may boot with a clock years ahead,
and what is destroyed by it never comes back when the clock is put right."""
UNEXPECTED = "The publisher failed unexpectedly ({what}): it goes on, but tell who runs the server."


@dataclass(slots=True)
class Watch:
    """What the publisher last saw of one kind; `problem` is a sentence, empty where all is well."""

    kind: str
    pointer: Pointer | None = None
    items: list[Item] = field(default_factory=list)
    looked_at: datetime | None = None
    problem: str = ""
    tried_at: datetime | None = None
    closing_at: datetime | None = None
    opening: asyncio.Task[None] | None = None


class HourKeeper:
    """Looks at every kind's pointer, and does what its hours say.

    `watches` by kind, `mends` since the start and `problem` of the whole are there to be shown.
    """

    def __init__(self, settings: Settings, clock: SteadyClock) -> None:
        self.settings = settings
        self.clock = clock
        self.watches: dict[str, Watch] = {}
        self.mends: list[Mend] = []
        self.problem = ""
        self._store = EmbeddedStore(settings.data_dir)
        self._since: datetime | None = None
        self._kept_at: datetime | None = None
        self._kept_for = timedelta(0)
        self._sleep_s = MAX_SLEEP_S

    async def run(self) -> None:
        """Keep the hours until cancelled."""
        try:
            while True:
                self._sleep_s = MAX_SLEEP_S
                # Whatever breaks one turn, the next one comes.
                self.problem = await _told(self._turn()) or self.problem
                await asyncio.sleep(self._sleep_s)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the waits that have begun; the next start takes them up again."""
        openings = [watch.opening for watch in self.watches.values() if watch.opening]
        for task in openings:
            task.cancel()
        await asyncio.gather(*openings, return_exceptions=True)

    async def _turn(self) -> None:
        """One look at everything, and how long to sleep until the next."""
        beat(self.settings.data_dir, self.clock())
        await self._daily()
        for kind in self._store.stamps():
            watch = self.watches.setdefault(kind, Watch(kind))
            problem = await _told(self._look(watch))
            watch.problem = problem or watch.problem
        self._sleep_s = min([MAX_SLEEP_S, *map(self._closes_in_s, self.watches.values())])

    def _closes_in_s(self, watch: Watch) -> float:
        current = watch.pointer.current if watch.pointer else None
        if current is None or current.closes_at is None:
            return MAX_SLEEP_S
        left_s = (current.closes_at - self.clock()).total_seconds()
        return left_s if left_s > 0 else MAX_SLEEP_S

    def _desk(self) -> AbstractAsyncContextManager[Desk]:
        return open_desk(self.settings, PUBLISHER_DAEMON, self.clock)

    async def _daily(self) -> None:
        now = self.clock()
        if self._since is None or now < self._since:
            self._since = now
        if _lately(self._kept_at, now, self._kept_for):
            return
        # Counted from the start: a first try that failed does not make the second one settled.
        settled = now - self._since >= SETTLED
        self.problem = await _told(self._keep_house(destroying=settled))
        self._kept_at = now
        self._kept_for = AGAIN_AFTER if self.problem else DAILY if settled else SETTLED

    async def _keep_house(self, *, destroying: bool) -> None:
        """At the start, and once a day: reconcile, forget old sessions, destroy what is due."""
        async with self._desk() as desk:
            self.mends += await reconcile(desk)
            await sweep(desk)
            entering.forget_killed(desk.batches)
            if destroying:
                await forget_killed(desk)
                await destroy_due(desk)

    async def _look(self, watch: Watch) -> None:
        pointer = watch.pointer = self._store.pointer(watch.kind)
        now = self.clock()
        current, upcoming = (pointer.current, pointer.upcoming) if pointer else (None, None)
        if current and current.closes_at and current.closes_at <= now:
            await self._close(watch)
        if upcoming is None:
            watch.items, watch.problem = [], ""
            return
        if watch.opening is None or watch.opening.done():
            if upcoming.opens_at - now <= READY_FROM:
                self._begin_opening(watch, upcoming.reference.release)
            elif upcoming.opens_at - now <= PREFLIGHT_FROM:
                await self._preflight(watch, upcoming.reference.release)

    async def _close(self, watch: Watch) -> None:
        # Every try is noted in the audit before it is made, even one that fails.
        if _lately(watch.closing_at, self.clock(), RETRY_AFTER):
            return
        watch.closing_at = self.clock()
        async with self._desk() as desk:
            await Publisher(desk).close_due(watch.kind)

    async def _preflight(self, watch: Watch, release: str) -> None:
        now = self.clock()
        if _lately(watch.looked_at, now, PREFLIGHT_EVERY):
            return
        watch.looked_at = now
        async with self._desk() as desk:
            watch.items = await preflight(desk, release, self.clock)
        failed = [item for item in watch.items if item.state == FAILED]
        watch.problem = "; ".join(map(sentence, failed))

    def _begin_opening(self, watch: Watch, release: str) -> None:
        now = self.clock()
        if _lately(watch.tried_at, now, RETRY_AFTER):
            return
        watch.tried_at = now
        watch.opening = asyncio.create_task(self._open(watch, release))

    async def _open(self, watch: Watch, release: str) -> None:
        """Wait for the hour at a desk of its own, so that kinds with one hour open together."""

        async def opened() -> None:
            async with self._desk() as desk:
                await Publisher(desk).open(release, wait=True)

        watch.problem = await _told(opened())


def _lately(since: datetime | None, now: datetime, span: timedelta) -> bool:
    """Whether `since` is less than `span` ago; where the clock was set back it is not."""
    return since is not None and timedelta(0) <= now - since < span


async def _told(work: Awaitable[None]) -> str:
    """What went wrong with some work, a sentence; empty where nothing did."""
    try:
        await work
    except ServiceError as error:
        return str(error)
    except Exception as error:
        # Whatever it was, the other kinds have their hours too.
        return UNEXPECTED.format(what=type(error).__name__)
    return ""
