"""Records: a row of cells is a record, or it says everything that is wrong with it."""

import copy
from typing import Any

import orjson
import pytest

from lookup.admin.findings import Finding
from lookup.admin.intake.columns import Mapper
from lookup.admin.intake.headings import headings
from lookup.admin.intake.records import Record, RecordReader
from lookup.admin.readers.tables import Cell, Row
from lookup.kinds import Kind, read_kind
from tests.admin_makers import HEADER, candidate, kind_called

SCORES = kind_called("scores")
LOTTERY = kind_called("lottery")
ADMISSIONS = kind_called("admissions")
CUT_OFFS = kind_called("cut_offs")


def reader(kind: Kind, header: list[str]) -> RecordReader:
    return RecordReader(kind, Mapper(kind, {}).map(headings(header)))


def read(kind: Kind, header: list[str], cells: list[Any], lines: int = 1) -> Record | list[Finding]:
    return reader(kind, header).read(Row(7, cells, lines))


def record(kind: Kind, header: list[str], cells: list[Any]) -> Record:
    found = read(kind, header, cells)
    assert isinstance(found, Record)
    return found


def rules(found: Record | list[Finding]) -> list[tuple[str, str]]:
    assert isinstance(found, list)
    return [(finding.rule, finding.column) for finding in found]


def test_a_record_serves_its_fields_in_the_kinds_order_and_never_a_second_factor() -> None:
    found = record(SCORES, HEADER[::-1], candidate(1)[::-1])
    assert list(orjson.loads(found.body)) == [
        "candidate_number",
        "name",
        "chinese",
        "total",
        "flag",
    ]
    assert found.identifier == found.secrets["candidate_number"] == "010000001"
    assert found.secrets.keys() == {"candidate_number", "access_code", "id_suffix"}
    assert (found.line, found.withheld) == (7, {})


def test_a_withheld_field_is_kept_beside_the_record() -> None:
    document = copy.deepcopy(dict(SCORES.document))
    withheld = next(field for field in document["field"] if field["name"] == "chinese")
    withheld["disclosure"] = "withheld"
    del withheld["statistics"]
    for group in document["group"]:
        group["fields"] = [name for name in group["fields"] if name != "chinese"]
    found = record(read_kind(document), HEADER, candidate(1))
    assert "chinese" not in orjson.loads(found.body)
    assert found.withheld == {"chinese": 61}


def test_the_identifier_of_a_reference_is_its_key() -> None:
    header = ["批次", "学校代码", "学校", "分数线"]
    found = record(CUT_OFFS, header, ["第一批", "0306", "甲中学", 600])
    assert found.identifier == "第一批\x1f0306\x1f甲中学\x1f\x1f\x1f"
    assert found.secrets == {}


def test_a_row_says_everything_that_is_wrong_with_it() -> None:
    found = read(SCORES, HEADER, candidate(1, 准考证号="x", 姓名=" ", 总分="1e2"))
    assert rules(found) == [("characters", "准考证号"), ("required", "姓名"), ("mark", "总分")]
    assert [finding.value for finding in found if isinstance(finding, Finding)] == ["x", "", "1e2"]


@pytest.mark.parametrize("cells", [candidate(1)[:-1], [*candidate(1), ""]])
def test_a_row_of_another_width_is_ragged(cells: list[str]) -> None:
    found = read(SCORES, HEADER, cells)
    assert rules(found) == [("ragged", "")]
    assert isinstance(found, list)
    assert found[0].reason() == f"has {len(cells)} cells where the header has 7"


def test_a_row_over_several_lines_is_an_error() -> None:
    found = read(SCORES, HEADER, candidate(1), lines=2)
    assert rules(found) == [("line_break", "")]
    assert isinstance(found, list)
    assert found[0].reason().startswith("runs over 2 lines: check its quotes")


@pytest.mark.parametrize(
    ("cell", "mark"), [(0, 0), (0.0, 0), (88.5, 88.5), (88.0, 88), ("88.50", 88.5)]
)
def test_a_mark_is_the_same_as_number_and_as_text(cell: Cell, mark: float) -> None:
    found = record(SCORES, HEADER, [*candidate(1)[:4], cell, 400, "正常"])
    value = orjson.loads(found.body)["chinese"]
    assert (value, type(value)) == (mark, type(mark))


