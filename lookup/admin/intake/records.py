"""From rows of cells to records: what is served, and the credentials that open it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from lookup.admin.findings import MAX_VALUE_SHOWN, WARNING, Finding
from lookup.admin.intake.cells import CellValue, Refusal, code_of_number, number_text
from lookup.admin.intake.columns import Column, ColumnMap
from lookup.admin.readers.tables import Cell, Row
from lookup.candidate import CANONICAL, credential
from lookup.kinds import Field, Kind

MAX_REMEMBERED = 4096
"""Distinct cells remembered a column: marks and outcomes repeat, names do not."""
KEY_SEPARATOR = "\x1f"
CODES = ("code", "access_code", "id_suffix")
"""Types of field whose digits are no number: a leading zero counts."""

_EMPTY = Refusal("")
"""What an empty cell is read as."""


class Record(NamedTuple):
    """One record: a candidate's, ready for sealing, or a reference's.

    `body` is the JSON object that will be served, `secrets` the canonical values of the
    fields a candidate types, `withheld` the fields that are checked and never served, by
    name. The identifier of a reference is its key's values, joined by `KEY_SEPARATOR`.
    """

    line: int
    identifier: str
    body: bytes
    secrets: dict[str, str]
    withheld: dict[str, Any]


_Known = dict[Cell, CellValue | Refusal]
"""What a column's cells were read as."""
_Slot = tuple[str, int, _Known, Column]
"""A column as the loop over a row needs it, its name and place first. A plain tuple: one with
names comes apart at a third of the speed, and this is done for every cell of every file."""


def ragged(row: Row, width: int) -> Finding:
    """The finding of a row that has more or fewer cells than its header."""
    return Finding("ragged", row.line, values={"cells": len(row.cells), "width": width})


def _slot(column: Column) -> _Slot:
    return column.field.name, column.index, {}, column


class RecordReader:
    """Reads the rows of one table as records of a kind."""

    def __init__(self, kind: Kind, columns: ColumnMap) -> None:
        self._kind = kind
        self._width = columns.width
        self._plain = [_slot(column) for column in columns.columns if column.rows is None]
        self._lists = [_slot(column) for column in columns.columns if column.rows is not None]
        typed = {name for way in kind.ways for name in way.fields}
        self._canonical = [
            (field.name, CANONICAL[field.type]) for field in kind.fields if field.name in typed
        ]
        self._order = [f.name for f in kind.fields if not f.secret and not f.withheld]
        self._identifier = kind.identifier
        self._key = kind.key if kind.reference else ()
        self._withheld = [field.name for field in kind.fields if field.withheld]
        self._numbers: Counter[tuple[str, int]] = Counter()
        self._first_number: dict[tuple[str, int], int] = {}

    def read(self, row: Row) -> Record | list[Finding]:
        """The row's record, or everything that is wrong with the row."""
        cells = row.cells
        if len(cells) != self._width:
            return [ragged(row, self._width)]
        if row.lines > 1:
            # A stray quote would otherwise swallow whole rows, even into a column nobody reads.
            return [Finding("line_break", row.line, values={"lines": row.lines})]
        findings: list[Finding] = []
        values: dict[str, Any] = {}
        for name, place, known, column in self._plain:
            value = known.get(cells[place])
            if value is None:
                value = self._value(known, column, row)
            if value.__class__ is not Refusal:
                values[name] = value
            elif value is not _EMPTY or column.field.required:
                findings.append(self._refused(row, column, value))
        if self._lists:
            values |= self._gathered(row, findings)
        if findings:
            return findings
        return self._record(row.line, values)

    def _value(self, known: _Known, column: Column, row: Row) -> CellValue | Refusal:
        """What a cell that is not remembered says; remembered from here on where it may repeat."""
        cell = row.cells[column.index]
        field = column.field
        text = cell if isinstance(cell, str) else number_text(cell)
        text = text.strip()
        if not text:
            return _EMPTY
        if not isinstance(cell, str) and field.type in CODES:
            return self._code(column, cell, row.line)
        value = column.read(text)
        if len(known) < MAX_REMEMBERED:
            known[cell] = value
        return value

    def _code(self, column: Column, number: float, line: int) -> CellValue | Refusal:
        text = code_of_number(column.field, number)
        value = text if isinstance(text, Refusal) else column.read(text)
        if not isinstance(value, Refusal):
            place = (column.header, column.index)
            self._numbers[place] += 1
            self._first_number.setdefault(place, line)
        return value

    def _refused(self, row: Row, column: Column, value: CellValue | Refusal) -> Finding:
        refusal = value if isinstance(value, Refusal) else _EMPTY
        if refusal is _EMPTY:
            return Finding("required", row.line, column.header)
        cell = row.cells[column.index]
        text = cell.strip() if isinstance(cell, str) else number_text(cell)
        return Finding(
            refusal.rule,
            row.line,
            column.header,
            value=text[:MAX_VALUE_SHOWN],
            values=refusal.values,
        )

    def _gathered(self, row: Row, findings: list[Finding]) -> dict[str, Any]:
        """The fields of type `rows`: numbered columns as a list, empty ones left out."""
        lists: dict[str, dict[int, dict[str, CellValue]]] = {}
        for name, place, known, column in self._lists:
            value = known.get(row.cells[place]) or self._value(known, column, row)
            if value is _EMPTY:
                continue
            if isinstance(value, Refusal):
                findings.append(self._refused(row, column, value))
            elif column.rows is not None:
                entries = lists.setdefault(column.rows.name, {})
                entries.setdefault(column.row, {})[name] = value
        for name, entries in lists.items():
            findings += self._broken(self._kind.field(name), entries, row.line)
        return {
            name: [entry for _, entry in sorted(entries.items())] for name, entries in lists.items()
        }

    @staticmethod
    def _broken(
        field: Field, entries: dict[int, dict[str, CellValue]], line: int
    ) -> Iterator[Finding]:
        """What a list leaves out: an entry before another, a column its entries need."""
        label = field.label.zh
        if max(entries) > len(entries):
            yield Finding("gap", line, label, values={"name": label, "count": len(entries)})
        needed = [column for column in field.columns if column.required]
        for number, entry in sorted(entries.items()):
            for missing in (column for column in needed if column.name not in entry):
                yield Finding(
                    "incomplete_entry",
                    line,
                    f"{label} {number}",
                    values={"missing": missing.label.zh},
                )

    def _record(self, line: int, values: dict[str, Any]) -> Record:
        secrets = {
            name: canonical(str(values[name]))
            for name, canonical in self._canonical
            if name in values
        }
        body = orjson.dumps({name: values[name] for name in self._order if name in values})
        withheld = {name: values[name] for name in self._withheld if name in values}
        if self._key:
            key = KEY_SEPARATOR.join(str(values.get(name, "")) for name in self._key)
        else:
            key = secrets[self._identifier]
        return Record(line, key, body, secrets, withheld)

    def finish(self) -> list[Finding]:
        """What is said once of a whole column: codes that came as numbers, counted."""
        return [
            Finding(
                "code_as_number",
                self._first_number[place],
                place[0],
                WARNING,
                values={"count": count},
            )
            for place, count in self._numbers.items()
        ]


def credentials(kind: Kind, secrets: dict[str, str]) -> Iterator[bytes]:
    """One credential for each way in whose fields are all there."""
    for way in kind.ways:
        values = [(name, secrets[name]) for name in way.fields if name in secrets]
        if len(values) == len(way.fields):
            yield credential(values)
