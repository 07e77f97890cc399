"""Every real file that holds a table, loaded the whole way, or refused for a true reason.

What is expected was taken from the files with other tools (calamine, csv, xxd), never from
what the program printed: rows, and findings of either severity by their rule.
"""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lookup.admin.batch_file import open_batch_file
from lookup.admin.batches import sources
from lookup.admin.intake.choice import Choice
from lookup.kind_file import load_kind
from lookup.kinds import Kind
from tests.admin_makers import CHECKOUT, KINDS, Office

FOLDER = CHECKOUT.parent / "shared" / "data"
DRAWS = "hangzhou-car-lottery/2*.csv"
PROVINCES = "vn-thpt-2019/*.csv"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the real files, ../shared/data, are not here"),
]


@dataclass(frozen=True)
class Load:
    """A file, the kind it loads as and what the clerk says; the records and findings there are.

    `rejected` is for files with an error; their good rows are counted among the records.
    """

    file: str
    kind: str
    records: int
    found: Mapping[str, int] = field(default_factory=dict)
    choice: Choice = field(default_factory=Choice)
    rejected: bool = False


def refused(
    file: str, kind: str, found: Mapping[str, int], choice: Choice | None = None, records: int = 0
) -> Load:
    return Load(file, kind, records, found, choice or Choice(), rejected=True)


def headless(*names: str, sheets: tuple[str, ...] = ()) -> Choice:
    """What a clerk says of a table without a header: its first columns, by their places."""
    return Choice({f"#{number}": name for number, name in enumerate(names, 1)}, 0, sheets)


_STRINGS = ("first", "second", "third", "fourth")

LOADS = (
    # 30 columns of which a cut-off table has four; 1,532 formulas are one finding; one code is
    # a number. The second sheet is a list of words.
    Load(
        "chengdu-zhongkao/schools.2023.xlsx",
        "cut_offs",
        91,
        {"unknown_column": 26, "formulas": 1, "code_as_number": 1, "sheet_left_out": 1},
        Choice(sheets=("data",)),
    ),
    Load("chengdu-zhongkao/score.stats.2023.xlsx", "score_table", 256),
    # Its memo file, books.fpt, is not in the folder.
    Load("dbf/books.dbf", "books", 10, {"memo_missing": 1}),
    # 29 columns of which the kind reads three; its language id, 0x57, means "this machine's".
    Load("dbf/countries.dbf", "countries", 177, {"guessed_page": 1, "unknown_column": 26}),
    Load("dbf/gbk.dbf", "designs", 28),
    # Its memo file is not in the folder; `unique_no` and `image` are not read.
    Load("dbf/student.dbf", "students", 3, {"memo_missing": 1, "unknown_column": 2}),
    # Three rows, one of them marked as deleted.
    Load("dbf/test_delete.dbf", "people", 2, {"deleted_rows": 1}, Choice({"FNAME": "name"})),
    # TYPE, INFO, D_START and D_FLAG are not read.
    Load("dbf/testfile.dbf", "orders", 13, {"unknown_column": 4}),
    # The memos of testfile.dbf: blocks of bytes, no table.
    refused("dbf/testfile.FPT", "pairs", {"nul": 1}),
    # Three rows of two numbers and a sentence under them; its hidden sheets are empty.
    Load("excel/any_sheets.xls", "pairs", 3, {"footnote": 1}, headless("first", "second")),
    Load("excel/any_sheets.xlsx", "pairs", 3, {"footnote": 1}, headless("first", "second")),
    # The third cell is a length of time (255:10:10) and no date.
    refused(
        "excel/date_1904.xlsx", "dated_counts", {"date": 1}, headless("day", "count"), records=2
    ),
    refused("excel/empty_sheet.xlsx", "pairs", {"empty": 1}),
    Load("excel/encoded_entities.xlsx", "strings", 1, choice=headless("first")),
    # They show merged cells and hold no records: no row of them names a column.
    refused("excel/merge_cells.xls", "strings", {"unclear_layout": 1}),
    refused("excel/merged_range.xlsx", "strings", {"unclear_layout": 2}),
    Load("excel/no-header.xlsx", "pairs", 2, choice=headless("first", "second")),
    # A weekly report laid out on a page, four tables beside and under one another; the nine
    # sheets it is computed from are hidden, and so not read.
    refused(
        "excel/OOM_alloc.xls",
        "pairs",
        {"unclear_layout": 1, "merged_cells": 1, "hidden_sheet": 1},
    ),
    refused("excel/pass_protected.xlsx", "pairs", {"password": 1}),
    # Two cells of the second row hold a line break.
    *(
        refused(
            "excel/whitespace_trim.xlsx",
            "strings",
            {"control_character": 2, "sheet_left_out": 1},
            headless(*_STRINGS, sheets=(sheet,)),
            records=2,
        )
        for sheet in ("inlineStr", "SharedStrings")
    ),
    Load("excel/xls_wrong_decimals.xls", "strings", 1, choice=headless("first")),
    Load("hangzhou-car-lottery/_name_characters.csv", "name_characters", 3532),
    Load("hangzhou-car-lottery/_periods.csv", "draw_periods", 66),
    Load("hangzhou-schools/high_school_cutoffs_2025.csv", "cut_offs", 32),
    Load("hangzhou-schools/high_schools_2026_plan.csv", "school_plans", 30),
    Load("hangzhou-schools/middle_schools.csv", "middle_schools", 17),
    # The table has no scores, so it is one of program groups; the note under it is merged.
    Load(
        "jiangsu-toudang-2022/历史类-江苏省2022年普通类本科批次平行志愿投档线.xls",
        "program_groups",
        1245,
        {"merged_cells": 1, "footnote": 1},
    ),
    refused(
        "jiangsu-toudang-2022/历史类-江苏省2022年普通类本科批次平行志愿投档线.xls",
        "cut_offs",
        # It names neither a school nor a cut-off line, which a cut-off table must have.
        {"missing_column": 2, "unknown_column": 1, "merged_cells": 1},
        Choice(header=1),
    ),
    # Eight rows of eight numbers like "2,666", three names that run over two lines; only two
    # rows have none of it. The total, the source and a note stand under it.
    refused(
        "messy-text/excel_pasting.csv",
        "emissions",
        {"integer": 64, "line_break": 3, "footnote": 1},
        records=2,
    ),
    Load("messy-text/skip_initials.csv", "pairs", 2),
    # "1,158", "1,077" and "1,009": a comma may group digits or begin a fraction. 19 columns.
    refused(
        "messy-text/utf-16le_encoded.csv",
        "detentions",
        {"integer": 3, "unknown_column": 15},
        records=324,
    ),
    # Fifty rows have a "." where nothing was counted, 37 more numbers are like "1.613"; the ten
    # headings of groups pass as records. Of the notes seven are too short to be known as such.
    refused(
        "messy-text/weird_head_padding.csv",
        "specialists",
        {"integer": 87, "ragged": 7, "footnote": 1},
        Choice({"#1": "specialty"}),
        records=10,
    ),
    Load("rare-chars/streets.csv", "streets", 41_352),
    Load("rare-chars/tongyong-level-1.txt", "characters", 3500, choice=headless("character")),
    Load("rare-chars/tongyong-level-2.txt", "characters", 3000, choice=headless("character")),
    Load("rare-chars/tongyong-level-3.txt", "characters", 1605, choice=headless("character")),
    # 260 scores; the title and the header stand four times more in mid-sheet, the title merged.
    Load(
        "shandong-yifenyiduan/2018一分一段.xlsx",
        "score_table",
        5 * 260,
        {"grouped_columns": 1, "merged_cells": 1, "repeated_header": 1},
    ),
    Load(
        "shandong-yifenyiduan/2018一分一段.xlsx",
        "track_table",
        260,
        {"merged_cells": 1, "repeated_header": 1},
    ),
    Load("shandong-yifenyiduan/2019一份一段表.xls", "score_table", 5 * 521, {"grouped_columns": 1}),
    Load("shandong-yifenyiduan/2019一份一段表.xls", "track_table", 521),
    Load("worldcup98/invocation_count.csv", "requests", 125_300),
    # 序号 is not read.
    Load("zhejiang-gaokao-2020/2020投档线.csv", "cut_offs", 5294, {"unknown_column": 1}),
)


