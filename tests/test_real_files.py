"""Every real file that holds a table: its format, tables, rows and findings, as others see them.

The counts were taken with other tools (calamine, csv, the bytes of the .dbf header), and the
cells are compared with calamine's and csv's here.
"""

import csv
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook, SheetTypeEnum

from lookup.admin.readers.tables import Cell
from tests.workbook_makers import File, read_file

DATA = Path(__file__).parent.parent.parent / "shared" / "data"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real files, ../shared/data, are not here"),
]


@dataclass(frozen=True)
class Expected:
    """A file: its format, its tables (name, rows, width, whether hidden), its findings."""

    form: str
    tables: tuple[tuple[str, int, int, bool], ...] = ()
    rules: tuple[str, ...] = ()


def one(form: str, rows: int, width: int, *rules: str) -> Expected:
    return Expected(form, (("", rows, width, False),), rules)


_OLD = ("merged_cells", "formulas")
_JIANGSU = "jiangsu-toudang-2022/历史类-江苏省2022年普通类本科批次平行志愿投档线.xls"

FILES: dict[str, Expected] = {
    "chengdu-zhongkao/schools.2023.xlsx": Expected(
        "xlsx", (("data", 92, 30, False), ("set", 3, 5, False)), ("formulas",)
    ),
    "chengdu-zhongkao/score.stats.2023.xlsx": one("xlsx", 257, 3),
    "dbf/books.dbf": one("dbf", 1 + 10, 11, "memo_missing"),
    "dbf/countries.dbf": one("dbf", 1 + 177, 29, "guessed_page"),
    "dbf/gbk.dbf": one("dbf", 1 + 28, 3),
    "dbf/student.dbf": one("dbf", 1 + 3, 8, "memo_missing"),
    "dbf/test_delete.dbf": one("dbf", 1 + 2, 1, "deleted_rows"),
    "dbf/testfile.dbf": one("dbf", 1 + 13, 11),
    "dbf/testfile.FPT": Expected("text", (), ("nul",)),
    # The issue calls it hostile, why is not said: within the limits here it is read whole.
    "excel/OOM_alloc.xls": Expected(
        "xls",
        (
            ("Weekly Report", 19, 23, False),
            ("Data", 76, 15, True),
            ("EIM New Deals", 33, 17, True),
            ("WE 2-22 EOL Data", 43, 4, True),
            ("WE 2-15 EOL Data", 43, 4, True),
            ("WE 2-8 EOL Data", 43, 4, True),
            ("WE 2-1 EOL Data", 43, 4, True),
            ("template from individuals", 79, 10, True),
            ("template from eol", 59, 10, True),
            ("Data People", 30, 7, True),
        ),
        (
            *("merged_cells", "formulas"),
            *("hidden_rows", "hidden_columns", "formulas"),
            *_OLD * 6,
            "formulas",
        ),
    ),
    "excel/any_sheets.xls": one("xls", 4, 2),
    "excel/any_sheets.xlsx": one("xlsx", 4, 2),
    "excel/date_1904.xlsx": one("xlsx", 3, 2),
    "excel/empty_sheet.xlsx": Expected("xlsx", (), ("empty",)),
    "excel/encoded_entities.xlsx": one("xlsx", 1, 1),
    # Merged ranges near the top are filled: rows and columns that hold nothing else appear.
    "excel/merge_cells.xls": one("xls", 4, 4),
    "excel/merged_range.xlsx": Expected("xlsx", (("Sheet1", 4, 8, False), ("Sheet2", 4, 8, False))),
    "excel/no-header.xlsx": one("xlsx", 2, 2),
    "excel/pass_protected.xlsx": Expected("xls", (), ("password",)),
    "excel/whitespace_trim.xlsx": Expected(
        "xlsx", (("inlineStr", 3, 4, False), ("SharedStrings", 3, 4, False))
    ),
    "excel/xls_wrong_decimals.xls": one("xls", 1, 1),
    "hangzhou-car-lottery/_name_characters.csv": one("text", 3533, 6),
    "hangzhou-car-lottery/_periods.csv": one("text", 67, 9),
    "hangzhou-schools/high_school_cutoffs_2025.csv": one("text", 33, 4),
    "hangzhou-schools/high_schools_2026_plan.csv": one("text", 31, 5),
    "hangzhou-schools/middle_schools.csv": one("text", 18, 2),
    _JIANGSU: one("xls", 1247, 2, "merged_cells"),
    "messy-text/excel_pasting.csv": one("text", 19, 9),
    "messy-text/skip_initials.csv": one("text", 3, 2),
    "messy-text/utf-16le_encoded.csv": one("text", 328, 19),
    "messy-text/weird_head_padding.csv": one("text", 84, 11),
    "rare-chars/streets.csv": one("text", 41353, 5),
    "rare-chars/tongyong-level-1.txt": one("text", 3500, 1),
    "rare-chars/tongyong-level-2.txt": one("text", 3000, 1),
    "rare-chars/tongyong-level-3.txt": one("text", 1605, 1),
    "shandong-yifenyiduan/2018一分一段.xlsx": one("xlsx", 275, 11, "merged_cells"),
    "shandong-yifenyiduan/2019一份一段表.xls": one("xls", 523, 11),
    "worldcup98/invocation_count.csv": one("text", 125301, 2),
    "zhejiang-gaokao-2020/2020投档线.csv": one("text", 5295, 8),
}
_COUNTED = ("vn-thpt-2019/", "hangzhou-car-lottery/2")
"""Files that are many of a kind: compared by their counts below."""
_REFUSED = {"nul", "empty", "password"}


