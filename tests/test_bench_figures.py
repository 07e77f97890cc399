"""The arithmetic of the benchmarks, held against values worked out by hand and by definition."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.bench.figures import cropped, milliseconds, percentile, rank_z, ratio, welch_t

NUMBERS = st.lists(st.integers(-1000, 1000), min_size=2, max_size=40)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2), (0.51, 3), (0.99, 4), (1.0, 4), (0.1, 1)]
)
def test_a_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile([4, 1, 3, 2], share) == expected


@given(NUMBERS, st.floats(0.01, 1.0))
def test_no_more_than_the_rest_lies_above_a_percentile(values: list[int], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_no_values_have_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))
    assert milliseconds([]) == {}


def test_latencies_are_told_in_milliseconds() -> None:
    assert milliseconds([0.001, 0.002, 0.25]) == {"p50": 2.0, "p99": 250.0, "max": 250.0}


def test_nothing_is_divided_by_nothing() -> None:
    assert ratio(1.0, 0.0) is None
    assert ratio(3.0, 4.0) == 0.75


def test_welch_weighs_each_sample_by_its_own_spread() -> None:
    # By hand: means 2 and 6, variances 1 and 4, so t = -4 / sqrt(1/3 + 4/3).
    assert welch_t([1, 2, 3], [4, 6, 8]) == pytest.approx(-4 / math.sqrt(5 / 3))


def test_samples_that_do_not_vary_differ_without_bound_or_not_at_all() -> None:
    assert welch_t([5, 5], [5, 5]) == 0.0
    assert welch_t([6, 6], [5, 5]) == math.inf


@given(NUMBERS, NUMBERS)
def test_both_tests_change_sign_when_the_samples_change_places(
    first: list[int], second: list[int]
) -> None:
    assert welch_t(first, second) == pytest.approx(-welch_t(second, first))
    assert rank_z(first, second) == pytest.approx(-rank_z(second, first))


def test_the_rank_test_counts_ties_by_half() -> None:
    assert rank_z([1, 2, 3], [1, 2, 3]) == 0.0
    # By hand: rank sum 15 against 10.5 expected, deviation sqrt(3 * 3 * 7 / 12).
    assert rank_z([4, 5, 6], [1, 2, 3]) == pytest.approx(4.5 / math.sqrt(5.25))
    # By hand: ranks 1.5, 1.5, 3, 4; one tie of two.
    assert rank_z([1, 3], [1, 4]) == pytest.approx(-0.5 / math.sqrt(4 / 12 * (5 - 6 / 12)))


def test_one_outlier_sways_the_mean_and_not_the_ranks() -> None:
    first, second = [1.0] * 50 + [2.0] * 50, [1.0] * 50 + [2.0] * 49 + [1e9]
    assert abs(rank_z(first, second)) < 1
    assert max(cropped(second, 2.0)) == 2.0
