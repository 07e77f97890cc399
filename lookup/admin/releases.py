"""Releases as the admin database knows them; which one is live is the pointer's to say."""

import contextlib
from dataclasses import dataclass

import aiosqlite

from lookup.admin.database import transaction
from lookup.errors import DamagedError, RefusedError, UsageError
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Pointer, Reference

SEALED, SCHEDULED, OPEN = "sealed", "scheduled", "open"
SUPERSEDED, CLOSED, WITHDRAWN = "superseded", "closed", "withdrawn"

MOVES: dict[str, frozenset[str]] = {
    SEALED: frozenset({SCHEDULED, OPEN, WITHDRAWN}),
    SCHEDULED: frozenset({SCHEDULED, SEALED, OPEN, WITHDRAWN}),
    OPEN: frozenset({SUPERSEDED, CLOSED, WITHDRAWN}),
    SUPERSEDED: frozenset({OPEN}),
    CLOSED: frozenset({SCHEDULED, OPEN}),
    WITHDRAWN: frozenset(),
}
"""What a release may become, from each state. A withdrawn release never opens again."""


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
    state: str
    opens_at: str | None = None
    opened_over: str | None = None
    reason: str | None = None

    @property
    def reference(self) -> Reference:
        """The release as pointers name it."""
        return Reference(self.id, self.file, self.sha256)


async def list_releases(database: aiosqlite.Connection) -> list[Release]:
    """Every release, the newest first."""
    async with database.execute("SELECT * FROM release ORDER BY built_at DESC, id") as cursor:
        return [Release(**dict(row)) async for row in cursor]


async def get_release(database: aiosqlite.Connection, release: str) -> Release:
    """One release. Raises UsageError where there is none."""
    async with database.execute("SELECT * FROM release WHERE id = ?", (release,)) as cursor:
        row = await cursor.fetchone()
    if row is None:
        raise UsageError("There is no such release: `lookup release list` shows them.")
    return Release(**dict(row))


async def refuse_withdrawn(database: aiosqlite.Connection, batch: int) -> None:
    """Raise RefusedError where a release of this batch was taken back: nothing of the batch is
    built or opened again."""
    sql = "SELECT 1 FROM release WHERE batch = ? AND state = ?"
    async with database.execute(sql, (batch, WITHDRAWN)) as cursor:
        if await cursor.fetchone():
            raise RefusedError(
                f"A release of batch {batch} was withdrawn: load the mended files, and build a"
                " release of the new batch."
            )


def _states(pointer: Pointer, release: Release) -> str:
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


async def reconcile(database: aiosqlite.Connection, store: EmbeddedStore) -> None:
    """Make the releases' states say what the live pointers say, after a kill in between."""
    pointers: dict[str, Pointer | None] = {}
    changes = []
    for release in await list_releases(database):
        if release.kind not in pointers:
            # A pointer that cannot be read says nothing; its kind's next act reports it.
            with contextlib.suppress(DamagedError):
                pointers[release.kind] = store.pointer(release.kind)
        pointer = pointers.get(release.kind)
        state = _states(pointer, release) if pointer else release.state
        if state != release.state:
            changes.append((state, release.id))
    if changes:
        async with transaction(database):
            await database.executemany("UPDATE release SET state = ? WHERE id = ?", changes)