def kind_named(name: str) -> Kind:
    folders = (KINDS, CHECKOUT / "tests" / "kinds")
    return load_kind(next(path for f in folders if (path := f / f"{name}.toml").exists()))


def files() -> Iterator[str]:
    """Everything in the folder but what was written about it."""
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.suffix != ".md":
            yield path.relative_to(FOLDER).as_posix()


def test_every_file_is_in_the_list() -> None:
    many = {
        path.relative_to(FOLDER).as_posix() for p in (DRAWS, PROVINCES) for path in FOLDER.glob(p)
    }
    assert set(files()) == many | {load.file for load in LOADS}


@pytest.mark.parametrize("load", LOADS, ids=lambda load: f"{load.file} as {load.kind}")
def test_a_real_file_loads_as_the_list_says(load: Load, tmp_path: Path) -> None:
    office = Office(tmp_path)
    loaded = office.load(kind_named(load.kind), FOLDER / load.file, choice=load.choice)
    found = office.findings(loaded.batch)
    assert Counter(one["rule"] for one in found) == load.found
    assert loaded.records == load.records
    assert loaded.state == ("rejected" if load.rejected else "checked")
    assert len(found) == loaded.errors + loaded.warnings
    assert bool(loaded.errors) == load.rejected


def test_every_draw_loads_with_its_official_count(tmp_path: Path) -> None:
    with (FOLDER / "hangzhou-car-lottery/_periods.csv").open(encoding="utf-8-sig") as file:
        official = {row["分期编号"]: int(row["配置个人指标总数"]) for row in csv.DictReader(file)}
    office = Office(tmp_path)
    kind = kind_named("draw")
    draws = sorted(FOLDER.glob(DRAWS))
    assert len(draws) == 44
    for path in draws:
        count = official[path.stem]
        codes = tmp_path / f"{path.stem}-codes.csv"
        loaded = office.load(kind, path, title=path.stem, expected=count, codes_path=codes)
        assert (loaded.state, loaded.records) == ("checked", count), path.name
        assert (loaded.errors, loaded.warnings) == (0, 0), path.name


@pytest.mark.heavy
def test_every_province_loads_with_all_its_rows(tmp_path: Path) -> None:
    paths = sorted(FOLDER.glob(PROVINCES))
    rows = {path.name: path.read_bytes().count(b"\n") - 1 for path in paths}
    assert (len(rows), sum(rows.values())) == (63, 881_331)
    office = Office(tmp_path)
    codes = tmp_path / "codes.csv"
    loaded = office.load(kind_named("thpt"), *paths, expected=881_331, codes_path=codes)
    assert (loaded.state, loaded.records) == ("checked", 881_331)
    assert (loaded.errors, loaded.warnings) == (0, 0)

    async def counted() -> dict[str, int]:
        async with open_batch_file(office.batch_file(loaded.batch)) as file:
            return {source["name"]: source["rows"] for source in await sources(file)}

    assert asyncio.run(counted()) == rows
