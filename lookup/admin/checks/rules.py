"""What every check is: records go in one by one, what is wrong comes out, then or at the end."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from lookup.admin.checks.profile import Profile
from lookup.admin.findings import ERROR
from lookup.kinds import Kind

Values = Mapping[str, Any]
"""A record's fields by name: its body and what is withheld from it."""
Said = Mapping[str, str | int | float]
"""What fills the names in a finding's sentence."""
NOTHING: Said = MappingProxyType({})
BLOCK = 1000
"""Rows that a check of whole columns takes at a time: columns are counted faster than rows."""
WHOLE = -1
"""The index of no record: the batch itself."""


class Place(NamedTuple):
    """Where a record stands: its source's name and the line, from 1."""

    source: str
    line: int


@dataclass(frozen=True)
class Context:
    """What a check may compare a batch with.

    `expected` is the number of records the clerk announced, `references` the approved rows of
    each reference kind by name, `previous` the profile of the release before. `left_out` rows of
    the files became no record, for an error that is told already; None where a whole file or
    table could not be read, so that nobody knows how many. `doubled` records have the identifier
    of another one, told already too: each may be one too many, or only misnamed.
    """

    expected: int | None = None
    references: Mapping[str, Sequence[Values]] = field(default_factory=dict)
    previous: Profile | None = None
    left_out: int | None = 0
    doubled: int = 0

    @property
    def complete(self) -> bool:
        """Whether every row is there once. A check that counts all of them is silent where not.

        It would name innocent records, and the batch is rejected for its errors anyway: the
        check is made on the mended files.
        """
        return self.left_out == 0 and not self.doubled


class Found(NamedTuple):
    """One problem of the record at `at`, or of the batch (`WHOLE`).

    `other` is a record the sentence names too: its `{file}` and `{line}`.
    """

    at: int
    rule: str
    column: str = ""
    values: Said = NOTHING
    value: object = ""
    severity: str = ERROR
    other: int = WHOLE


class Rule(ABC):
    """One check at work on one batch."""

    @abstractmethod
    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None: ...

    @abstractmethod
    def add(self, index: int, values: Values) -> Iterable[Found]:
        """Take the next record; what is wrong with it as far as one can see by now."""

    def finish(self) -> Iterable[Found]:
        """What only shows when every record is known."""
        return ()


class Places:
    """Where each record stands, in eight bytes a record."""

    def __init__(self) -> None:
        self._lines = array("I")
        self._sources = array("I")
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, place: Place) -> int:
        """Remember the next record's place; its index."""
        if not self._names or self._names[-1] != place.source:
            self._names.append(place.source)
        self._lines.append(place.line)
        self._sources.append(len(self._names) - 1)
        return len(self._lines) - 1

    def __getitem__(self, index: int) -> Place:
        return Place(self._names[self._sources[index]], self._lines[index])


class Groups:
    """Numbers the groups that records fall into by the values of some fields, from 0.

    Without fields every record is in group 0.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._ids: dict[tuple[Any, ...], int] = {}

    def of(self, values: Values) -> int:
        """The group of a record."""
        key = tuple([values.get(name) for name in self._names])
        return self._ids.setdefault(key, len(self._ids))

    def words(self) -> list[str]:
        """Each group in words, by its number."""
        return [in_words(key) for key in self._ids]


def in_words(key: Iterable[object]) -> str:
    """The values of a group for a sentence."""
    return " ".join("—" if value is None else str(value) for value in key)


def label(kind: Kind, name: str) -> str:
    """What an office calls a field."""
    return kind.field(name).label.zh
