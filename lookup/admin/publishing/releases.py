"""Releases as the admin database knows them; which one is live is the pointer's to say."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import aiosqlite

from lookup.admin import audit
from lookup.admin.database import transaction
from lookup.admin.desk import Desk
from lookup.admin.refusals import misused, refused
from lookup.admin.states import (
    CLOSED,
    OPEN,
    SCHEDULED,
    SEALED,
    SUPERSEDED,
    WITHDRAWN,
)
from lookup.errors import DamagedError
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Pointer, Reference

ENDED = frozenset({SUPERSEDED, CLOSED, WITHDRAWN})
RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True)
class Release:
    """One row of the table `release`."""

    id: str
    kind: str
    title: str
    version: int
    batch: int
    file: str
    sha256: str
    built_at: str
    built_by: str
    state: str
    opens_at: str | None = None
    opened_over: str | None = None
    ended_at: str | None = None
    reason: str | None = None
    destroyed_at: str | None = None

    @property
    def reference(self) -> Reference:
        """The release as pointers name it."""
        return Reference(self.id, self.file, self.sha256)


class Mend(NamedTuple):
    """A release whose state was made to say what its pointer says."""

    release: str
    before: str
    after: str


async def list_releases(database: aiosqlite.Connection) -> list[Release]:
    """Every release, the newest first."""
    async with database.execute("SELECT * FROM release ORDER BY built_at DESC, id") as cursor:
        return [Release(**dict(row)) async for row in cursor]


def foremost(releases: Iterable[Release]) -> Release | None:
    """Of a batch's releases, the newest first, the one that tells where the batch has come to:
    what is open, else what is scheduled, else the newest."""
    rank = {OPEN: 0, SCHEDULED: 1}
    return min(releases, key=lambda release: rank.get(release.state, 2), default=None)


async def get_release(database: aiosqlite.Connection, release: str) -> Release:
    """One release. Raises UsageError where there is none."""
    async with database.execute("SELECT * FROM release WHERE id = ?", (release,)) as cursor:
        row = await cursor.fetchone()
    if row is None:
        raise misused("no_release")
    return Release(**dict(row))


async def refuse_withdrawn(database: aiosqlite.Connection, batch: int) -> None:
    """Raise RefusedError where a release of this batch was taken back: nothing of the batch is
    built or opened again."""
    sql = "SELECT 1 FROM release WHERE batch = ? AND state = ?"
    async with database.execute(sql, (batch, WITHDRAWN)) as cursor:
        if await cursor.fetchone():
            raise refused("batch_withdrawn", batch=batch)


def refuse_destroyed(release: Release) -> None:
    """Raise RefusedError where the release's key and records are no more."""
    if release.destroyed_at is not None:
        raise refused("release_destroyed", release=release.id)


def _state(pointer: Pointer, release: Release) -> str:
    """The state a pointer gives one of its kind's releases."""
    if pointer.current and pointer.current.reference.release == release.id:
        return OPEN
    if pointer.upcoming and pointer.upcoming.reference.release == release.id:
        return SCHEDULED
    if release.state == SCHEDULED:
        return SEALED
    if release.state != OPEN:
        return release.state
    if pointer.current:
        return SUPERSEDED
    ended = pointer.ended
    taken_back = ended and ended.withdrawn and ended.reference.release == release.id
    return WITHDRAWN if taken_back else CLOSED


async def in_use(desk: Desk, batch: int) -> Release | None:
    """A release of a batch that is scheduled or open; where there is a pointer, by what that says.

    Raises DamagedError where a pointer cannot be read: what it serves is not known then.
    """
    for release in await list_releases(desk.database):
        if release.batch == batch:
            pointer = desk.store.pointer(release.kind)
            state = _state(pointer, release) if pointer else release.state
            if state in (SCHEDULED, OPEN):
                return replace(release, state=state)
    return None


async def _mends(database: aiosqlite.Connection, store: EmbeddedStore) -> list[Mend]:
    pointers: dict[str, Pointer | None] = {}
    mends = []
    for release in await list_releases(database):
        if release.kind not in pointers:
            # A pointer that cannot be read says nothing; its kind's next act reports it.
            with contextlib.suppress(DamagedError):
                pointers[release.kind] = store.pointer(release.kind)
        pointer = pointers.get(release.kind)
        state = _state(pointer, release) if pointer else release.state
        if state != release.state:
            mends.append(Mend(release.id, release.state, state))
    return mends


async def _set_state(database: aiosqlite.Connection, mend: Mend, now: datetime) -> None:
    sql = "UPDATE release SET state = ? WHERE id = ?"
    await database.execute(sql, (mend.after, mend.release))
    if mend.after in ENDED or mend.after == OPEN:
        ended = now.isoformat() if mend.after in ENDED else None
        sql = "UPDATE release SET ended_at = ? WHERE id = ?"
        await database.execute(sql, (ended, mend.release))


async def _follow(desk: Desk, *, noted: bool) -> list[Mend]:
    if not await _mends(desk.database, desk.store):
        return []
    async with transaction(desk.database):
        # Looked at again: somebody may have been quicker while this waited for its turn.
        mends = await _mends(desk.database, desk.store)
        now = desk.clock()
        for mend in mends:
            await _set_state(desk.database, mend, now)
            if noted:
                name, before, after = mend
                act = "release.reconcile"
                await audit.note(
                    desk.database, now, RECONCILE, act, name, before=before, after=after
                )
    return mends


async def settle(desk: Desk) -> list[Mend]:
    """Make the releases' states say what the live pointers say, as the end of an act."""
    return await _follow(desk, noted=False)


async def reconcile(desk: Desk) -> list[Mend]:
    """The same after a kill between a pointer and the states; each mend is a line of the audit."""
    return await _follow(desk, noted=True)
