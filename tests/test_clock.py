"""The steady clock: nothing that waits by it is early, whatever is done to the wall clock."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.clock import MAX_DRIFT_S, SteadyClock, read_time, utc_now
from tests.desk_makers import START, Hands

HOUR = 3600.0


def test_while_nobody_sets_it_it_is_the_wall_clock() -> None:
    hands = Hands()
    clock = hands.clock()
    for hands.real_s in (0.0, 0.5, HOUR, 1000 * HOUR):
        assert clock() == hands.wall()
        assert clock.drift_s() == 0
        assert clock.agree()


def test_a_little_drift_is_the_time_servers_business() -> None:
    hands = Hands()
    clock = hands.clock()
    for hands.set_s in (-MAX_DRIFT_S, -0.3, 0.3, MAX_DRIFT_S):
        assert clock() == hands.wall()
        assert clock.agree()


def test_a_clock_set_forward_is_not_believed_until_the_next_start() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.set_s = HOUR
    assert clock() == START
    assert clock.drift_s() == HOUR
    assert not clock.agree()
    assert hands.clock()() == START + timedelta(hours=1)


def test_a_clock_set_back_is_told_and_nothing_is_early_by_it() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.set_s = -HOUR
    assert clock() == START - timedelta(hours=1)
    assert clock.drift_s() == -HOUR
    assert not clock.agree()


@given(
    st.lists(st.tuples(st.floats(0, 7200), st.floats(-7200, 7200)), max_size=8),
    st.floats(0, 20_000),
)
def test_an_hour_never_comes_before_as_much_time_has_passed(
    steps: list[tuple[float, float]], hour_s: float
) -> None:
    hands = Hands()
    clock = hands.clock()
    hour = START + timedelta(seconds=hour_s)
    for passed, jump in steps:
        hands.real_s += passed
        hands.set_s += jump
        if clock() >= hour:
            assert hands.real_s >= hour_s - MAX_DRIFT_S - 0.001
            assert hands.wall() >= hour


def test_the_real_clocks_agree() -> None:
    clock = SteadyClock()
    assert clock.agree()
    assert abs((clock() - utc_now()).total_seconds()) < 60


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-06-24T10:00", "Asia/Shanghai", "2026-06-24T02:00:00+00:00"),
        ("2026-06-24 10:00:30", "Asia/Shanghai", "2026-06-24T02:00:30+00:00"),
        ("2026-06-24T10:00Z", "Asia/Shanghai", "2026-06-24T10:00:00+00:00"),
        ("2026-06-24T10:00", "Asia/Kathmandu", "2026-06-24T04:15:00+00:00"),
        ("2026-11-01T01:30-05:00", "America/New_York", "2026-11-01T06:30:00+00:00"),
    ],
)
def test_a_time_is_read_in_its_zone(text: str, zone: str, utc: str) -> None:
    assert read_time(text, ZoneInfo(zone)).isoformat() == utc


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2026-06-24", "Asia/Shanghai"),
        ("2026-W26-3", "Asia/Shanghai"),
        ("tomorrow", "Asia/Shanghai"),
        ("2026-11-01T01:30", "America/New_York"),
        ("2026-03-08T02:30", "America/New_York"),
        ("0001-01-01T00:00", "Asia/Shanghai"),
        ("9999-12-31T23:59-14:00", "Asia/Shanghai"),
    ],
)
def test_a_time_that_could_be_meant_otherwise_is_no_time(text: str, zone: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_time(text, ZoneInfo(zone))
