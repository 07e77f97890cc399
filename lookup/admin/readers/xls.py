"""Legacy workbooks (.xls): values by xlrd, and our own scan of the records for the rest.

xlrd tells what is hidden or merged only with `formatting_info`, which costs several times the
memory and fails on the colours and fonts of workbooks other programs wrote; that a cell is a
formula it never tells. The records themselves say both.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import xlrd
from xlrd.biffh import XLRDError, error_text_from_code
from xlrd.compdoc import CompDocError

from lookup.admin.readers.numbers import PLAIN, shown, style_of
from lookup.admin.readers.sheets import Sheet, tables
from lookup.admin.readers.tables import Cell, Row, Table
from lookup.admin.readers.trouble import Note, Unreadable
from lookup.admin.readers.xls_records import Scan, scan_sheet

FORMAT = "xls"
CODECS = ("utf-16-le", "cp1252", "gbk", "latin-1", "cp1251", "big5", "mac-roman", "ascii")

_BROKEN = (
    CompDocError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    LookupError,
    NameError,
    OSError,
    TypeError,
    ValueError,
)
"""What xlrd raises on a workbook that is not whole: it trusts what it reads."""

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_STREAMS = ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le"))
_OLE = b"\xd0\xcf\x11\xe0"


class _Silence:
    """Where xlrd's remarks go."""

    def write(self, text: str) -> int:
        """Take a remark and keep nothing."""
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""


def read(file: BinaryIO) -> Iterator[Table | Note | Row]:
    """The sheets of a workbook. Raises Unreadable."""
    file.seek(0)
    content = file.read()
    if content.startswith(_OLE):
        if _ENCRYPTED in content:
            raise Unreadable(0, "password")
        if not any(name in content for name in _STREAMS):
            raise Unreadable(0, "unsupported", format="OLE")
    try:
        book = xlrd.open_workbook(
            file_contents=content, logfile=_Silence(), ragged_rows=True, on_demand=True
        )
    except XLRDError as error:
        rule = "password" if "encrypted" in str(error) else "damaged"
        raise Unreadable(0, rule) from error
    except _BROKEN as error:
        raise Unreadable(0, "damaged") from error
    yield from tables(_sheets(book), FORMAT)


def _sheets(book: xlrd.Book) -> Iterator[Sheet]:
    styles = _styles(book)
    for index in range(book.nsheets):
        try:
            found = book.sheet_by_index(index)
            scan = scan_sheet(*_place(book, index), styles)
            hidden = bool(found.visibility)
        except (XLRDError, *_BROKEN) as error:
            raise Unreadable(0, "damaged") from error
        sheet = _sheet(found, scan, styles, hidden, epoch_1904=bool(book.datemode))
        book.unload_sheet(index)
        yield sheet
        if not scan.whole:
            raise Unreadable(0, "damaged")


def _styles(book: xlrd.Book) -> dict[int, str]:
    """The cell styles that make anything but a plain number of a number."""
    found = {}
    for index, style in enumerate(book.xf_list):
        given = book.format_map.get(style.format_key)
        kind = style_of(style.format_key, given.format_str if given else None)
        if kind != PLAIN:
            found[index] = kind
    return found


def _sheet(
    found: xlrd.sheet.Sheet, scan: Scan, styles: dict[int, str], hidden: bool, *, epoch_1904: bool
) -> Sheet:
    sheet = Sheet(
        found.name,
        hidden,
        merges=scan.merges,
        hidden_rows=[row + 1 for row in scan.hidden_rows],
        hidden_columns=scan.hidden_columns,
        formulas=[(row + 1, column) for row, column in scan.formulas],
    )
    for row in range(found.nrows):
        values = found.row_values(row)
        for column, (kind, value) in enumerate(zip(found.row_types(row), values, strict=True)):
            if kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
                style = styles.get(scan.styled.get((row, column), -1), PLAIN)
                sheet.put(row + 1, column, shown(float(value), style, epoch_1904))
            elif kind not in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
                sheet.put(row + 1, column, _text(kind, value))
    return sheet


def _text(kind: int, value: object) -> Cell:
    if kind == xlrd.XL_CELL_BOOLEAN:
        return "TRUE" if value else "FALSE"
    if kind == xlrd.XL_CELL_ERROR and isinstance(value, int):
        return error_text_from_code.get(value, "#ERROR!")
    return str(value)


def _place(book: xlrd.Book, index: int) -> tuple[bytes, int]:
    """The workbook's records and where a sheet's begin: xlrd keeps them, though not for others."""
    return vars(book)["mem"], vars(book)["_sh_abs_posn"][index]
