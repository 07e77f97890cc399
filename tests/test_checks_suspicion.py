"""Warnings for the reviewer: planted oddities are seen, and ordinary years are left in peace."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from lookup.admin.checks import Profile
from lookup.admin.checks.profile import Marks
from lookup.admin.findings import WARNING
from lookup.sample.candidates import make_candidates
from lookup.sample.scores import SUBJECTS, make_scores
from tests.admin_makers import kind_called
from tests.check_makers import FULL, PARTS, Row, checked, kind_with, told

DISTRIBUTION = kind_with(
    {"rule": "distribution", "fields": [*PARTS, "total", "outcome"], "by": "school"}
)
RUNS = kind_with({"rule": "runs", "fields": PARTS})
SCORES = kind_called("scores")
NAMES = ["chinese", "mathematics", "english", "science", "society", "sport"]


def year(seed: int, candidates: int = 2000, schools: int = 20) -> list[Row]:
    """One exam: marks around 70 that correlate, as any year's."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for number in range(candidates):
        able = rng.gauss(70, 12)
        marks = [min(FULL, max(0, round(2 * rng.gauss(able, 6)) / 2)) for _ in PARTS]
        row: Row = dict(zip(PARTS, marks, strict=True))
        rows.append(
            row
            | {
                "total": sum(marks),
                "school": f"第{number % schools}中学",
                "outcome": "admitted" if able > 65 else "waiting",
            }
        )
    return rows


LAST_YEAR = year(1)


def profile_of(rows: Sequence[Row]) -> Profile:
    return checked(DISTRIBUTION, rows)[1].profile()


def made_up_city(seed: int, candidates: int) -> list[Row]:
    """A year of the sample's city, as the scores' reader gives it."""
    status = {"正常": "normal", "缺考": "absent", "违纪": "misconduct", "缓考": "deferred",
              "免考": "exempt"}  # fmt: skip
    rows: list[Row] = []
    for sheet in make_scores(seed, make_candidates(seed, candidates)):
        flag = status[sheet.status]
        marks = [flag if mark is None else mark / 2 for mark in sheet.marks]
        own = {"total": sheet.total / 2, "rank": sheet.rank, "flag": flag}
        school = {"middle_school": sheet.candidate.school.name}
        rows.append(dict(zip(NAMES, marks, strict=True)) | own | school)
    assert len(SUBJECTS) == len(NAMES)
    return rows


def changed(rows: Sequence[Row], **changes: Any) -> list[Row]:
    """Every row with these fields set, or worked out from the row."""
    return [
        row | {name: value(row) if callable(value) else value for name, value in changes.items()}
        for row in rows
    ]


THIS_YEAR = year(2)
ODDITIES: list[tuple[str, list[Row], set[tuple[str, str]]]] = [
    ("a column shifted by a tenth", changed(THIS_YEAR, a=lambda row: max(0, row["a"] - 10)),
     {("a栏", "mean_moved")}),
    ("a column squeezed", changed(THIS_YEAR, b=lambda row: 70 + (row["b"] - 70) / 2),
     {("b栏", "spread_moved")}),
    ("empty marks filled with 0",
     [*changed(THIS_YEAR[:60], c=0), *THIS_YEAR[60:]], {("c栏", "zeros_moved")}),
    ("a burst of full marks",
     [*changed(THIS_YEAR[:200], c=FULL), *THIS_YEAR[200:]], {("c栏", "maxima_moved")}),
    ("an outcome that doubled", changed(THIS_YEAR, outcome="admitted"),
     {("outcome栏", "share_moved")}),
    ("a school that lost a third",
     [row | ({"a": "absent"} if row["school"] == "第3中学" and n % 3 == 0 else {})
      for n, row in enumerate(THIS_YEAR)], {("a栏", "school_missing_share")}),
    ("a school without marks",
     [row | ({"a": None} if row["school"] == "第3中学" else {}) for row in THIS_YEAR],
     {("a栏", "school_missing")}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "wanted"), [row[1:] for row in ODDITIES], ids=[row[0] for row in ODDITIES]
)
def test_what_differs_from_the_release_before_is_a_warning(
    rows: list[Row], wanted: set[tuple[str, str]]
) -> None:
    findings, _ = checked(DISTRIBUTION, rows, previous=profile_of(LAST_YEAR))
    assert {finding.severity for finding in findings} == {WARNING}
    assert {(finding.column, finding.rule) for finding in findings} == wanted


def test_thirty_ordinary_pairs_of_years_raise_no_warning() -> None:
    before = profile_of(LAST_YEAR)
    for seed in range(100, 130):
        findings, checker = checked(DISTRIBUTION, year(seed), previous=before)
        assert findings == []
        before = checker.profile()


