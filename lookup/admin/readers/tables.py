"""What every reader gives: a source, its tables, their rows."""

from dataclasses import dataclass
from typing import NamedTuple

Cell = str | int | float
"""Text as written; a number only where the format itself says it is one."""


class Row(NamedTuple):
    """One row: its line or row number in the file (from 1), its cells, how many lines it takes."""

    line: int
    cells: list[Cell]
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was sent: `format` is what its content says it is, whatever its name."""

    name: str
    sha256: str
    format: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a source: a sheet, an archive's member, or the whole file.

    `name` tells it from the source's other tables: '' where there is only one. `title` is what
    the format itself calls it, even then: the sheet's name.
    """

    name: str
    format: str
    encoding: str = ""
    hidden: bool = False
    title: str = ""
