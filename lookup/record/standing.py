"""Where a mark lies among all, told no more exactly than the published score table tells it.

A table's rows are cells from the highest marks down: `from` and `to` (marks, both inclusive;
null at the table's ends), `count`, and `cumulative` with all cells above. The last cell also
holds those who have no mark.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from lookup.kind_rules import SCORE_TABLE

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody is among the best `low` % to `high` % of `people`: whole numbers, low < high."""

    low: int
    high: int
    people: int


def score_table(statistics: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The score table of a field, where one is published and anybody is in it."""
    return next(
        (
            table
            for table in statistics.get("tables", ())
            if table["name"] == name and table["type"] == SCORE_TABLE and table["rows"]
        ),
        None,
    )


def cell(rows: Sequence[Row], mark: float) -> int | None:
    """Which row a mark is in; None for a mark that nobody had when the table was made."""
    index = bisect_left(rows, -mark, key=lambda row: inf if row["from"] is None else -row["from"])
    if index == len(rows):
        return None
    high = rows[index]["to"]
    return index if high is None or mark <= high else None


def standing(rows: Sequence[Row], mark: float) -> Standing | None:
    """Where a mark lies: the whole of its cell, rounded outwards to whole percents."""
    index = cell(rows, mark)
    if index is None:
        return None
    people, reached = rows[-1]["cumulative"], rows[index]["cumulative"]
    above = reached - rows[index]["count"]
    return Standing(100 * above // people, -(-100 * reached // people), people)