def test_years_of_the_made_up_city_raise_no_finding() -> None:
    before = None
    for seed in (2015, 7, 8):
        findings, checker = checked(SCORES, made_up_city(seed, 4000), previous=before)
        assert findings == []
        before = checker.profile()


def test_two_subjects_that_were_swapped_are_a_warning() -> None:
    before = checked(SCORES, made_up_city(2015, 2000))[1].profile()
    rows = [
        row | {"chinese": row["mathematics"], "mathematics": row["chinese"]}
        for row in made_up_city(7, 2000)
    ]
    found = {(f.column, f.rule) for f in checked(SCORES, rows, previous=before)[0]}
    assert {("语文", "spread_moved"), ("数学", "spread_moved")} <= found


def test_a_small_batch_is_compared_with_nothing() -> None:
    rows = changed(THIS_YEAR[:29], a=0, b=0, c=0)
    assert told(DISTRIBUTION, rows, previous=profile_of(LAST_YEAR)) == []


def test_a_batch_is_compared_with_nothing_while_many_rows_are_left_out() -> None:
    """Those left out are no chance sample: the word for the absent may be misspelt."""
    rows = changed(THIS_YEAR[:1000], a=0)
    before = profile_of(LAST_YEAR)
    assert told(DISTRIBUTION, rows, previous=before, left_out=10)
    for left_out in (11, 500, None):
        assert told(DISTRIBUTION, rows, previous=before, left_out=left_out) == []


def test_many_zeros_are_odd_without_a_release_before() -> None:
    rows = [*changed(THIS_YEAR[:120], a=0), *THIS_YEAR[120:]]
    assert told(DISTRIBUTION, rows) == [(0, "zeros")]


def test_a_subject_nobody_sat_is_no_school_s_fault() -> None:
    assert told(DISTRIBUTION, changed(THIS_YEAR, a=None)) == []


def test_a_profile_survives_its_file() -> None:
    profile = profile_of(LAST_YEAR)
    assert profile.records == len(LAST_YEAR)
    assert Profile.from_json(profile.to_json()) == profile


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"marks":{"a":{"n":1}}}', b'{"marks":[]}'])
def test_another_file_is_no_profile(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (orjson's words are its own)
        Profile.from_json(text)


def test_marks_are_shares_of_the_full_mark() -> None:
    marks = Marks.of({0: 1, 20: 1, 80: 1, 100: 1, "absent": 3, None: 2}, FULL)
    assert marks == Marks(count=4, mean=0.5, spread=0.17**0.5, zeros=1, maxima=1)


def test_ordinary_marks_have_no_strange_runs() -> None:
    assert told(RUNS, year(3, 20_000)) == []


@pytest.mark.parametrize("name", [*PARTS, "school"])
def test_a_sorted_file_has_no_strange_runs(name: str) -> None:
    assert told(RUNS, sorted(year(4, 5000), key=lambda row: row[name])) == []


def test_a_mark_dragged_down_a_column_is_seen_where_it_starts() -> None:
    rows = year(5)
    rows[700:715] = changed(rows[700:715], b=61.5)
    assert told(RUNS, rows) == [(702, "run")]


def test_a_whole_class_may_have_full_marks_or_none() -> None:
    rows = year(5)
    rows[700:760] = changed(rows[700:760], b=FULL)
    rows[800:860] = changed(rows[800:860], b=0)
    rows[900:960] = changed(rows[900:960], b="absent")
    assert told(RUNS, rows) == []


@pytest.mark.parametrize("start", [0, 998, 1997])
def test_rows_pasted_again_are_seen_wherever_they_stand(start: int) -> None:
    rows = year(6)
    rows[start : start + 3] = [rows[start]] * 3
    assert told(RUNS, rows) == [(start + 2, "rows_alike")]


def test_two_neighbours_alike_are_no_finding() -> None:
    rows = year(6)
    rows[1001] = rows[1000]
    assert told(RUNS, rows) == []


def test_a_default_that_was_never_replaced_is_a_heap() -> None:
    rows = [row | ({"a": 60} if n % 4 == 0 else {}) for n, row in enumerate(year(7))]
    (finding,), _ = checked(RUNS, rows)
    assert (finding.rule, finding.column, finding.value) == ("heap", "a栏", "60")


def test_sport_s_crowd_below_the_full_mark_is_no_heap() -> None:
    rng = random.Random(8)
    rows: list[Row] = [{"a": rng.choice([100, 100, 99, 99, 98, 97])} for _ in range(1000)]
    assert told(RUNS, rows) == []
