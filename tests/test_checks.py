"""Each check passes a right table, and finds one planted fault and nothing else."""

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from lookup.admin.checks import Checker, Context, Place
from lookup.admin.checks.checker import MOST_TOLD, RULES, UNLISTED
from lookup.admin.findings import ERROR, WARNING
from lookup.check_rules import CHECKS
from tests.check_makers import PARTS, Row, checked, kind_with, told

SUM = {"rule": "sum", "total": "total", "parts": PARTS}
FLAGS = {"rule": "flags", "flag": "flag"}
RANK = {"rule": "rank", "rank": "rank", "score": "total"}
UNIQUE = {"rule": "unique", "fields": ["school", "room"]}
REQUIRES = {"rule": "requires", "when": "outcome", "is": ["admitted"], "fields": ["school"]}
EXCLUDES = {"rule": "excludes", "when": "outcome", "is": ["waiting"], "fields": ["school"]}
AT_LEAST = {"rule": "at_least", "field": "total", "other": "line"}
JOIN = {"school": "name"}
ABOVE_LINE = {
    "rule": "at_least", "field": "total", "when": "outcome", "is": ["admitted"],
    "reference": "cut_offs", "column": "score", "join": JOIN,
}  # fmt: skip
PLACES = {
    "rule": "places", "when": "outcome", "is": ["admitted"], "by": ["school"], "plan": "plan",
}  # fmt: skip
PLANNED = PLACES | {"reference": "plans", "column": "places", "join": JOIN}
del PLANNED["plan"]
SEQUENCE = {"rule": "sequence", "field": "order", "within": ["school"]}
TABLE = {"rule": "cumulative", "score": "total", "count": "count", "cumulative": "cumulative"}

MARKS: list[Row] = [
    {"a": 50, "b": 30.5, "c": 20, "total": 100.5, "flag": "normal"},
    {"a": "absent", "b": 30.1, "c": 20.2, "total": 50.3, "flag": "absent"},
    {"a": 0.1, "b": 0.2, "c": 0, "total": 0.3},
]
RANKED: list[Row] = [
    {"total": total, "rank": rank}
    for total, rank in [(99, 1), (98, 2), (98, 2), (90.5, 4), (90, 5), (90, 5), (90, 5), (7, 8)]
]
ROOMS: list[Row] = [
    {"school": "甲", "room": "1"},
    {"school": "甲", "room": "2"},
    {"school": "乙", "room": "1"},
    {"school": "乙"},
    {"school": "乙"},
]
ADMITTED: list[Row] = [
    {"outcome": "admitted", "school": "甲", "total": 280, "line": 280, "plan": 2},
    {"outcome": "admitted", "school": "甲", "total": 290.5, "line": 280, "plan": 2},
    {"outcome": "admitted", "school": "乙", "total": 260, "plan": 1},
    {"outcome": "waiting", "total": 12, "line": 11.5},
    {"total": 20},
]
LINES: list[Row] = [
    {"name": "甲", "score": 285},
    {"name": "甲", "score": 280},
    {"name": "乙", "score": 255.5},
    {"name": "丙"},
]
PLANS: list[Row] = [
    {"name": "甲", "places": 1},
    {"name": "甲", "places": 1},
    {"name": "乙", "places": 3},
]
DRAWN: list[Row] = [
    {"school": school, "order": order}
    for school, order in [("甲", 2), ("乙", 1), ("甲", 1), ("甲", 3), ("乙", 2)]
] + [{"school": "甲"}]
SCORES: list[Row] = [
    {"total": score, "count": count, "cumulative": cumulative}
    for score, count, cumulative in [
        (299, 0, 0), (298, 3, 50), (297, 4, 54), (296, 0, 54), (295, 6, 60), (294, 1, 61),
    ]
]  # fmt: skip


def altered(rows: list[Row], place: int, **changes: Any) -> list[Row]:
    """The rows with one of them changed; None empties a field."""
    row = {name: value for name, value in (rows[place] | changes).items() if value is not None}
    return [*rows[:place], row, *rows[place + 1 :]]


