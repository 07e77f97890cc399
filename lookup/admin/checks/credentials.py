"""Checks of every lookup, which no kind declares: credentials, and the names they belong to.

All are warnings: a record that nobody can open at all was refused when it was loaded.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from lookup.admin.checks.rules import WHOLE, Found, Said, Values
from lookup.admin.findings import WARNING
from lookup.kinds import Kind, Way

CODE = "access_code"
_ODD = re.compile(r"[^\w\s.·•・‧∙･\-\u2010-\u2013'\u2018\u2019\u02bc]|[\d_\u2460-\u24ff]")
"""What a name is not written with: letters, blanks and what joins the parts of one are."""
SHOWN = 5


class SharedCodes:
    """No two candidates have the same access code; what it is stays unsaid.

    Twenty-four bytes a record: 64-bit hashes of the code and of whose it is, so that a chance
    finding among a million records has the probability 3 × 10⁻⁸.
    """

    def __init__(self, kind: Kind) -> None:
        names = [field.name for field in kind.fields if field.type == CODE]
        self._name = names[0] if names else ""
        self._column = kind.field(names[0]).label.zh if names else ""
        self._identifier = kind.identifier
        self._codes, self._owners, self._indexes = array("q"), array("q"), array("Q")

    def add(self, index: int, typed: Mapping[str, str]) -> None:
        """Take the next record's credentials."""
        code = typed.get(self._name)
        if code is not None:
            self._codes.append(hash(code))
            self._owners.append(hash(typed.get(self._identifier)))
            self._indexes.append(index)

    def finish(self) -> Iterator[Found]:
        """Every record whose code an earlier one has, of another candidate."""
        # The codes alone are sorted: sorting places by their codes takes twice the memory.
        several = groupby(sorted(self._codes))
        repeated = array("q", (code for code, same in several if sum(1 for _ in same) > 1))
        first = array("q", [-1]) * len(repeated)
        for at, code in enumerate(self._codes if repeated else ()):
            place = bisect_left(repeated, code)
            if place == len(repeated) or repeated[place] != code:
                continue
            if first[place] < 0:
                first[place] = at
            elif self._owners[at] != self._owners[first[place]]:
                yield self._found(at, first[place])

    def _found(self, at: int, earlier: int) -> Found:
        other = self._indexes[earlier]
        return Found(self._indexes[at], "shared_code", self._column, severity=WARNING, other=other)


class EmptyFactors:
    """How many records lack a second factor that others have: their way in stays shut to them."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._ways: dict[str, Way] = {}
        for way in kind.ways:
            for name in way.fields[1:]:
                self._ways.setdefault(name, way)
        self._filled: Counter[str] = Counter()
        self._records = 0

    def add(self, typed: Mapping[str, str]) -> None:
        """Take the next record's credentials."""
        self._records += 1
        self._filled.update(typed.keys())

    def finish(self) -> Iterator[Found]:
        """One finding for each factor that some records have and some have not."""
        for name, way in self._ways.items():
            empty = self._records - self._filled[name]
            if 0 < empty < self._records:
                share = f"{empty / self._records:.1%}"
                values: Said = {"count": empty, "share": share, "way": way.label.zh}
                column = self._kind.field(name).label.zh
                yield Found(WHOLE, "factor_empty", column, values, severity=WARNING)


class OddNames:
    """Names with a character no name is written with: `?` where another one was lost."""

    def __init__(self, kind: Kind) -> None:
        self._names = [(f.name, f.label.zh) for f in kind.fields if f.type == "name"]

    def add(self, index: int, values: Values) -> Iterable[Found]:
        """What is odd about the next record's names."""
        return [
            Found(index, "odd_name", column, {"characters": odd}, text, WARNING)
            for name, column in self._names
            if (text := values.get(name)) and _ODD.search(text) and (odd := _odd(text))
        ]


def _odd(text: str) -> str:
    """The odd characters, each once. An accent that stands beside its letter is none."""
    found = dict.fromkeys(_ODD.findall(text))
    return " ".join([one for one in found if unicodedata.category(one)[0] != "M"][:SHOWN])


class Everywhere:
    """All of these on one batch; a reference has neither candidates nor credentials."""

    def __init__(self, kind: Kind) -> None:
        self._at_work = not kind.reference
        self._codes = SharedCodes(kind)
        self._factors = EmptyFactors(kind)
        self._names = OddNames(kind)

    def add(self, index: int, values: Values, typed: Mapping[str, str]) -> Iterable[Found]:
        """Take the next record."""
        if not self._at_work:
            return ()
        self._codes.add(index, typed)
        self._factors.add(typed)
        return self._names.add(index, values)

    def finish(self) -> Iterator[Found]:
        """What only shows when every record is known."""
        if self._at_work:
            yield from self._factors.finish()
            yield from self._codes.finish()
