"""A sheet as a grid, whatever the format, and the rows and notes that come of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from lookup.admin.readers.tables import Cell, Row, Table
from lookup.admin.readers.trouble import ERROR, WARNING, Note, Unreadable, letters, ranges

MAX_COLUMNS = 500
MAX_ROWS = 1 << 20
HEADER_ROWS = 10
"""A header may be merged within these rows; below them a merged cell is the data's business."""
_SHOWN = 5


class Merge(NamedTuple):
    """A merged range, its corners included; rows count from 1, columns from 0."""

    top: int
    left: int
    bottom: int
    right: int

    def __str__(self) -> str:
        return f"{letters(self.left)}{self.top}:{letters(self.right)}{self.bottom}"


@dataclass
class Sheet:
    """One sheet: rows by their number (from 1), columns from 0; only cells that hold something."""

    name: str
    hidden: bool = False
    rows: dict[int, list[Cell]] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    formulas: list[tuple[int, int]] = field(default_factory=list)
    unvalued: list[tuple[int, int]] = field(default_factory=list)

    def put(self, row: int, column: int, value: Cell) -> None:
        """Set a cell. Raises Unreadable where it lies beyond any table's size."""
        if value == "":
            return
        if not 0 < row <= MAX_ROWS:
            raise Unreadable(0, "damaged")
        if not 0 <= column < MAX_COLUMNS:
            raise Unreadable(row, "columns", maximum=MAX_COLUMNS)
        cells = self.rows.setdefault(row, [])
        if column == len(cells):
            cells.append(value)
            return
        if column > len(cells):
            cells.extend([""] * (column + 1 - len(cells)))
        cells[column] = value


def tables(sheets: Iterable[Sheet], form: str, encoding: str = "") -> Iterator[Table | Note | Row]:
    """The tables of a file; its only one has no name, an empty sheet is none.

    Raises Unreadable `empty` where no sheet holds anything.
    """
    filled = (sheet for sheet in sheets if sheet.rows)
    first = next(filled, None)
    if first is None:
        raise Unreadable(0, "empty")
    # Two are held at a time: whether a table needs its name shows by the second.
    second = next(filled, None)
    if second is None:
        yield from _table(first, "", form, encoding)
        return
    yield from _table(first, first.name, form, encoding)
    del first
    yield from _table(second, second.name, form, encoding)
    del second
    for sheet in filled:
        yield from _table(sheet, sheet.name, form, encoding)


def _table(sheet: Sheet, name: str, form: str, encoding: str) -> Iterator[Table | Note | Row]:
    yield Table(name, form, encoding, sheet.hidden, sheet.name)
    deep = _fill_header(sheet)
    numbers = sorted(sheet.rows)
    width = max(map(len, sheet.rows.values()))
    yield from _notes(sheet, deep, width)
    for number in numbers:
        cells = sheet.rows.pop(number)
        if not any(isinstance(cell, (int, float)) or cell.strip() for cell in cells):
            continue
        cells.extend([""] * (width - len(cells)))
        yield Row(number, cells)


def _fill_header(sheet: Sheet) -> list[Merge]:
    """Give every cell of a header's merged ranges its value; the merged ranges below it."""
    deep = []
    for merge in sheet.merges:
        cells = sheet.rows.get(merge.top, [])
        value = cells[merge.left] if merge.left < len(cells) else ""
        if value == "":
            continue
        if merge.bottom > HEADER_ROWS:
            deep.append(merge)
            continue
        for row in range(merge.top, merge.bottom + 1):
            for column in range(merge.left, min(merge.right, MAX_COLUMNS - 1) + 1):
                sheet.put(row, column, value)
    return deep


def _notes(sheet: Sheet, deep: list[Merge], width: int) -> Iterator[Note]:
    rows = [row for row in sheet.hidden_rows if row in sheet.rows]
    if rows:
        yield Note("hidden_rows", values={"count": len(set(rows)), "rows": ranges(rows)})
    columns = _filled(sheet, width)
    if columns:
        yield Note("hidden_columns", values={"columns": ranges(columns, letters)})
    if deep:
        deep.sort()
        shown = ", ".join(map(str, deep[:_SHOWN]))
        yield Note("merged_cells", deep[0].top, values={"count": len(deep), "cells": shown})
    unread = set(sheet.unvalued)
    for rule, severity, cells in (
        ("formulas", WARNING, [place for place in sheet.formulas if place not in unread]),
        ("formula_value", ERROR, sheet.unvalued),
    ):
        if cells:
            shown = ", ".join(f"{letters(column)}{row}" for row, column in cells[:_SHOWN])
            yield Note(
                rule,
                cells[0][0],
                severity=severity,
                values={"count": len(cells), "cells": shown},
            )


def _filled(sheet: Sheet, width: int) -> list[int]:
    """The hidden columns that hold something."""
    return [
        column
        for column in sorted(sheet.hidden_columns)
        if column < width
        and any(cells[column] != "" for cells in sheet.rows.values() if column < len(cells))
    ]


def span(text: str) -> Merge | None:
    """A range as a spreadsheet writes it, `B2:D9`; None where it is none."""
    first, _, last = text.partition(":")
    corners = list(chain(_corner(first), _corner(last)))
    if len(corners) < len(Merge._fields):
        return None
    top, left, bottom, right = corners
    return Merge(min(top, bottom), min(left, right), max(top, bottom), max(left, right))


def _corner(text: str) -> tuple[int, int] | tuple[()]:
    name = text.replace("$", "").rstrip("0123456789")
    digits = text.replace("$", "")[len(name) :]
    if not digits.isascii() or not digits.isdigit() or not name.isascii() or not name.isalpha():
        return ()
    return int(digits[:8]), column_of(name)


def column_of(name: str) -> int:
    """The column (from 0) of its letters, -1 of none; beyond any sheet for nonsense."""
    column = 0
    for letter in name[:8].upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1
