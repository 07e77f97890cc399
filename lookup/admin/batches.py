"""Batches as they stand in the admin database."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import aiosqlite
import orjson

from lookup.errors import UsageError
from lookup.kinds import Kind, read_kind

CHUNK_ROWS = 2000
MAX_QUERY_VALUES = 500
MAX_ID = 2**63 - 1
"""SQLite's largest integer."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: rows an admin loaded, with how many records, errors and warnings."""

    id: int
    kind: Kind
    title: str
    loaded_at: str
    records: int
    errors: int
    warnings: int
    sha256: str
    issued: bool

    @property
    def state(self) -> str:
        """`rejected` where an error blocks the build, else `loaded`."""
        return "rejected" if self.errors or not self.records else "loaded"


def _batch(row: aiosqlite.Row) -> Batch:
    return Batch(
        id=row["id"],
        kind=read_kind(orjson.loads(row["document"])),
        title=row["title"],
        loaded_at=row["loaded_at"],
        records=row["records"],
        errors=row["errors"],
        warnings=row["warnings"],
        sha256=row["sha256"],
        issued=bool(row["issued"]),
    )


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
        raise UsageError(f"There is no batch {batch}: `lookup batch list` shows them.")
    return _batch(row)


async def findings(database: aiosqlite.Connection, batch: int, limit: int) -> list[dict[str, Any]]:
    """A batch's findings, errors first, then by file and line."""
    sql = (
        'SELECT source AS file, line, "column", rule, severity, reason, value FROM finding'
        " WHERE batch = ? ORDER BY severity, source, line, id LIMIT ?"
    )
    async with database.execute(sql, (batch, limit)) as cursor:
        return [dict(row) async for row in cursor]


async def sources(database: aiosqlite.Connection, batch: int) -> list[dict[str, Any]]:
    """The files a batch was loaded from."""
    sql = "SELECT name, sha256, encoding, rows FROM source WHERE batch = ? ORDER BY id"
    async with database.execute(sql, (batch,)) as cursor:
        return [dict(row) async for row in cursor]


Stored = tuple[bytes, dict[str, str]]
"""A record's body and what its candidate types."""


async def records(database: aiosqlite.Connection, batch: int) -> AsyncIterator[list[Stored]]:
    """A batch's records in order, some at a time."""
    sql = "SELECT body, secrets FROM record WHERE batch = ? ORDER BY id"
    async with database.execute(sql, (batch,)) as cursor:
        while rows := await cursor.fetchmany(CHUNK_ROWS):
            yield [(row[0], orjson.loads(row[1])) for row in rows]


async def secrets_of(
    database: aiosqlite.Connection, batch: int, identifiers: Iterable[str]
) -> dict[str, dict[str, str]]:
    """What the candidates with these identifiers type; unknown identifiers are left out."""
    wanted = list(identifiers)
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(wanted), MAX_QUERY_VALUES):
        part = wanted[start : start + MAX_QUERY_VALUES]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT identifier, secrets FROM record WHERE batch = ? AND identifier IN ({marks})"  # noqa: S608  # question marks only
        async with database.execute(sql, (batch, *part)) as cursor:
            found |= {row[0]: orjson.loads(row[1]) async for row in cursor}
    return found
