"""Checking: a loaded batch becomes checked or rejected, and may be checked again until signed."""

import asyncio
import copy
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lookup.admin.batch_file import batch_path
from lookup.admin.batches import Batch
from lookup.admin.checking import check, is_outdated
from lookup.admin.desk import Desk
from lookup.admin.locks import only_one
from lookup.admin.people.roles import REVIEWER, Actor
from lookup.admin.reviewing import approve
from lookup.admin.states import APPROVED, CHECKED, REJECTED
from lookup.errors import RefusedError, StorageError
from lookup.kinds import Kind, read_kind
from tests.admin_makers import (
    HEADER,
    SAMPLES,
    Office,
    candidate,
    candidates,
    kind_called,
    write_rows,
)
from tests.desk_makers import disclosure_of, person

SCORES = kind_called("scores")
T = TypeVar("T")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def check_again(office: Office, batch: int, **options: Any) -> Batch:
    return office.at_desk(lambda desk: check(desk, batch, **options))


def loaded(office: Office, *rows: list[str], kind: Kind = SCORES, **options: Any) -> int:
    path = write_rows(office.root / f"{len(list(office.root.glob('*.csv')))}.csv", rows)
    return office.load(kind, path, **options).batch


def set_state(office: Office, batch: int, sql: str) -> None:
    async def work(desk: Desk) -> None:
        await desk.database.execute(sql, (batch,))

    office.at_desk(work)


def meanwhile(act: Callable[[], T]) -> T:
    """What somebody else does in mid-act, on a desk of their own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act).result()


def rules(office: Office, batch: int) -> list[str]:
    return [finding["rule"] for finding in office.findings(batch)]


def test_a_batch_without_errors_is_checked(office: Office) -> None:
    batch = office.batch(loaded(office, *candidates(3)))
    assert (batch.state, batch.errors) == (CHECKED, 0)
    assert batch.profile is not None


def test_a_batch_with_an_error_is_rejected(office: Office) -> None:
    batch = office.batch(loaded(office, candidate(1), candidate(1)))
    assert (batch.state, batch.errors) == (REJECTED, 1)


def test_a_batch_without_records_is_rejected(office: Office) -> None:
    assert office.batch(loaded(office)).state == REJECTED


def test_the_expected_figure_may_be_mended_by_a_new_check(office: Office) -> None:
    batch = loaded(office, *candidates(3), expected=4)
    assert (office.batch(batch).state, rules(office, batch)) == (REJECTED, ["count"])
    again = check_again(office, batch, expected=3)
    assert (again.state, again.expected, rules(office, batch)) == (CHECKED, 3, [])
    assert check_again(office, batch).expected == 3


def test_a_check_replaces_its_own_findings_and_no_others(office: Office) -> None:
    batch = loaded(office, candidate(1), candidate(1), candidate(2, 总分="x"))
    before = office.findings(batch)
    assert [finding["rule"] for finding in before] == ["duplicate", "mark"]
    again = check_again(office, batch)
    assert again.errors == 2
    found = [{**finding, "id": 0} for finding in office.findings(batch)]
    assert found == [{**finding, "id": 0} for finding in before]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE batch SET state = 'approved' WHERE id = ?",
        "UPDATE batch SET state = 'rejected', reason = 'x', rejected_by = 'y' WHERE id = ?",
        "INSERT INTO approval (batch, person, at, sha256, disclosure)"
        " VALUES (?, 'y', '', '', '{}')",
        "UPDATE batch SET destroyed_at = 'then' WHERE id = ?",
    ],
)
def test_what_somebody_has_decided_is_not_checked_again(office: Office, sql: str) -> None:
    batch = loaded(office, *candidates(2))
    set_state(office, batch, sql)
    before = office.batch(batch)
    with pytest.raises(RefusedError):
        check_again(office, batch, expected=7)
    assert office.batch(batch) == before
    assert rules(office, batch) == []


def test_an_approval_that_comes_in_mid_check_wins(office: Office) -> None:
    batch = loaded(office, *candidates(2))

    def approve(_: int) -> None:
        sql = "UPDATE batch SET state = 'approved' WHERE id = ?"
        meanwhile(lambda: set_state(office, batch, sql))

    with pytest.raises(RefusedError, match="approved"):
        check_again(office, batch, expected=7, progress=approve)
    assert (office.batch(batch).state, rules(office, batch)) == (APPROVED, [])


def test_two_checks_of_one_batch_do_not_meet(office: Office) -> None:
    batch = loaded(office, *candidates(2))

    def again(_: int) -> None:
        meanwhile(lambda: check_again(office, batch))

    with pytest.raises(RefusedError, match="being checked"):
        check_again(office, batch, progress=again)
    assert check_again(office, batch).state == CHECKED


def test_two_batches_are_checked_at_once(office: Office) -> None:
    first, second = loaded(office, *candidates(2)), loaded(office, *candidates(3))

    async def both() -> list[Batch]:
        async with office.desk() as one, office.desk() as two:
            return list(await asyncio.gather(check(one, first), check(two, second)))

    assert [batch.state for batch in asyncio.run(both())] == [CHECKED, CHECKED]


def test_a_check_goes_on_where_a_kill_left_a_loaded_batch(office: Office) -> None:
    batch = loaded(office, candidate(1), candidate(1))
    set_state(office, batch, "UPDATE batch SET state = 'loaded' WHERE id = ?")
    with pytest.raises(RefusedError, match="batch check"):
        office.build(batch)
    assert check_again(office, batch).state == REJECTED


def test_a_lost_batch_file_is_one_sentence(office: Office) -> None:
    batch = loaded(office, candidate(1))
    os.remove(office.batch_file(batch))  # noqa: PTH107  # a disk loses it
    with pytest.raises(RefusedError, match="backup"):
        check_again(office, batch)


def test_a_damaged_batch_file_is_one_sentence(office: Office) -> None:
    batch = loaded(office, candidate(1))
    office.batch_file(batch).write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="backup"):
        check_again(office, batch)


def test_only_loaders_and_reviewers_check(office: Office) -> None:
    batch = loaded(office, candidate(1))
    for role, allowed in (("loader", True), ("reviewer", True), ("publisher", False)):
        actor = Actor("somebody", frozenset({role}))
        if allowed:
            assert office.at_desk(lambda desk: check(desk, batch), actor).state == CHECKED
        else:
            with pytest.raises(RefusedError, match="role"):
                office.at_desk(lambda desk: check(desk, batch), actor)


def line_kind() -> Kind:
    """A reference: each school's lowest admitted total."""
    document: dict[str, Any] = {
        "format": 1,
        "name": "lines",
        "purpose": "reference",
        "title": {"zh": "分数线", "en": "Lines"},
        "about": {"zh": "试验", "en": "A test"},
        "key": ["school"],
        "field": [
            {
                "name": "school",
                "label": {"zh": "线校", "en": "School"},
                "type": "text",
                "required": True,
            },
            {
                "name": "line",
                "label": {"zh": "线", "en": "Line"},
                "type": "score",
                "full_mark": 650,
                "required": True,
            },
        ],
    }
    return read_kind(document)


