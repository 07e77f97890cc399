"""The rows of the public tables that a record belongs to: its school's, for instance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lookup.kinds import GroupTable, Kind, Measure
from lookup.record.values import number, rounded, text
from lookup.statistics.groups import GROUPS

WITHHELD = "–"
"""Stands for a number that is not published, because it would tell of too few people."""


@dataclass(frozen=True, slots=True)
class OwnRow:
    """A table's name and title, whose row it is, and labels with their numbers."""

    name: str
    title: str
    whose: str
    cells: tuple[tuple[str, str], ...]

    @property
    def withheld(self) -> bool:
        """Whether some number is not published."""
        return any(value == WITHHELD for _, value in self.cells)


def _written(measure: Measure, value: Any) -> str:
    if value is None:
        return WITHHELD
    return f"{rounded(value)} : 1" if measure.measure == "ratio" else number(value)


def _whose(kind: Kind, table: GroupTable, record: Mapping[str, Any], language: str) -> str:
    """The group's name: its codes only where it has nothing else."""
    fields = [kind.field(name) for name in table.by if record.get(name) is not None]
    named = [field for field in fields if field.type != "code"] or fields
    return " · ".join(text(kind, field, record[field.name], language) for field in named)


def own_rows(
    kind: Kind, record: Mapping[str, Any], statistics: Mapping[str, Any], language: str
) -> tuple[OwnRow, ...]:
    """One row for each of the kind's tables in which the record's group is published by name.

    A table's last row, of groups too small to name, is nobody's own.
    """
    published = {
        table["name"]: table for table in statistics.get("tables", ()) if table["type"] == GROUPS
    }
    found = []
    for table in kind.tables:
        own = [record.get(name) for name in table.by]
        rows = published[table.name]["rows"] if table.name in published else ()
        row = next((row for row in rows if [row[name] for name in table.by] == own), None)
        if row is None or all(value is None for value in own):
            continue
        cells = tuple(
            (one.label.in_language(language), _written(one, row.get(one.name)))
            for one in table.columns
        )
        title = table.title.in_language(language)
        found.append(OwnRow(table.name, title, _whose(kind, table, record, language), cells))
    return tuple(found)
