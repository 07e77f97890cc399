"""Signing in: a name, a password and a code; and a throttle for whoever guesses.

Nobody learns which of the three was wrong, nor who is registered: one sentence for all, after
the same work. Wrong tries are counted before the work is done, so that many at once are many.
"""

import hashlib
import hmac
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiosqlite
import pyotp

from lookup.admin import audit
from lookup.admin.database import transaction
from lookup.admin.desk import Desk
from lookup.admin.people.accounts import NAME, Person, get_person, person_of
from lookup.admin.people.passwords import hash_password, needs_rehash, verify_password
from lookup.admin.refusals import refused

SIGN_IN, PROVE = "person.sign_in", "person.prove"
UNKNOWN = "unknown"
STEPS = (-1, 0, 1)
"""A code may be one step of 30 seconds early or late."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many wrong tries are free; then each doubles the wait, up to the longest."""

    free: int
    first: timedelta
    longest: timedelta

    def wait(self, failures: int) -> timedelta:
        """How long after the last of so many failures nobody may try."""
        if failures < self.free:
            return timedelta(0)
        return min(self.longest, self.first * (1 << min(failures - self.free, 30)))


FORGOTTEN = timedelta(minutes=15)
"""After so long without a wrong try nothing is held against a name."""
A_NAME = Limit(free=5, first=timedelta(seconds=30), longest=FORGOTTEN)
# Short, or a guesser of made-up names could keep everybody out.
EVERYBODY = Limit(free=60, first=timedelta(seconds=1), longest=timedelta(minutes=1))
EVERYBODY_SUBJECT = ""
Limits = tuple[tuple[str, Limit], ...]
"""What a try is counted under, each with its limit."""


def _subject(name: str) -> str:
    """What a name is counted under: people type passwords where names belong."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


async def sign_in(desk: Desk, name: str, password: str, code: str) -> Person:
    """Who it is. Raises RefusedError: one sentence, or how long to wait.

    The desk's actor does not matter. A failure is a line of the audit.
    """
    return await _identify(desk, name, password, code, SIGN_IN)


async def prove_again(desk: Desk, name: str, password: str, code: str) -> Person:
    """The same for somebody who has signed in and is about to do what cannot be undone."""
    return await _identify(desk, name, password, code, PROVE)


async def _identify(desk: Desk, name: str, password: str, code: str, act: str) -> Person:
    limits = _limits(act, name)
    await _count_try(desk, limits)
    row = await _row(desk.database, name)
    right = await verify_password(row["password"] if row else None, password)
    step = _step(row["totp"] if row else pyotp.random_base32(), code, desk.clock())
    known = person_of(row) if row else None
    enabled = known is not None and known.disabled_at is None
    rehashed = None
    if right and row and enabled and needs_rehash(row["password"]):
        rehashed = await hash_password(password)
    async with transaction(desk.database):
        welcome = right and enabled and await _spend(desk.database, name, step)
        subject = known.name if known else UNKNOWN
        await audit.note(
            desk.database, desk.clock(), subject, act if welcome else f"{act}.failed", subject
        )
        if welcome:
            await _forgive(desk.database, limits)
        if welcome and rehashed:
            sql = "UPDATE person SET password = ? WHERE name = ?"
            await desk.database.execute(sql, (rehashed, name))
    if not welcome:
        raise refused("credentials")
    return await get_person(desk.database, name)


async def _row(database: aiosqlite.Connection, name: str) -> aiosqlite.Row | None:
    # What cannot be a name is nobody's, and may not even be text that a database takes.
    asked = name if NAME.fullmatch(name) else ""
    async with database.execute("SELECT * FROM person WHERE name = ?", (asked,)) as cursor:
        return await cursor.fetchone()


def _step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code was typed, None where there is none."""
    totp = pyotp.TOTP(secret)
    typed = "".join(code.split()).encode("utf-8", "replace")
    current = int(now.timestamp()) // totp.interval
    found = None
    for step in (current + offset for offset in STEPS):
        # All are looked at, so that the time says nothing.
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed):
            found = step
    return found


async def _spend(database: aiosqlite.Connection, name: str, step: int | None) -> bool:
    """Use up a code: False where there is none, or one as late was used before."""
    if step is None:
        return False
    sql = "UPDATE person SET totp_step = ? WHERE name = ? AND totp_step < ?"
    async with database.execute(sql, (step, name, step)) as cursor:
        return cursor.rowcount == 1


def _limits(act: str, name: str) -> Limits:
    """What a try is counted under. Proving again has a count of its own: whoever guesses at the
    door must not keep the duty officer inside from opening or withdrawing."""
    if act == PROVE:
        return ((_subject(f"{PROVE} {name}"), A_NAME),)
    return ((_subject(name), A_NAME), (EVERYBODY_SUBJECT, EVERYBODY))


async def _count_try(desk: Desk, limits: Limits) -> None:
    """Count a try as failed until it succeeds. Raises RefusedError while it is too soon."""
    now = desk.clock()
    async with transaction(desk.database):
        await _forget(desk.database, now)
        found = {subject: await _failures(desk.database, subject) for subject, _ in limits}
        waits = [
            last + limit.wait(failures) - now
            for subject, limit in limits
            for failures, last in (found[subject],)
            if last is not None
        ]
        left_s = max((wait.total_seconds() for wait in waits), default=0)
        if left_s > 0:
            raise refused("throttled", seconds=math.ceil(left_s))
        sql = (
            "INSERT INTO attempt (subject, failures, last_at) VALUES (?, 1, ?) ON CONFLICT DO"
            " UPDATE SET failures = failures + 1, last_at = excluded.last_at"
        )
        await desk.database.executemany(sql, [(s, now.isoformat()) for s, _ in limits])


async def _forget(database: aiosqlite.Connection, now: datetime) -> None:
    """Drop what is too old to count; and what lies ahead, where the clock was set back."""
    sql = "DELETE FROM attempt WHERE last_at <= ? OR last_at > ?"
    await database.execute(sql, ((now - FORGOTTEN).isoformat(), now.isoformat()))


async def _failures(database: aiosqlite.Connection, subject: str) -> tuple[int, datetime | None]:
    sql = "SELECT failures, last_at FROM attempt WHERE subject = ?"
    async with database.execute(sql, (subject,)) as cursor:
        row = await cursor.fetchone()
    return (row["failures"], datetime.fromisoformat(row["last_at"])) if row else (0, None)


async def _forgive(database: aiosqlite.Connection, limits: Limits) -> None:
    """A right try: nothing is held against the name, and it counts for nobody."""
    for subject, limit in limits:
        if limit is EVERYBODY:
            sql = "UPDATE attempt SET failures = max(failures - 1, 0) WHERE subject = ?"
        else:
            sql = "DELETE FROM attempt WHERE subject = ?"
        await database.execute(sql, (subject,))
