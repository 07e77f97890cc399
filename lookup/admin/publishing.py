"""Publishing: every act is one move of a kind's live pointer.

What only the database knows (why, over what, for when) is noted before the move; the states
follow from the pointer after it, by `reconcile`, which also mends what a kill left between.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import aiosqlite

from lookup.admin.database import transaction
from lookup.admin.keys import Keys
from lookup.admin.releases import (
    MOVES,
    OPEN,
    SCHEDULED,
    SEALED,
    WITHDRAWN,
    Release,
    get_release,
    reconcile,
    refuse_withdrawn,
)
from lookup.errors import RefusedError, UsageError
from lookup.release_file import ReleaseFile, verify_digest
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Current, Ended, Pointer, Upcoming

Clock = Callable[[], datetime]
MAX_SLEEP_S = 0.5
"""The clock and the pointer are read again at least this often while waiting for an hour."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Moves live pointers; the only holder of release keys."""

    database: aiosqlite.Connection
    store: EmbeddedStore
    keys: Keys
    clock: Clock

    def _pointer(self, kind: str) -> Pointer:
        return self.store.pointer(kind) or Pointer(kind, 0)

    async def _move(self, before: Pointer, **parts: Current | Upcoming | Ended | None) -> None:
        self.store.prepare()
        # Counted by the clock: even where a pointer was lost, the next one is above it.
        epoch = max(before.epoch + 1, int(self.clock().timestamp() * 1000))
        self.store.move(replace(before, epoch=epoch, **parts), before.epoch)  # type: ignore[arg-type]  # the pointer's own parts
        await reconcile(self.database, self.store)

    async def _may(self, release_id: str, state: str) -> Release:
        await reconcile(self.database, self.store)
        release = await get_release(self.database, release_id)
        if state not in MOVES[release.state]:
            raise RefusedError(f"{release.id} is {release.state} and cannot become {state}.")
        await refuse_withdrawn(self.database, release.batch)
        return release

    def _check(self, release: Release) -> bytes:
        """The key of a release whose file is whole and opens with it. Raises DamagedError."""
        path = self.store.path(release.reference)
        verify_digest(path, release.sha256)
        key = self.keys.get(release.id)
        with contextlib.closing(ReleaseFile(path)) as file:
            file.statistics(key)
        return key

    async def schedule(
        self, release_id: str, opens_at: datetime, closes_at: datetime | None = None
    ) -> Release:
        """Announce the hour of a sealed release. Raises RefusedError, DamagedError."""
        release = await get_release(self.database, release_id)
        pointer = self._pointer(release.kind)
        release = await self._may(release_id, SCHEDULED)
        if opens_at <= self.clock():
            raise RefusedError("The opening time is past: give a later one, or use release open.")
        if closes_at and closes_at <= opens_at:
            raise RefusedError("It would close before it opens: give a later closing time.")
        self._check(release)
        if pointer.upcoming and pointer.upcoming.reference.release != release.id:
            raise RefusedError(
                f"{pointer.upcoming.reference.release} is scheduled already:"
                " `lookup release withdraw` its kind's upcoming release first (--upcoming)."
            )
        upcoming = Upcoming(release.reference, opens_at, closes_at)
        await self._note(release.id, "opens_at", opens_at.isoformat())
        await self._move(pointer, upcoming=upcoming)
        return await get_release(self.database, release.id)

    async def open(
        self, release_id: str, *, closes_at: datetime | None = None, wait: bool = False
    ) -> Release:
        """Serve a release from now on; with `wait`, from its scheduled hour on.

        Never before the hour of a scheduled release. Raises RefusedError, DamagedError.
        """
        release = await self._may(release_id, OPEN)
        key = self._check(release)
        while (left_s := self._left_s(release)) > 0:
            if not wait:
                raise RefusedError(
                    f"{release.id} is scheduled and does not open before its hour:"
                    " add --wait, or schedule another time."
                )
            # Neither a clock that jumps nor an hour that is moved tells anybody: look again.
            await asyncio.sleep(min(left_s, MAX_SLEEP_S))
        return await self._open(release, key, closes_at)

    def _left_s(self, release: Release) -> float:
        """Seconds until the hour the pointer gives this release; 0 where it gives none."""
        upcoming = self._pointer(release.kind).upcoming
        if upcoming is None or upcoming.reference.release != release.id:
            return 0.0
        return (upcoming.opens_at - self.clock()).total_seconds()

    async def _open(self, release: Release, key: bytes, closes_at: datetime | None) -> Release:
        # Read again, the pointer first: while we waited or hashed somebody may have moved the
        # hour or withdrawn the release; whatever happens from here on, the move refuses.
        pointer = self._pointer(release.kind)
        expected = release.state
        release = await self._may(release.id, OPEN)
        now = self.clock()
        own = pointer.upcoming and pointer.upcoming.reference.release == release.id
        if SCHEDULED in (expected, release.state) and not own:
            raise RefusedError(f"{release.id} is not scheduled any more: schedule it again.")
        if pointer.upcoming and own:
            if pointer.upcoming.opens_at > now:
                raise RefusedError(f"The hour of {release.id} was moved: open it then.")
            closes_at = closes_at or pointer.upcoming.closes_at
        elif pointer.upcoming and pointer.upcoming.opens_at > now and release.state == SEALED:
            raise RefusedError(
                f"{pointer.upcoming.reference.release} of this kind is scheduled and nothing new"
                " opens before its hour: withdraw it with --upcoming first."
            )
        if closes_at and closes_at <= now:
            raise RefusedError("The closing time is past: give a later one.")
        before = pointer.current.reference.release if pointer.current else None
        # Kept, so that a reader that missed the end of a release does not serve it on.
        ended = pointer.ended
        again = ended is not None and ended.reference == release.reference
        # Noted first: after a kill in between, what was opened can still be rolled back.
        await self._note(release.id, "opened_over", before)
        await self._move(
            pointer,
            current=Current(release.reference, key, now, closes_at),
            upcoming=None if own else pointer.upcoming,
            ended=None if again else ended,
        )
        return await get_release(self.database, release.id)

    async def close(self, kind: str) -> Release:
        """End the query window of what is open. Raises RefusedError."""
        return await self._end(kind, withdrawn=False)

    async def withdraw(self, kind: str, reason: str, *, upcoming: bool = False) -> Release:
        """Take back what is open, or what is scheduled, for a reason the record keeps."""
        if not reason.strip():
            raise UsageError("Say why: --reason must not be empty.")
        await reconcile(self.database, self.store)
        pointer = self._pointer(kind)
        part = pointer.upcoming if upcoming else pointer.current
        if part is None:
            what = "scheduled" if upcoming else "open"
            raise RefusedError(f"No release of this kind is {what}: there is nothing to withdraw.")
        await self._note(part.reference.release, "reason", reason.strip())
        if not upcoming:
            return await self._end(kind, withdrawn=True)
        # Noted first: after a kill in between, the pointer says it is scheduled still.
        await self._note(part.reference.release, "state", WITHDRAWN)
        await self._move(pointer, upcoming=None)
        return await get_release(self.database, part.reference.release)

    async def _end(self, kind: str, *, withdrawn: bool) -> Release:
        await reconcile(self.database, self.store)
        pointer = self._pointer(kind)
        if pointer.current is None:
            raise RefusedError("No release of this kind is open: `lookup release list` shows them.")
        reference = pointer.current.reference
        await self._move(pointer, current=None, ended=Ended(reference, self.clock(), withdrawn))
        return await get_release(self.database, reference.release)

    async def roll_back(self, kind: str) -> Release:
        """Serve again what the open release superseded. Raises RefusedError, DamagedError."""
        await reconcile(self.database, self.store)
        pointer = self._pointer(kind)
        if pointer.current is None:
            raise RefusedError("No release of this kind is open: there is nothing to roll back.")
        current = await get_release(self.database, pointer.current.reference.release)
        if current.opened_over is None:
            raise RefusedError(f"{current.id} superseded nothing: withdraw or close it instead.")
        earlier = await self._may(current.opened_over, OPEN)
        if earlier.state == SCHEDULED:
            raise RefusedError(f"{earlier.id} is scheduled and does not open before its hour.")
        await self._move(
            pointer,
            current=Current(
                earlier.reference,
                self._check(earlier),
                self.clock(),
                pointer.current.closes_at,
            ),
        )
        return await get_release(self.database, earlier.id)

    async def _note(self, release_id: str, column: str, value: str | None) -> None:
        sql = f"UPDATE release SET {column} = ? WHERE id = ?"  # noqa: S608  # columns named above only
        async with transaction(self.database):
            await self.database.execute(sql, (value, release_id))