def scores_over_lines() -> Kind:
    document = copy.deepcopy(dict(SCORES.document))
    document["check"] = [
        {
            "rule": "at_least",
            "field": "total",
            "reference": "lines",
            "column": "line",
            "join": {"middle_school": "school"},
        }
    ]
    return read_kind(document)


def test_a_batch_is_held_against_the_newest_reference_that_was_checked(office: Office) -> None:
    path = write_rows(
        office.root / "s.csv",
        [[*candidate(1, 总分="400"), "甲校"], [*candidate(2, 总分="300"), "甲校"]],
        [*HEADER, "毕业学校"],
    )
    for line, errors in (("500", 2), ("350", 1), ("300", 0)):
        lines = write_rows(office.root / f"l{line}.csv", [["甲校", line]], ["线校", "线"])
        assert office.load(line_kind(), lines).state == CHECKED
        assert office.load(scores_over_lines(), path).errors == errors
    broken = write_rows(office.root / "broken.csv", [["甲校", "x"]], ["线校", "线"])
    assert office.load(line_kind(), broken).state == REJECTED
    assert office.load(scores_over_lines(), path).errors == 0


def test_a_school_over_its_plan_is_an_error_and_no_plan_at_all_a_warning(office: Office) -> None:
    admissions, plans = kind_called("admissions"), kind_called("school_plans")
    path = SAMPLES / "admissions.csv"
    batch = office.load(admissions, path).batch
    (finding,) = office.findings(batch)
    assert (finding["rule"], finding["severity"]) == ("no_reference", "warning")
    text = (SAMPLES / "school_plans.csv").read_text(encoding="utf-8")
    for name, offered, errors in (("right.csv", 3, 0), ("short.csv", 2, 1)):
        row = "第一批,009,望江山中学,"
        assert f"{row}3\n" in text
        plan = office.root / name
        plan.write_text(text.replace(f"{row}3\n", f"{row}{offered}\n"), encoding="utf-8")
        office.load(plans, plan)
        assert check_again(office, batch).errors == errors
    (finding,) = office.findings(batch)
    assert (finding["rule"], finding["line"]) == ("places", 0)