def test_codes_that_came_as_numbers_are_read_and_counted_once() -> None:
    table = reader(SCORES, HEADER)
    for line, number in enumerate((110000001, 110000002.0, 110000003), 5):
        found = table.read(Row(line, [number, *candidate(1)[1:]]))
        assert isinstance(found, Record)
        assert found.identifier == f"{number:.0f}"
    (finding,) = table.finish()
    assert (finding.rule, finding.severity, finding.line) == ("code_as_number", "warning", 5)
    assert (finding.column, finding.values["count"]) == ("准考证号", 3)


@pytest.mark.parametrize(
    ("place", "number", "rule"),
    [
        (0, 10000001, "leading_zeros"),
        (0, 1e15, "number_too_long"),
        (0, 1234567890, "length"),
        (0, 110000001.5, "characters"),
        (1, 12345, "leading_zeros"),
        (2, 12345, "leading_zeros"),
    ],
)
def test_a_number_that_lost_digits_is_no_code(place: int, number: float, rule: str) -> None:
    cells: list[Cell] = [*candidate(1)]
    cells[place] = number
    table = reader(SCORES, HEADER)
    assert rules(table.read(Row(7, cells))) == [(rule, HEADER[place])]
    assert table.finish() == []


def test_codes_written_as_text_are_not_counted() -> None:
    table = reader(SCORES, HEADER)
    assert isinstance(table.read(Row(1, list(candidate(1)))), Record)
    assert table.finish() == []


def test_a_cell_means_the_same_the_second_time() -> None:
    table = reader(SCORES, HEADER)
    rows = [candidate(1, 语文=mark) for mark in ("1e2", "缺考", "", " 88 ", "1e2", "缺考", "")]
    said = [table.read(Row(1, list(row))) for row in rows]
    assert said[:3] == said[4:]
    assert rules(said[0]) == [("mark", "语文")]


def test_more_different_cells_than_are_remembered_are_read_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lookup.admin.intake.records.MAX_REMEMBERED", 2)
    table = reader(SCORES, HEADER)
    for mark in (1, 2, 3, 4, 3, 2, 1):
        found = table.read(Row(1, list(candidate(1, 语文=str(mark)))))
        assert isinstance(found, Record)
        assert orjson.loads(found.body)["chinese"] == mark


PREFERENCES = ["准考证号", "查询码", "姓名", "录取结果", "志愿1批次", "志愿1学校", "志愿2学校"]


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        (["", "", ""], None),
        (["", "甲校", ""], [{"school": "甲校"}]),
        (["一批", "甲校", "乙校"], [{"round": "一批", "school": "甲校"}, {"school": "乙校"}]),
    ],
)
def test_numbered_columns_become_a_list(preferences: list[str], expected: object) -> None:
    cells = [*candidate(1)[:2], "测试", "未录取", *preferences]
    found = orjson.loads(record(ADMISSIONS, PREFERENCES, cells).body)
    assert found.get("preferences") == expected


@pytest.mark.parametrize(
    ("preferences", "broken"),
    [
        (["", "", "乙校"], [("gap", "志愿")]),
        (["一批", "", ""], [("incomplete_entry", "志愿 1")]),
        (["一批", "", "乙校"], [("incomplete_entry", "志愿 1")]),
    ],
)
def test_a_list_with_something_left_out_is_an_error(
    preferences: list[str], broken: list[tuple[str, str]]
) -> None:
    cells = [*candidate(1)[:2], "测试", "未录取", *preferences]
    assert rules(read(ADMISSIONS, PREFERENCES, cells)) == broken


def test_every_finding_of_a_row_can_be_said_in_both_languages() -> None:
    broken: list[list[Cell]] = [
        ["x", "U", "1", "\x00", "121", "1e2", "病假"],
        ["'12", "#N/A", "&amp;", "a&lt;b", "1.55", "", "违"],
        [1, 2, 3, "\u200b", -1, 1e20, 5],
        [1e15, 1, 2, "\ue000", 0.1, "９９９", "缺考"],
    ]
    for cells in broken:
        found = read(SCORES, HEADER, cells)
        assert isinstance(found, list)
        for finding in found:
            for language in ("zh", "en"):
                assert "{" not in finding.reason(language)
