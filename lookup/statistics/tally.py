"""Counting a batch's records, and the tables that may be published of them.

Records are taken in blocks: columns are counted faster than rows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lookup.kind_rules import COUNTS, SCORE_TABLE
from lookup.kinds import GroupTable, Kind
from lookup.page_rules import LOWEST
from lookup.statistics import MINIMUM_CELL
from lookup.statistics.counts import count_rows
from lookup.statistics.groups import Groups, group_rows
from lookup.statistics.scores import Boundaries, boundaries, keep_apart, score_rows

BLOCK = 1000
References = Mapping[str, Iterable[Mapping[str, Any]]]
"""Rows of the reference kinds, by the kind's name."""


class _Grouped:
    """Counts the groups of one table."""

    def __init__(self, table: GroupTable) -> None:
        self.table = table
        outcomes = dict.fromkeys(column.when for column in table.columns if column.when)
        self.keys = (*table.by, *outcomes)
        self._lowest = tuple(c.field for c in table.columns if c.measure == LOWEST)
        self._counts: Counter[tuple[Any, ...]] = Counter()
        self._values: dict[str, set[tuple[Any, ...]]] = {name: set() for name in self._lowest}

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.keys, *self._lowest)

    def take(self, columns: Mapping[str, tuple[Any, ...]]) -> None:
        self._counts.update(zip(*(columns[name] for name in self.keys), strict=True))
        by = [columns[name] for name in self.table.by]
        for name, values in self._values.items():
            values.update(zip(*by, columns[name], strict=True))

    def groups(self) -> Groups:
        return Groups(self.keys, self._counts, self._values)


class Tally:
    """Counts records one by one; `tables` is what may be published of them."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._fields = [field for field in kind.fields if field.statistics]
        self._grouped = [_Grouped(table) for table in kind.tables]
        self._counts: dict[str, Counter[Any]] = {field.name: Counter() for field in self._fields}
        grouped = (name for grouped in self._grouped for name in grouped.names)
        self._names = list(dict.fromkeys([*self._counts, *grouped]))
        self._rows: list[list[Any]] = []
        self._records = 0

    @property
    def wanted(self) -> bool:
        """Whether the kind makes any statistics at all."""
        return bool(self._names)

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one record, as it will be served."""
        self._records += 1
        self._rows.append([*map(record.get, self._names)])
        if len(self._rows) == BLOCK:
            self._take()

    def _take(self) -> None:
        """Count the records held so far."""
        columns = dict(zip(self._names, zip(*self._rows, strict=True), strict=False))
        self._rows.clear()
        if columns:
            for name, counts in self._counts.items():
                counts.update(columns[name])
            for grouped in self._grouped:
                grouped.take(columns)

    def tables(self, references: References | None = None) -> list[dict[str, Any]]:
        """JSON-ready tables, in the order of the kind; one that would tell nothing, or has too
        few people to publish, is left out."""
        self._take()
        if self._records < MINIMUM_CELL:
            return []
        scores = self._boundaries()
        tables: list[dict[str, Any]] = []
        for field in self._fields:
            table: dict[str, Any] = {"name": field.name, "type": field.statistics}
            if field.statistics == SCORE_TABLE:
                table["full_mark"] = field.full_mark or field.maximum
                counts = self._counts[field.name]
                table["rows"] = score_rows(field, counts, scores[field.name], self._records)
            elif field.statistics == COUNTS:
                table["rows"] = count_rows(self._counts[field.name])
            tables.append(table)
        tables += [group_rows(g.table, g.groups(), references or {}) for g in self._grouped]
        return [table for table in tables if _tells(table)]

    def _boundaries(self) -> dict[str, Boundaries]:
        found = {
            field.name: boundaries(self._counts[field.name])
            for field in self._fields
            if field.statistics == SCORE_TABLE
        }
        for check in self._kind.checks:
            if check.rule == "sum" and check.options["total"] in found:
                parts = check.options["parts"]
                full = {name: self._full(name) for name in parts}
                for name in found.keys() & full.keys():
                    others = sum(full.values()) - full[name]
                    found[name] = keep_apart(found[name], found[check.options["total"]], others)
        return found

    def _full(self, name: str) -> int:
        field = self._kind.field(name)
        return field.full_mark or field.maximum


def _tells(table: Mapping[str, Any]) -> bool:
    """Whether a table has more than one row for everybody."""
    rows = table["rows"]
    return len(rows) > 1 or any(
        row[name] is not None for row in rows for name in table.get("by", ())
    )
