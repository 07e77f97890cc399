"""CSV for people with spreadsheets: UTF-8 with the mark Excel knows it by, and no cell runs.

A spreadsheet takes a cell that begins with one of `FORMULA` for a formula, whatever the file
says: such a cell begins with an apostrophe here.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable

BOM = b"\xef\xbb\xbf"
FORMULA = frozenset("=+-@\t\r\n")
QUOTES = "'\"‘’“”"
"""What may stand before a formula without stopping it, besides what cannot be seen."""
MAX_CELL = 32_767


def inert(value: object) -> str:
    """Text that no spreadsheet runs: where it would, an apostrophe stands before it."""
    text = str(value)[:MAX_CELL]
    return f"'{text}" if _first(text) in FORMULA else text


def _first(text: str) -> str:
    """The first character that counts, full-width and small forms as the plain one."""
    for character in text:
        unseen = unicodedata.category(character)[0] in "ZC" and character not in FORMULA
        if not unseen and character not in QUOTES:
            return unicodedata.normalize("NFKC", character)[:1]
    return ""


def lines(rows: Iterable[Iterable[object]]) -> bytes:
    """Rows as lines of CSV in UTF-8, without the mark; cells as they are."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
