"""Checks of arithmetic: totals of parts, and running sums of a score table."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from lookup.admin.checks.rules import Context, Found, Groups, Rule, Values, label
from lookup.kinds import Kind

HALF_A_UNIT = 0.5e-6
"""Half of the smallest step a mark can have (six decimals).

A mark has at most six digits before its point, so a double holds it to 1e-10 and a sum of a
hundred to 1e-8: sums that differ by less than this are equal as decimals, all others are not.
"""


class Sum(Rule):
    """`total` is the sum of `parts`; a flag (缺考 …) counts 0.

    An empty part counts 0 too, if its column stands in the batch at all. A part that no record
    has may have had any mark up to its full mark: then the total must lie between. Exact.
    """

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._total: str = options["total"]
        self._parts: list[str] = options["parts"]
        self._column = label(kind, self._total)
        fields = [kind.field(name) for name in self._parts]
        self._most = [field.full_mark or field.maximum for field in fields]
        self._all = [True] * len(fields)
        self._seen = [False] * len(fields)
        self._indexes, self._sums = array("Q"), array("d")
        self._totals, self._empty = array("d"), array("Q")

    def add(self, index: int, values: Values) -> Iterable[Found]:
        marks: list[Any] = [*map(values.get, self._parts)]
        total: Any = values.get(self._total)
        try:
            right = abs(sum(marks) - total) < HALF_A_UNIT
        except TypeError:
            # A flag or an empty cell among them; most records have neither.
            return self._with_gaps(index, total, marks)
        self._seen = self._all
        return () if right else (self._found(index, total, sum(marks)),)

    def _with_gaps(self, index: int, total: Any, marks: list[Any]) -> Iterable[Found]:
        self._seen = [
            seen or mark is not None for seen, mark in zip(self._seen, marks, strict=True)
        ]
        if not isinstance(total, int | float):
            return ()
        found = sum(mark for mark in marks if isinstance(mark, int | float))
        if None not in marks:
            wrong = abs(found - total) >= HALF_A_UNIT
            return (self._found(index, total, found),) if wrong else ()
        self._indexes.append(index)
        self._sums.append(found)
        self._totals.append(total)
        self._empty.append(sum(1 << at for at, mark in enumerate(marks) if mark is None))
        return ()

    def finish(self) -> Iterator[Found]:
        absent = [0 if seen else most for seen, most in zip(self._seen, self._most, strict=True)]
        waiting = zip(self._indexes, self._sums, self._totals, self._empty, strict=True)
        for index, found, total, missing in waiting:
            most = sum(more for at, more in enumerate(absent) if missing >> at & 1)
            if not found - HALF_A_UNIT < total < found + most + HALF_A_UNIT:
                yield self._found(index, total, found)

    def _found(self, index: int, total: float, found: float) -> Found:
        values = {"total": f"{total:.6g}", "sum": f"{round(found, 6):.9g}"}
        return Found(index, "sum", self._column, values, value=total)


class Cumulative(Rule):
    """`cumulative` is the running sum of `count` from the highest `score` down.

    The first row that counts anybody may stand for all above it too, as offices hide the top.
    Where a row breaks the sum and the next one keeps it, the row's cumulative count is wrong;
    else its count is, and the sum goes on from there. Two rows of one score are a fault. Where
    rows were left out nothing is added up.
    """

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._names = options["score"], options["count"], options["cumulative"]
        self._labels = [label(kind, name) for name in self._names]
        self._groups = Groups(options.get("within", ()))
        self._complete = context.complete
        self._rows: dict[int, list[tuple[float, int, int, int]]] = {}

    def add(self, index: int, values: Values) -> Iterable[Found]:
        score, count, cumulative = (values.get(name) for name in self._names)
        if isinstance(score, int | float) and count is not None and cumulative is not None:
            rows = self._rows.setdefault(self._groups.of(values), [])
            rows.append((-score, index, count, cumulative))
        return ()

    def finish(self) -> Iterator[Found]:
        for rows in self._rows.values():
            rows.sort()
            yield from self._same_scores(rows)
            if self._complete:
                yield from self._sums(rows)

    def _same_scores(self, rows: list[tuple[float, int, int, int]]) -> Iterator[Found]:
        for above, row in pairwise(rows):
            if above[0] == row[0]:
                score = f"{-row[0]:.9g}"
                yield Found(row[1], "score_twice", self._labels[0], {}, value=score, other=above[1])

    def _sums(self, rows: list[tuple[float, int, int, int]]) -> Iterator[Found]:
        running = 0
        for at, (_, index, count, cumulative) in enumerate(rows):
            expected = running + count
            if cumulative != expected and (running or cumulative < expected or not count):
                values = {"cumulative": cumulative, "sum": expected}
                yield Found(index, "cumulative", self._labels[2], values, value=cumulative)
                following = rows[at + 1] if at + 1 < len(rows) else None
                if following and following[3] == expected + following[2]:
                    cumulative = expected
            running = cumulative
