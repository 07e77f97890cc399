"""How many records have each value of a field."""

from collections import Counter
from typing import Any

from lookup.statistics import MINIMUM_CELL, is_few


def count_rows(counts: Counter[Any]) -> list[dict[str, Any]]:
    """Values with enough people, the commonest first; the rest, and records that have no value,
    in one row whose value is null."""
    rest = counts[None]
    cells = [(value, count) for value, count in counts.most_common() if value is not None]
    while cells and (cells[-1][1] < MINIMUM_CELL or is_few(rest)):
        rest += cells.pop()[1]
    rows = [{"value": value, "count": count} for value, count in cells]
    return [*rows, {"value": None, "count": rest}] if rest else rows