def names() -> Iterator[str]:
    for path in sorted(DATA.rglob("*")):
        name = path.relative_to(DATA).as_posix()
        if path.is_file() and path.suffix != ".md" and not name.startswith(_COUNTED):
            yield name


def test_every_file_is_in_the_table() -> None:
    assert set(names()) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_the_table_says(name: str) -> None:
    expected = FILES[name]
    found = read_file(DATA / name)
    assert found.source is not None
    assert found.source.format == expected.form
    assert (
        tuple(
            (seen.table.name, len(seen.rows), max(map(len, seen.cells)), seen.table.hidden)
            for seen in found.tables
        )
        == expected.tables
    )
    assert tuple(found.rules) == expected.rules
    assert set(found.errors) == _REFUSED.intersection(expected.rules)


def same(ours: Cell, theirs: object) -> bool:
    """Whether a cell is what calamine reads: dates as ISO text, blanks around texts aside."""
    if isinstance(theirs, datetime.timedelta):
        seconds = round(theirs.total_seconds())
        return ours == f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(theirs, datetime.date):
        return ours == theirs.isoformat()
    if isinstance(theirs, str) and isinstance(ours, str):
        return ours.strip() == theirs.strip()
    return ours == theirs


@pytest.mark.parametrize("name", [name for name in FILES if ".xls" in name])
def test_every_cell_of_a_workbook_is_what_calamine_reads(name: str) -> None:
    if FILES[name].rules == ("password",):
        pytest.skip("locked for calamine too")
    found = {seen.table.name: seen for seen in read_file(DATA / name).tables}
    compared = 0
    with CalamineWorkbook.from_path(str(DATA / name)) as book:
        for sheet in book.sheets_metadata:
            if sheet.typ is not SheetTypeEnum.WorkSheet:
                continue
            seen = found.get(sheet.name) or found.get("")
            ours = {row.line: row.cells for row in seen.rows} if seen else {}
            rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            for line, row in enumerate(rows, 1):
                for column, theirs in enumerate(row):
                    if str(theirs).strip():
                        assert same(ours[line][column], theirs), (sheet.name, line, column)
                        compared += 1
    assert compared > 0 or FILES[name].rules == ("empty",)


def text_rows(path: Path, delimiter: str = ",") -> list[list[str]]:
    encoding = "utf-16" if "utf-16" in path.name else "utf-8-sig"
    with path.open(encoding=encoding, newline="") as file:
        return [row for row in csv.reader(file, delimiter=delimiter) if any(row)]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".csv", ".txt"))])
def test_every_cell_of_a_text_table_is_what_csv_reads(name: str) -> None:
    (table,) = read_file(DATA / name).tables
    assert table.cells == text_rows(DATA / name, ";" if "weird_head" in name else ",")


def dbf(name: str) -> File:
    return read_file(DATA / "dbf" / name)


def test_the_records_of_the_dbf_files_are_as_their_bytes_say() -> None:
    books = dbf("books.dbf").tables[0].cells
    assert books[1][:9] == [
        *(1, "Dirk Luchte Comes Home", 5, 1985, "", "GGG&G Publishing", 23.5, "Hard"),
        "1993-11-23",
    ]
    gbk = dbf("gbk.dbf").tables[0]
    assert gbk.cells[0] == ["设计编号", "审核信息", "是否打印"]
    assert gbk.cells[1][0] == "201500256-059K-001-001牡丹江林口朝阳"
    deleted = dbf("test_delete.dbf").tables[0]
    assert [(row.line, row.cells) for row in deleted.rows[1:]] == [(2, ["john"]), (4, ["suzy"])]
    countries = dbf("countries.dbf").tables[0].cells
    assert sum("Côte d'Ivo" in str(cell) for row in countries for cell in row) == 1
    test = dict(zip(*dbf("testfile.dbf").tables[0].cells[:2], strict=True))
    assert test["D_START"] == "2020-03-27 09:30:10"
    assert (test["DT_START"], test["TM_START"]) == ("2020-03-27", "09:30:10")
    assert str(test["INFO"]).startswith('L*site="07GHC"\rL*prot="20003"')
