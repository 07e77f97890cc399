"""Batches: their rows in the admin database, and what lies in their files."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiosqlite
import orjson

from lookup.admin.batch_file import has_corrected
from lookup.admin.findings import Finding
from lookup.admin.refusals import misused, refused
from lookup.kinds import Kind, read_kind

CHUNK_ROWS = 2000
MAX_QUERY_VALUES = 500
MAX_EXAMPLES = 3
MAX_ID = 2**63 - 1
"""SQLite's largest integer."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of the table `batch`: what an admin loaded, its counts and its state."""

    id: int
    kind: Kind
    document: bytes
    title: str
    state: str
    loaded_at: str
    loaded_by: str
    records: int
    errors: int
    warnings: int
    sha256: str
    issued: bool
    expected: int | None = None
    profile: bytes | None = None
    corrects: int | None = None
    reason: str | None = None
    rejected_by: str | None = None
    rejected_because: str | None = None
    destroyed_at: str | None = None

    @property
    def subject(self) -> str:
        """The batch as the audit names it."""
        return subject_of(self.id)


def subject_of(batch: int) -> str:
    """The audit's subject of acts on a batch."""
    return f"batch {batch}"


def _batch(row: aiosqlite.Row) -> Batch:
    document = bytes(row["document"])
    values = dict(row) | {
        "document": document,
        "kind": read_kind(orjson.loads(document)),
        "issued": bool(row["issued"]),
    }
    return Batch(**values)


async def list_batches(database: aiosqlite.Connection) -> list[Batch]:
    """Every batch, the newest first."""
    async with database.execute("SELECT * FROM batch ORDER BY id DESC") as cursor:
        return [_batch(row) async for row in cursor]


async def get_batch(database: aiosqlite.Connection, batch: int) -> Batch:
    """One batch. Raises UsageError where there is none."""
    async with database.execute(
        "SELECT * FROM batch WHERE id = ?", (min(batch, MAX_ID),)
    ) as cursor:
        row = await cursor.fetchone()
    if row is None:
        raise misused("no_batch", batch=batch)
    return _batch(row)


def refuse_destroyed(batch: Batch) -> None:
    """Raise RefusedError where the batch's records are no more."""
    if batch.destroyed_at is not None:
        raise refused("batch_destroyed", batch=batch.id)


# What a batch's file holds: each takes the connection that `open_batch_file` gives.


def _shown(row: aiosqlite.Row, language: str) -> dict[str, Any]:
    finding = Finding(row["rule"], values=orjson.loads(row["values"]))
    names = ("id", "line", "column", "rule", "severity", "value")
    shown = {"file": row["source"]} | {name: row[name] for name in names}
    return shown | {"reason": finding.reason(language)}


async def findings(
    file: aiosqlite.Connection,
    limit: int,
    *,
    language: str = "en",
    rule: str | None = None,
    after: int = 0,
) -> list[dict[str, Any]]:
    """A batch's findings, errors first, then by file and line; `after` so many of them."""
    sql = (
        "SELECT * FROM finding WHERE ?1 IS NULL OR rule = ?1"
        " ORDER BY severity, source, line, id LIMIT ?2 OFFSET ?3"
    )
    async with file.execute(sql, (rule, limit, after)) as cursor:
        return [_shown(row, language) async for row in cursor]


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one rule about one column: how many, and the first of them."""

    rule: str
    severity: str
    column: str
    count: int
    examples: list[dict[str, Any]]


async def finding_groups(file: aiosqlite.Connection, language: str = "en") -> list[FindingGroup]:
    """A batch's findings by rule and column, errors first, then the most frequent."""
    sql = (
        'SELECT rule, severity, "column", COUNT(*) AS count FROM finding'
        ' GROUP BY rule, severity, "column" ORDER BY severity, count DESC, rule, "column"'
    )
    async with file.execute(sql) as cursor:
        groups = [tuple(row) async for row in cursor]
    examples = (
        'SELECT * FROM finding WHERE rule = ? AND severity = ? AND "column" = ?'
        " ORDER BY source, line, id LIMIT ?"
    )
    found = []
    for rule, severity, column, count in groups:
        async with file.execute(examples, (rule, severity, column, MAX_EXAMPLES)) as cursor:
            shown = [_shown(row, language) async for row in cursor]
        found.append(FindingGroup(rule, severity, column, count, shown))
    return found


async def sources(file: aiosqlite.Connection) -> list[dict[str, Any]]:
    """The tables a batch was loaded from."""
    sql = "SELECT name, sha256, format, encoding, rows FROM source ORDER BY id"
    async with file.execute(sql) as cursor:
        return [dict(row) async for row in cursor]


class Stored(NamedTuple):
    """A record as its batch's file keeps it; `body`, `secrets` and `withheld` are JSON.

    `corrected` says that a correction changed the body. Files from before it lack the column:
    none of their records is.
    """

    id: int
    source: int
    line: int
    identifier: str
    body: bytes
    secrets: bytes
    withheld: bytes
    corrected: bool = False

    def typed(self) -> dict[str, str]:
        """What its candidate types, by field."""
        typed: dict[str, str] = orjson.loads(self.secrets)
        return typed

    def values(self) -> dict[str, Any]:
        """All it says but its second factors: what is served and what is withheld."""
        values: dict[str, Any] = orjson.loads(self.body)
        return values if self.withheld == b"{}" else values | orjson.loads(self.withheld)


async def records(file: aiosqlite.Connection) -> AsyncIterator[list[Stored]]:
    """A batch's records in order, some at a time.

    Each part is a query of its own, so that a check can write its findings meanwhile.
    """
    sql = "SELECT * FROM record WHERE id > ? ORDER BY id LIMIT ?"
    last = 0
    while rows := await file.execute_fetchall(sql, (last, CHUNK_ROWS)):
        chunk = [Stored(*row) for row in rows]
        last = chunk[-1].id
        yield chunk


async def record_of(file: aiosqlite.Connection, identifier: str) -> Stored | None:
    """The first record of an identifier."""
    sql = "SELECT * FROM record WHERE identifier = ? ORDER BY id LIMIT 1"
    async with file.execute(sql, (identifier,)) as cursor:
        row = await cursor.fetchone()
    return Stored(*row) if row else None


async def corrected_of(file: aiosqlite.Connection) -> frozenset[str]:
    """The identifiers of the records that corrections changed: a few."""
    if not await has_corrected(file):
        return frozenset()
    sql = "SELECT identifier FROM record WHERE corrected"
    return frozenset(row[0] for row in await file.execute_fetchall(sql))


async def secrets_of(
    file: aiosqlite.Connection, identifiers: Iterable[str]
) -> dict[str, dict[str, str]]:
    """What the candidates with these identifiers type; unknown identifiers are left out."""
    wanted = list(identifiers)
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(wanted), MAX_QUERY_VALUES):
        part = wanted[start : start + MAX_QUERY_VALUES]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT identifier, secrets FROM record WHERE identifier IN ({marks})"  # noqa: S608  # question marks only
        async with file.execute(sql, part) as cursor:
            found |= {row[0]: orjson.loads(row[1]) async for row in cursor}
    return found
