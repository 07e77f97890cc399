"""A round's table: read as offices send it, or refused in one sentence."""

from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from lookup.admin.intake.choice import Choice
from lookup.admin.live_board import Table, read_table
from lookup.errors import RefusedError, UsageError
from lookup.stores.entries import MAX_BOARD, School
from tests.admin_makers import Office, write_rows
from tests.workbook_makers import xlsx

HEADER = ["学校代码", "学校", "计划数", "已录取", "末位名次", "末位分数"]
ROWS = [
    ["001", "第1中学", "120", "80", "3391", "531.5"],
    ["002", "第2中学", "50", "50", "", ""],
]
SCHOOLS = (
    School("001", "第1中学", 120, 80, 3391, 531.5, full=False),
    School("002", "第2中学", 50, 50, None, None, full=True),
)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def read(office: Office, path: Path, choice: Choice | None = None) -> Table:
    return office.at_desk(lambda desk: read_table(desk, path, choice))


def test_a_table_becomes_rows_of_the_board(office: Office) -> None:
    table = read(office, write_rows(office.root / "a.csv", ROWS, HEADER))
    assert table.schools == SCHOOLS
    assert len(table.sha256) == 64


def test_a_title_above_other_words_in_the_header_and_another_encoding_are_understood(
    office: Office,
) -> None:
    path = office.root / "b.csv"
    lines = [
        "第一批录取进度表,,,,,",
        "招生代码,学校名称,招生计划,已录取人数,位次,最低分",
        "001,第1中学,120,80,3391,531.5",
        "002,第2中学,50,50,,",
    ]
    path.write_bytes("\r\n".join(lines).encode("gb18030"))
    assert read(office, path).schools == SCHOOLS


def test_a_workbook_is_read_like_every_other_file(office: Office) -> None:
    path = office.root / "a.xlsx"

    def fill(book: Workbook, sheet: Worksheet) -> None:
        sheet.delete_rows(1, sheet.max_row)
        for row in (HEADER, ["001", "第1中学", 120, 80, 3391, 531.5]):
            sheet.append(row)

    path.write_bytes(xlsx(fill))
    assert read(office, path).schools == SCHOOLS[:1]


def test_columns_that_nobody_knows_are_named_by_hand(office: Office) -> None:
    header = [*HEADER[:3], "进来的", *HEADER[4:]]
    path = write_rows(office.root / "c.csv", ROWS, header)
    with pytest.raises(RefusedError):
        read(office, path)
    assert read(office, path, Choice({"进来的": "admitted"})).schools == SCHOOLS


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["001", "第1中学", "120", "八十", "", ""], "wrong.csv, line 2, 已录取: "),
        (["001", "第1中学", "120", "-1", "", ""], "wrong.csv, line 2, 已录取: "),
        (["001", "", "120", "80", "", ""], "wrong.csv, line 2, 学校: "),
        (["001", "第1中学", "120", "80", "0", ""], "wrong.csv, line 2, 末位名次: "),
        (["001", "第1中学", "120", "80", "", "缺考"], "wrong.csv, line 2, 末位分数: "),
        (["002", "第2中学", "50", "50", "", ""], "line 3: the school code 002 stands there twice"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_place(
    office: Office, row: list[str], said: str
) -> None:
    path = write_rows(office.root / "wrong.csv", [row, ROWS[1]], HEADER)
    with pytest.raises(RefusedError) as error:
        read(office, path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_table_is_refused(office: Office) -> None:
    path = office.root / "nothing.csv"
    path.write_bytes(b"")
    with pytest.raises(RefusedError, match=r"nothing\.csv"):
        read(office, path)
    with pytest.raises(UsageError, match="not a file"):
        read(office, office.root / "absent.csv")


def test_more_schools_than_there_can_be_are_refused(office: Office) -> None:
    rows = [[f"{n:05d}", f"第{n}中学", "1", "0", "", ""] for n in range(MAX_BOARD + 1)]
    with pytest.raises(RefusedError, match=f"more than {MAX_BOARD}"):
        read(office, write_rows(office.root / "many.csv", rows, HEADER))
