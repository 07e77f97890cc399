"""What stands over a column: one cell or several merged ones, and the names it can go by."""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from lookup.admin.intake.cells import number_text
from lookup.admin.readers.tables import Cell

_UNSEEN = re.compile("[\\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_MARKS = "*※:'\"、,;"
"""What a form puts around a heading: a star where it must be filled in, a colon."""
_BRACKETS = re.compile(r"(.+?)[(\[【〔{](.*?)[)\]】〕}]")
_UNIT = re.compile(
    r"|满分:?[0-9.]+分?|[0-9.]+分制?|百分制|单位:?.{1,4}|[0-9]+位(数字|字符)?|必填项?|选填|文本(格式)?"
    r"|(可?含)?小数|[分人名元%]|fullmarks?:?[0-9.]+|max\.?:?[0-9.]+|outof[0-9.]+|points?|required"
)
"""Brackets that say how a column is filled in, and not which column it is."""

MAX_CHARACTERS = 100
"""What is longer is a sentence, and no column's name."""

JOINED, UPPER, WEAK = range(3)
"""How surely a name is a heading's: all of it or its lowest part, a part above, a guess."""


class Heading(NamedTuple):
    """A heading as it is shown, and the plain names it may be known by, the surest first."""

    text: str
    names: tuple[tuple[str, int], ...]


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """A heading in its plainest form: one width, one case, no white space, no marks around it."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold().strip(_MARKS)


def shown(cell: Cell) -> str:
    """A cell as text on one line."""
    text = cell if isinstance(cell, str) else number_text(cell)
    return " ".join(text.replace("\ufeff", "").split())


def _without_brackets(name: str) -> tuple[str, int] | None:
    """The name before its brackets; a guess where they say more than a unit."""
    found = _BRACKETS.fullmatch(name)
    if found is None:
        return None
    return found[1], JOINED if _UNIT.fullmatch(found[2]) else WEAK


@lru_cache(maxsize=4096)
def heading(*parts: str) -> Heading:
    """The heading made of these cells, from the top down; empty and repeated ones count once."""
    said = [part for part in dict.fromkeys(parts) if part]
    text = " ".join(said)
    names: dict[str, int] = {}
    forms = [(text, JOINED)]
    forms += [(" ".join(said[start:]), JOINED) for start in range(1, len(said))]
    forms += [(part, UPPER) for part in said[-2::-1]]
    for form, surety in forms:
        if len(form) > MAX_CHARACTERS:
            continue
        name = plain(form)
        names.setdefault(name, surety)
        bare = _without_brackets(name)
        if bare is not None:
            names.setdefault(bare[0], max(surety, bare[1]))
    names.pop("", None)
    return Heading(text, tuple(sorted(names.items(), key=lambda item: item[1])))


def headings(cells: Sequence[Cell]) -> tuple[Heading, ...]:
    """The headings of a header of one row."""
    return tuple(heading(shown(cell)) for cell in cells)


def merged(rows: Sequence[Sequence[Cell]], width: int) -> tuple[Heading, ...]:
    """The headings of a header of several rows.

    A merged cell holds its text on the left and nothing to the right of it, so a heading
    above goes on over the empty cells beside it, as long as something stands below both.
    """
    grid = [[shown(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    for lower, upper in itertools.pairwise(reversed(grid)):
        for index in range(1, width):
            if not upper[index] and lower[index] and lower[index - 1]:
                upper[index] = upper[index - 1]
    return tuple(heading(*parts) for parts in zip(*grid, strict=True))
