"""Where a mark lies: never told more exactly than published, and never wrongly."""

from hypothesis import given
from hypothesis import strategies as st

from lookup.record.standing import Standing, cell, score_table, standing
from tests.record_makers import score_rows

MARKS = st.lists(st.integers(0, 60).map(lambda half: half / 2), min_size=1, max_size=200)


@given(marks=MARKS, least=st.integers(1, 40))
def test_the_range_always_holds_the_true_place(marks: list[float], least: int) -> None:
    rows = score_rows(marks, least)
    for mark in set(marks):
        found = standing(rows, mark)
        better = sum(other > mark for other in marks)
        as_good = sum(other >= mark for other in marks)
        assert found is not None
        assert found.low * len(marks) <= 100 * better
        assert found.high * len(marks) >= 100 * as_good
        assert 0 <= found.low < found.high <= 100


@given(marks=MARKS, least=st.integers(2, 40))
def test_everybody_of_one_cell_is_told_the_same(marks: list[float], least: int) -> None:
    rows = score_rows(marks, least)
    told: dict[int | None, set[Standing | None]] = {}
    for mark in set(marks):
        told.setdefault(cell(rows, mark), set()).add(standing(rows, mark))
    assert all(len(one) == 1 for one in told.values())


@given(marks=MARKS)
def test_each_mark_is_in_the_cell_that_counted_it(marks: list[float]) -> None:
    rows = score_rows(marks, 5)
    for mark in set(marks):
        index = cell(rows, mark)
        assert index is not None
        row = rows[index]
        assert row["from"] is None or row["from"] <= mark
        assert row["to"] is None or mark <= row["to"]


def test_a_mark_that_nobody_had_is_nowhere() -> None:
    rows = score_rows([90.0] * 10 + [50.0] * 10 + [10.0] * 10)
    assert standing(rows, 60) is None
    assert standing(rows, 50) == Standing(33, 67, 30)


def test_the_ends_are_open() -> None:
    rows = score_rows([90.0] * 10 + [50.0] * 10)
    assert standing(rows, 99) == Standing(0, 50, 20)
    assert standing(rows, 0) == Standing(50, 100, 20)


def test_only_a_score_table_with_rows_counts() -> None:
    empty = {"name": "total", "type": "score_table", "rows": []}
    other = {"name": "total", "type": "counts", "rows": [{"value": "x", "count": 10}]}
    assert score_table({"tables": [empty, other]}, "total") is None
    assert score_table({}, "total") is None
