"""Checks that nothing is given twice."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lookup.admin.checks.rules import Context, Found, Rule, Values, label
from lookup.kinds import Kind


class Unique(Rule):
    """No two records have the same values in all of `fields`; an empty field is no value.

    Sixteen bytes a record: a 64-bit hash, so that a chance finding among a million records has
    the probability 3 × 10⁻⁸.
    """

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        self._names: list[str] = options["fields"]
        self._column = "、".join(label(kind, name) for name in self._names)
        self._hashes, self._indexes = array("q"), array("Q")

    def add(self, index: int, values: Values) -> Iterable[Found]:
        key = tuple([values.get(name) for name in self._names])
        if None not in key:
            self._hashes.append(hash(key))
            self._indexes.append(index)
        return ()

    def finish(self) -> Iterator[Found]:
        order = sorted(range(len(self._hashes)), key=self._hashes.__getitem__)
        first = -1
        for at in order:
            if first >= 0 and self._hashes[at] == self._hashes[first]:
                yield Found(self._indexes[at], "unique", self._column, other=self._indexes[first])
            else:
                first = at
