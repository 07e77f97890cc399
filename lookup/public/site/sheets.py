"""A published table made ready to be shown: this year's rows and earlier years' beside them.

What a table holds is said by its type: `KEYS` say which row is meant, `MEASURES` what is told of
it. A table of groups says both itself. The document: DESIGN.md, "Public statistics".
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lookup.kind_rules import COUNTS, SCORE_TABLE
from lookup.kinds import GroupTable, Kind, Label
from lookup.statistics.groups import GROUPS

KEYS = {SCORE_TABLE: ("from", "to"), COUNTS: ("value",)}
MEASURES = {SCORE_TABLE: ("count", "cumulative"), COUNTS: ("count",)}
ABSENT = ""
"""What stands where an earlier year, or this one, has no such row."""
LONGEST_SEARCH = 40
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_NUMBER_LEFT_EMPTY = -1

Table = Mapping[str, Any]
Cell = str | int | float | None
"""A text, a number, None where it is withheld (or an open end), `ABSENT`."""


@dataclass(frozen=True, slots=True)
class Year:
    """One release in the table: `short` is what columns are headed with."""

    short: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """`keys` as in the document, then one cell for each measure of this year, of the year before
    and so on."""

    keys: tuple[Cell, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table, all years beside each other. `rest` is the row of all that are too few to
    stand alone; `full_mark` is 0 where there is none. `series` are the tables as they were,
    this year's first."""

    name: str
    type: str
    title: Label
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    years: tuple[Year, ...]
    rows: tuple[Row, ...]
    rest: Row | None
    full_mark: float
    series: tuple[Table, ...]

    def withheld(self) -> bool:
        """Whether any cell is."""
        rows = [*self.rows, self.rest] if self.rest else self.rows
        return any(cell is None for row in rows for cell in row.cells)

    def partial(self) -> bool:
        """Whether a year lacks rows that another has."""
        return any(cell == ABSENT for row in self.rows for cell in row.cells)

    def names(self) -> list[str]:
        """Every column, in the order of `keys` and `cells` together."""
        return [*self.keys, *(column for column, _ in self.columns())]

    def columns(self) -> list[tuple[str, Year]]:
        """The columns of `cells`: name and year. An earlier year's is named `MEASURE-1` …"""
        return [
            (f"{measure}-{number}" if number else measure, year)
            for number, year in enumerate(self.years)
            for measure in self.measures
        ]


def published(document: Mapping[str, Any], kind: Kind) -> dict[tuple[str, str], Table]:
    """The tables of a document that the kind has words for, by type and name, in order."""
    return {
        (table["type"], table["name"]): table
        for table in document.get("tables", ())
        if title_of(kind, table) is not None
    }


def title_of(kind: Kind, table: Table) -> Label | None:
    """What a table is called; None where the kind does not know it."""
    if table["type"] == GROUPS:
        found = group_table(kind, table["name"])
        return found.title if found else None
    names = {field.name for field in kind.fields}
    known = table["type"] in KEYS and table["name"] in names
    return kind.field(table["name"]).label if known else None


def group_table(kind: Kind, name: str) -> GroupTable | None:
    """The kind's table of groups of this name."""
    return next((table for table in kind.tables if table.name == name), None)


def make_sheet(kind: Kind, document: Mapping[str, Any], title: str, table: Table) -> Sheet:
    """The sheet of one of the tables in `published`; `title` is the release's."""
    series = [table]
    titles = [title]
    for year in document.get("earlier", ()):
        same = (each for each in year["tables"] if _same(each, table))
        if found := next(same, None):
            series.append(found)
            titles.append(year["title"])
    keys = KEYS.get(table["type"]) or tuple(table["by"])
    measures = MEASURES.get(table["type"]) or tuple(table["columns"])
    rows = _aligned(series) if table["type"] == SCORE_TABLE else _beside(series, keys, measures)
    rest = [row for row in rows if table["type"] != SCORE_TABLE and set(row.keys) == {None}]
    label = title_of(kind, table)
    return Sheet(
        table["name"],
        table["type"],
        label or Label(table["name"], table["name"]),
        keys,
        measures,
        tuple(map(Year, _shorter(titles), titles)),
        tuple(row for row in rows if row not in rest),
        rest[0] if rest else None,
        table.get("full_mark", 0),
        tuple(series),
    )


def _same(one: Table, other: Table) -> bool:
    """Whether two years' tables may stand beside each other."""
    return all(one.get(key) == other.get(key) for key in ("name", "type", "full_mark", "by"))


def _beside(series: Sequence[Table], keys: Sequence[str], measures: Sequence[str]) -> list[Row]:
    """A row for each key that any of the tables has, in the order of the first that has it."""
    found = [{tuple(row[key] for key in keys): row for row in table["rows"]} for table in series]
    every = dict.fromkeys(key for rows in found for key in rows)
    return [
        Row(
            key,
            tuple(
                rows[key].get(measure) if key in rows else ABSENT
                for rows in found
                for measure in measures
            ),
        )
        for key in every
    ]


def _aligned(series: Sequence[Table]) -> list[Row]:
    """This year's rows of a score table. An earlier year says beside each how many had that score
    or more, wherever it tells of just that score, and how many had it where its row is the same."""
    had = [{(row["from"], row["to"]): row["count"] for row in table["rows"]} for table in series]
    reached = [{row["from"]: row["cumulative"] for row in table["rows"]} for table in series]
    return [
        Row(
            (row["from"], row["to"]),
            tuple(
                cell
                for counts, cumulative in zip(had, reached, strict=True)
                for cell in (
                    counts.get((row["from"], row["to"]), ABSENT),
                    cumulative.get(row["from"], ABSENT),
                )
            ),
        )
        for row in series[0]["rows"]
    ]


def every_row(sheet: Sheet) -> list[Row]:
    """All rows of all years, for whoever wants each table whole."""
    rows = _beside(sheet.series, sheet.keys, sheet.measures)
    return sorted(rows, key=_from_the_top) if sheet.type == SCORE_TABLE else rows


def _from_the_top(row: Row) -> tuple[float, float]:
    low, high = (None if key is None else float(key) for key in row.keys)
    infinite = float("inf")
    return (infinite if low is None else -low, -infinite if high is None else -high)


def _shorter(titles: Sequence[str]) -> list[str]:
    """The years that titles begin with, where each has one of its own; else the titles."""
    found = [match[0] for title in titles if (match := _YEAR.search(title))]
    return found if len(set(found)) == len(titles) else [*titles]


def ordered(rows: Iterable[Row], column: int, descending: bool) -> list[Row]:
    """Rows by one column. What is withheld or absent is at the end either way."""

    def cell(row: Row) -> Cell:
        return (row.keys + row.cells)[column]

    held = [row for row in rows if cell(row) not in (None, ABSENT)]
    others = [row for row in rows if cell(row) in (None, ABSENT)]
    return sorted(held, key=lambda row: _rank(cell(row)), reverse=descending) + others


def _rank(cell: Cell) -> tuple[float, bytes]:
    """Numbers by size; texts by pinyin as far as GB 18030 has them in that order."""
    if isinstance(cell, str):
        return (0, cell.encode("gb18030", "replace"))
    return (_NUMBER_LEFT_EMPTY if cell is None else cell, b"")


def folded(text: str) -> str:
    """A text as searches compare it: full-width as plain, without regard to case."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def searched(typed: str) -> str:
    """What somebody searches for, no longer than anything worth searching."""
    return folded(typed[:LONGEST_SEARCH])
