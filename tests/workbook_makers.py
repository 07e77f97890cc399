"""Workbooks, tables and archives as offices send them, made up byte by byte."""

import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from lookup.admin.findings import Finding
from lookup.admin.readers.reading import read
from lookup.admin.readers.tables import Cell, Row, Source, Table
from lookup.admin.readers.trouble import Note, Unreadable

HEADER: list[Cell] = ["准考证号", "姓名", "总分"]
ROWS: list[list[Cell]] = [["010100001", "李琪丹", 422.5], ["010100002", "欧阳静", 611]]


@dataclass
class Seen:
    """One table as it was read."""

    table: Table
    rows: list[Row] = field(default_factory=list)
    notes: list[Note | Finding] = field(default_factory=list)

    @property
    def cells(self) -> list[list[Cell]]:
        """Only the cells."""
        return [row.cells for row in self.rows]

    @property
    def rules(self) -> list[str]:
        """The rules of its notes."""
        return [note.rule for note in self.notes]


@dataclass
class File:
    """One file as it was read."""

    tables: list[Seen] = field(default_factory=list)
    notes: list[Note | Finding] = field(default_factory=list)
    source: Source | None = None

    @property
    def rules(self) -> list[str]:
        """Every rule that was found."""
        return [note.rule for note in self.notes] + [r for t in self.tables for r in t.rules]

    @property
    def errors(self) -> list[str]:
        """The rules of the errors."""
        notes = [*self.notes, *(note for table in self.tables for note in table.notes)]
        return [note.rule for note in notes if note.severity == "error"]


def gather(events: Iterable[Source | Table | Row | list[Row] | Note | Finding]) -> File:
    """Events in order, as a file; an Unreadable is a note too."""
    found = File()
    iterator = iter(events)
    while True:
        try:
            event = next(iterator)
        except StopIteration:
            return found
        except Unreadable as error:
            (found.tables[-1].notes if found.tables else found.notes).append(error.note())
            return found
        if isinstance(event, Source):
            assert found.source is None, "a source comes once, and first"
            assert not found.tables
            found.source = event
        elif isinstance(event, Table):
            found.tables.append(Seen(event))
        elif isinstance(event, Note | Finding):
            (found.tables[-1].notes if found.tables else found.notes).append(event)
        elif isinstance(event, Row):
            found.tables[-1].rows.append(event)
        else:
            found.tables[-1].rows += event


def read_file(path: Path, *, memory_mb: int = 1024, seconds: int = 60) -> File:
    """A file through the child."""
    return gather(read(path, memory_mb=memory_mb, seconds=seconds))


# xlsx ---------------------------------------------------------------------------------------


def xlsx(make: Callable[[Workbook, Worksheet], None] | None = None) -> bytes:
    """A workbook of HEADER and ROWS on one sheet, after `make` had its way with it."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "成绩"
    for row in [HEADER, *ROWS]:
        sheet.append(row)
    if make is not None:
        make(book, sheet)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def patched(content: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """An archive with one part changed."""
    return zipped(
        {name: change(data) if name == part else data for name, data in unzipped(content)}
    )


def unzipped(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The members of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
_SHEET_XML = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/'
    'spreadsheetml/2006/main">{}</worksheet>'
)


def raw_xlsx(body: str) -> bytes:
    """A workbook whose one sheet is `body`."""
    return patched(xlsx(), SHEET, lambda _: _SHEET_XML.format(body).encode())


# xls ----------------------------------------------------------------------------------------

GENERAL, DATE, CODE = 0, 1, 2
"""Cell styles of the .xls made here: plain, a date, a code of six digits."""


def record(code: int, data: bytes = b"") -> bytes:
    """One BIFF record."""
    return struct.pack("<HH", code, len(data)) + data


def _bof(kind: int) -> bytes:
    return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))


def _long_text(text: str) -> bytes:
    return struct.pack("<HB", len(text), 1) + text.encode("utf-16-le")


def label(row: int, column: int, text: str) -> bytes:
    """A text cell; rows and columns count from 0 here."""
    return record(0x0204, struct.pack("<HHH", row, column, GENERAL) + _long_text(text))


def number(row: int, column: int, value: float, style: int = GENERAL) -> bytes:
    """A number cell."""
    return record(0x0203, struct.pack("<HHHd", row, column, style, value))


def formula(row: int, column: int, value: float) -> bytes:
    """A formula cell with its stored result."""
    data = struct.pack("<HHHdHIH", row, column, GENERAL, value, 0, 0, 0)
    return record(0x0006, data)


def logical(row: int, column: int, value: int, error: int) -> bytes:
    """A truth value, or an error by its code."""
    return record(0x0205, struct.pack("<HHHBB", row, column, GENERAL, value, error))


def hidden_row(row: int) -> bytes:
    """A row's record that hides it."""
    return record(0x0208, struct.pack("<HHHHHHI", row, 0, 9, 255, 0, 0, 0x20))


def hidden_column(column: int) -> bytes:
    """A column's record that hides it."""
    return record(0x007D, struct.pack("<HHHHHH", column, column, 2560, 0, 1, 0))


