"""What cells look like, and never what they say: values, words, the shape of a text."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from lookup.admin.intake.headings import shown
from lookup.admin.readers.tables import Cell, Row

_NUMBER = re.compile(r"[0-9\uff10-\uff19]+(?:[.\uff0e][0-9\uff10-\uff19]+)?")
_LONG_NUMBER = 4
_VALUE = re.compile(r"(?=.*[0-9])[0-9A-Za-z.:/%+-]+")
"""A number, a date, a code: what stands in a cell and hardly ever over a column."""
_MASKS = (
    (re.compile(r"[0-9\uff10-\uff19]"), "9"),
    (re.compile(r"[A-Za-z]"), "A"),
    (re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]"), "文"),
)
_MASK_CHARACTERS = 12


def width_of(rows: Sequence[Row]) -> int:
    """How many cells most rows have."""
    widths = Counter(len(row.cells) for row in rows)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def looks_like_data(row: Row) -> bool:
    """Whether a row is no lower part of a header: a long number, or many short ones."""
    cells = [shown(cell) for cell in row.cells]
    numbers = [cell for cell in cells if _NUMBER.fullmatch(cell)]
    return any(len(number) >= _LONG_NUMBER for number in numbers) or len(numbers) * 3 > len(
        cells
    ) - cells.count("")


def _is_value(text: str) -> bool:
    return _VALUE.fullmatch(unicodedata.normalize("NFKC", text)) is not None


def _columns_of_values(rows: Sequence[Row]) -> list[int]:
    """The columns most of whose filled cells are values."""
    found = []
    for index in range(width_of(rows)):
        texts = [shown(row.cells[index]) for row in rows if index < len(row.cells)]
        filled = [text for text in texts if text]
        if filled and sum(map(_is_value, filled)) * 2 > len(filled):
            found.append(index)
    return found


def _values(row: Row) -> list[int]:
    return [index for index, cell in enumerate(row.cells) if _is_value(shown(cell))]


def is_of_a_kind_with(row: Row, below: Sequence[Row]) -> bool:
    """Whether a row holds values where the rows below it do, or a long one anywhere."""
    values = _values(row)
    return looks_like_data(row) or bool(set(values).intersection(_columns_of_values(below)))


def is_clear_header(row: Row, below: Sequence[Row]) -> bool:
    """Whether a row plainly stands over others: words alone, over every column of values."""
    columns = _columns_of_values(below)
    return (
        bool(columns)
        and not _values(row)
        and all(index < len(row.cells) and shown(row.cells[index]) for index in columns)
    )


def looks(rows: Sequence[Row]) -> str:
    """What each column's cells look like, and never what they say: `#1 999, #2 文文`."""
    middle: list[Cell] = [*rows[len(rows) // 2].cells] if rows else []
    cells = [*middle, *[""] * width_of(rows)][: width_of(rows)]
    return ", ".join(f"#{number} {_mask(cell)}".rstrip() for number, cell in enumerate(cells, 1))


def _mask(cell: Cell) -> str:
    text = shown(cell)[:_MASK_CHARACTERS]
    for pattern, character in _MASKS:
        text = pattern.sub(character, text)
    return text
