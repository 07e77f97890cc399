"""Two versions of one release's tables: whether together they tell of few people.

A correction changes little, so what differs between two versions tells of those corrected.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lookup.kind_rules import COUNTS, SCORE_TABLE
from lookup.kinds import Kind
from lookup.page_rules import COUNT
from lookup.statistics import is_few
from lookup.statistics.groups import GROUPS

Table = Mapping[str, Any]
_NAMES = {SCORE_TABLE: ("from", "to"), COUNTS: ("value",)}
"""What tells the rows of a table apart."""


def tells_few(kind: Kind, old: Sequence[Table], new: Sequence[Table]) -> bool:
    """Whether the tables `new` beside `old` tell of few people.

    They do unless they have the same rows, keep silent about the same cells, and each number of
    people is the same or differs by `MINIMUM_CELL` or more: a row that came or went says that
    somebody crossed the line between enough and too few.
    """
    if [table["name"] for table in old] != [table["name"] for table in new]:
        return True
    counted = {c.name for table in kind.tables for c in table.columns if c.measure == COUNT}
    return any(_differ(*both, counted | {"count"}) for both in zip(old, new, strict=True))


def _differ(old: Table, new: Table, counted: set[str]) -> bool:
    names = new["by"] if new["type"] == GROUPS else _NAMES[new["type"]]
    keys = [[tuple(row[name] for name in names) for row in table["rows"]] for table in (old, new)]
    if old["type"] != new["type"] or sorted(keys[0], key=str) != sorted(keys[1], key=str):
        return True
    before = dict(zip(keys[0], old["rows"], strict=True))
    rows = [(before[key], row) for key, row in zip(keys[1], new["rows"], strict=True)]
    if any(_moved(was, row, name) for was, row in rows for name in counted & row.keys()):
        return True
    # Sums from the top down to any two marks, the one in the old table, the other in the new.
    sums = sorted(row["cumulative"] for row in (*old["rows"], *new["rows"]) if "cumulative" in row)
    return any(is_few(high - low) for low, high in pairwise(sums))


def _moved(was: Mapping[str, Any], row: Mapping[str, Any], name: str) -> bool:
    before = was.get(name)
    if before is None or row[name] is None:
        return bool(before != row[name])
    return is_few(row[name] - before)
