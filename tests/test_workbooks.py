"""Workbooks, .xlsx and legacy .xls: every cell as it is stored, nothing read or left in silence."""

import datetime
import io
import struct

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from lookup.admin.readers import xls, xlsx
from lookup.admin.readers.numbers import DATE, ELAPSED, shown, style_of
from lookup.admin.readers.sheets import HEADER_ROWS, MAX_COLUMNS
from lookup.admin.readers.tables import Cell
from tests import workbook_makers as make
from tests.workbook_makers import HEADER, ROWS, File, gather


def read_xlsx(content: bytes) -> File:
    return gather(xlsx.read(io.BytesIO(content)))


def read_xls(content: bytes) -> File:
    return gather(xls.read(io.BytesIO(content)))


def sheet_of(body: str) -> File:
    return read_xlsx(make.raw_xlsx(f"<sheetData>{body}</sheetData>"))


@pytest.mark.parametrize("found", [read_xlsx(make.xlsx()), read_xls(make.xls())])
def test_texts_stay_texts_and_numbers_numbers(found: File) -> None:
    (table,) = found.tables
    assert (table.table.name, table.table.hidden) == ("", False)
    assert table.cells == [HEADER, *ROWS]
    assert [row.line for row in table.rows] == [1, 2, 3]
    assert not found.rules


def test_blank_rows_keep_their_numbers_and_rows_one_width() -> None:
    def change(_: Workbook, sheet: Worksheet) -> None:
        sheet["A6"] = "备注"
        sheet["A9"] = "  "

    (table,) = read_xlsx(make.xlsx(change)).tables
    assert table.rows[-1].line == 6
    assert table.cells[-1] == ["备注", "", ""]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (21017.0, 21017),
        (422.5, 422.5),
        (True, "TRUE"),
        ("00123", "00123"),
        ("=关羽", "=关羽"),
        ("A&B<张>", "A&B<张>"),
        (datetime.date(2026, 6, 24), "2026-06-24"),
        (datetime.datetime(2026, 6, 24, 8, 30), "2026-06-24 08:30:00"),  # noqa: DTZ001
        (datetime.time(8, 30), "08:30:00"),
        (datetime.timedelta(hours=26), "26:00:00"),
    ],
)
def test_a_stored_value_arrives_as_it_is(stored: Cell, expected: Cell) -> None:
    def change(_: Workbook, sheet: Worksheet) -> None:
        sheet["C2"].value = stored
        if isinstance(stored, str):
            sheet["C2"].data_type = "s"

    (table,) = read_xlsx(make.xlsx(change)).tables
    assert table.cells[1][2] == expected
    assert type(table.cells[1][2]) is type(expected)


def test_a_number_shown_with_leading_zeros_is_the_code_that_is_shown() -> None:
    def change(_: Workbook, sheet: Worksheet) -> None:
        sheet["A2"] = 211
        sheet["A2"].number_format = "000000"

    assert read_xlsx(make.xlsx(change)).tables[0].cells[1][0] == "000211"
    cells = make.XLS_ROWS + make.number(3, 0, 211, make.CODE)
    assert read_xls(make.xls(cells)).tables[0].cells[3][0] == "000211"


@pytest.mark.parametrize(("epoch_1904", "day"), [(False, "2026-06-24"), (True, "2030-06-25")])
def test_the_date_system_of_1904_is_told_apart(epoch_1904: bool, day: str) -> None:
    serial = 46197
    cells = make.XLS_ROWS + make.number(3, 0, serial, make.DATE)
    assert read_xls(make.xls(cells, epoch_1904=epoch_1904)).tables[0].cells[3][0] == day

    def change(book: Workbook, sheet: Worksheet) -> None:
        sheet["A4"] = serial
        sheet["A4"].number_format = "yyyy-mm-dd"

    content = make.xlsx(change)
    if epoch_1904:
        content = make.patched(
            content,
            "xl/workbook.xml",
            lambda data: data.replace(b"<workbookPr ", b'<workbookPr date1904="1" '),
        )
    assert read_xlsx(content).tables[0].cells[3][0] == day


@pytest.mark.parametrize(
    ("key", "code", "style"),
    [
        (0, None, ""),
        (14, None, DATE),
        (31, None, DATE),
        (46, None, DATE),
        (164, 'yyyy"年"m"月"d"日"', DATE),
        (164, "[$-804]aaaa", ""),
        (164, "[h]:mm:ss", ELAPSED),
        (164, "0.00_ ;[Red]-0.00 ", ""),
        (164, '0"days"', ""),
        (164, "000000", "000000"),
        (164, "0", ""),
        (164, "General", ""),
    ],
)
def test_a_number_format_tells_dates_codes_and_counts_apart(
    key: int, code: str | None, style: str
) -> None:
    assert style_of(key, code) == style


