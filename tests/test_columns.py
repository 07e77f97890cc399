"""Columns: which header is which field, and what the clerk may say about it."""

import copy
from collections.abc import Mapping, Sequence

import pytest

from lookup.admin.intake.columns import ColumnMap, Mapper, check_overrides, header_findings
from lookup.admin.intake.headings import Heading, headings, merged
from lookup.errors import UsageError
from lookup.kinds import Kind, read_kind
from tests.admin_makers import SAMPLES, kind_called

SCORES = kind_called("scores")
CODES = frozenset({"access_code"})
ADMISSIONS = kind_called("admissions")


def map_columns(
    kind: Kind,
    header: Sequence[Heading],
    overrides: Mapping[str, str],
    supplied: frozenset[str] = frozenset(),
) -> ColumnMap:
    return Mapper(kind, overrides, supplied).map(header)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("准考证号", "candidate_number"),
        (" 准 考 证 号 ", "candidate_number"),
        ("考生号", "candidate_number"),
        ("Candidate Number", "candidate_number"),
        ("candidate_number", "candidate_number"),
        ("ＣＡＮＤＩＤＡＴＥ　ＮＵＭＢＥＲ", "candidate_number"),
        ("语文成绩", "chinese"),
        ("合计", "total"),
        ("备注", "flag"),
    ],
)
def test_a_header_is_known_by_every_name_offices_use(header: str, name: str) -> None:
    (column,) = map_columns(SCORES, headings([header]), {}).columns
    said = " ".join(header.split())
    assert (column.field.name, column.index, column.header) == (name, 0, said)


@pytest.mark.parametrize("kind", ["scores", "lottery", "admissions"])
def test_the_sample_headers_are_understood_wholly(kind: str) -> None:
    header = (SAMPLES / f"{kind}.csv").read_text("utf-8-sig").splitlines()[0].split(",")
    found = map_columns(kind_called(kind), headings(header), {})
    assert header_findings(kind_called(kind), found, frozenset(), 1) == []
    assert len(found.columns) == len(header)


def test_an_unknown_column_is_a_warning_and_a_missing_one_an_error() -> None:
    columns = map_columns(SCORES, headings(["准考证号", "姓名", "星座"]), {})
    found = header_findings(SCORES, columns, CODES, 3)
    assert [(f.rule, f.severity, f.line, f.column) for f in found] == [
        ("missing_column", "error", 3, "总分"),
        ("unknown_column", "warning", 3, "星座"),
    ]
    for language in ("zh", "en"):
        assert "总成绩" in found[0].reason(language)
        assert "--map" not in found[0].reason(language)


def test_a_second_column_of_a_field_is_an_error() -> None:
    found = map_columns(SCORES, headings(["准考证号", "考号", "姓名", "总分"]), {})
    assert [(f.rule, f.column) for f in header_findings(SCORES, found, CODES, 1)] == [
        ("double_column", "考号")
    ]


@pytest.mark.parametrize(("second", "first"), [("考号", "准考证号"), ("准考证号", "#1")])
def test_a_second_column_is_told_with_the_first(second: str, first: str) -> None:
    found = map_columns(SCORES, headings(["准考证号", second, "姓名", "总分"]), {})
    (finding,) = header_findings(SCORES, found, CODES, 1)
    assert finding.values["first"] == first
    assert f"beside {first}" in finding.reason()


def test_a_missing_number_makes_no_second_factor_missing() -> None:
    found = map_columns(SCORES, headings(["查询码", "身份证号后六位", "姓名", "总分"]), {})
    assert [f.rule for f in header_findings(SCORES, found, frozenset(), 1)] == ["missing_column"]


def test_an_override_wins_over_the_names() -> None:
    header = ["准考证号", "姓名", "总分", "加分后"]
    found = map_columns(SCORES, headings(header), {"加分后": "total"})
    assert {c.field.name: c.index for c in found.columns}["total"] == 3
    assert (found.unknown, found.twice) == (("总分",), ())


def test_an_override_of_a_field_that_is_not_there_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="candidate_number"):
        check_overrides(SCORES, {"x": "nothing"})
    with pytest.raises(UsageError):
        check_overrides(ADMISSIONS, {"志愿": "preferences"})


def test_an_override_of_a_column_that_is_not_there_is_told() -> None:
    found = map_columns(SCORES, headings(["准考证号"]), {"学号": "candidate_number", "#2": "name"})
    assert found.absent == ("学号", "#2")


