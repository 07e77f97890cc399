"""Checks against a bound: a field of the record, or what a reference says of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lookup.admin.checks.rules import (
    WHOLE,
    Context,
    Found,
    Groups,
    Rule,
    Said,
    Values,
    in_words,
    label,
)
from lookup.admin.findings import WARNING
from lookup.kinds import Kind

Key = tuple[Any, ...]


class Reference:
    """A number for each combination of joined fields, from a reference's rows.

    `join` pairs a field of the record with one of the reference. Rows of the same combination
    are put together by `together` (the lowest line, the sum of places). Rows without the
    number or without a joined value say nothing; what could not be compared is told of once.
    """

    def __init__(
        self,
        kind: Kind,
        options: Mapping[str, Any],
        context: Context,
        together: Callable[[float, float], float],
    ) -> None:
        self._name: str = options["reference"]
        self._own = tuple(options["join"])
        self._labels = "、".join(label(kind, name) for name in self._own)
        theirs, column = tuple(options["join"].values()), options["column"]
        self._needed = ", ".join((*theirs, column))
        self._numbers: dict[Key, float] = {}
        self._missing: dict[Key, list[int]] = {}
        self._unheld = self._keyless = 0
        for row in context.references.get(self._name, ()):
            key, number = tuple(row.get(name) for name in theirs), row.get(column)
            if None not in key and isinstance(number, int | float):
                held = self._numbers.get(key)
                self._numbers[key] = number if held is None else together(held, number)

    def of(self, index: int, values: Values) -> float | None:
        """The number for a record; None, and remembered, where the reference has no row."""
        key = tuple([values.get(name) for name in self._own])
        number = self._numbers.get(key)
        if number is None:
            if not self._numbers:
                self._unheld += 1
            elif None in key:
                self._keyless += 1
            else:
                self._missing.setdefault(key, [index, 0])[1] += 1
        return number

    def findings(self, column: str) -> Iterator[Found]:
        """What the reference did not have: one finding a combination, or one for all of it."""
        values: Said
        if self._unheld:
            values = {"reference": self._name, "fields": self._needed, "count": self._unheld}
            yield Found(WHOLE, "no_reference", column, values, severity=WARNING)
        if self._keyless:
            values = {"reference": self._name, "fields": self._labels, "count": self._keyless}
            yield Found(WHOLE, "no_reference_key", column, values, severity=WARNING)
        for key, (index, count) in self._missing.items():
            values = {"reference": self._name, "group": in_words(key), "count": count}
            yield Found(index, "no_reference_row", column, values)


class AtLeast(Rule):
    """`field` is not below `other`, or not below the reference's `column` for the joined fields.

    With `when` and `is` only records of these outcomes are looked at. Where the reference has
    several rows for a combination, the lowest counts.
    """

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._field: str = options["field"]
        self._column = label(kind, self._field)
        self._other: str | None = options.get("other")
        self._reference = Reference(kind, options, context, min) if self._other is None else None
        self._said = label(kind, self._other) if self._other else options["column"]
        self._when: str | None = options.get("when")
        self._is = frozenset(options.get("is", ()))

    def add(self, index: int, values: Values) -> Iterable[Found]:
        if self._when is not None and values.get(self._when) not in self._is:
            return ()
        number = values.get(self._field)
        if number is None or number.__class__ is str:
            return ()
        if self._reference is None:
            bound = values.get(self._other or "")
        else:
            bound = self._reference.of(index, values)
        if bound is None or bound.__class__ is str or number >= bound:
            return ()
        said = {"number": number, "other": self._said, "bound": bound}
        return (Found(index, "at_least", self._column, said, value=number),)

    def finish(self) -> Iterable[Found]:
        return self._reference.findings(self._column) if self._reference else ()


class WithinPlan(Rule):
    """Of each group of `by`, no more records have an outcome of `is` than there are places.

    The places are the field `plan` (the same in every record of a group) or the sum of the
    reference's `column` over the rows of the group. Rows that were left out take places too, so
    that too many stay too many.
    """

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._when: str = options["when"]
        self._is = frozenset(options["is"])
        self._column = label(kind, self._when)
        self._groups = Groups(options["by"])
        self._plan: str | None = options.get("plan")
        self._plan_column = label(kind, self._plan) if self._plan else ""
        self._reference: Reference | None = None
        if self._plan is None:
            self._reference = Reference(kind, options, context, lambda held, more: held + more)
        self._counts: list[int] = []
        self._plans: list[float | None] = []

    def add(self, index: int, values: Values) -> Iterable[Found]:
        if values.get(self._when) not in self._is:
            return ()
        group, plan = self._groups.of(values), self._places(index, values)
        if group == len(self._counts):
            self._counts.append(0)
            self._plans.append(plan)
        self._counts[group] += 1
        if plan is not None and plan != self._plans[group]:
            if self._plans[group] is None:
                self._plans[group] = plan
                return ()
            said = {"plan": plan, "other": self._plans[group] or 0}
            return (Found(index, "plan_differs", self._plan_column, said, value=plan),)
        return ()

    def _places(self, index: int, values: Values) -> float | None:
        if self._reference is not None:
            return self._reference.of(index, values)
        plan: float | None = values.get(self._plan or "")
        return plan

    def finish(self) -> Iterator[Found]:
        groups = zip(self._groups.words(), self._counts, self._plans, strict=True)
        for group, count, plan in groups:
            if plan is not None and count > plan:
                values: Said = {"group": group, "count": count, "plan": plan, "over": count - plan}
                yield Found(WHOLE, "places", self._column, values)
        if self._reference is not None:
            yield from self._reference.findings(self._column)
