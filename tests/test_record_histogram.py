"""The picture of a score table tells what the table tells, and no more."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lookup.record.histogram import HEIGHT, STEPS, WIDTH, histogram, own_bar
from tests.record_makers import score_rows

FULL = 30
MARKS = st.lists(st.integers(0, 2 * FULL).map(lambda half: half / 2), min_size=1, max_size=200)


@given(marks=MARKS)
def test_bars_part_all_people_along_the_whole_scale(marks: list[float]) -> None:
    bars = histogram(score_rows(marks), FULL).bars
    assert sum(bar.count for bar in bars) == bars[0].cumulative == len(marks)
    assert (bars[0].x, bars[0].low, bars[-1].high) == (0, None, None)
    for left, right in pairwise(bars):
        assert abs(left.x + left.width - right.x) <= 0.11
        assert left.cumulative == right.cumulative + left.count
    assert abs(bars[-1].x + bars[-1].width - WIDTH) <= 0.11


@given(marks=MARKS)
def test_every_bar_can_be_seen_and_holds_whole_cells(marks: list[float]) -> None:
    rows = score_rows(marks)
    bars = histogram(rows, FULL).bars
    assert [*range(len(rows))] == [
        index for bar in reversed(bars) for index in range(bar.first, bar.last + 1)
    ]
    assert all(bar.width >= WIDTH / STEPS - 0.1 for bar in bars)
    assert max(bar.height for bar in bars) == HEIGHT


@given(marks=MARKS)
def test_a_mark_has_one_bar_of_its_own(marks: list[float]) -> None:
    rows = score_rows(marks)
    bars = histogram(rows, FULL).bars
    for mark in set(marks):
        own = own_bar(bars, rows, mark)
        assert own is not None
        assert own.low is None or own.low <= mark
        assert own.high is None or mark <= own.high


def test_a_mark_that_nobody_had_has_no_bar() -> None:
    rows = score_rows([28.0] * 10 + [2.0] * 10 + [1.0] * 10)
    assert own_bar(histogram(rows, FULL).bars, rows, 15) is None


def test_a_table_is_drawn_once_and_another_one_anew() -> None:
    rows, others = score_rows([20.0] * 10), score_rows([20.0] * 11)
    assert histogram(rows, FULL) is histogram(rows, FULL)
    assert histogram(others, FULL).bars[0].count == 11
