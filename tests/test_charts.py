"""Charts: what is drawn is what the score table says."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.public.site.charts import SIZE, TICKS_UPRIGHT, Row, bars, draw, step_of
from tests.table_makers import score_table


def row(low: float | None, high: float | None, count: int) -> Row:
    return {"from": low, "to": high, "count": count}


@st.composite
def tables(draw_from: st.DrawFn) -> list[Row]:
    """Rows of half marks up to 120 as a score table has them, open at both ends."""
    marks = sorted(draw_from(st.sets(st.integers(0, 240), min_size=4, max_size=80)))
    people = st.integers(10, 5000)
    rows = []
    edges = [*marks, 241]
    for place, (low, above) in enumerate(pairwise(edges)):
        high = draw_from(st.integers(low, above - 1)) / 2
        top, bottom = place == len(marks) - 1, place == 0
        rows.append(
            row(None if bottom else low / 2, None if top else high, draw_from(people)),
        )
    return rows[::-1]


def people_between(rows: list[Row]) -> int:
    return sum(each["count"] for each in rows[1:-1])


@given(tables())
def test_bars_hold_everybody_but_the_open_ends_and_lie_side_by_side(rows: list[Row]) -> None:
    made = bars(rows, 120.5, 2)
    assert sum(bar.people for bar in made) == people_between(rows)
    assert all(bar.low < bar.high for bar in made)
    assert all(one.high == other.low for one, other in pairwise(made))
    assert made[-1].high == rows[0]["from"]
    # Nobody is drawn outside the bar that their row is in.
    for each in rows[1:-1]:
        (home,) = [bar for bar in made if bar.low <= each["from"] < bar.high]
        assert each["to"] < home.high


@given(tables())
def test_a_bar_is_no_wider_than_its_step_and_its_last_row(rows: list[Row]) -> None:
    reach = max(one["from"] - other["from"] for one, other in pairwise(rows[:-1]))
    assert all(bar.high - bar.low <= 2 + reach for bar in bars(rows, 120.5, 2))


@given(tables())
def test_every_shape_stays_in_the_plot_and_one_bar_reaches_into_its_upper_half(
    rows: list[Row],
) -> None:
    chart = draw([rows], 120)
    assert chart is not None
    lengths = [int(number) for number in re.findall(r"\d+", chart.outline)]
    assert all(0 <= length <= SIZE for length in lengths)
    heights = [int(number) for number in re.findall(r"V(\d+)H", chart.outline)]
    assert min(heights) <= SIZE / 2
    for end, _ in chart.ends():
        assert 0 <= end.left <= end.left + end.width <= SIZE
        assert end.top + end.height == SIZE
    assert len(chart.upright) == TICKS_UPRIGHT + 1


@pytest.mark.parametrize(
    ("full_mark", "step"), [(600, 10), (120, 2), (160, 5), (50, 1), (30, 0.5), (750, 20)]
)
def test_bars_are_round_and_not_too_many(full_mark: int, step: float) -> None:
    assert step_of(full_mark, unit=0.5) == step


@pytest.mark.parametrize("unit", [1, 3])
def test_whole_marks_are_never_counted_by_halves(unit: float) -> None:
    assert step_of(30, unit) == 1


def test_the_ends_say_how_many_and_from_where() -> None:
    rows = [row(585, None, 12), row(584, 584.5, 11), row(400, 583.5, 900), row(None, 399.5, 40)]
    chart = draw([rows], 600)
    assert chart is not None
    assert chart.top is not None
    assert chart.bottom is not None
    assert (chart.top.mark, chart.top.people) == (585, 12)
    assert (chart.bottom.mark, chart.bottom.people) == (399.5, 40)
    assert chart.bottom.left == 0
    assert chart.top.left + chart.top.width == SIZE


def test_the_full_mark_is_as_wide_as_every_other_mark() -> None:
    rows = [row(30, None, 440), row(29.5, 29.5, 440), row(29, 29, 500), row(None, 28.5, 30)]
    chart = draw([rows], 30)
    assert chart is not None
    assert chart.top is not None
    height = re.findall(r"V(\d+)H", chart.outline)[-1]
    assert chart.top.top == int(height)


def test_many_without_a_mark_do_not_flatten_everybody_else() -> None:
    with_marks = score_table("sport", 30, 5000)["rows"]
    without = [*with_marks[:-1], {**with_marks[-1], "count": 100_000}]
    one, other = draw([with_marks], 30), draw([without], 30)
    assert one is not None
    assert other is not None
    assert one.outline == other.outline
    assert other.bottom is not None
    assert other.bottom.top == 0


def test_earlier_years_are_drawn_to_the_same_scale() -> None:
    small, large = (score_table("total", 600, people)["rows"] for people in (6000, 24000))
    one, other = draw([small, large], 600), draw([large, small], 600)
    assert one is not None
    assert other is not None
    assert one.earlier == (other.outline,)
    assert other.earlier == (one.outline,)


def test_a_table_of_nothing_but_its_ends_has_no_chart() -> None:
    assert draw([[row(None, None, 40)]], 600) is None
    assert draw([[row(300, None, 40), row(None, 299.5, 40)]], 600) is None


def test_the_full_mark_is_written_and_not_written_over() -> None:
    for full_mark in (30, 50, 120, 160, 600, 750):
        chart = draw([score_table("total", full_mark, 9000)["rows"]], full_mark)
        assert chart is not None
        assert chart.across[-1].text == f"{full_mark}"
        assert all(other.at - one.at >= 60 for one, other in pairwise(chart.across))