@pytest.mark.parametrize(
    ("value", "epoch_1904", "expected"),
    [
        (1, False, "1900-01-01"),
        (59, False, "1900-02-28"),
        (60, False, 60),
        (61, False, "1900-03-01"),
        (0.5, False, "12:00:00"),
        (2958465, False, "9999-12-31"),
        (2958466, False, 2958466),
        (-1, False, -1),
        (1, True, "1904-01-02"),
        (float("inf"), False, "inf"),
    ],
)
def test_dates_follow_the_calendar_of_spreadsheets(
    value: float, epoch_1904: bool, expected: Cell
) -> None:
    assert shown(float(value), DATE, epoch_1904) == expected


def test_what_is_hidden_is_read_and_named() -> None:
    def change(book: Workbook, sheet: Worksheet) -> None:
        sheet.append(["010100003", "某人", 1])
        sheet.row_dimensions[3].hidden = True
        sheet.row_dimensions[9].hidden = True
        sheet.column_dimensions["B"].hidden = True
        sheet.column_dimensions["F"].hidden = True
        other = book.create_sheet("旧表")
        other.append(["旧"])
        other.sheet_state = "veryHidden"

    first, second = read_xlsx(make.xlsx(change)).tables
    assert [len(first.rows), second.cells] == [4, [["旧"]]]
    assert first.rules == ["hidden_rows", "hidden_columns"]
    assert [note.values for note in first.notes] == [{"count": 1, "rows": "3"}, {"columns": "B"}]
    assert (second.table.name, second.table.hidden) == ("旧表", True)
    assert second.rules == []


def test_a_formula_without_a_result_is_not_among_those_that_were_read() -> None:
    def change(book: Workbook, sheet: Worksheet) -> None:
        sheet["D2"] = "=1+1"

    (table,) = read_xlsx(make.xlsx(change)).tables
    assert table.rules == ["formula_value"]


def test_what_is_hidden_in_a_legacy_workbook_is_read_and_named() -> None:
    cells = make.hidden_column(1) + make.hidden_row(2) + make.XLS_ROWS
    first, second = read_xls(make.xls(cells, ("旧表", make.label(0, 0, "旧"), 1))).tables
    assert first.cells == [HEADER, *ROWS]
    assert [note.values for note in first.notes] == [{"count": 1, "rows": "3"}, {"columns": "B"}]
    assert (first.table.name, second.table.name, second.table.hidden) == ("成绩", "旧表", True)
    assert second.rules == []


def test_a_merged_header_fills_its_cells_and_merged_data_is_named() -> None:
    def change(_: Workbook, sheet: Worksheet) -> None:
        sheet.insert_rows(1)
        sheet["A1"] = "成绩表"
        sheet.merge_cells("A1:C1")
        for row in range(HEADER_ROWS + 1, HEADER_ROWS + 4):
            sheet.cell(row, 1, f"{row}")
        sheet.merge_cells(f"A{HEADER_ROWS}:A{HEADER_ROWS}")
        sheet["B12"] = "一班"
        sheet.merge_cells("B12:B13")

    (table,) = read_xlsx(make.xlsx(change)).tables
    assert table.cells[0] == ["成绩表"] * 3
    assert [row.cells[1] for row in table.rows if row.line in (12, 13)] == ["一班", ""]
    assert table.rules == ["merged_cells"]
    assert table.notes[0].values == {"count": 1, "cells": "B12:B13"}


def test_a_legacy_workbook_is_merged_alike() -> None:
    below = make.label(11, 0, "一班") + make.label(12, 1, "某人")
    cells = make.XLS_ROWS + below + make.merged(0, 0, 2, 3) + make.merged(11, 12, 0, 0)
    (table,) = read_xls(make.xls(cells)).tables
    assert table.cells[0] == [*HEADER, HEADER[2]]
    assert table.notes[0].values == {"count": 1, "cells": "A12:A13"}


def test_a_formula_gives_its_stored_value_and_is_named() -> None:
    row = '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><f>A1*2</f><v>2</v></c></row>'
    text = '<row r="2"><c r="A2" t="str"><f>""</f><v></v></c><c r="B2"><v>3</v></c></row>'
    (table,) = sheet_of(row + text).tables
    assert table.cells == [[1, 2], ["", 3]]
    assert table.rules == ["formulas"]
    assert table.notes[0].values == {"count": 2, "cells": "B1, A2"}
    (old,) = read_xls(make.xls(make.XLS_ROWS + make.formula(3, 2, 7.75))).tables
    assert old.cells[3][2] == 7.75
    assert old.notes[0].values == {"count": 1, "cells": "C4"}


