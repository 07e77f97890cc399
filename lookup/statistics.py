"""Public statistics of a batch, made from the fields whose kind says so.

No cell stands for fewer than `MINIMUM_CELL` people: neighbouring scores are merged into one
range, rare values into one rest, until each holds enough. Every table parts all records that
have the field into such cells, so no difference of sums within it is smaller either.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lookup.kind_rules import COUNTS, SCORE_TABLE
from lookup.kinds import Field, Kind

MINIMUM_CELL = 10
BLOCK = 1000
"""Records counted at a time: columns are counted faster than rows."""


class Tally:
    """Counts records one by one; `tables` is what may be published of them."""

    def __init__(self, kind: Kind) -> None:
        self._fields = [field for field in kind.fields if field.statistics]
        self._counts: dict[str, Counter[Any]] = {field.name: Counter() for field in self._fields}
        self._rows: list[list[Any]] = []
        self._records = 0

    @property
    def wanted(self) -> bool:
        """Whether the kind makes any statistics at all."""
        return bool(self._fields)

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one record, as it will be served."""
        self._records += 1
        self._rows.append([*map(record.get, self._counts)])
        if len(self._rows) == BLOCK:
            self._take()

    def _take(self) -> None:
        """Count the records held so far."""
        for counts, values in zip(
            self._counts.values(), zip(*self._rows, strict=True), strict=False
        ):
            counts.update(values)
        self._rows.clear()

    def tables(self) -> dict[str, Any]:
        """A JSON-ready document: one table a field; a table too small to publish is left out."""
        self._take()
        makers = {SCORE_TABLE: _score_table, COUNTS: _counts}
        tables = {}
        for field in self._fields:
            if field.statistics and (rows := makers[field.statistics](self._of(field))):
                tables[field.name] = {"type": field.statistics, "rows": rows}
        return {"records": self._records, "tables": tables}

    def _of(self, field: Field) -> Counter[Any]:
        """How often each value stands in a field, without the records that have none."""
        return Counter({v: n for v, n in self._counts[field.name].items() if v is not None})


def _score_table(counts: Counter[Any]) -> list[dict[str, Any]]:
    """一分一段表: ranges of marks from the highest down, with count and cumulative count."""
    rows: list[dict[str, Any]] = []
    cumulative = 0
    for high, low, count in _ranges(counts):
        cumulative += count
        rows.append({"from": low, "to": high, "count": count, "cumulative": cumulative})
    return rows


def _ranges(counts: Counter[Any]) -> Iterator[tuple[float, float, int]]:
    """(highest mark, lowest mark, people) from the top, each of enough people."""
    marks = sorted((mark for mark in counts if not isinstance(mark, str)), reverse=True)
    ranges: list[tuple[float, float, int]] = []
    high, held = None, 0
    for mark in marks:
        high = mark if high is None else high
        held += counts[mark]
        if held >= MINIMUM_CELL:
            ranges.append((high, mark, held))
            high, held = None, 0
    if held and ranges:
        top, _, people = ranges.pop()
        ranges.append((top, marks[-1], people + held))
    yield from ranges


def _counts(counts: Counter[Any]) -> list[dict[str, Any]]:
    """Values with enough people, the commonest first; the rest together, value null."""
    cells = counts.most_common()
    rest = 0
    while cells and (cells[-1][1] < MINIMUM_CELL or 0 < rest < MINIMUM_CELL):
        rest += cells.pop()[1]
    if 0 < rest < MINIMUM_CELL:
        return []
    rows = [{"value": value, "count": count} for value, count in cells]
    return [*rows, {"value": None, "count": rest}] if rest else rows