def test_an_override_may_count_columns_where_they_have_no_name() -> None:
    found = map_columns(SCORES, headings(["", "姓名", "甲"]), {"#1": "candidate_number"})
    assert [(c.index, c.field.name) for c in found.columns] == [
        (0, "candidate_number"),
        (1, "name"),
    ]
    assert found.columns[0].header == "#1"


def test_an_override_to_nothing_leaves_a_column_unread_without_a_word() -> None:
    found = map_columns(SCORES, headings(["总分", "合计"]), {"合计": ""})
    assert [c.index for c in found.columns] == [0]
    assert (found.unknown, found.twice) == ((), ())
    check_overrides(SCORES, {"合计": ""})


@pytest.mark.parametrize(
    "header",
    [
        "总分(满分600)",
        "总分（满分：600分）",
        "总分[分]",
        "*总分",
        "总分：",
        "\ufeff总分",
        "总\n分",
        "总 分 ",
        "总分（必填）",
        "'总分",
    ],
)
def test_what_a_form_puts_around_a_name_is_no_part_of_it(header: str) -> None:
    found = map_columns(SCORES, headings([header]), {})
    assert [c.field.name for c in found.columns] == ["total"]
    assert found.weak == ()


@pytest.mark.parametrize("header", ["总分(含加分)", "总分（不含体育）", "语文(一模)"])
def test_brackets_that_say_more_than_a_unit_make_a_column_doubtful(header: str) -> None:
    found = map_columns(SCORES, headings([header]), {})
    assert [column.header for column in found.weak] == [header]
    (finding,) = [f for f in header_findings(SCORES, found, CODES, 1) if f.rule == "unclear_column"]
    assert finding.column == header
    for language in ("zh", "en"):
        assert "--map" not in finding.reason(language)


def test_a_plain_name_wins_over_one_that_says_more() -> None:
    found = map_columns(SCORES, headings(["总分", "总分(含加分)"]), {})
    assert [(c.index, c.field.name) for c in found.columns] == [(0, "total")]
    assert (found.weak, found.twice, found.unknown) == ((), (), ("总分(含加分)",))


def test_an_override_makes_a_doubtful_column_sure() -> None:
    found = map_columns(SCORES, headings(["总分(含加分)"]), {"总分(含加分)": "total"})
    assert found.weak == ()
    assert found.columns[0].field.name == "total"


def test_a_merged_heading_goes_on_over_what_stands_beside_it() -> None:
    rows = [["考生", "", "语文", "", "总分"], ["准考证号", "姓名", "成绩", "等级", ""]]
    found = map_columns(SCORES, merged(rows, 5), {})
    assert [(c.header, c.field.name) for c in found.columns] == [
        ("考生 准考证号", "candidate_number"),
        ("考生 姓名", "name"),
        ("语文 成绩", "chinese"),
        ("总分", "total"),
    ]
    assert found.unknown == ("语文 等级",)


def test_two_columns_under_one_subject_are_not_guessed_at() -> None:
    rows = [["语文", ""], ["卷面", "折算"]]
    (twice,) = map_columns(SCORES, merged(rows, 2), {}).twice
    assert (twice[0], twice[1].header) == ("语文 折算", "语文 卷面")


def test_numbered_columns_become_rows() -> None:
    header = ["志愿1批次", "志愿1学校", "志愿２", "志愿30结果", "志愿31学校"]
    found = map_columns(ADMISSIONS, headings(header), {})
    places = [(c.rows.name, c.field.name, c.row) for c in found.columns if c.rows]
    assert places == [
        ("preferences", "round", 1),
        ("preferences", "school", 1),
        ("preferences", "school", 2),
        ("preferences", "result", 30),
    ]
    assert found.unknown == ("志愿31学校",)


def test_a_supplied_field_is_neither_read_nor_missing() -> None:
    document = copy.deepcopy(dict(SCORES.document))
    code = next(field for field in document["field"] if field["name"] == "access_code")
    code["required"] = True
    kind = read_kind(document)
    supplied = frozenset({"access_code"})
    header = ["准考证号", "姓名", "总分"]
    assert map_columns(kind, headings(header), {}, supplied).missing == ()
    assert map_columns(kind, headings([*header, "查询码"]), {}, supplied).unknown == ("查询码",)
