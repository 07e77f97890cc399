"""Statistics: no published cell stands for fewer than ten people, and the sums are right."""

import copy
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lookup.kinds import Kind
from lookup.statistics import MINIMUM_CELL, is_few
from lookup.statistics.tally import Tally
from lookup.statistics.versions import tells_few
from tests.admin_makers import kind_called

SCORES, LOTTERY, ADMISSIONS = map(kind_called, ("scores", "lottery", "admissions"))
MARKS = st.one_of(st.integers(0, 30), st.sampled_from([9.5, 10.5]), st.just("absent"))
FLAGS = st.sampled_from(["normal", "absent", "misconduct", "deferred", "exempt"])
Records = list[dict[str, Any]]
RECORDS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"total": MARKS, "flag": FLAGS}),
        st.fixed_dictionaries({"total": MARKS}),
    ),
    max_size=300,
)


def tables(records: Records, kind: Kind = SCORES, **references: Records) -> dict[str, Any]:
    """The tables by name."""
    tally = Tally(kind)
    for record in records:
        tally.add(record)
    return {table["name"]: table for table in tally.tables(references)}


def drawn(school: str, places: int, applicants: int) -> Records:
    """Made-up applicants of one school."""
    outcomes = ["drawn"] * places + ["not_drawn"] * (applicants - places)
    return [{"school_code": school, "school": f"学校{school}", "outcome": o} for o in outcomes]


def admitted(school: str, number: int, line: float = 500) -> Records:
    """Made-up candidates whom one school admitted."""
    one = {"round": "第一批", "school_code": school, "school": f"学校{school}"}
    return [one | {"outcome": "admitted", "cut_off_line": line}] * number


