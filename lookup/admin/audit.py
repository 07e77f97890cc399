"""The audit: every act, in a chain of hashes that no edit, deletion or reordering survives.

`hash = SHA-256(hash before, newline, the line as JSON with sorted keys)`; the first line
follows 64 zeros. Whoever can write the database could also write a whole new chain: the head
printed by `lookup audit verify` is for an auditor to keep elsewhere and to give back later.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import aiosqlite
import orjson

START = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: who did what to what, when, from which hash or state to which."""

    id: int
    at: str
    person: str
    act: str
    subject: str
    before: str
    after: str
    detail: Mapping[str, Any]
    hash: str

    def expected_hash(self, previous: str) -> str:
        """The hash this line must have after `previous`."""
        line = {name: value for name, value in asdict(self).items() if name != "hash"}
        content = orjson.dumps(line, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(previous.encode() + b"\n" + content).hexdigest()


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification saw: so many lines up to `head`; `broken` is the first bad line's
    number and why, None where the chain is whole."""

    lines: int
    head: str
    broken: tuple[int, str] | None = None


def _text(detail: Mapping[str, Any]) -> str:
    """A line's details as they are kept: the one way to write them."""
    return orjson.dumps(detail, option=orjson.OPT_SORT_KEYS).decode()


def _entry(row: aiosqlite.Row) -> Entry:
    return Entry(**{**dict(row), "detail": orjson.loads(row["detail"])})


async def head(database: aiosqlite.Connection) -> tuple[int, str]:
    """The last line's number and hash; 0 and zeros before the first."""
    async with database.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1") as cursor:
        row = await cursor.fetchone()
    return (row["id"], row["hash"]) if row else (0, START)


async def note(
    database: aiosqlite.Connection,
    at: datetime,
    person: str,
    act: str,
    subject: str,
    *,
    before: str = "",
    after: str = "",
    **detail: Any,
) -> None:
    """Append one line, inside the transaction of the act it tells of."""
    number, previous = await head(database)
    entry = Entry(number + 1, at.isoformat(), person, act, subject, before, after, detail, "")
    await database.execute(
        "INSERT INTO audit (id, at, person, act, subject, before, after, detail, hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            entry.at,
            person,
            act,
            subject,
            before,
            after,
            _text(detail),
            entry.expected_hash(previous),
        ),
    )


async def entries(
    database: aiosqlite.Connection,
    *,
    before: int | None = None,
    limit: int | None = None,
    subject: str | None = None,
    act: str | None = None,
) -> AsyncIterator[Entry]:
    """The lines, the newest first; `before` is a line's number, `subject` what they are about."""
    sql = (
        "SELECT * FROM audit WHERE id < ?1 AND (?3 IS NULL OR subject = ?3)"
        " AND (?4 IS NULL OR act = ?4) ORDER BY id DESC LIMIT ?2"
    )
    last_id = before if before is not None else 2**62
    values = (last_id, -1 if limit is None else limit, subject, act)
    async with database.execute(sql, values) as cursor:
        async for row in cursor:
            yield _entry(row)


async def about(database: aiosqlite.Connection, *subjects: str) -> list[Entry]:
    """Every line about any of these, the newest first."""
    lines = [line for one in subjects async for line in entries(database, subject=one)]
    return sorted(lines, key=lambda line: line.id, reverse=True)


async def last(database: aiosqlite.Connection, *acts: str) -> dict[str, Entry]:
    """The last line of any of these acts about each subject there is one about."""
    lines = [line for act in acts async for line in entries(database, act=act)]
    return {line.subject: line for line in sorted(lines, key=lambda line: line.id)}


async def oldest_first(database: aiosqlite.Connection) -> AsyncIterator[Entry]:
    """Every line in the order it was written."""
    async with database.execute("SELECT * FROM audit ORDER BY id") as cursor:
        async for row in cursor:
            yield _entry(row)


def _as_written(row: aiosqlite.Row, previous: str) -> bool:
    """Whether a row is, to the byte, what `note` wrote after a line with the hash `previous`."""
    try:
        entry = _entry(row)
    except ValueError:
        return False
    written = row["detail"] == _text(entry.detail)
    return written and entry.hash == entry.expected_hash(previous)


async def verify_chain(database: aiosqlite.Connection, known_head: str | None = None) -> Verified:
    """Follow the chain from its first line; `known_head` is a head noted earlier, which must
    still be in it."""
    previous, count = START, 0
    known = known_head is None or known_head == START
    async with database.execute("SELECT * FROM audit ORDER BY id") as cursor:
        async for row in cursor:
            count += 1
            if row["id"] != count:
                return Verified(count - 1, previous, (count, "missing"))
            if not _as_written(row, previous):
                return Verified(count - 1, previous, (count, "edited"))
            previous = row["hash"]
            known = known or previous == known_head
    if not known:
        return Verified(count, previous, (count + 1, "cut"))
    return Verified(count, previous)
