"""The audit as a file for whoever reads it elsewhere."""

import dataclasses
from collections.abc import AsyncIterator

import aiosqlite
import orjson

from lookup.admin.audit import Entry, oldest_first
from lookup.admin.exporting import BOM, csv_lines, inert

COLUMNS = tuple(field.name for field in dataclasses.fields(Entry))


async def audit_csv(database: aiosqlite.Connection) -> AsyncIterator[bytes]:
    """The whole audit as CSV in UTF-8, the oldest line first, in parts; no cell is a formula."""
    yield BOM + csv_lines([COLUMNS])
    async for entry in oldest_first(database):
        values = dataclasses.asdict(entry)
        values["detail"] = orjson.dumps(entry.detail).decode() if entry.detail else ""
        yield csv_lines([[inert(values[name]) for name in COLUMNS]])
