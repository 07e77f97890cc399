"""The audit as a file for whoever reads it elsewhere."""

import csv
import dataclasses
import io
from collections.abc import AsyncIterator

import aiosqlite
import orjson

from lookup.admin.audit import Entry, oldest_first
from lookup.admin.exporting import BOM, inert

COLUMNS = tuple(field.name for field in dataclasses.fields(Entry))


async def audit_csv(database: aiosqlite.Connection) -> AsyncIterator[bytes]:
    """The whole audit as CSV in UTF-8, the oldest line first, in parts; no cell is a formula."""
    yield BOM + _line(COLUMNS)
    async for entry in oldest_first(database):
        values = dataclasses.asdict(entry)
        values["detail"] = orjson.dumps(entry.detail).decode() if entry.detail else ""
        yield _line([inert(values[name]) for name in COLUMNS])


def _line(cells: list[str] | tuple[str, ...]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
