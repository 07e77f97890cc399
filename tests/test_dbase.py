"""Tables of dBase and FoxPro: code pages, memos, deleted rows, nulls, damage."""

import io
import struct

import pytest

from lookup.admin.readers import dbf
from lookup.admin.readers.code_pages import CODE_PAGES
from lookup.admin.readers.tables import Cell
from lookup.admin.readers.trouble import Unreadable
from tests import workbook_makers as make
from tests.workbook_makers import DBF_RECORDS, HEADER, ROWS, DbfColumn, File, dbf_record, gather


def read(content: bytes, memo: bytes | None = None) -> File:
    try:
        events = dbf.read(io.BytesIO(content), io.BytesIO(memo) if memo is not None else None)
    except Unreadable as error:
        return File(notes=[error.note()])
    return gather(events)


def one_cell(column: DbfColumn, data: bytes, kind: int = 0x30, tail: bytes = b"") -> Cell:
    columns = [DbfColumn("K", "C", 1), column]
    if tail:
        columns.append(DbfColumn("_NullFlags", "0", len(tail)))
    found = read(make.dbf([b" k" + data + tail], columns, kind=kind))
    assert not found.errors
    return found.tables[0].cells[1][1]


def test_the_field_names_are_the_first_row() -> None:
    (table,) = read(make.dbf(DBF_RECORDS)).tables
    assert table.cells == [HEADER, *ROWS]
    assert [row.line for row in table.rows] == [1, 2, 3]
    assert (table.table.format, table.table.encoding) == ("dbf", "gb18030")


@pytest.mark.parametrize(
    ("language", "encoding", "expected"),
    [
        (0x7A, "gbk", "gb18030"),
        (0x4D, "gbk", "gb18030"),
        (0x78, "big5", "cp950"),
        (0x00, "gbk", "gb18030"),
        (0x57, "gbk", "gb18030"),
        (0x03, "gbk", "gb18030"),
        (0x00, "utf-8", "utf-8"),
    ],
)
def test_the_code_page_is_what_the_table_names_or_its_bytes_show(
    language: int, encoding: str, expected: str
) -> None:
    text = "號" if encoding == "big5" else "姓名"
    record = b" " + text.encode(encoding).ljust(6)
    found = read(
        make.dbf([record], [DbfColumn("名", "C", 6)], language=language, encoding=encoding)
    )
    assert found.tables[0].table.encoding == expected
    assert found.tables[0].cells == [["名"], [text]]
    assert not found.rules


def test_western_text_of_an_unnamed_page_is_a_guess_and_says_so() -> None:
    record = " Curaçao José".encode("cp1252")
    column = DbfColumn("NAME", "C", len(record) - 1)
    found = read(make.dbf([record], [column], language=0))
    assert found.tables[0].cells[1] == ["Curaçao José"]
    assert found.rules == ["guessed_page"]
    assert not read(make.dbf([record], [column], language=0x03)).rules


def test_an_unknown_code_page_is_refused() -> None:
    assert 0xEE not in CODE_PAGES
    assert read(make.dbf(DBF_RECORDS, language=0xEE)).errors == ["code_page"]


def test_a_character_cut_in_half_is_an_error_at_its_cell() -> None:
    cut = b" 010100003" + "李琪丹李琪".encode("gbk") + b"a\xc0" + b" 100.0"
    found = read(make.dbf([*DBF_RECORDS, cut]))
    assert found.errors == ["cell_bytes"]
    assert (found.tables[0].notes[0].line, found.tables[0].notes[0].column) == (4, "姓名")


def test_deleted_rows_are_named_and_not_read() -> None:
    gone = dbf_record("010100009", "张三", "1.0", mark="*")
    (table,) = read(make.dbf([DBF_RECORDS[0], gone, gone, DBF_RECORDS[1]])).tables
    assert [row.line for row in table.rows] == [1, 2, 5]
    assert table.rules == ["deleted_rows"]
    assert table.notes[0].values == {"count": 2, "rows": "3-4"}


