"""Columns: which header is which field, and what the clerk may say about it."""

import copy

import pytest

from lookup.admin.columns import check_overrides, map_columns
from lookup.admin.loading import header_findings
from lookup.errors import UsageError
from lookup.kinds import read_kind
from tests.admin_makers import SAMPLES, kind_called

SCORES = kind_called("scores")
CODES = frozenset({"access_code"})
ADMISSIONS = kind_called("admissions")


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
    (column,) = map_columns(SCORES, [header], {}).columns
    assert (column.field.name, column.index, column.header) == (name, 0, header.strip())


@pytest.mark.parametrize("kind", ["scores", "lottery", "admissions"])
def test_the_sample_headers_are_understood_wholly(kind: str) -> None:
    header = (SAMPLES / f"{kind}.csv").read_text("utf-8-sig").splitlines()[0].split(",")
    found = map_columns(kind_called(kind), header, {})
    assert header_findings(kind_called(kind), found, frozenset(), 1) == []
    assert len(found.columns) == len(header)


def test_an_unknown_column_is_a_warning_and_a_missing_one_an_error_naming_map() -> None:
    found = header_findings(SCORES, map_columns(SCORES, ["准考证号", "姓名", "星座"], {}), CODES, 3)
    assert [(f.rule, f.severity, f.line, f.column) for f in found] == [
        ("missing_column", "error", 3, "总分"),
        ("unknown_column", "warning", 3, "星座"),
    ]
    assert "--map COLUMN=total" in found[0].reason


def test_a_second_column_of_a_field_is_an_error() -> None:
    found = map_columns(SCORES, ["准考证号", "考号", "姓名", "总分"], {})
    assert [(f.rule, f.column) for f in header_findings(SCORES, found, CODES, 1)] == [
        ("double_column", "考号")
    ]


def test_an_override_wins_over_the_names() -> None:
    header = ["准考证号", "姓名", "总分", "加分后"]
    found = map_columns(SCORES, header, {"加分后": "total"})
    assert {c.field.name: c.index for c in found.columns}["total"] == 3
    assert (found.unknown, found.twice) == (("总分",), ())


def test_an_override_of_a_field_that_is_not_there_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="candidate_number"):
        check_overrides(SCORES, {"x": "nothing"})
    with pytest.raises(UsageError):
        check_overrides(ADMISSIONS, {"志愿": "preferences"})


def test_an_override_of_a_column_that_is_not_there_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="first row"):
        map_columns(SCORES, ["准考证号"], {"学号": "candidate_number"})


def test_numbered_columns_become_rows() -> None:
    header = ["志愿1批次", "志愿1学校", "志愿２", "志愿30结果", "志愿31学校"]
    found = map_columns(ADMISSIONS, header, {})
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
    assert map_columns(kind, header, {}, supplied).missing == ()
    assert map_columns(kind, [*header, "查询码"], {}, supplied).unknown == ("查询码",)
