"""Rows left out for errors make no innocent record a fault, and hide nothing that stays true."""

from pathlib import Path
from typing import Any

import pytest

from tests.admin_makers import HEADER, Office, candidate, kind_called, write_rows
from tests.check_makers import Row, checked, kind_with, told
from tests.test_checks import (
    DRAWN,
    PLANTED,
    RANK,
    RANKED,
    REFERENCES,
    ROOMS,
    SCORES,
    SEQUENCE,
    TABLE,
    altered,
)

KIND = kind_called("scores")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def rules(office: Office, batch: int) -> set[str]:
    return {finding["rule"] for finding in office.findings(batch)}


def test_the_expected_figure_counts_rows_that_were_left_out_for_errors() -> None:
    assert told(kind_with(), ROOMS, expected=8, left_out=3) == []
    (finding,), _ = checked(kind_with(), ROOMS, expected=9, left_out=3)
    assert finding.values == {"expected": 9, "count": 8}


def test_the_expected_figure_says_nothing_where_a_table_could_not_be_read() -> None:
    assert told(kind_with(), ROOMS, expected=9, left_out=None) == []


COUNTING: list[tuple[str, dict[str, Any], list[Row]]] = [
    ("the best is missing", RANK, RANKED[1:]),
    ("one in the middle is missing", RANK, RANKED[:3] + RANKED[4:]),
    ("a number is missing", SEQUENCE, DRAWN[1:]),
    ("a row of a score table is missing", TABLE, SCORES[:2] + SCORES[3:]),
]


@pytest.mark.parametrize("left_out", [1, 7, None])
@pytest.mark.parametrize(
    ("check", "rows"), [row[1:] for row in COUNTING], ids=[row[0] for row in COUNTING]
)
def test_rows_left_out_for_errors_make_no_innocent_record_a_fault(
    check: dict[str, Any], rows: list[Row], left_out: int | None
) -> None:
    assert told(kind_with(check), rows)
    assert told(kind_with(check), rows, left_out=left_out) == []


STILL_TRUE = {
    "a rank far too good", "a rank far too bad", "a tie torn apart", "a rank of two scores",
    "a total mistyped under a rank", "a seat given twice", "below the line beside it",
    "below the reference's line", "a school without a line", "one more than the plan",
    "two plans of one school", "one more than the planned", "a number given twice",
    "a score with two rows", "a total that is too high",
}  # fmt: skip


@pytest.mark.parametrize("left_out", [1, None])
@pytest.mark.parametrize(
    ("check", "rows", "wanted"),
    [row[1:] for row in PLANTED if row[0] in STILL_TRUE],
    ids=[row[0] for row in PLANTED if row[0] in STILL_TRUE],
)
def test_what_is_wrong_however_many_rows_were_left_out_is_still_told(
    check: dict[str, Any], rows: list[Row], wanted: list[tuple[int, str]], left_out: int | None
) -> None:
    assert told(kind_with(check), rows, left_out=left_out, **REFERENCES) == wanted


def test_a_record_that_stands_twice_shifts_no_rank() -> None:
    rows = [*RANKED, RANKED[0]]
    assert told(kind_with(RANK), rows)
    assert told(kind_with(RANK), rows, doubled=1) == []


def test_a_rank_of_two_scores_is_the_one_that_rows_left_out_can_explain() -> None:
    # The first is gone: 98 has two before it at most, 90.5 has at least three.
    rows = altered(RANKED, 3, rank=2)[1:]
    assert told(kind_with(RANK), rows, left_out=1) == [(4, "rank_order")]


RANKED_HEADER = [*HEADER, "名次"]
BAD_MARK, BAD_STATUS, BAD_RANK = 10, 40, 70


def ranked_rows() -> list[list[str]]:
    """A hundred rows that are right, the last one first in rank."""
    return [[*candidate(n), str(101 - n)] for n in range(1, 101)]


def test_three_planted_faults_are_three_findings_and_no_others(office: Office) -> None:
    rows = ranked_rows()
    rows[BAD_MARK][HEADER.index("语文")] = "八十"
    rows[BAD_STATUS][HEADER.index("考试情况")] = "病假"
    rows[BAD_RANK][-1] = "3"
    path = write_rows(office.root / "s.csv", rows, RANKED_HEADER)
    batch = office.load(KIND, path, expected=100).batch
    assert [(f["rule"], f["line"]) for f in office.findings(batch)] == [
        ("mark", BAD_MARK + 2), ("outcome", BAD_STATUS + 2), ("rank_order", BAD_RANK + 2),
    ]  # fmt: skip


def test_a_row_that_was_pasted_twice_is_one_finding(office: Office) -> None:
    rows = ranked_rows()
    path = write_rows(office.root / "s.csv", [*rows, rows[BAD_RANK]], RANKED_HEADER)
    assert rules(office, office.load(KIND, path, expected=100).batch) == {"duplicate"}


def test_a_number_mistyped_as_another_s_is_one_finding(office: Office) -> None:
    rows = ranked_rows()
    rows[BAD_RANK][0] = rows[BAD_MARK][0]
    path = write_rows(office.root / "s.csv", rows, RANKED_HEADER)
    assert rules(office, office.load(KIND, path, expected=100).batch) == {"duplicate"}


def test_doubled_records_explain_no_more_of_the_expected_figure_than_they_are() -> None:
    for expected, wanted in ((4, []), (5, []), (3, [(0, "count")]), (6, [(0, "count")])):
        assert told(kind_with(), ROOMS, expected=expected, doubled=1) == wanted


def test_a_missing_row_is_found_among_rows_left_out_and_again_once_they_are_mended(
    office: Office,
) -> None:
    rows = [row for at, row in enumerate(ranked_rows()) if at != BAD_RANK]
    mended = write_rows(office.root / "mended.csv", rows, RANKED_HEADER)
    rows[BAD_MARK][HEADER.index("语文")] = "八十"
    path = write_rows(office.root / "s.csv", rows, RANKED_HEADER)
    batch = office.load(KIND, path, expected=100).batch
    assert rules(office, batch) == {"mark", "count"}
    again = office.load(KIND, mended, expected=100).batch
    assert rules(office, again) == {"count", "rank_counting"}


UNREADABLE = {
    "nameless.csv": "准考证号,查询码,总分\n000000001,AAAAAAAA,300\n".encode(),
    "damaged.xlsx": b"PK\x03\x04 and nothing else",
    "binary.csv": bytes(range(256)) * 8,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_leaves_every_count_open(office: Office, name: str) -> None:
    """How many rows it holds nobody knows: its own finding says all that can be said."""
    rows = ranked_rows()
    first = write_rows(office.root / "s.csv", rows[:50], RANKED_HEADER)
    other = office.root / name
    other.write_bytes(UNREADABLE[name])
    batch = office.load(KIND, first, other, expected=100).batch
    found = office.findings(batch)
    assert found
    assert {finding["file"] for finding in found} == {name}
