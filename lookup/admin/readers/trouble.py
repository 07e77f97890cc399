"""What readers say is wrong: notes, and the one exception that ends a table or a file.

The child that parses knows no phrases: a note carries a rule and its values, and the parent
makes a finding of it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

ERROR, WARNING = "error", "warning"
_MAX_RANGES = 20


class Note(NamedTuple):
    """One thing to be told; the fields are a `Finding`'s."""

    rule: str
    line: int = 0
    column: str = ""
    severity: str = WARNING
    value: str = ""
    values: Mapping[str, str | int | float] = {}


class Unreadable(Exception):  # noqa: N818  # an outcome of reading, turned into a note at once
    """What is read cannot be read from `line` on; `rule` says why."""

    def __init__(self, line: int, rule: str, **values: str | int | float) -> None:
        super().__init__(rule)
        self.line = line
        self.rule = rule
        self.values = values

    def note(self) -> Note:
        """The same as a note: always an error."""
        return Note(self.rule, self.line, severity=ERROR, values=self.values)


def letters(column: int) -> str:
    """A column's letters as a spreadsheet shows them; `column` counts from 0."""
    name = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def ranges(numbers: Iterable[int], spell: Callable[[int], str] = str) -> str:
    """Numbers as people write them, `12, 15-18`; no more than twenty pieces."""
    pieces: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if pieces and number == pieces[-1][1] + 1:
            pieces[-1] = (pieces[-1][0], number)
        else:
            pieces.append((number, number))
    shown = [
        spell(first) if first == last else f"{spell(first)}-{spell(last)}"
        for first, last in pieces[:_MAX_RANGES]
    ]
    return ", ".join(shown + ["…"] * (len(pieces) > _MAX_RANGES))
