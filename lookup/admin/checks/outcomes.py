"""Checks of outcomes against the fields around them."""

from collections.abc import Iterable, Mapping
from typing import Any

from lookup.admin.checks.rules import Context, Found, Rule, Values, label
from lookup.kinds import Kind


class Flags(Rule):
    """The outcome `flag` agrees with what stands in the cells of marks.

    A replacing outcome (缺考 …) must stand in a cell, unless one is empty; any other outcome
    (正常) allows no cell to be replaced. An empty flag says nothing.
    """

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._flag: str = options["flag"]
        field = kind.field(self._flag)
        self._column = field.label.zh
        self._marks = [score.name for score in kind.fields if score.flags == self._flag]
        self._labels = {value.code: value.label.zh for value in field.values}
        self._replaces = {value.code for value in field.values if value.replaces_mark}

    def add(self, index: int, values: Values) -> Iterable[Found]:
        flag = values.get(self._flag)
        if flag is None:
            return ()
        marks = [*map(values.get, self._marks)]
        shown = self._labels[flag]
        if flag in self._replaces:
            if flag in marks or None in marks:
                return ()
            return (Found(index, "flag_without_mark", self._column, {"flag": shown}, value=shown),)
        if str not in map(type, marks):
            return ()
        stands = next(mark for mark in marks if isinstance(mark, str))
        said = {"flag": shown, "mark": self._labels[stands]}
        return (Found(index, "mark_without_flag", self._column, said, value=shown),)


class Requires(Rule):
    """Where `when` is one of `is`, every one of `fields` is there."""

    rule = "requires"
    wrong_if_empty = True

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._when: str = options["when"]
        self._is = frozenset(options["is"])
        field = kind.field(self._when)
        self._column = field.label.zh
        self._said = {value.code: value.label.zh for value in field.values}
        self._fields = [(name, label(kind, name)) for name in options["fields"]]

    def add(self, index: int, values: Values) -> Iterable[Found]:
        outcome = values.get(self._when)
        if outcome is None or outcome not in self._is:
            return ()
        return [
            Found(
                index,
                self.rule,
                shown,
                {"field": self._column, "outcome": self._said[outcome]},
                value=values.get(name, ""),
            )
            for name, shown in self._fields
            if (values.get(name) is None) is self.wrong_if_empty
        ]


class Excludes(Requires):
    """Where `when` is one of `is`, none of `fields` is there."""

    rule = "excludes"
    wrong_if_empty = False
