"""Layout: where the header is, what stands above, between and under the records."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.admin.intake.choice import Choice
from lookup.admin.intake.footnotes import is_footnote
from lookup.admin.readers.tables import Cell
from lookup.kind_file import load_kind
from tests.admin_makers import HEADER, THPT, candidate, candidates, kind_called
from tests.intake_makers import mapped, sheet, taken

SCORES = kind_called("scores")
TABLE = kind_called("score_table")
CUT_OFFS = kind_called("cut_offs")
THPT_KIND = load_kind(THPT)
EMISSIONS = load_kind(THPT.parent / "emissions.toml")
"""A kind whose columns are named by years."""
CODES = frozenset({"access_code"})

Rows = Sequence[Sequence[Cell]]

TITLES: Rows = [
    ["2026年杭州市中考成绩表"],
    ["", "", "2026年各科成绩汇总（正式）"],
    ["单位：示例中学", "", "制表日期：2026-06-20"],
    ["机密", "2026"],
]
NOTES: Rows = [
    ["注：缺考记0分，违纪按规定处理，详见有关文件"],
    ["", "合计", "", "", "5000", "8000"],
    ["合计", "", "", "", 5000, 8000.5],
    ["制表人：甲", "", "审核：乙"],
    ["制表人", "甲", "审核人", "乙", "日期", "2026-06-20"],
    ["第 1 页 共 3 页"],
    ["以下空白"],
    ["本表由市教育考试院统一制作，任何单位和个人不得翻印"],
    ["平均分", "", "", "", 88.5, 402.3],
]


IN_TWO_ROWS: Rows = [
    ["考生", "", "", "", "语文", "总分", "考试情况"],
    [*HEADER[:4], "成绩", "", ""],
]


def plain(count: int) -> Rows:
    return [HEADER, *candidates(count)]


@given(
    count=st.integers(1, 30),
    titles=st.lists(st.sampled_from(TITLES), max_size=4),
    notes=st.lists(st.sampled_from(NOTES), max_size=4),
    blanks=st.lists(st.integers(0, 7), max_size=3),
    repeats=st.lists(st.integers(0, 30), max_size=3),
    split=st.booleans(),
    part=st.integers(1, 50),
)
@settings(max_examples=150)
def test_what_stands_around_the_records_changes_none_of_them(
    count: int,
    titles: list[Sequence[Cell]],
    notes: list[Sequence[Cell]],
    blanks: list[int],
    repeats: list[int],
    split: bool,
    part: int,
) -> None:
    header = IN_TWO_ROWS if split else [HEADER]
    body: list[Sequence[Cell]] = [*candidates(count)]
    for place in sorted((place for place in repeats if place <= count), reverse=True):
        body[place:place] = header
    rows = [list(row) for row in (*titles, *header, *body, *notes)]
    for place in sorted(blanks, reverse=True):
        for row in rows:
            row[place:place] = [""] if place < len(row) else []
    found = taken(SCORES, sheet(rows, part=part))
    assert found.rules() == []
    assert found.said() == taken(SCORES, sheet(plain(count))).said()
    assert len(found.records) == count
    told = {finding.rule: int(finding.values["count"]) for finding in found.findings}
    repeated = sum(1 for place in repeats if place <= count) * len(header)
    assert told.get("repeated_header", 0) >= repeated
    assert told.get("footnote", 0) + told.get("repeated_header", 0) == repeated + len(notes)


@given(
    rows=st.lists(
        st.lists(st.sampled_from(["", "合计", "注：甲", "010000001", "测试", "88", 5]), max_size=8),
        max_size=12,
    ),
    header=st.sampled_from([[["标题"], HEADER], [["标题"], *IN_TWO_ROWS], [[*HEADER, "说明"]]]),
)
@settings(max_examples=200)
def test_no_row_under_a_header_goes_untold(rows: list[list[Cell]], header: Rows) -> None:
    found = taken(SCORES, sheet([*header, *rows, candidate(1)]))
    told: set[int] = {record.line for record in found.records}
    told |= {finding.line for finding in found.findings if finding.severity == "error"}
    for finding in found.findings:
        if finding.rule in {"footnote", "repeated_header"}:
            told |= {int(line) for line in str(finding.values["lines"]).split(", ")}
    first = len(header) + 1
    filled = {line for line, row in enumerate(rows, first) if any(map(str, row))}
    assert told == filled | {first + len(rows)}


@pytest.mark.parametrize("row", NOTES)
def test_a_note_is_a_footnote(row: list[Cell]) -> None:
    assert is_footnote(row, [0])


@pytest.mark.parametrize(
    "row",
    [
        candidate(1, 准考证号=""),
        candidate(1, 准考证号="01000000"),
        candidate(1, 准考证号="", 姓名="合计"),
        ["0100000A1", "", "", "", "", "", ""],
        ["", "", "", "张三", "", "", ""],
        ["注：甲", "", "", "张三", "88", "400", ""],
        ["", "", "", "", "", "", "听力免考"],
        ["01000000101000000201000000301000000"],
    ],
)
def test_a_broken_record_is_never_a_footnote(row: list[Cell]) -> None:
    found = taken(SCORES, sheet([HEADER, candidate(2), row]))
    assert {finding.line for finding in found.findings if finding.severity == "error"} == {3}
    assert "footnote" not in found.rules("warning")


def test_a_total_with_a_valid_number_in_the_key_is_a_record() -> None:
    rows: Rows = [["姓名", "准考证号", "查询码", "总分"], ["合计", "010000001", "36RBEJWN", 500]]
    assert len(taken(SCORES, sheet(rows)).records) == 1


def test_records_above_the_header_are_an_error() -> None:
    found = taken(SCORES, sheet([candidate(1), candidate(2), HEADER, candidate(3)]))
    assert found.rules() == ["record_above_header"] * 2
    assert [finding.line for finding in found.findings] == [1, 2]
    assert not found.records
    assert not found.opened[0].sure


def test_a_whole_record_above_the_header_is_one_whatever_it_is_known_by() -> None:
    rows: Rows = [["甲中学", 600], ["学校", "分数线"], ["乙中学", 590]]
    assert taken(CUT_OFFS, sheet(rows)).rules() == ["record_above_header"]


def test_a_lone_title_above_a_table_known_by_names_is_no_record() -> None:
    rows: Rows = [["2026年排放量"], ["Year", "2000"], ["Recycling", 577]]
    found = taken(EMISSIONS, sheet(rows))
    assert (found.rules(), len(found.records)) == ([], 1)
    assert taken(EMISSIONS, sheet([["Recycling", 577], *rows[1:]])).rules() == [
        "record_above_header"
    ]


def test_a_year_that_is_the_name_of_a_column_is_no_value() -> None:
    rows: Rows = [["Year", 2000.0, "2001"], ["Recycling", 577, 604]]
    found = taken(EMISSIONS, sheet(rows))
    assert mapped(found.opened[0]) == {"Year": "sector", "2000": "in_2000", "2001": "in_2001"}
    assert (found.rules(), len(found.records)) == ([], 1)
    choice = Choice({"#1": "sector", "#2": "in_2000", "#3": "in_2001"}, header=1)
    swallowed = taken(EMISSIONS, sheet([["Recycling", 577, 604], *rows]), choice=choice)
    assert swallowed.rules() == ["header_is_data"]


def test_a_column_named_by_its_place_makes_no_header_of_a_title() -> None:
    rows: Rows = [["排放量"], ["", "2000", "2001"], ["Recycling", 577, 604]]
    found = taken(EMISSIONS, sheet(rows), choice=Choice({"#1": "sector"}))
    assert mapped(found.opened[0]) == {"#1": "sector", "2000": "in_2000", "2001": "in_2001"}
    assert (found.rules(), len(found.records)) == ([], 1)


def test_a_row_named_as_header_that_is_a_record_is_an_error() -> None:
    choice = Choice({f"#{n}": name for n, name in ((1, "candidate_number"), (2, "access_code"))}, 1)
    found = taken(SCORES, sheet(candidates(3)), choice=choice)
    assert (found.rules(), found.records) == (["header_is_data"], [])


def test_a_header_of_three_merged_rows_is_joined() -> None:
    rows: Rows = [
        ["准考证号", "查询码", "姓名", "文化课", "", "总分"],
        ["", "", "", "语文", "", ""],
        ["", "", "", "成绩", "等级", ""],
        ["010000001", "36RBEJWN", "测试", 88.5, "A", 400],
    ]
    found = taken(SCORES, sheet(rows))
    assert mapped(found.opened[0]) == {
        "准考证号": "candidate_number",
        "查询码": "access_code",
        "姓名": "name",
        "文化课 语文 成绩": "chinese",
        "总分": "total",
    }
    assert orjson.loads(found.records[0].body)["chinese"] == 88.5


def test_a_lower_header_row_is_read_even_if_the_upper_one_names_everything() -> None:
    rows: Rows = [
        ["准考证号", "查询码", "姓名", "语文", "", "总分"],
        ["", "", "", "成绩", "等级", ""],
        ["010000001", "36RBEJWN", "测试", 88.5, "A", 400],
    ]
    found = taken(SCORES, sheet(rows))
    assert found.rules() == []
    assert len(found.records) == 1


@pytest.mark.parametrize(
    "row",
    [
        ["", "", "", "测试", "88", "400", "正常"],
        ["", "", "", "测试", "", "", "正常"],
        ["", "", "", "", "", "", "缺考", "听力"],
        ["010000001", "", "", "", "", "", ""],
    ],
)
def test_the_first_record_is_never_swallowed_by_the_header(row: list[Cell]) -> None:
    found = taken(SCORES, sheet([HEADER, row, candidate(2)]))
    assert {finding.line for finding in found.findings if finding.severity == "error"} == {2}
    assert [record.line for record in found.records] == [3]


def test_tables_side_by_side_are_read_one_after_the_other() -> None:
    header = ["分数", "人数", "累计"]
    rows: Rows = [
        ["2026年一分一段表"],
        [*header, "", *header, *header],
        [600, 1, 1, "", 597, 4, 10, 594, 1, 20],
        [599, 2, 3, "", 596, 4, 14, 593, 2, 22],
        [*header, "", *header, *header],
        [598, 3, 6, "", 595, 5, 19],
        ["注：不含加分"],
    ]
    found = taken(TABLE, sheet(rows))
    assert found.rules() == []
    scores = [orjson.loads(record.body)["score"] for record in found.records]
    assert scores == [600, 599, 598, 597, 596, 595, 594, 593]
    assert [record.line for record in found.records] == [3, 4, 6, 3, 4, 6, 3, 4]
    assert sorted(found.rules("warning")) == ["footnote", "repeated_header", "side_by_side"]


def test_tables_side_by_side_wait_only_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookup.admin.intake.table_reader.HELD_ROWS", 3)
    header = ["分数", "人数", "累计"]
    body = [[600 - n, 1, n, 300 - n, 1, n] for n in range(1, 20)]
    found = taken(TABLE, sheet([[*header, *header], *body], part=2))
    scores = [orjson.loads(record.body)["score"] for record in found.records]
    assert sorted(scores) == sorted([row[0] for row in body] + [row[3] for row in body])


GROUPED: Rows = [
    ["2018年一分一段表"],
    ["", "文史", "", "理工", ""],
    ["成绩", "本段人数", "累计人数", "本段人数", "累计人数"],
    [600, 1, 1, 5, 5],
    ["", "2018年一分一段表"],
    ["", "文史", "", "理工", ""],
    ["成绩", "本段人数", "累计人数", "本段人数", "累计人数"],
    [599, 2, 3, 6, 11],
    ["注：含照顾加分"],
]
IN_ONE_ROW: Rows = [
    ["成绩分数段", "文史本段人数", "文史累计人数", "理工本段人数", "理工累计人数"],
    [600, 1, 1, 5, 5],
    [599, 2, 3, 6, 11],
]


@pytest.mark.parametrize("rows", [GROUPED, IN_ONE_ROW])
def test_groups_of_columns_become_records_of_each_group(rows: Rows) -> None:
    found = taken(TABLE, sheet(rows))
    assert found.rules() == []
    said = [tuple(orjson.loads(record.body).values()) for record in found.records]
    assert said == [
        ("文史", 600, 1, 1),
        ("文史", 599, 2, 3),
        ("理工", 600, 5, 5),
        ("理工", 599, 6, 11),
    ]
    assert found.records[0].identifier == "文史\x1f600"


def test_columns_of_a_lookup_are_never_taken_for_groups() -> None:
    header = [*HEADER[:4], "一模语文", "一模总分", "二模语文", "二模总分"]
    found = taken(SCORES, sheet([header, [*candidate(1)[:4], 1, 2, 3, 4]]))
    assert not found.records
    assert "missing_column" in found.rules()


def test_marks_packed_into_one_cell_become_columns() -> None:
    rows = [
        ["SBD", "Họ tên", "Điểm"],
        ["01000001", "A", "Toán: 7.75  Ngữ Văn:   6.50   Lịch Sử: 5"],
        ["01000002", "B", "Toán：8 Ngữ Văn: Địa Lý: 4.25"],
        ["01000003", "C", ""],
        ["01000004", "D", "Toán: 7;Vật Lý: 5"],
    ]
    found = taken(THPT_KIND, sheet(rows), supplied=CODES)
    assert found.rules() == []
    assert "packed_column" in found.rules("warning")
    said = [orjson.loads(record.body) for record in found.records]
    assert [{**one, "candidate_number": None} for one in said] == [
        {"candidate_number": None, "mathematics": 7.75, "literature": 6.5, "history": 5},
        {"candidate_number": None, "mathematics": 8, "geography": 4.25},
        {"candidate_number": None},
        {"candidate_number": None, "mathematics": 7, "physics": 5},
    ]


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("Toán: 7  Thiên Văn: 8", "packed_label"),
        ("Toán: 7  Toán: 8", "packed_twice"),
        ("7.75", "packed_cell"),
        ("Toán: 7 8", "packed_cell"),
        (": 7  Toán: 8", "packed_cell"),
        ("Toán: 11", "full_mark"),
    ],
)
def test_what_a_packed_cell_says_wrongly_is_an_error(cell: str, rule: str) -> None:
    good = [[f"0100000{n}", "Toán: 7  Vật Lý: 8"] for n in range(1, 5)]
    rows = [["SBD", "Điểm"], *good, ["01000009", cell], good[0]]
    found = taken(THPT_KIND, sheet(rows), supplied=CODES)
    assert found.rules() == [rule]
    assert next(f.line for f in found.findings if f.rule == rule) == 6
    assert len(found.records) == 5


def test_a_packed_table_needs_no_header() -> None:
    rows = [[f"0100000{n}", "Toán: 7  Vật Lý: 8"] for n in range(1, 5)]
    choice = Choice({"#1": "candidate_number"}, 0)
    found = taken(THPT_KIND, sheet(rows), choice=choice, supplied=CODES)
    assert found.rules() == []
    assert orjson.loads(found.records[3].body) == {
        "candidate_number": "01000004",
        "mathematics": 7,
        "physics": 8,
    }


def test_a_total_line_of_a_table_known_by_names_is_no_record() -> None:
    rows: Rows = [
        ["学校", "分数线"],
        ["甲中学", 600],
        ["合计", 600],
        ["学校", "分数线"],
        ["乙中学", 590],
    ]
    found = taken(CUT_OFFS, sheet(rows))
    assert [orjson.loads(record.body)["school"] for record in found.records] == ["甲中学", "乙中学"]
    assert sorted(found.rules("warning")) == ["footnote", "repeated_header"]


def test_a_header_may_stand_as_far_down_as_the_sixtieth_row() -> None:
    titles = [[f"说明{n}"] for n in range(59)]
    assert len(taken(SCORES, sheet([*titles, *plain(3)])).records) == 3
    below = taken(SCORES, sheet([*titles, ["说明"], *plain(3)]))
    assert below.rules() == ["unclear_layout"]


def test_a_column_that_holds_something_and_has_no_name_is_told() -> None:
    rows = [[*HEADER, "", ""], [*candidate(1), "听力", ""]]
    found = taken(SCORES, sheet(rows))
    (finding,) = found.findings
    assert (finding.rule, finding.column, finding.severity) == ("unknown_column", "#8", "warning")


@pytest.mark.parametrize("header", [1, 3])
def test_a_row_of_data_is_no_header_and_its_cells_are_never_shown_as_names(header: int) -> None:
    found = taken(SCORES, sheet(candidates(3)), choice=Choice(header=header))
    (finding,) = found.findings
    assert (finding.rule, finding.line, found.records) == ("header_is_data", header, [])
    assert [name for name, _ in found.opened[0].columns] == [f"#{n}" for n in range(1, 8)]


def test_a_row_of_data_below_the_header_is_no_header() -> None:
    found = taken(SCORES, sheet(plain(9)), choice=Choice(header=5))
    assert (found.rules(), found.records) == (["header_is_data"], [])


@pytest.mark.parametrize("header", [5, 61, 5000])
def test_a_header_beyond_the_table_is_one_sentence(header: int) -> None:
    found = taken(SCORES, sheet(plain(3)), choice=Choice(header=header))
    (finding,) = found.findings
    assert (finding.rule, found.records) == ("header_absent", [])
    assert f"row {header} " in finding.reason()
    assert f"第 {header} 行" in finding.reason("zh")


def test_columns_named_by_their_places_make_no_header_of_a_record() -> None:
    choice = Choice({"#1": "candidate_number", "#2": "access_code", "#4": "name"})
    assert taken(SCORES, sheet(candidates(3)), choice=choice).rules() == ["unclear_layout"]


def test_a_row_above_a_header_without_the_number_is_no_broken_record() -> None:
    rows: Rows = [["甲", "正常"], ["姓名", "考试情况"], ["乙", "正常"]]
    assert set(taken(SCORES, sheet(rows)).rules()) == {"missing_column", "missing_factor"}


@pytest.mark.parametrize(
    ("header", "rule", "known"),
    [(["甲校", "均分"], "unknown_header", ""), (["学校", "均分"], "few_known", "学校")],
)
def test_a_plain_header_of_unknown_names_is_told_by_its_words(
    header: list[str], rule: str, known: str
) -> None:
    found = taken(SCORES, sheet([["各校情况"], header, ["一中", 88.5], ["二中", 79]]))
    (finding,) = found.findings
    assert (finding.rule, finding.line) == (rule, 2)
    for language in ("zh", "en"):
        assert ", ".join(header) in finding.reason(language)
        assert known in finding.reason(language)


def test_a_first_record_is_never_taken_for_a_plain_header() -> None:
    absent = candidate(1, 语文="缺考", 总分="缺考")
    found = taken(SCORES, sheet([absent, *candidates(4)[1:]]))
    assert found.rules() == ["unclear_layout"]
    assert "测试" not in found.findings[0].reason("zh")
