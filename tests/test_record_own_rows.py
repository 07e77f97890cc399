"""The public row of a record's own group, and nobody else's."""

from lookup.record.own_rows import own_rows
from tests.makers import make_kind
from tests.record_makers import ADMISSIONS, LOTTERY, statistics


def test_a_lottery_record_sees_its_school_s_numbers() -> None:
    (row,) = own_rows(make_kind("lottery"), LOTTERY, statistics("lottery"), "en")
    assert row.whose == "清晖实验学校 · 普通班"
    assert [value for _, value in row.cells] == ["1250", "360", "3.47 : 1"]
    assert not row.withheld


def test_a_cell_of_too_few_is_withheld() -> None:
    (row,) = own_rows(make_kind("admissions"), ADMISSIONS, statistics("admissions"), "en")
    assert [value for _, value in row.cells] == ["480", "–", "503"]
    assert row.withheld


def test_who_has_no_school_is_not_told_of_the_other_schools() -> None:
    record = {"candidate_number": "100000001", "outcome": "not_admitted"}
    assert own_rows(make_kind("admissions"), record, statistics("admissions"), "zh") == ()


def test_a_group_too_small_to_be_named_has_no_row() -> None:
    record = {**LOTTERY, "school": "无名学校"}
    assert own_rows(make_kind("lottery"), record, statistics("lottery"), "zh") == ()


def test_without_statistics_there_is_none() -> None:
    assert own_rows(make_kind("lottery"), LOTTERY, {}, "zh") == ()