def said(found: dict[str, Any], *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of the table of schools."""
    return [tuple(row[name] for name in columns) for row in found["schools"]["rows"]]


@given(RECORDS)
def test_no_cell_is_below_ten_and_every_table_parts_all_records(records: Records) -> None:
    found = tables(records)
    for table in found.values():
        assert len(table["rows"]) > 1
        assert all(row["count"] >= MINIMUM_CELL for row in table["rows"])
        assert sum(row["count"] for row in table["rows"]) == len(records)
    marks = [r["total"] for r in records if not isinstance(r["total"], str)]
    if "total" in found:
        *rows, last = found["total"]["rows"]
        assert found["total"]["full_mark"] == 600
        assert (rows[0]["to"], last["from"], last["cumulative"]) == (None, None, len(records))
        for row in rows:
            assert row["cumulative"] == sum(mark >= row["from"] for mark in marks)
        # The last row has people who have a mark, so that it does not tell who has none.
        assert sum(mark < rows[-1]["from"] for mark in marks) >= MINIMUM_CELL
    flags = Counter(r.get("flag") for r in records)
    for row in found.get("flag", {"rows": []})["rows"]:
        assert row["value"] is None or row["count"] == flags[row["value"]]


def test_fewer_than_ten_records_publish_nothing() -> None:
    assert tables([]) == tables([{"total": 7, "flag": "normal"}] * 9) == {}


def test_neighbouring_marks_are_merged_from_the_top_and_whoever_has_none_is_below() -> None:
    marks = [50] * 4 + [49] * 6 + [40] * 12 + [1] * 11 + ["absent"] * 3
    assert tables([{"total": mark} for mark in marks])["total"]["rows"] == [
        {"from": 49, "to": None, "count": 10, "cumulative": 10},
        {"from": 40, "to": 48, "count": 12, "cumulative": 22},
        {"from": None, "to": 39, "count": 14, "cumulative": 36},
    ]


def test_an_upper_end_is_a_step_below_the_row_above_whether_anybody_has_it_or_not() -> None:
    rows = tables([{"total": mark} for mark in [50.5] * 10 + [40] * 10])["total"]["rows"]
    assert [row["to"] for row in rows] == [None, 50]


def test_a_rare_value_takes_the_next_rarest_with_it_and_whoever_has_none_is_in_the_rest() -> None:
    records: Records = [{"flag": flag} for flag in ["normal"] * 20 + ["absent"] * 11]
    rest = {"value": None, "count": 13}
    two: tuple[Records, ...] = ([{"flag": "exempt"}] * 2, [{}] * 2)
    for more in two:
        assert tables(records + more)["flag"]["rows"] == [{"value": "normal", "count": 20}, rest]


def test_a_subject_and_the_total_it_is_part_of_have_no_ends_that_tell_of_few() -> None:
    # 14 have sport 30, and the 12 best of all are among them: two would be told.
    best = [{"sport": 30, "total": 600}] * 12 + [{"sport": 30, "total": 300}] * 2
    found = tables([*best, *[{"sport": 20, "total": 250}] * 30])
    assert found["total"]["rows"][0]["count"] == 12
    assert "sport" not in found
    more: Records = [*best, *[{"sport": 30, "total": 300}] * 8, *[{"sport": 20, "total": 250}] * 30]
    assert tables(more)["sport"]["rows"][0]["count"] == 22


def test_schools_say_applicants_places_and_ratio() -> None:
    found = tables(drawn("002", 20, 50) + drawn("001", 20, 33), LOTTERY)
    names = ("school_code", "applicants", "places", "ratio")
    assert found["schools"]["columns"] == [*names[1:]]
    assert said(found, *names) == [("001", 33, 20, 1.65), ("002", 50, 20, 2.5)]


def test_small_schools_are_one_row_of_enough_people() -> None:
    found = tables(drawn("1", 20, 50) + drawn("2", 10, 20) + drawn("3", 0, 4), LOTTERY)
    assert said(found, "school", "applicants", "places") == [("学校1", 50, 20), (None, 24, 10)]


def test_a_cell_that_tells_of_few_is_withheld_with_its_ratio_and_with_another_school_beside() -> (
    None
):
    found = tables(drawn("1", 20, 40) + drawn("2", 27, 30) + drawn("3", 100, 200), LOTTERY)
    assert said(found, "applicants", "places", "ratio") == [
        (40, None, None), (30, None, None), (200, 100, 2.0),
    ]  # fmt: skip


def test_plans_come_from_the_reference_and_lines_from_the_records() -> None:
    plans = [
        {"round": "第一批", "school_code": "1", "school": "学校1", "plan": 15},
        {"round": "第一批", "school_code": "1", "school": "学校1", "plan": 3},
        {"round": "提前批", "school_code": "2", "school": "学校2", "plan": 9},
    ]
    records = admitted("1", 18, 531.5) + admitted("2", 12) + admitted("3", 4)
    nowhere = [{"outcome": "not_admitted"}] * 30
    found = tables(records + nowhere, ADMISSIONS, school_plans=plans)
    assert said(found, "school", "plan", "admitted", "cut_off_line") == [
        ("学校1", 18, 18, 531.5), ("学校2", None, None, 500), (None, None, None, None),
    ]  # fmt: skip


def test_a_reference_row_that_fits_two_groups_says_nothing_of_either() -> None:
    second = [record | {"round": "第二批"} for record in admitted("1", 12)]
    plans = [{"school_code": "1", "school": "学校1", "plan": 30}]
    found = tables(admitted("1", 12) + second, ADMISSIONS, school_plans=plans)
    assert said(found, "plan", "admitted") == [(None, 12), (None, 12)]


def changed(old: dict[str, Any], table: str, row: int, **cells: Any) -> bool:
    """Whether tables tell of few beside the same with some cells changed."""
    new = copy.deepcopy(old)
    new[table]["rows"][row] |= cells
    kind = LOTTERY if table == "schools" else SCORES
    return tells_few(kind, [*old.values()], [*new.values()])


def test_versions_tell_of_few_where_a_number_moves_by_few_or_a_row_comes_or_goes() -> None:
    marks = [50] * 40 + [40] * 40 + [30] * 40
    old = tables([{"total": mark, "flag": "normal" if mark > 30 else "absent"} for mark in marks])
    assert not changed(old, "total", 0)
    assert changed(old, "total", 0, count=41)
    assert changed(old, "total", 0, count=41, cumulative=41)
    assert not changed(old, "total", 0, count=60, cumulative=60)
    assert changed(old, "total", 1, **{"from": 39})
    assert changed(old, "total", 0, cumulative=75)
    assert changed(old, "flag", 0, count=79)
    assert tells_few(SCORES, [*old.values()], [old["total"]])
    schools = tables(drawn("1", 20, 50) + drawn("2", 20, 50), LOTTERY)
    assert not changed(schools, "schools", 0, ratio=1.0)
    assert changed(schools, "schools", 0, places=21)
    assert changed(schools, "schools", 0, places=None)
    assert changed(schools, "schools", 0, school="别的")


def test_nobody_is_not_few() -> None:
    assert [number for number in range(-12, 13) if is_few(number)] == [
        *range(-9, 0), *range(1, 10),
    ]  # fmt: skip
