"""Overload: bursts pass, what lasts is refused in part, and nobody is refused for long."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.public.admission import (
    ALLOWANCE,
    HIGHEST,
    LONGEST_TICK_S,
    MAX_TASKS,
    TARGET_S,
    TICK_S,
    Admission,
    Pressure,
)
from tests.wire_makers import Turns

ELAPSED = st.floats(TICK_S, 10)
LATE = st.floats(0, 10)
TICKS = st.lists(st.tuples(ELAPSED, LATE), max_size=200)


def after(ticks: Iterable[tuple[float, float]]) -> Pressure:
    pressure = Pressure()
    for elapsed_s, late_s in ticks:
        pressure.tick(elapsed_s, late_s)
    return pressure


@given(st.lists(st.tuples(ELAPSED, st.floats(0, TARGET_S)), max_size=200))
def test_nobody_is_refused_while_the_loop_is_on_time(ticks: list[tuple[float, float]]) -> None:
    assert after(ticks).level == -ALLOWANCE


@given(TICKS)
def test_the_level_stays_in_its_bounds(ticks: list[tuple[float, float]]) -> None:
    assert -ALLOWANCE <= after(ticks).level <= HIGHEST < 1


@given(TICKS)
def test_whatever_happened_nobody_is_refused_a_second_after_it_is_over(
    ticks: list[tuple[float, float]],
) -> None:
    pressure = after(ticks)
    for _ in range(round(HIGHEST / TICK_S) + 1):
        pressure.tick(TICK_S, 0.0)
    assert pressure.level <= 0


@given(TICKS, st.data())
def test_a_later_loop_never_refuses_less(
    ticks: list[tuple[float, float]], data: st.DataObject
) -> None:
    more = [(elapsed, late + data.draw(st.floats(0, 1))) for elapsed, late in ticks]
    assert after(more).level >= after(ticks).level


@given(st.floats(0, 60))
def test_one_pause_alone_refuses_nobody(pause_s: float) -> None:
    assert after([(pause_s, pause_s)]).level <= 0


def test_a_burst_of_half_a_second_passes_and_an_overload_that_lasts_does_not() -> None:
    burst = [(0.25, 0.24)] * 2
    assert after(burst).level < 0
    assert after(burst * 4).level > 0
    assert after(burst * 100).level == HIGHEST


def test_the_share_that_is_refused_is_the_level() -> None:
    now, chances = [0.0], iter([0.0, 0.5, 0.99])
    admission = Admission(lambda: now[0], lambda: next(chances))
    assert admission.admits(0)
    while not admission.shedding:
        now[0] += LONGEST_TICK_S
        admission.look()
    for _ in range(3):
        now[0] += LONGEST_TICK_S
        admission.look()
    assert [admission.admits(0) for _ in range(3)] == [False, False, True]


def test_more_pages_than_can_be_made_are_refused_whatever_the_loop_says() -> None:
    admission = Admission(lambda: 0.0)
    assert admission.admits(MAX_TASKS - 1)
    assert not admission.admits(MAX_TASKS)


def test_the_delay_is_the_longest_since_it_was_asked_for() -> None:
    now = [0.0]
    admission = Admission(lambda: now[0])
    for passed in (TICK_S, 0.2 + TICK_S, TICK_S):
        now[0] += passed
        admission.look()
    assert admission.delay_ms() == pytest.approx(200)
    assert admission.delay_ms() == 0


def test_it_looks_by_a_timer_of_the_loop_and_stops() -> None:
    looks, loop = [0], Turns()

    def clock() -> float:
        looks[0] += 1
        return 0.0

    admission = Admission(clock)
    admission.start(loop)  # type: ignore[arg-type]
    before = looks[0]
    loop.turn()
    loop.turn()
    admission.stop()
    loop.turn()
    assert looks[0] == before + 2
