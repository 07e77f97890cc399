"""Publishing: every act is one move of a kind's live pointer.

What only the database knows (who, why, over what, for when) is noted before the move, with a
line of the audit; the states follow from the pointer after it. After a kill in between,
`reconcile` mends the states and says so.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from lookup.admin.batches import get_batch
from lookup.admin.broadcasting import take_off
from lookup.admin.desk import Desk
from lookup.admin.publishing.intents import came_to_nothing, intend
from lookup.admin.publishing.releases import (
    Release,
    get_release,
    reconcile,
    refuse_destroyed,
    refuse_withdrawn,
    settle,
)
from lookup.admin.publishing.sealed import aside, check_sealed
from lookup.admin.refusals import misused, refused, word
from lookup.admin.reviewing import refuse_unapproved, review_stamp
from lookup.admin.states import OPEN, SCHEDULED, SEALED, WITHDRAWN, check_move
from lookup.admin.telling import refuse_telling
from lookup.errors import RefusedError
from lookup.release_file import Manifest
from lookup.sealing import pre_check_key
from lookup.stores.pointer import Current, Ended, Pointer, Reference, Upcoming

MAX_SLEEP_S = 0.5
"""The clock and the pointer are read again at least this often while waiting for an hour."""
READY_S = 1.0
"""So long before the hour the intent is noted, so that at the hour only the pointer is written."""
OPENING, PREPARING = "release.open", "release.prepare"
"""What is noted before its hour is only prepared: the audit says it opened once it has."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Moves live pointers; the only one who takes release keys out of their folder."""

    desk: Desk

    def _pointer(self, kind: str) -> Pointer:
        return self.desk.store.pointer(kind) or Pointer(kind, 0)

    async def _move(self, before: Pointer, **parts: Current | Upcoming | Ended | None) -> None:
        self.desk.store.prepare()
        # Counted by the clock: even where a pointer was lost, the next one is above it.
        epoch = max(before.epoch + 1, int(self.desk.clock().timestamp() * 1000))
        moved = replace(before, epoch=epoch, **parts)  # type: ignore[arg-type]  # its own parts
        self.desk.store.move(moved, before.epoch)

    async def _may(self, release_id: str, state: str) -> Release:
        await reconcile(self.desk)
        release = await get_release(self.desk.database, release_id)
        check_move(release.id, release.state, state)
        refuse_destroyed(release)
        await refuse_withdrawn(self.desk.database, release.batch)
        return release

    async def _check(self, release: Release) -> tuple[bytes, Manifest]:
        """Key and manifest of a release that is whole and may be opened now: approved, with
        exactly the content that was approved. Raises RefusedError, DamagedError."""
        batch = await self._refuse_unapproved(release)
        loaded = await get_batch(self.desk.database, release.batch)
        await refuse_telling(self.desk, loaded, release.id)
        store, keys = self.desk.store, self.desk.keys
        return await aside(lambda: check_sealed(store, keys, release, batch))

    async def _refuse_unapproved(self, release: Release) -> str:
        settings = self.desk.settings
        return (await refuse_unapproved(self.desk.database, settings, release.batch)).sha256

    async def schedule(
        self, release_id: str, opens_at: datetime, closes_at: datetime | None = None
    ) -> Release:
        """Announce the hour of a sealed release. Raises RefusedError, DamagedError."""
        self.desk.actor.check("release.schedule")
        release = await get_release(self.desk.database, release_id)
        pointer = self._pointer(release.kind)
        release = await self._may(release_id, SCHEDULED)
        if opens_at <= self.desk.clock():
            raise refused("opening_past")
        if closes_at and closes_at <= opens_at:
            raise refused("closes_first")
        key, manifest = await self._check(release)
        if pointer.upcoming and pointer.upcoming.reference.release != release.id:
            raise refused("scheduled_already", release=pointer.upcoming.reference.release)
        times = {"opens_at": opens_at.isoformat()}
        if closes_at:
            times["closes_at"] = closes_at.isoformat()
        await intend(
            self.desk, "release.schedule", pointer, release.reference, times, opens_at=opens_at
        )
        # Never the release key itself: this one is public from here on, that one at the hour.
        pre_check = pre_check_key(key) if manifest.pre_check else None
        upcoming = Upcoming(release.reference, opens_at, closes_at, pre_check)
        await self._carry_out("release.schedule", pointer, release.reference, upcoming=upcoming)
        return await get_release(self.desk.database, release.id)

    async def open(
        self, release_id: str, *, closes_at: datetime | None = None, wait: bool = False
    ) -> Release:
        """Serve a release from now on; with `wait`, from its scheduled hour on.

        Never before the hour of a scheduled release, never without the approvals required at
        that moment. Raises RefusedError, DamagedError.
        """
        self.desk.actor.check("release.open")
        release = await self._may(release_id, OPEN)
        key, _ = await self._check(release)
        while (left_s := self._left_s(release)) > (READY_S if wait else 0):
            if not wait:
                raise refused("not_yet", release=release.id)
            # Neither a clock that jumps nor an hour that is moved tells anybody: look again.
            await asyncio.sleep(min(left_s - READY_S / 2, MAX_SLEEP_S))
        return await self._open(release, key, closes_at, wait=wait)

    def _left_s(self, release: Release) -> float:
        """Seconds until the hour the pointer gives this release; 0 where it gives none."""
        upcoming = self._pointer(release.kind).upcoming
        if upcoming is None or upcoming.reference.release != release.id:
            return 0.0
        return (upcoming.opens_at - self.desk.clock()).total_seconds()

    async def _open(
        self, release: Release, key: bytes, closes_at: datetime | None, *, wait: bool
    ) -> Release:
        # Read again, the pointer first: while we waited or hashed somebody may have moved the
        # hour or withdrawn the release; whatever happens from here on, the move refuses.
        pointer = self._pointer(release.kind)
        expected = release.state
        release = await self._may(release.id, OPEN)
        own = pointer.upcoming is not None and pointer.upcoming.reference.release == release.id
        if SCHEDULED in (expected, release.state) and not own:
            raise refused("not_scheduled", release=release.id)
        closes_at = self._window(pointer, release, closes_at, own=own, wait=wait)
        stamp = await review_stamp(self.desk.database, release.batch)
        await self._refuse_unapproved(release)
        over = pointer.current.reference.release if pointer.current else None
        # Noted first: after a kill in between, what was opened can still be rolled back.
        early = self._left_s(release) > 0
        detail = {"over": over or ""}
        if own and pointer.upcoming:
            detail["opens_at"] = pointer.upcoming.opens_at.isoformat()
        act = PREPARING if early else OPENING
        await intend(self.desk, act, pointer, release.reference, detail, opened_over=over)
        # Kept, so that a reader that missed the end of a release does not serve it on.
        ended = pointer.ended
        again = ended is not None and ended.reference == release.reference
        try:
            await self._wait(pointer, release)
            # At the hour itself: an approval revoked in the last second keeps it shut.
            if await review_stamp(self.desk.database, release.batch) != stamp:
                await self._refuse_unapproved(release)
            await self._move(
                pointer,
                current=Current(release.reference, key, self.desk.clock(), closes_at),
                upcoming=None if own else pointer.upcoming,
                ended=None if again else ended,
            )
        except RefusedError as error:
            # Another publisher was quicker, and has said so: it is open, nothing has failed.
            if not (early and self._serves(release)):
                await came_to_nothing(self.desk, OPENING, release.reference, error)
                raise
        else:
            if early:
                await intend(self.desk, OPENING, pointer, release.reference, detail)
        await settle(self.desk)
        return await get_release(self.desk.database, release.id)

    def _serves(self, release: Release) -> bool:
        current = self._pointer(release.kind).current
        return current is not None and current.reference == release.reference

    def _window(
        self,
        pointer: Pointer,
        release: Release,
        closes_at: datetime | None,
        *,
        own: bool,
        wait: bool,
    ) -> datetime | None:
        """When it closes, where it may open now, or in a moment for who waits."""
        now = self.desk.clock()
        upcoming = pointer.upcoming
        if upcoming and own:
            if (upcoming.opens_at - now).total_seconds() > (READY_S if wait else 0):
                raise refused("hour_moved", release=release.id)
            closes_at = closes_at or upcoming.closes_at
        elif upcoming and upcoming.opens_at > now and release.state == SEALED:
            raise refused("nothing_before", release=upcoming.reference.release)
        if closes_at and closes_at <= now:
            raise refused("closing_past")
        return closes_at

    async def _wait(self, pointer: Pointer, release: Release) -> None:
        """The last second before the hour; ended by any other move of the pointer."""
        while (left_s := self._left_s(release)) > 0:
            await asyncio.sleep(min(left_s, MAX_SLEEP_S))
            if self._pointer(pointer.kind).epoch != pointer.epoch:
                raise refused("moved_meanwhile", release=release.id)

    async def close(self, kind: str, why: str = "") -> Release:
        """End the query window of what is open; the audit keeps `why`. Raises RefusedError."""
        pointer, current = await self._current("release.close", kind)
        return await self._end(pointer, current, "release.close", why=why)

    async def close_due(self, kind: str) -> Release | None:
        """End the query window of what is open where its time is over; None where it is not."""
        pointer = self._pointer(kind)
        current = pointer.current
        if not current or not current.closes_at or current.closes_at > self.desk.clock():
            return None
        await reconcile(self.desk)
        return await self._end(pointer, current, "release.close")

    async def withdraw(self, kind: str, reason: str, *, upcoming: bool = False) -> Release:
        """Take back what is open, or what is scheduled, for a reason the record keeps."""
        act = "release.withdraw"
        self.desk.actor.check(act)
        if not reason.strip():
            raise misused("why")
        await reconcile(self.desk)
        pointer = self._pointer(kind)
        part = pointer.upcoming if upcoming else pointer.current
        if part is None:
            raise refused("nothing_to_withdraw", what=word(SCHEDULED if upcoming else OPEN))
        if isinstance(part, Current):
            ended = await self._end(pointer, part, act, reason.strip())
            await take_off(self.desk, ended.id)
            return ended
        now = self.desk.clock()
        # Noted first: after a kill in between, the pointer says it is scheduled still.
        await intend(
            self.desk,
            act,
            pointer,
            part.reference,
            {"reason": reason.strip()},
            after="",
            reason=reason.strip(),
            state=WITHDRAWN,
            ended_at=now,
        )
        await self._carry_out(act, pointer, part.reference, upcoming=None)
        return await get_release(self.desk.database, part.reference.release)

    async def _current(self, act: str, kind: str) -> tuple[Pointer, Current]:
        self.desk.actor.check(act)
        await reconcile(self.desk)
        pointer = self._pointer(kind)
        if pointer.current is None:
            raise refused("nothing_open")
        return pointer, pointer.current

    async def _end(
        self,
        pointer: Pointer,
        current: Current,
        act: str,
        reason: str | None = None,
        *,
        why: str = "",
    ) -> Release:
        """Take the current release out of the pointer; for a reason, it is withdrawn."""
        reference = current.reference
        if reason is None:
            await intend(self.desk, act, pointer, reference, _told(why), after="")
        else:
            await intend(
                self.desk, act, pointer, reference, {"reason": reason}, after="", reason=reason
            )
        ended = Ended(reference, self.desk.clock(), reason is not None)
        await self._carry_out(act, pointer, reference, current=None, ended=ended)
        return await get_release(self.desk.database, reference.release)

    async def roll_back(self, kind: str, why: str = "") -> Release:
        """Serve again what the open release superseded; the audit keeps `why`. Raises
        RefusedError, DamagedError."""
        act = "release.roll_back"
        pointer, served = await self._current(act, kind)
        current = await get_release(self.desk.database, served.reference.release)
        if current.opened_over is None:
            raise refused("superseded_nothing", release=current.id)
        earlier = await self._may(current.opened_over, OPEN)
        if earlier.state == SCHEDULED:
            raise refused("earlier_scheduled", release=earlier.id)
        key, _ = await self._check(earlier)
        await intend(self.desk, act, pointer, earlier.reference, {"over": current.id} | _told(why))
        again = Current(earlier.reference, key, self.desk.clock(), served.closes_at)
        await self._carry_out(act, pointer, earlier.reference, current=again)
        await take_off(self.desk, current.id)
        return await get_release(self.desk.database, earlier.id)

    async def _carry_out(
        self,
        act: str,
        pointer: Pointer,
        reference: Reference,
        **parts: Current | Upcoming | Ended | None,
    ) -> None:
        try:
            await self._move(pointer, **parts)
        except RefusedError as error:
            await came_to_nothing(self.desk, act, reference, error)
            raise
        await settle(self.desk)


def _told(why: str) -> dict[str, str]:
    """A reason nobody had to give, as the audit keeps it."""
    return {"reason": why.strip()} if why.strip() else {}
