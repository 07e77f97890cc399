"""一分一段表: ranges of marks from the highest down, each of enough people.

A table is told by its boundaries: a mark, and how many have that mark or more. What is below
the last boundary, and who has no mark, is one row.
"""

import bisect
from collections import Counter
from typing import Any

from lookup.kinds import Field
from lookup.statistics import MINIMUM_CELL, is_few

Boundaries = list[tuple[float, int]]
"""(mark, people who have it or more), from the highest mark down."""

STEPS = (1.0, 0.5)
"""How far marks are apart, where no mark says otherwise."""


def boundaries(counts: Counter[Any]) -> Boundaries:
    """The marks at which a row ends: enough people since the row before, and enough below."""
    marks = sorted((mark for mark in counts if isinstance(mark, int | float)), reverse=True)
    left = sum(counts[mark] for mark in marks)
    found: Boundaries = []
    cumulative = held = 0
    for mark in marks:
        held += counts[mark]
        left -= counts[mark]
        if held >= MINIMUM_CELL and left >= MINIMUM_CELL:
            cumulative += held
            found.append((mark, cumulative))
            held = 0
    return found


def keep_apart(part: Boundaries, total: Boundaries, others: float) -> Boundaries:
    """The boundaries of a part that tell of nobody beside those of the total it is a part of.

    `others` is the full mark of the other parts. Whoever has `mark + others` in total has
    `mark` in this part, and whoever has `mark` here has it in total: where such sets, one
    inside the other, differ by few, the boundary is left out.
    """
    rising = [mark for mark, _ in reversed(total)]
    people = [count for _, count in reversed(total)]
    kept: Boundaries = []
    for mark, count in part:
        inside = bisect.bisect_left(rising, mark + others)
        around = bisect.bisect_right(rising, mark) - 1
        few_around = around >= 0 and is_few(people[around] - count)
        if not few_around and not (inside < len(people) and is_few(count - people[inside])):
            kept.append((mark, count))
    return kept


def score_rows(
    field: Field, counts: Counter[Any], found: Boundaries, records: int
) -> list[dict[str, Any]]:
    """The rows of a table: the first has no upper end, the last no lower one."""
    step = _step(field, counts)
    rows: list[dict[str, Any]] = []
    high, above = None, 0
    for mark, cumulative in found:
        rows.append({"from": mark, "to": high, "count": cumulative - above})
        rows[-1]["cumulative"] = above = cumulative
        high = _plain(round(mark - step, field.decimals))
    last = {"from": None, "to": high, "count": records - above, "cumulative": records}
    return [*rows, last]


def _step(field: Field, counts: Counter[Any]) -> float:
    """The coarsest step that every mark is a multiple of: an upper end is one step below the
    row above, whether or not somebody has that mark."""
    for step in STEPS:
        if all(mark % step == 0 for mark in counts if isinstance(mark, int | float)):
            return step
    return 10.0**-field.decimals


def _plain(mark: float) -> float:
    return int(mark) if mark == int(mark) else mark