def merged(top: int, bottom: int, left: int, right: int) -> bytes:
    """One merged range."""
    return record(0x00E5, struct.pack("<HHHHH", 1, top, bottom, left, right))


XLS_ROWS = b"".join(
    label(row, column, cell) if isinstance(cell, str) else number(row, column, cell)
    for row, cells in enumerate([HEADER, *ROWS])
    for column, cell in enumerate(cells)
)


def _style(key: int) -> bytes:
    return record(0x00E0, struct.pack("<HHHBBBBIIH", 0, key, 0, 0x20, 0, 0, 0, 0, 0, 0x20C0))


def biff(
    sheets: Sequence[tuple[str, bytes, int]], *, epoch_1904: bool = False, extra: bytes = b""
) -> bytes:
    """A workbook stream of sheets: name, cells, and 0, or 1 where it is hidden."""
    before = _bof(0x0005) + extra + record(0x0042, struct.pack("<H", 1200))
    before += record(0x0022, struct.pack("<H", epoch_1904))
    before += record(0x041E, struct.pack("<H", 164) + _long_text("000000"))
    before += _style(0) + _style(14) + _style(164)
    names = [struct.pack("<BB", len(name), 1) + name.encode("utf-16-le") for name, _, _ in sheets]
    position = len(before) + sum(4 + 6 + len(name) for name in names) + 4
    after = b""
    for name, (_, cells, hidden) in zip(names, sheets, strict=True):
        before += record(0x0085, struct.pack("<IBB", position + len(after), hidden, 0) + name)
        after += _bof(0x0010) + cells + record(0x000A)
    return before + record(0x000A) + after


def ole(stream: bytes, name: str = "Workbook") -> bytes:
    """A compound document that holds one stream."""
    sector = 512
    stream = stream.ljust(max(4096, -(-len(stream) // sector) * sector), b"\0")
    count = len(stream) // sector
    assert count + 2 <= sector // 4, "one sector of the allocation table is enough for tests"
    free, end, table = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    chain = [*range(1, count), end, end, table]
    allocation = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack(
        "<HHHHH6xIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, count, 0, 4096, end, 0, end, 0, count + 1
    )
    header += struct.pack("<108I", *[free] * 108)

    def entry(title: str, kind: int, child: int, start: int, size: int) -> bytes:
        raw = (title + "\0").encode("utf-16-le")
        data = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, free, free, child)
        return data + bytes(36) + struct.pack("<III", start, size, 0)

    folder = entry("Root Entry", 5, 1, end, 0) + entry(name, 2, free, 0, len(stream))
    return header + stream + folder.ljust(sector, b"\0") + allocation


def xls(cells: bytes = XLS_ROWS, *more: tuple[str, bytes, int], epoch_1904: bool = False) -> bytes:
    """A legacy workbook whose first sheet holds `cells`."""
    return ole(biff([("成绩", cells, 0), *more], epoch_1904=epoch_1904))


# dbf ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DbfColumn:
    """One field of a made-up .dbf."""

    name: str
    type: str
    length: int
    decimals: int = 0
    nullable: bool = False


DBF_COLUMNS = (
    DbfColumn("准考证号", "C", 9),
    DbfColumn("姓名", "C", 12),
    DbfColumn("总分", "N", 6, 1),
)


def dbf(
    records: Sequence[bytes],
    columns: Sequence[DbfColumn] = DBF_COLUMNS,
    *,
    kind: int = 0x03,
    language: int = 0x7A,
    encoding: str = "gbk",
) -> bytes:
    """A table; each record begins with its deletion mark."""
    fields = b"".join(
        column.name.encode(encoding).ljust(11, b"\0")
        + column.type.encode()
        + bytes(4)
        + bytes([column.length, column.decimals, 2 if column.nullable else 0])
        + bytes(13)
        for column in columns
    )
    header = 32 + len(fields) + 1
    size = 1 + sum(column.length for column in columns)
    start = struct.pack("<BBBBIHH", kind, 26, 6, 30, len(records), header, size)
    start += bytes(17) + bytes([language]) + bytes(2)
    assert all(len(entry) == size for entry in records)
    return start + fields + b"\r" + b"".join(records) + b"\x1a"


def dbf_record(number: str, name: str, total: str, mark: str = " ", encoding: str = "gbk") -> bytes:
    """A record of DBF_COLUMNS."""
    return (
        mark.encode()
        + number.encode().ljust(9)
        + name.encode(encoding).ljust(12)
        + total.rjust(6).encode()
    )


DBF_RECORDS = (
    dbf_record("010100001", "李琪丹", "422.5"),
    dbf_record("010100002", "欧阳静", "611.0"),
)


def html(body: str, head: str = '<meta charset="utf-8">') -> bytes:
    """A page."""
    return f"<html><head>{head}</head><body>{body}</body></html>".encode()


HTML_ROWS = (
    "<table>"
    + "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in [HEADER, *ROWS]
    )
    + "</table>"
)
