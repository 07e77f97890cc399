"""Sessions of the console: known to the server alone, by a digest of the cookie's token."""

import contextlib
import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import aiosqlite

from lookup.admin import audit
from lookup.admin.database import transaction
from lookup.admin.desk import Desk
from lookup.admin.people.accounts import Person, person_of
from lookup.admin.people.roles import Actor
from lookup.admin.people.signing_in import prove_again

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=10)
PROVEN = timedelta(minutes=5)
"""How long after giving password and code somebody may open, withdraw, change people."""
SEEN_EVERY = timedelta(minutes=1)
"""A request does not write the database for less."""
SLACK = timedelta(minutes=1)
"""A clock may be set back that far before sessions end."""
TOKEN_BYTES = 32
CSRF = b"lookup-csrf"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in."""

    id: str
    person: Person
    created_at: datetime
    seen_at: datetime
    proved_at: datetime

    @property
    def actor(self) -> Actor:
        """Who acts, with the roles they have now."""
        return self.person.actor

    def proved(self, now: datetime) -> bool:
        """Whether password and code were given just now."""
        return within(self.proved_at, now, PROVEN)


def within(since: datetime, now: datetime, span: timedelta) -> bool:
    """Whether `now` is less than `span` after `since`, and not before it."""
    return -SLACK <= now - since < span


def _id(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


async def start(desk: Desk, person: Person, old_token: str = "") -> str:
    """A new session's token, for a cookie; the session that came with the sign-in ends."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = desk.clock().isoformat()
    async with transaction(desk.database):
        await desk.database.execute("DELETE FROM session WHERE id = ?", (_id(old_token),))
        await desk.database.execute(
            "INSERT INTO session (id, person, created_at, seen_at, proved_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (_id(token), person.name, now, now, now),
        )
    return token


async def find(desk: Desk, token: str, *, seen: bool = True) -> Session | None:
    """The session of a token; None where it is over or was none.

    It is noted as seen, but for what a page asks by itself (`seen` false): a page left open must
    not keep somebody signed in.
    """
    sql = (
        "SELECT session.id, session.created_at AS began_at, seen_at, proved_at, person.*"
        " FROM session JOIN person ON person.name = session.person WHERE session.id = ?"
    )
    async with desk.database.execute(sql, (_id(token),)) as cursor:
        row = await cursor.fetchone()
    if row is None or row["disabled_at"] is not None:
        return None
    began, last, proved = (
        datetime.fromisoformat(row[name]) for name in ("began_at", "seen_at", "proved_at")
    )
    now = desk.clock()
    if not within(began, now, LONGEST) or not within(last, now, IDLE):
        return None
    session = Session(row["id"], person_of(row), began, last, proved)
    if seen and not within(last, now, SEEN_EVERY):
        # A full disk keeps nobody from looking: a session that is not noted ends sooner.
        with contextlib.suppress(sqlite3.OperationalError):
            await _set(desk.database, session.id, "seen_at", now)
        return replace(session, seen_at=now)
    return session


async def prove(desk: Desk, session: Session, password: str, code: str) -> Session:
    """The session, proved anew. Raises RefusedError as signing in does."""
    await prove_again(desk, session.person.name, password, code)
    now = desk.clock()
    await _set(desk.database, session.id, "proved_at", now)
    return replace(session, proved_at=now)


async def end(desk: Desk, session: Session) -> None:
    """Sign somebody out."""
    async with transaction(desk.database):
        await desk.database.execute("DELETE FROM session WHERE id = ?", (session.id,))
        name = session.person.name
        await audit.note(desk.database, desk.clock(), name, "person.sign_out", name)


async def sweep(desk: Desk) -> int:
    """Forget the sessions that are over; how many."""
    now = desk.clock()
    sql = "DELETE FROM session WHERE created_at <= ? OR seen_at <= ?"
    values = ((now - LONGEST).isoformat(), (now - IDLE).isoformat())
    async with desk.database.execute(sql, values) as cursor:
        return cursor.rowcount


async def _set(database: aiosqlite.Connection, session: str, column: str, now: datetime) -> None:
    sql = f"UPDATE session SET {column} = ? WHERE id = ?"  # noqa: S608  # columns named above only
    await database.execute(sql, (now.isoformat(), session))


def csrf_token(token: str) -> str:
    """What a form of this session carries, so that no other site can send it."""
    key = token.encode("utf-8", "replace")[:64]
    return hashlib.blake2b(CSRF, key=key, digest_size=TOKEN_BYTES).hexdigest()


def csrf_right(token: str, given: str) -> bool:
    """Whether a form came from a page of this session."""
    return hmac.compare_digest(csrf_token(token).encode(), given.encode("utf-8", "replace"))
