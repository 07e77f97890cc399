"""A table with a row for each group of records, its small groups together in a last row.

The columns that count only people with some outcome part a group into classes. Where a class
is small the row keeps silent about all of them; and since somebody may know a column's sum
from elsewhere, so do other rows, until the silent ones together have no small class.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lookup.kinds import GroupTable, Measure
from lookup.page_rules import COUNT, LOWEST, RATIO, REFERENCED
from lookup.statistics import MINIMUM_CELL, is_few

GROUPS = "groups"
Key = tuple[Any, ...]
Classes = Counter[tuple[bool, ...]]
"""People by which of the conditional columns count them."""


class Groups(NamedTuple):
    """What was counted: people by group and outcomes, under the names `keys`; and the values
    that occur in a group, by field, as group and value."""

    keys: tuple[str, ...]
    counts: Counter[Key]
    values: Mapping[str, set[Key]]


class _Row:
    """One group, or in the last row all that have no row of their own."""

    def __init__(self, key: Key, classes: Classes) -> None:
        self.key = key
        self.classes = classes
        self.silent = _has_few(classes)

    @property
    def people(self) -> int:
        return self.classes.total()


def _has_few(classes: Classes) -> bool:
    return any(is_few(people) for people in classes.values())


def group_rows(
    table: GroupTable, groups: Groups, references: Mapping[str, Iterable[Mapping[str, Any]]]
) -> dict[str, Any]:
    """The table, JSON-ready; the references give the numbers that are not of people."""
    rows = _rows(table, groups)
    _silence(rows)
    given = {c.name: _referenced(table, c, rows, references) for c in table.columns if c.reference}
    lowest = {c.name: _lowest(groups.values[c.field]) for c in table.columns if c.field}
    return {
        "name": table.name,
        "type": GROUPS,
        "by": list(table.by),
        "columns": [column.name for column in table.columns],
        "rows": [_told(table, row, given, lowest) for row in rows],
    }


def _conditions(table: GroupTable) -> list[Measure]:
    return [column for column in table.columns if column.measure == COUNT and column.when]


def _rows(table: GroupTable, groups: Groups) -> list[_Row]:
    """Groups of enough people in the order of their names, and what is left of the records."""
    conditions = [(groups.keys.index(c.when), set(c.values)) for c in _conditions(table)]
    counted = any(c.measure == COUNT and not c.when for c in table.columns)
    found: dict[Key, Classes] = {}
    for key, people in groups.counts.items():
        classes = found.setdefault(key[: len(table.by)], Counter())
        classes[tuple(key[index] in values for index, values in conditions)] += people
    rest: Classes = Counter()
    own: list[_Row] = []
    for group, classes in found.items():
        named = any(value is not None for value in group)
        told = counted or any(any(member) for member in classes)
        if named and told and classes.total() >= MINIMUM_CELL:
            own.append(_Row(group, classes))
        else:
            rest += classes
    own.sort(key=lambda row: row.people, reverse=True)
    while own and is_few(rest.total()):
        rest += own.pop().classes
    own.sort(key=lambda row: [value or "" for value in row.key])
    if rest and (counted or any(any(member) for member in rest)):
        own.append(_Row((None,) * len(table.by), rest))
    return own


def _silence(rows: list[_Row]) -> None:
    """Let more rows be silent, the smallest first, until those that are have no small class
    together, but one that is small in the whole table."""
    everybody: Classes = sum((row.classes for row in rows), Counter())
    silent: Classes = sum((row.classes for row in rows if row.silent), Counter())
    for row in sorted((r for r in rows if not r.silent), key=lambda row: row.people):
        if not any(is_few(n) and n != everybody[member] for member, n in silent.items()):
            return
        row.silent = True
        silent += row.classes


def _referenced(
    table: GroupTable,
    column: Measure,
    rows: list[_Row],
    references: Mapping[str, Iterable[Mapping[str, Any]]],
) -> dict[Key, float]:
    """The reference's sums by group, over the fields of `by` that it has; none where its row
    would stand for two groups."""
    theirs = list(references.get(column.reference, ()))
    shared = [i for i, name in enumerate(table.by) if any(name in row for row in theirs)]
    sums: Counter[Key] = Counter()
    for row in theirs:
        if column.column in row:
            sums[tuple(row.get(table.by[i]) for i in shared)] += row[column.column]
    joined = {row.key: tuple(row.key[i] for i in shared) for row in rows}
    times = Counter(joined.values())
    return {key: sums[own] for key, own in joined.items() if own in sums and times[own] == 1}


def _lowest(values: set[Key]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for *group, value in values:
        if isinstance(value, int | float):
            key = tuple(group)
            found[key] = min(value, found.get(key, value))
    return found


def _told(
    table: GroupTable,
    row: _Row,
    given: Mapping[str, Mapping[Key, float]],
    lowest: Mapping[str, Mapping[Key, float]],
) -> dict[str, Any]:
    """One row of the document; what may not be told, or is not known, is null."""
    told: dict[str, Any] = dict(zip(table.by, row.key, strict=True))
    own = any(value is not None for value in row.key)
    conditions = _conditions(table)
    for column in table.columns:
        number: float | None = None
        if column.measure == COUNT and not column.when:
            number = row.people
        elif column.measure == COUNT and not row.silent:
            place = conditions.index(column)
            number = sum(people for member, people in row.classes.items() if member[place])
        elif column.measure == RATIO:
            above, below = (told[name] for name in column.of)
            number = round(above / below, 2) if above is not None and below else None
        elif column.measure == REFERENCED and own:
            number = given[column.name].get(row.key)
        elif column.measure == LOWEST and own:
            number = lowest[column.name].get(row.key)
        told[column.name] = number
    return told