def test_where_approval_is_required_only_an_approved_reference_counts(tmp_path: Path) -> None:
    office = Office(tmp_path, required_approvals=1)
    lines = write_rows(office.root / "l.csv", [["甲校", "500"]], ["线校", "线"])
    reference = office.load(line_kind(), lines).batch
    path = write_rows(
        office.root / "s.csv", [[*candidate(1, 总分="400"), "甲校"]], [*HEADER, "毕业学校"]
    )
    batch = office.load(scores_over_lines(), path).batch
    assert "at_least" not in rules(office, batch)
    set_state(office, reference, "UPDATE batch SET state = 'approved' WHERE id = ?")
    assert check_again(office, batch).state == REJECTED
    assert "at_least" in rules(office, batch)


def test_a_reference_is_never_built(office: Office) -> None:
    lines = write_rows(office.root / "l.csv", [["甲校", "500"]], ["线校", "线"])
    batch = office.load(line_kind(), lines).batch
    with pytest.raises(RefusedError, match="reference"):
        office.build(batch)


def test_a_key_that_stands_twice_in_a_reference_is_a_duplicate(office: Office) -> None:
    lines = write_rows(office.root / "l.csv", [["甲校", "500"], ["甲校", "5"]], ["线校", "线"])
    batch = office.load(line_kind(), lines).batch
    (finding,) = office.findings(batch)
    assert (finding["rule"], finding["line"], finding["column"]) == ("duplicate", 3, "线校")


def test_the_lock_of_a_check_is_of_its_batch_alone(office: Office) -> None:
    batch = loaded(office, candidate(1))
    other = loaded(office, candidate(1))
    folder = batch_path(office.root / "admin" / "batches", batch).parent
    with only_one(folder / f".{batch}.lock", RefusedError("taken")):
        assert check_again(office, other).state == CHECKED
        with pytest.raises(RefusedError):
            check_again(office, batch)


def test_a_new_reference_outdates_the_checks_made_before_it(office: Office) -> None:
    path = write_rows(
        office.root / "s.csv", [[*candidate(1, 总分="400"), "甲校"]], [*HEADER, "毕业学校"]
    )
    batch = office.load(scores_over_lines(), path).batch
    plain = loaded(office, candidate(1))

    def outdated(number: int) -> bool:
        return office.at_desk(lambda desk: is_outdated(desk, office_batch(number)))

    def office_batch(number: int) -> Batch:
        return meanwhile(lambda: office.batch(number))

    assert not outdated(batch)
    lines = write_rows(office.root / "l.csv", [["甲校", "500"]], ["线校", "线"])
    office.load(line_kind(), lines)
    assert (outdated(batch), outdated(plain)) == (True, False)
    check_again(office, batch)
    assert not outdated(batch)


def test_nobody_approves_what_was_held_against_other_references(office: Office) -> None:
    row = [*candidate(1, 总分="400"), "甲校"]
    path = write_rows(office.root / "s.csv", [row], [*HEADER, "毕业学校"])
    kind = scores_over_lines()
    batch = office.load(kind, path).batch
    lines = write_rows(office.root / "l.csv", [["甲校", "300"]], ["线校", "线"])
    office.load(line_kind(), lines)

    def sign() -> object:
        reviewer = person("reviewer", REVIEWER)
        return office.at_desk(lambda desk: approve(desk, batch, disclosure_of(kind)), reviewer)

    with pytest.raises(RefusedError, match="since batch 1 was checked"):
        sign()
    check_again(office, batch)
    sign()
    assert meanwhile(lambda: office.batch(batch)).state == APPROVED
