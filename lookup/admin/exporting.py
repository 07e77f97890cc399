"""Exporting: findings as files for the office that must mend its own, the audit as one for whoever
reads it elsewhere; and no cell of them runs (lookup.csv_text).
"""

import dataclasses
import re
from collections.abc import AsyncIterator
from typing import BinaryIO

import aiosqlite
import orjson

from lookup.admin.audit import Entry, oldest_first
from lookup.admin.batches import findings
from lookup.csv_text import BOM, inert, lines

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no workbook can hold."""
PART = 2000

HEADERS = {
    "zh": ("文件", "行", "列", "级别", "规则", "内容", "问题"),
    "en": ("file", "line", "column", "severity", "rule", "value", "reason"),
}
COLUMNS = HEADERS["en"]
AUDIT_COLUMNS = tuple(field.name for field in dataclasses.fields(Entry))


async def _rows(
    file: aiosqlite.Connection, language: str, rule: str | None
) -> AsyncIterator[list[list[str]]]:
    """The findings as rows of inert text, some at a time."""
    after = 0
    while found := await findings(file, PART, language=language, rule=rule, after=after):
        after += len(found)
        # Line 0 is the whole table or file: it has no line to look at.
        yield [[inert(finding[name] or "") for name in COLUMNS] for finding in found]


def _header(language: str) -> tuple[str, ...]:
    return HEADERS.get(language, HEADERS["en"])


async def findings_csv(
    file: aiosqlite.Connection, *, language: str = "en", rule: str | None = None
) -> AsyncIterator[bytes]:
    """A batch's findings as a CSV file in UTF-8 with the mark Excel knows it by, in parts."""
    yield BOM + lines([_header(language)])
    async for rows in _rows(file, language, rule):
        yield lines(rows)


async def findings_xlsx(
    file: aiosqlite.Connection,
    target: BinaryIO,
    *,
    language: str = "en",
    rule: str | None = None,
) -> None:
    """A batch's findings as a workbook of one sheet, every cell typed as text, into `target`."""
    # Imported here: it would be a fifth of every command's start.
    from openpyxl import Workbook
    from openpyxl.cell import Cell, WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("findings")

    def text_cell(value: str) -> Cell:
        cell = WriteOnlyCell(sheet, value=_NO_XML.sub("\ufffd", value))
        cell.data_type = "s"
        return cell

    sheet.append([text_cell(name) for name in _header(language)])
    async for rows in _rows(file, language, rule):
        for row in rows:
            sheet.append([text_cell(value) for value in row])
    book.save(target)


async def audit_csv(database: aiosqlite.Connection) -> AsyncIterator[bytes]:
    """The whole audit as CSV in UTF-8, the oldest line first, in parts."""
    yield BOM + lines([AUDIT_COLUMNS])
    async for entry in oldest_first(database):
        values = dataclasses.asdict(entry)
        values["detail"] = orjson.dumps(entry.detail).decode() if entry.detail else ""
        yield lines([[inert(values[name]) for name in AUDIT_COLUMNS]])