def test_a_formula_without_a_stored_value_is_an_error() -> None:
    def change(_: Workbook, sheet: Worksheet) -> None:
        sheet["C4"] = "=SUM(C2:C3)"
        sheet["A4"] = "合计"

    found = read_xlsx(make.xlsx(change))
    assert found.errors == ["formula_value"]
    assert found.tables[0].cells[-1] == ["合计", "", ""]


def test_error_cells_arrive_as_their_text() -> None:
    row = '<row r="1"><c r="A1" t="e"><v>#N/A</v></c><c r="B1" t="b"><v>0</v></c></row>'
    assert sheet_of(row).tables[0].cells == [["#N/A", "FALSE"]]
    cells = make.logical(0, 0, 42, 1) + make.logical(0, 1, 0, 0)
    assert read_xls(make.xls(cells)).tables[0].cells == [["#N/A", "FALSE"]]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('<c t="inlineStr"><is><t>李</t></is></c>', "李"),
        (
            '<c t="inlineStr"><is><r><t>李</t></r><rPh><t>li</t></rPh><r><t>四</t></r></is></c>',
            "李四",
        ),
        ('<c t="str"><v>a_x000D_b_x005F_c</v></c>', "a\rb_c"),
        ('<c t="str"><v>_xD800_</v></c>', "_xD800_"),
        ('<c t="d"><v>2026-06-24T00:00:00</v></c>', "2026-06-24"),
        ("<c><v>1E3</v></c>", 1000),
        ("<c><v>7.7500000000000004</v></c>", 7.75),
        ("<c><v>4.4010219800101122E+17</v></c>", 440102198001011220 - 20),
        ('<c t="str"><v>&#20116;&amp;</v></c>', "五&"),
    ],
)
def test_a_cell_without_a_place_follows_the_last(cell: str, expected: Cell) -> None:
    assert sheet_of(f"<row>{cell}<c><v>1</v></c></row>").tables[0].cells == [[expected, 1]]


@pytest.mark.parametrize(
    "row",
    [
        '<row r="x"><c><v>1</v></c></row>',
        '<row r="0"><c><v>1</v></c></row>',
        '<row r="9999999"><c><v>1</v></c></row>',
        '<row><c t="s"><v>77</v></c></row>',
        '<row><c t="s"><v>-1</v></c></row>',
        '<row><c t="b"><v>maybe</v></c></row>',
        "<row><c><v>twelve</v></c></row>",
        "<row><c><v>1</v>",
    ],
)
def test_a_sheet_that_contradicts_itself_is_damaged(row: str) -> None:
    assert sheet_of(row).errors == ["damaged"]


def test_two_cells_in_the_far_corners_ask_for_no_memory() -> None:
    near = '<row r="1"><c r="A1"><v>1</v></c></row>'
    found = sheet_of(near + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert found.errors == ["columns"]
    assert found.notes[0].values == {"maximum": MAX_COLUMNS}


def test_empty_cells_far_out_are_no_cells() -> None:
    row = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1" s="3"/></row>'
    assert sheet_of(row).tables[0].cells == [[1]]


def test_an_entity_bomb_is_refused_unread() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet/>'
    assert read_xlsx(make.patched(make.xlsx(), make.SHEET, lambda _: bomb)).errors == ["entities"]


def test_a_workbook_without_content_is_empty() -> None:
    content = io.BytesIO()
    Workbook().save(content)
    assert read_xlsx(content.getvalue()).errors == ["empty"]
    assert read_xls(make.xls(b"")).errors == ["empty"]


def test_an_empty_sheet_is_no_table() -> None:
    def change(book: Workbook, sheet: Worksheet) -> None:
        book.create_sheet("空")

    (table,) = read_xlsx(make.xlsx(change)).tables
    assert table.table.name == ""


@pytest.mark.parametrize(
    "content",
    [
        make.ole(b"", "EncryptedPackage"),
        make.ole(make.biff([("成绩", make.XLS_ROWS, 0)], extra=make.record(0x2F, bytes(54)))),
    ],
)
def test_a_locked_workbook_says_that_it_is_locked(content: bytes) -> None:
    assert read_xls(content).errors == ["password"]


def test_a_word_document_is_no_workbook() -> None:
    assert read_xls(make.ole(b"", "WordDocument")).errors == ["unsupported"]


def test_a_legacy_sheet_without_its_end_is_damaged() -> None:
    stream = make.biff([("成绩", make.XLS_ROWS, 0)])
    assert stream.endswith(struct.pack("<HH", 0x0A, 0))
    cut = make.ole(stream[:-4])
    assert read_xls(cut).errors == ["damaged"]


def test_a_legacy_number_that_is_none_arrives_as_text() -> None:
    assert read_xls(make.xls(make.number(0, 0, float("nan")))).tables[0].cells == [["nan"]]
