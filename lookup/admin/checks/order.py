"""Checks of order: ranks that follow scores, numbers that run without a gap."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress, groupby, pairwise
from math import inf
from typing import Any

from lookup.admin.checks.rules import Context, Found, Groups, Rule, Said, Values, label
from lookup.check_rules import ANY, SHARED, STANDARD
from lookup.kinds import Kind

SLICES = 100
MOST_GAPS = 10
"""So many single records may be missing, each of them named; more gaps are one finding."""


def longest_rising(numbers: Sequence[int]) -> Iterator[int]:
    """Where a longest never-falling subsequence of `numbers` stands, from its end.

    Patience sorting (D. E. Knuth, The Art of Computer Programming 3, 5.1.4).

    What is left out is the least that must be wrong, so that one wrong rank is one finding
    and not thousands.
    """
    ends, tops = array("q"), array("q")
    before = array("q", bytes(8 * len(numbers)))
    for at, number in enumerate(numbers):
        pile = bisect_right(ends, number)
        before[at] = tops[pile - 1] if pile else -1
        if pile == len(ends):
            ends.append(number)
            tops.append(at)
        else:
            ends[pile] = number
            tops[pile] = at
    at = tops[-1] if tops else -1
    while at >= 0:
        yield at
        at = before[at]


def best_first(scores: Sequence[float], ranks: Sequence[int]) -> "array[int]":
    """The indexes from the highest score down, those of one score by rank.

    One slice of the scores at a time: a list to sort takes seventy bytes an index.
    """
    low, high = min(scores), max(scores)
    width = (high - low) / SLICES or 1
    slices = [array("I") for _ in range(SLICES + 1)]
    for at, score in enumerate(scores):
        slices[int((high - score) / width)].append(at)
    order = array("I")
    for part in slices:
        by_rank = sorted(part, key=ranks.__getitem__)
        order.extend(sorted(by_rank, key=scores.__getitem__, reverse=True))
    return order


class Rank(Rule):
    """`rank` agrees with `score`, in each group of `within`.

    A better score never has a worse rank; equal scores share a rank and different scores do not
    (`ties` = any lets equal scores differ). Where the order holds, ranks must also count 1, 2,
    2, 4: one more than the records above (`counting` = any is for a part of those ranked). Of a
    shift that goes on to the end only the first rank is named, and of ranks that leave gap after
    gap, as a part of those ranked does, only the first gap; where rows were left out or doubled
    ranks need not count. Sixteen bytes a record, and some forty more while the order is made.
    """

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._rank: str = options["rank"]
        self._score: str = options["score"]
        self._column = label(kind, self._rank)
        self._shared = options.get("ties", SHARED) == SHARED
        self._standard = options.get("counting", STANDARD) != ANY and context.complete
        self._fewer = context.doubled
        self._more = inf if context.left_out is None else context.left_out
        self._groups = Groups(options.get("within", ()))
        self._held: dict[int, tuple[array[float], array[int], array[int]]] = {}

    def add(self, index: int, values: Values) -> Iterable[Found]:
        score, rank = values.get(self._score), values.get(self._rank)
        if score is not None and rank is not None and score.__class__ is not str:
            group = self._groups.of(values)
            held = self._held.get(group)
            if held is None:
                held = self._held[group] = array("d"), array("I"), array("I")
            held[0].append(score)
            held[1].append(rank)
            held[2].append(index)
        return ()

    def finish(self) -> Iterator[Found]:
        for scores, ranks, indexes in self._held.values():
            order = best_first(scores, ranks)
            wrong = set(self._misplaced(order, ranks))
            if self._shared:
                wrong |= self._torn((at for at in order if at not in wrong), scores, ranks)
            for at in sorted(wrong):
                yield Found(indexes[at], "rank_order", self._column, {}, value=ranks[at])
            if self._standard and not wrong:
                yield from self._miscounted(order, ranks, indexes)

    @staticmethod
    def _misplaced(order: Sequence[int], ranks: Sequence[int]) -> Iterator[int]:
        outside = bytearray(b"\1") * len(order)
        for place in longest_rising(array("I", (ranks[at] for at in order))):
            outside[place] = 0
        return compress(order, outside)

    def _torn(
        self, order: Iterable[int], scores: Sequence[float], ranks: Sequence[int]
    ) -> set[int]:
        """Records whose rank is not their score's, or is that of another score as well.

        Of two that contradict each other, right is what the count of better scores may say, else
        what more records say. Rows that were left out may have had better scores, and doubled
        ones count once. Ranks never fall here: a rank of two scores is that of the score before.
        """
        wrong: set[int] = set()
        before: tuple[int, tuple[bool, int], list[int]] = (-1, (False, 0), [])
        above = 0
        for _, group in groupby(order, key=scores.__getitem__):
            members = list(group)
            shares = Counter(ranks[at] for at in members)
            first, last = above + 1 - self._fewer, above + 1 + self._more
            weight, rank = max(((first <= r <= last, shares[r]), r) for r in shares)
            wrong.update(at for at in members if ranks[at] != rank)
            if rank == before[0] and weight <= before[1]:
                wrong.update(members)
            else:
                wrong.update(before[2] if rank == before[0] else ())
                before = rank, weight, members
            above += len(members)
        return wrong

    def _miscounted(
        self, order: Sequence[int], ranks: Sequence[int], indexes: Sequence[int]
    ) -> Iterator[Found]:
        gap = _first_gap(order, ranks)
        if gap is not None:
            at, rank = gap
            last: Said = {"count": len(order), "last": max(ranks)}
            yield Found(indexes[at], "rank_gaps", self._column, last, value=rank)
            return
        shift = 0
        steps = chain(_steps(order, ranks), ((-1, 0, 0),))
        for (at, rank, expected), following in pairwise(steps):
            if rank - expected == shift:
                continue
            values = {"rank": rank, "above": expected - 1, "expected": expected}
            yield Found(indexes[at], "rank_counting", self._column, values, value=rank)
            if following[1] - following[2] != shift:
                shift = rank - expected


def _steps(order: Sequence[int], ranks: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Of each rank the first record, the rank, and what it is by counting those before."""
    above = 0
    for rank, group in groupby(order, key=ranks.__getitem__):
        members = list(group)
        yield members[0], rank, above + 1
        above += len(members)


