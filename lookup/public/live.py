"""What is served now, kind by kind: follows the live pointers and never serves early.

`poll` is cheap and says which digests are to be checked; checks run in threads and `adopt`
takes in what they found. Until a new release is verified, the one before it is served.

A check reads the whole file, so it is the pre-reading too: what opens within a minute and was
checked longer ago is checked once more, and its pages are in memory when everybody comes.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lookup.errors import DamagedError, ServiceError
from lookup.kinds import Kind
from lookup.public.shelf import Check, Shelf
from lookup.public.slot import Slot
from lookup.release_file import Manifest, ReleaseFile
from lookup.stores.embedded import EmbeddedStore, Stamp
from lookup.stores.pointer import Reference
from lookup.stores.workers import Standing, WorkerReport

READ_AGAIN_AFTER = timedelta(seconds=1)
READY_WITHIN = timedelta(seconds=5)
PRE_READ = timedelta(minutes=1)
FIRST_LOOK_S = 10.0
"""Whoever starts answers after that, though a check goes on: one kind must not hold up all."""
log = logging.getLogger("lookup.public")


class State(StrEnum):
    """What a kind is at a moment."""

    OPEN = "open"
    NOT_OPEN = "not_open"
    CLOSED = "closed"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Serving:
    """An open release: its file, its key, since when and until when, and its public statistics
    (DESIGN.md, "Public statistics"), parsed once when the key was proven."""

    file: ReleaseFile
    key: bytes
    opened_at: datetime
    closes_at: datetime | None
    statistics: Mapping[str, Any]

    @property
    def manifest(self) -> Manifest:
        """What the release says of itself."""
        return self.file.manifest


@dataclass(frozen=True, slots=True)
class PreCheck:
    """A scheduled release whose ways in may be tried: its file, the pre-check key, its title and
    its kind, which may have other ways in than what was served before."""

    file: ReleaseFile
    key: bytes
    title: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class View:
    """One kind at one moment. `kind` is None where no release of it could be read yet;
    `serving` is there exactly when the state is open, `opens_at` when it is not open.
    `closes_at` is the end of what is open or scheduled; `pre_check` is there while it is not
    open and a release with marks is scheduled."""

    name: str
    kind: Kind | None
    state: State
    opens_at: datetime | None = None
    serving: Serving | None = None
    closes_at: datetime | None = None
    pre_check: PreCheck | None = None

    @property
    def corrected(self) -> bool:
        """Whether what is open corrects another release of its title."""
        return self.serving is not None and self.serving.manifest.corrects is not None


class LiveReleases:
    """The releases of a store as its pointers say. Use it from one thread."""

    def __init__(self, store: EmbeddedStore, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.revision = 0
        """Grows whenever something may have changed but the time."""
        self._store = store
        self._shelf = Shelf(store)
        self._slots: dict[str, Slot] = {}
        self._polled_at: datetime | None = None
        self._awaited: set[Reference] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._unlisted = False
        self._retired = False

    def poll(self) -> list[Check]:
        """Look at the pointers; the digests to check now. Reads small files only."""
        now = self.clock()
        self.revision += 1
        for name, stamp in self._stamps().items():
            slot = self._slots.setdefault(name, Slot())
            if slot.stamp != stamp or slot.read_at is None or _past(slot.read_at, now):
                slot.stamp, slot.read_at = stamp, now
                self._read(name, slot)
        checks = self._shelf.checks(self._wanted(), now, self._pre_read(now))
        self._prove(now)
        if not self._unlisted:
            self._polled_at = now
            if self._awaited is None:
                self._awaited = {check.reference for check in checks}
        return checks

    def adopt(self, check: Check, error: DamagedError | None) -> None:
        """Take in what `check.run()` returned."""
        now = self.clock()
        self.revision += 1
        self._shelf.adopt(check, error, now)
        self._prove(now)
        if self._awaited:
            self._awaited.discard(check.reference)

    def settle(self) -> None:
        """Poll and run every check here and now; for tests and the command line."""
        for check in self.poll():
            self.adopt(check, check.run())

    async def refresh(self) -> None:
        """Poll and wait for every check, each in a thread, but not for ever."""
        if checks := self.poll():
            await asyncio.wait([self._begin(check) for check in checks], timeout=FIRST_LOOK_S)

    async def follow(self, poll_ms: int) -> None:
        """Poll for ever; checks go on in threads meanwhile."""
        while True:
            try:
                for check in self.poll():
                    self._begin(check)
            except Exception as error:  # whatever broke one look must not end the looking
                log.error("a look at the live pointers failed: %s", type(error).__name__)
            await asyncio.sleep(poll_ms / 1000)

    def _begin(self, check: Check) -> asyncio.Task[None]:
        task = asyncio.create_task(self._verify(check))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _verify(self, check: Check) -> None:
        try:
            error = await asyncio.to_thread(check.run)
        except Exception as failure:  # whatever it was, the check must be tried again
            error = DamagedError(f"it could not be checked ({type(failure).__name__}).")
        self.adopt(check, error)

    def ready(self) -> bool:
        """Whether all that the first look found was checked, the pointers were looked at lately,
        and the worker stays."""
        if self._retired or self._awaited or self._polled_at is None:
            return False
        return abs(self.clock() - self._polled_at) < READY_WITHIN

    def retire(self) -> None:
        """The worker is about to end: it answers what it is asked, but is not ready any more."""
        self._retired = True

    def names(self) -> list[str]:
        """Every kind that has a live pointer."""
        return sorted(self._slots)

    def view(self, name: str, now: datetime) -> View | None:
        """The kind called `name` at `now`, None where it has no live pointer."""
        slot = self._slots.get(name)
        if slot is None:
            return None
        served = slot.served(now)
        if served is None:
            return self._waiting(name, slot, now)
        current = served.current
        mapped = self._shelf.get(current.reference)
        if mapped is None:
            pre_check = self._pre_check(name, slot)
            return View(name, slot.kind, State.UNAVAILABLE, pre_check=pre_check)
        closes_at = current.closes_at
        serving = Serving(mapped.file, current.key, current.opened_at, closes_at, served.statistics)
        return View(name, mapped.kind, State.OPEN, serving=serving, closes_at=closes_at)

    def _waiting(self, name: str, slot: Slot, now: datetime) -> View:
        """The view of a kind of which nothing is served."""
        pre_check = self._pre_check(name, slot)
        pointer = slot.pointer
        if pointer is None or slot.closed(now):
            state = State.UNAVAILABLE if pointer is None else State.CLOSED
            return View(name, slot.kind, state, pre_check=pre_check)
        current, upcoming = pointer.current, pointer.upcoming
        if current is None and upcoming is not None:
            opens_at, closes_at = upcoming.opens_at, upcoming.closes_at
        elif current is not None and now < current.opened_at:
            opens_at, closes_at = current.opened_at, current.closes_at
        else:
            return View(name, slot.kind, State.UNAVAILABLE, pre_check=pre_check)
        return View(name, slot.kind, State.NOT_OPEN, opens_at, None, closes_at, pre_check)

    def _pre_check(self, name: str, slot: Slot) -> PreCheck | None:
        upcoming = slot.pointer.upcoming if slot.pointer else None
        mapped = upcoming and self._shelf.get(upcoming.reference)
        if not upcoming or not mapped or upcoming.pre_check is None or mapped.kind.name != name:
            return None
        manifest = mapped.file.manifest
        if not manifest.pre_check:
            return None
        return PreCheck(mapped.file, upcoming.pre_check, manifest.title, mapped.kind)

    def changes_at(self, name: str, now: datetime) -> datetime | None:
        """The next moment at which time alone may change the view of a kind."""
        slot = self._slots.get(name)
        if slot is None or slot.pointer is None:
            return None
        previous = slot.previous.current if slot.previous else None
        parts = (slot.pointer.current, previous)
        times = [(part.opened_at, part.closes_at) for part in parts if part is not None]
        later = [each for pair in times for each in pair if each is not None and each > now]
        return min(later, default=None)

    def standings(self, now: datetime) -> dict[str, Standing]:
        """For each kind the epoch held and the release served at `now`."""
        standings = {}
        for name, slot in self._slots.items():
            served = slot.served(now)
            reference = served.current.reference if served else None
            there = reference is not None and self._shelf.get(reference) is not None
            release = reference.release if reference is not None and there else None
            standings[name] = Standing(slot.pointer.epoch if slot.pointer else 0, release)
        return standings

    def prepared(self) -> tuple[str, ...]:
        """The scheduled releases that are mapped and checked."""
        scheduled = (slot.pointer.upcoming for slot in self._slots.values() if slot.pointer)
        references = (upcoming.reference for upcoming in scheduled if upcoming is not None)
        return tuple(each.release for each in references if self._shelf.get(each) is not None)

    def lacks(self, report: WorkerReport) -> list[str]:
        """What another worker can answer, now or at its hour, and this one cannot: kinds that are
        open there and of which there is no word here, scheduled releases that are not mapped."""
        now = self.clock()
        views = (self.view(name, now) for name in self._slots)
        known = {view.name for view in views if view and view.state is not State.UNAVAILABLE}
        open_there = {name for name, standing in report.serving.items() if standing.release}
        here = {standing.release for standing in self.standings(now).values()} | {*self.prepared()}
        return [*sorted(open_there - known), *sorted(set(report.upcoming) - here)]

    def close(self) -> None:
        """Unmap everything; nothing may be asked after."""
        self.revision += 1
        self._shelf.close()
        self._slots.clear()

    def _stamps(self) -> dict[str, Stamp]:
        try:
            stamps = self._store.stamps()
        except OSError as error:
            if not self._unlisted:
                log.error("the live pointers cannot be listed: %s", type(error).__name__)
            self._unlisted = True
            return {}
        self._unlisted = False
        return stamps

    def _read(self, name: str, slot: Slot) -> None:
        try:
            found = self._store.pointer(name)
            if found is not None and found.kind != name:
                raise DamagedError("A live pointer is about another kind: open the release again.")
        except ServiceError as error:
            slot.complain(name, str(error))
            return
        slot.complaint = ""
        if found is None or (slot.pointer is not None and found.epoch <= slot.pointer.epoch):
            return
        slot.take(found)

    def _wanted(self) -> Iterator[Reference]:
        for slot in self._slots.values():
            pointer = slot.pointer
            if pointer is None:
                continue
            previous = slot.previous.current if slot.previous else None
            parts = (pointer.current, pointer.upcoming, pointer.ended, previous)
            yield from (part.reference for part in parts if part is not None)

    def _pre_read(self, now: datetime) -> dict[Reference, datetime]:
        """Since when what opens soon must have been checked."""
        scheduled = (slot.pointer.upcoming for slot in self._slots.values() if slot.pointer)
        return {
            each.reference: each.opens_at - PRE_READ
            for each in scheduled
            if each is not None and now >= each.opens_at - PRE_READ
        }

    def _prove(self, now: datetime) -> None:
        """Learn kinds from what is mapped; prove the keys of what is current."""
        for name, slot in self._slots.items():
            pointer = slot.pointer
            if pointer is None:
                continue
            for part in (pointer.ended, pointer.upcoming, pointer.current):
                mapped = part and self._shelf.get(part.reference)
                if mapped and mapped.kind.name == name:
                    slot.kind = mapped.kind
            if pointer.current is not None and slot.proven is None:
                mapped = self._shelf.get(pointer.current.reference)
                if mapped is not None:
                    slot.prove(name, mapped, pointer.current)
            if slot.proven is not None and now >= slot.proven.current.opened_at:
                slot.previous = None


def _past(then: datetime, now: datetime) -> bool:
    # A clock set back must not stop the looking.
    return abs(now - then) >= READ_AGAIN_AFTER
