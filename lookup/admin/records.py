"""From rows of cells to records: what is served, and the credentials that open it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from lookup.admin.cells import CellValue, Refusal
from lookup.admin.columns import Column, ColumnMap
from lookup.admin.readers.delimited import Row
from lookup.candidate import CANONICAL, credential
from lookup.kinds import Kind

ERROR, WARNING = "error", "warning"
MAX_VALUE_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a batch. `line` counts from 1, 0 is the file; `value` is the cell's start."""

    line: int
    column: str
    rule: str
    reason: str
    severity: str = ERROR
    value: str = ""


class Record(NamedTuple):
    """One candidate's record, ready for sealing.

    `body` is the JSON object that will be served, `secrets` the canonical values of the
    fields a candidate types, by name.
    """

    line: int
    identifier: str
    body: bytes
    secrets: dict[str, str]


class RecordReader:
    """Reads the rows of one file as records of a kind."""

    def __init__(self, kind: Kind, columns: ColumnMap) -> None:
        self._kind = kind
        self._map = columns
        typed = {name for way in kind.ways for name in way.fields}
        self._plain = [column for column in columns.columns if column.rows is None]
        self._rows = [column for column in columns.columns if column.rows is not None]
        self._canonical = {
            field.name: CANONICAL[field.type] for field in kind.fields if field.name in typed
        }
        self._required = [field for field in kind.fields if field.required]
        self._order = [field.name for field in kind.fields if not field.secret]

    def read(self, row: Row) -> Record | list[Finding]:
        """The row's record, or everything that is wrong with the row."""
        if len(row.cells) != self._map.width:
            reason = f"has {len(row.cells)} cells where the header has {self._map.width}"
            return [Finding(row.line, "", "ragged", reason)]
        if row.lines > 1:
            # A stray quote would otherwise swallow whole rows, even into a column nobody reads.
            reason = f"runs over {row.lines} lines: check its quotes, and take line breaks out"
            return [Finding(row.line, "", "line_break", reason)]
        findings: list[Finding] = []
        values: dict[str, object] = {}
        for column in self._plain:
            value = self._cell(row, column, findings)
            if value is not None:
                values[column.field.name] = value
        if self._rows:
            values |= self._gathered(row, findings)
        if findings:
            return findings
        return self._record(row, values)

    def _cell(self, row: Row, column: Column, findings: list[Finding]) -> CellValue | None:
        text = row.cells[column.index].strip()
        if not text:
            if column.field.required and column.rows is None:
                findings.append(Finding(row.line, column.header, "required", "is empty"))
            return None
        value = column.read(text)
        if isinstance(value, Refusal):
            shown = text[:MAX_VALUE_SHOWN]
            findings.append(Finding(row.line, column.header, value.rule, value.reason, value=shown))
            return None
        return value

    def _gathered(self, row: Row, findings: list[Finding]) -> dict[str, object]:
        """The fields of type `rows`: numbered columns as a list, empty ones left out."""
        lists: dict[str, dict[int, dict[str, CellValue]]] = {}
        for column in self._rows:
            value = self._cell(row, column, findings)
            if value is not None and column.rows is not None:
                entries = lists.setdefault(column.rows.name, {})
                entries.setdefault(column.row, {})[column.field.name] = value
        for name, entries in lists.items():
            if max(entries) > len(entries):
                reason = f"has a gap: {name} {len(entries)} or one before it is empty"
                findings.append(Finding(row.line, name, "gap", reason))
            needed = [c.name for c in self._kind.field(name).columns if c.required]
            for number, entry in sorted(entries.items()):
                for missing in (field for field in needed if field not in entry):
                    place = f"{name} {number}"
                    reason = f"says something, but its {missing} is empty"
                    findings.append(Finding(row.line, place, "required", reason))
        return {
            name: [entry for _, entry in sorted(entries.items())] for name, entries in lists.items()
        }

    def _record(self, row: Row, values: dict[str, object]) -> Record:
        secrets = {
            name: canonical(str(values[name]))
            for name, canonical in self._canonical.items()
            if name in values
        }
        body = {name: values[name] for name in self._order if name in values}
        return Record(row.line, secrets[self._kind.identifier], orjson.dumps(body), secrets)


def credentials(kind: Kind, secrets: dict[str, str]) -> Iterator[bytes]:
    """One credential for each way in whose fields are all there."""
    for way in kind.ways:
        if all(name in secrets for name in way.fields):
            yield credential((name, secrets[name]) for name in way.fields)