def _first_gap(order: Sequence[int], ranks: Sequence[int]) -> tuple[int, int] | None:
    """The record after the first gap and its rank, where ranks plainly are a part's; else None.

    In a part of those who were ranked everybody missing stands above all who follow: a rank is
    never below the count, and the difference only grows.
    """
    first: tuple[int, int] | None = None
    shift = gaps = 0
    for at, rank, expected in _steps(order, ranks):
        if rank - expected < shift:
            return None
        if rank - expected > shift:
            first = first or (at, rank)
            shift = rank - expected
            gaps += 1
    return first if gaps > MOST_GAPS else None


class Unbroken(Rule):
    """`field` runs 1, 2, 3 … in each group of `within`; a number that stands twice is named.

    Where rows were left out gaps are no fault.
    """

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._field: str = options["field"]
        self._column = label(kind, self._field)
        self._groups = Groups(options.get("within", ()))
        self._complete = context.complete
        self._held: dict[int, tuple[array[int], array[int]]] = {}

    def add(self, index: int, values: Values) -> Iterable[Found]:
        number = values.get(self._field)
        if number is not None:
            group = self._groups.of(values)
            held = self._held.get(group)
            if held is None:
                held = self._held[group] = array("I"), array("I")
            held[0].append(number)
            held[1].append(index)
        return ()

    def finish(self) -> Iterator[Found]:
        words = self._groups.words()
        for group, (numbers, indexes) in self._held.items():
            last, owner = 0, -1
            for at in sorted(range(len(numbers)), key=numbers.__getitem__):
                number, index = numbers[at], indexes[at]
                if number == last:
                    yield Found(index, "number_twice", self._column, {}, value=number, other=owner)
                    continue
                if number > last + 1 and self._complete:
                    gap: Said = {"first": last + 1, "last": number - 1, "group": words[group]}
                    yield Found(index, "number_gap", self._column, gap, value=number)
                last, owner = number, index