REFERENCES: dict[str, Any] = {"references": {"cut_offs": LINES, "plans": PLANS}}
RIGHT: list[tuple[dict[str, Any], list[Row]]] = [
    (SUM, MARKS), (FLAGS, MARKS), (RANK, RANKED), (RANK, RANKED[::-1]), (UNIQUE, ROOMS),
    (REQUIRES, ADMITTED), (EXCLUDES, ADMITTED), (AT_LEAST, ADMITTED), (ABOVE_LINE, ADMITTED),
    (PLACES, ADMITTED), (PLANNED, ADMITTED), (SEQUENCE, DRAWN), (TABLE, SCORES),
    (TABLE, SCORES[::-1]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "rows"), RIGHT)
def test_a_right_table_has_no_finding(check: dict[str, Any], rows: list[Row]) -> None:
    assert told(kind_with(check), rows, **REFERENCES) == []


PLANTED: list[tuple[str, dict[str, Any], list[Row], list[tuple[int, str]]]] = [
    ("a total that is too high", SUM, altered(MARKS, 0, total=100.6), [(2, "sum")]),
    ("a mark that was mistyped", SUM, altered(MARKS, 1, c=2.2), [(3, "sum")]),
    ("a mark that was lost", SUM, altered(MARKS, 2, b=None), [(4, "sum")]),
    ("an absence with every mark", FLAGS, altered(MARKS, 0, flag="absent"),
     [(2, "flag_without_mark")]),
    ("another outcome than the cell's", FLAGS, altered(MARKS, 1, flag="exempt"),
     [(3, "flag_without_mark")]),
    ("a replaced mark called normal", FLAGS, altered(MARKS, 1, flag="normal"),
     [(3, "mark_without_flag")]),
    ("a rank far too good", RANK, altered(RANKED, 7, rank=3), [(9, "rank_order")]),
    ("a rank far too bad", RANK, altered(RANKED, 0, rank=7), [(2, "rank_order")]),
    ("a tie torn apart", RANK, altered(RANKED, 5, rank=6), [(7, "rank_order")]),
    ("a rank of two scores", RANK, altered(RANKED, 3, rank=2), [(5, "rank_order")]),
    ("a total mistyped under a rank", RANK, altered(RANKED, 1, total=8), [(3, "rank_order")]),
    ("a rank that skips", RANK, altered(RANKED, 3, rank=3), [(5, "rank_counting")]),
    ("a record that is missing", RANK, RANKED[:1] + RANKED[2:], [(4, "rank_counting")]),
    ("a seat given twice", UNIQUE, altered(ROOMS, 2, school="甲"), [(4, "unique")]),
    ("admitted to nowhere", REQUIRES, altered(ADMITTED, 1, school=None), [(3, "requires")]),
    ("waiting, with a school", EXCLUDES, altered(ADMITTED, 3, school="甲"), [(5, "excludes")]),
    ("below the line beside it", AT_LEAST, altered(ADMITTED, 0, total=279.5), [(2, "at_least")]),
    ("below the reference's line", ABOVE_LINE, altered(ADMITTED, 2, total=255),
     [(4, "at_least")]),
    ("a school without a line", ABOVE_LINE, altered(ADMITTED, 2, school="丙"),
     [(4, "no_reference_row")]),
    ("one more than the plan", PLACES, [*ADMITTED, ADMITTED[2]], [(0, "places")]),
    ("two plans of one school", PLACES, altered(ADMITTED, 1, plan=3), [(3, "plan_differs")]),
    ("one more than the planned", PLANNED, [*ADMITTED, ADMITTED[0]], [(0, "places")]),
    ("a school without a plan", PLANNED, altered(ADMITTED, 2, school="丙"),
     [(4, "no_reference_row")]),
    ("a number left out", SEQUENCE, altered(DRAWN, 3, order=4), [(5, "number_gap")]),
    ("the first number left out", SEQUENCE, altered(DRAWN, 1, school="丙", order=2)[:4],
     [(3, "number_gap")]),
    ("a number given twice", SEQUENCE, [*DRAWN, {"school": "乙", "order": 2}],
     [(8, "number_twice")]),
    ("a count mistyped", TABLE, altered(SCORES, 2, count=5), [(4, "cumulative")]),
    ("a cumulative count mistyped", TABLE, altered(SCORES, 2, cumulative=45),
     [(4, "cumulative")]),
    ("a row left out", TABLE, SCORES[:2] + SCORES[3:], [(4, "cumulative")]),
    ("less than the first count", TABLE, [{"total": 9, "count": 2, "cumulative": 1}],
     [(2, "cumulative")]),
    ("a score with two rows", TABLE,
     [*SCORES, {"total": 294, "count": 0, "cumulative": 61}], [(8, "score_twice")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "rows", "wanted"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED]
)
def test_one_planted_fault_is_found_and_nothing_else(
    check: dict[str, Any], rows: list[Row], wanted: list[tuple[int, str]]
) -> None:
    findings, checker = checked(kind_with(check), rows, **REFERENCES)
    assert [(finding.line, finding.rule) for finding in findings] == wanted
    assert checker.counts == {ERROR: len(wanted)}


def test_every_declared_check_is_at_work() -> None:
    assert RULES.keys() == CHECKS.keys()


def test_a_part_without_a_column_bounds_the_total() -> None:
    rows: list[Row] = [{"a": 50, "total": total} for total in (49.5, 50, 250, 250.5)]
    assert told(kind_with(SUM), rows) == [(2, "sum"), (5, "sum")]


def test_a_total_that_is_missing_or_a_flag_is_not_added_up() -> None:
    assert told(kind_with(SUM), [{"a": 1, "b": 2, "c": 3}]) == []


def test_an_absence_with_an_empty_cell_is_believed() -> None:
    assert told(kind_with(FLAGS), [{"a": 1, "b": 2, "flag": "absent"}]) == []


def test_an_empty_flag_says_nothing_against_a_replaced_mark() -> None:
    assert told(kind_with(FLAGS), [{"a": 1, "b": "absent", "c": 2}]) == []


def test_ties_may_be_broken_where_the_kind_says_so() -> None:
    broken = altered(RANKED, 2, rank=3)
    assert told(kind_with(RANK | {"ties": "any"}), broken) == []
    assert told(kind_with(RANK), broken) == [(4, "rank_order")]


def test_a_part_of_the_city_may_skip_ranks_where_the_kind_says_so() -> None:
    part = RANKED[::3]
    assert told(kind_with(RANK | {"counting": "any"}), part) == []
    assert {rule for _, rule in told(kind_with(RANK), part)} == {"rank_counting"}


def test_the_ranks_of_a_part_are_one_finding_at_the_first_gap() -> None:
    rows: list[Row] = [{"total": 300 - n / 2, "rank": n} for n in (1, 2, *range(4, 300, 7))]
    (finding,), _ = checked(kind_with(RANK), rows)
    assert (finding.line, finding.rule, finding.severity) == (4, "rank_gaps", ERROR)
    assert finding.values == {"count": len(rows), "last": rows[-1]["rank"]}


def test_single_records_that_are_missing_are_named_one_by_one() -> None:
    rows: list[Row] = [{"total": 300 - n / 2, "rank": n} for n in range(1, 90) if n % 9]
    assert {rule for _, rule in told(kind_with(RANK), rows)} == {"rank_counting"}


def test_ranks_that_fall_behind_the_count_are_no_parts() -> None:
    ranks = [*range(1, 300, 7)]
    ranks[20:] = range(ranks[20], ranks[20] + len(ranks[20:]))
    rows: list[Row] = [{"total": 300 - n, "rank": rank} for n, rank in enumerate(ranks)]
    assert told(kind_with(RANK), rows) == [(3, "rank_gaps")]
    rows[30:] = [row | {"rank": row["rank"] - 100} for row in rows[30:]]
    assert "rank_gaps" not in {rule for _, rule in told(kind_with(RANK), rows)}


def test_a_miscounted_rank_is_told_with_those_before_it() -> None:
    (finding,), _ = checked(kind_with(RANK), altered(RANKED, 3, rank=3))
    assert finding.values == {"rank": 3, "above": 3, "expected": 4}


def test_ranks_are_compared_within_their_group() -> None:
    rows: list[Row] = [{"school": school} | row for school in "甲乙" for row in RANKED]
    assert told(kind_with(RANK | {"within": ["school"]}), rows) == []
    assert len(told(kind_with(RANK), rows)) > 1


def test_a_shift_of_all_following_ranks_is_one_finding() -> None:
    rows: list[Row] = [{"total": 300 - n / 2, "rank": n + (n > 40)} for n in range(1, 500)]
    assert told(kind_with(RANK), rows) == [(42, "rank_counting")]


@pytest.mark.parametrize("check", [ABOVE_LINE, PLANNED])
@pytest.mark.parametrize("rows", [None, [], [{"name": "甲"}], [{"score": 1, "places": 1}]])
def test_a_reference_that_nobody_approved_or_that_says_nothing_is_one_warning(
    check: dict[str, Any], rows: list[Row] | None
) -> None:
    name = check["reference"]
    (finding,), _ = checked(
        kind_with(check), ADMITTED, references={} if rows is None else {name: rows}
    )
    assert (finding.line, finding.rule, finding.severity) == (0, "no_reference", WARNING)
    fields = f"name, {check['column']}"
    assert finding.values == {"reference": name, "fields": fields, "count": 3}


@pytest.mark.parametrize("check", [ABOVE_LINE, PLANNED])
def test_a_reference_that_no_record_needs_is_not_missed(check: dict[str, Any]) -> None:
    assert told(kind_with(check), ADMITTED[3:]) == []


@pytest.mark.parametrize("check", [ABOVE_LINE, PLANNED])
def test_records_without_what_joins_them_are_counted_in_one_warning(check: dict[str, Any]) -> None:
    rows: list[Row] = [*ADMITTED, *[{"outcome": "admitted", "total": 1}] * 4]
    (finding,), _ = checked(kind_with(check), rows, **REFERENCES)
    assert (finding.line, finding.rule, finding.severity) == (0, "no_reference_key", WARNING)
    assert (finding.values["count"], finding.values["fields"]) == (4, "school栏")


def test_a_missing_row_of_a_reference_is_told_once_with_its_count() -> None:
    rows: list[Row] = [{"outcome": "admitted", "school": "丁", "total": 1}] * 5
    for check in (ABOVE_LINE, PLANNED):
        (finding,), _ = checked(kind_with(check), rows, **REFERENCES)
        assert (finding.line, finding.values["count"], finding.values["group"]) == (2, 5, "丁")


def test_the_expected_figure_is_held_against_the_records() -> None:
    (finding,), checker = checked(kind_with(), ROOMS, expected=6)
    assert (finding.line, finding.rule, finding.severity) == (0, "count", ERROR)
    assert finding.values == {"expected": 6, "count": 5}
    assert checker.counts == {ERROR: 1}
    assert told(kind_with(), ROOMS, expected=5) == []


def test_what_is_given_twice_names_where_it_stands_first() -> None:
    checker = Checker(kind_with(UNIQUE), Context())
    for name in ("一.xlsx", "二.xlsx"):
        assert not checker.add(Place(name, 7), {"school": "甲", "room": "1"})
    ((source, finding),) = checker.finish()
    assert (source, finding.line) == ("二.xlsx", 7)
    assert finding.values == {"file": "一.xlsx", "line": 7}


def test_a_wrong_column_is_listed_up_to_a_limit_and_counted_in_full() -> None:
    rows: list[Row] = [{"a": 1, "b": 1, "c": 1, "total": 4}] * (MOST_TOLD + 234)
    findings, checker = checked(kind_with(SUM), rows)
    assert len(findings) == MOST_TOLD + 1
    assert findings[-1].rule == UNLISTED
    assert findings[-1].severity == ERROR
    assert findings[-1].values == {"rule": "sum", "more": 234}
    assert checker.counts == {ERROR: MOST_TOLD + 234}


def test_every_sentence_belongs_to_a_check_and_names_no_unknown_value() -> None:
    sentences = tomllib.loads(
        files("lookup.admin").joinpath("phrases", "checks.toml").read_text("utf-8")
    )
    errors = {rule for *_, wanted in PLANTED for _, rule in wanted} | {
        "count",
        "rank_gaps",
        UNLISTED,
    }
    suspicions = {
        "no_reference", "no_reference_key", "mean_moved", "spread_moved", "zeros_moved",
        "maxima_moved", "share_moved", "zeros", "school_missing", "school_missing_share", "run",
        "rows_alike", "heap", "shared_code", "factor_empty", "odd_name",
    }  # fmt: skip
    assert set(sentences) == errors | suspicions