@pytest.mark.parametrize(
    ("column", "data", "expected"),
    [
        (DbfColumn("N", "N", 5), b"00211", 211),
        (DbfColumn("N", "N", 5, 2), b" 7.75", 7.75),
        (DbfColumn("N", "N", 5), b"*****", "*****"),
        (DbfColumn("N", "N", 5), b"     ", ""),
        (DbfColumn("D", "D", 8), b"20260624", "2026-06-24"),
        (DbfColumn("D", "D", 8), b"        ", ""),
        (DbfColumn("L", "L", 1), b"T", "TRUE"),
        (DbfColumn("L", "L", 1), b"n", "FALSE"),
        (DbfColumn("L", "L", 1), b"?", ""),
        (DbfColumn("I", "I", 4), struct.pack("<i", -7), -7),
        (DbfColumn("Y", "Y", 8), struct.pack("<q", 235_000), 23.5),
        (DbfColumn("B", "B", 8), struct.pack("<d", 1.5), 1.5),
        (DbfColumn("T", "T", 8), struct.pack("<ii", 2461216, 30_599_999), "2026-06-24 08:30:00"),
        (DbfColumn("T", "T", 8), bytes(8), ""),
    ],
)
def test_every_type_of_field(column: DbfColumn, data: bytes, expected: Cell) -> None:
    assert one_cell(column, data) == expected


def test_a_null_is_an_empty_cell() -> None:
    column = DbfColumn("N", "N", 3, nullable=True)
    assert one_cell(column, b"  7", tail=b"\x00") == 7
    assert one_cell(column, b"  7", tail=b"\x01") == ""


def test_a_short_varchar_holds_its_length_in_its_last_byte() -> None:
    column = DbfColumn("V", "V", 5)
    assert one_cell(column, b"ab  \x02", kind=0x32, tail=b"\x01") == "ab"
    assert one_cell(column, b"abcde", kind=0x32, tail=b"\x00") == "abcde"


MEMO_TEXT = "备注：\r\n听力"
FPT = (
    struct.pack(">IHH", 20, 0, 64).ljust(512, b"\0")
    + struct.pack(">II", 1, len(MEMO_TEXT.encode("gbk")))
    + MEMO_TEXT.encode("gbk")
)
DBT3 = bytes(512) + MEMO_TEXT.encode("gbk") + b"\x1a\x1a"
DBT4 = (
    bytes(20)
    + struct.pack("<H", 512)
    + bytes(490)
    + b"\xff\xff\x08\x00"
    + struct.pack("<I", 8 + len(MEMO_TEXT.encode("gbk")))
    + MEMO_TEXT.encode("gbk")
)


@pytest.mark.parametrize(
    ("kind", "reference", "memo"),
    [
        (0x30, struct.pack("<I", 8), FPT),
        (0xF5, b"         8", FPT),
        (0x83, b"         1", DBT3),
        (0x8B, b"         1", DBT4),
    ],
)
def test_memos_are_read_from_the_file_beside(kind: int, reference: bytes, memo: bytes) -> None:
    columns = [DbfColumn("M", "M", len(reference))]
    content = make.dbf([b" " + reference], columns, kind=kind)
    found = read(content, memo)
    assert found.tables[0].cells == [["M"], [MEMO_TEXT]]
    assert not found.rules
    for broken in (None, b"", memo[:513], memo[:-4]):
        without = read(content, broken)
        assert without.rules == ["memo_missing"]
        assert without.tables[0].cells == [["M"]]


def test_a_row_without_a_memo_misses_none() -> None:
    columns = [DbfColumn("A", "C", 1), DbfColumn("M", "M", 4)]
    assert not read(make.dbf([b" a" + bytes(4)], columns, kind=0x30)).rules


def test_pictures_are_named_and_not_read() -> None:
    columns = [DbfColumn("A", "C", 1), DbfColumn("照片", "G", 4)]
    (table,) = read(make.dbf([b" a" + b"\1\0\0\0"], columns, kind=0x30)).tables
    assert table.rules == ["not_text"]
    assert table.notes[0].column == "照片"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (make.dbf(DBF_RECORDS)[:-30], "record_count"),
        (make.dbf(DBF_RECORDS)[:-1] + DBF_RECORDS[0] + b"\x1a", "record_count"),
        (make.dbf(DBF_RECORDS)[:100], "damaged"),
        (make.dbf(DBF_RECORDS).replace(b" 010100002", b"!010100002"), "damaged"),
    ],
)
def test_damage_is_an_error(content: bytes, rule: str) -> None:
    assert read(content).errors == [rule]
