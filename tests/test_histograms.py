"""Latencies in little room, true to three digits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.histograms import Histogram

latencies = st.lists(st.floats(1e-6, 600.0), min_size=1, max_size=200)


def noted(seconds: list[float]) -> Histogram:
    made = Histogram()
    for each in seconds:
        made.note(each)
    return made


@given(latencies, st.sampled_from([50.0, 90.0, 99.0, 99.9, 100.0]))
def test_a_percentile_is_the_nearest_rank_to_three_digits(
    seconds: list[float], percent: float
) -> None:
    rank = max(math.floor(percent / 100 * len(seconds) + 0.5), 1)
    true = sorted(seconds)[rank - 1] * 1000
    found = noted(seconds).at_ms(percent)
    assert found is not None
    assert found == pytest.approx(true, rel=2e-3, abs=2e-3)


@given(latencies, latencies)
def test_the_parts_of_a_run_add_up_to_the_run(first: list[float], second: list[float]) -> None:
    both, whole = noted(first), noted(first + second)
    both.add(noted(second))
    assert both.count == whole.count == len(first) + len(second)
    assert both.percentiles() == whole.percentiles()


@given(latencies)
def test_what_is_written_reads_as_it_was(seconds: list[float]) -> None:
    made = noted(seconds)
    again = Histogram.decode(made.encode())
    assert (again.count, again.percentiles()) == (made.count, made.percentiles())


def test_nothing_noted_is_nothing_found() -> None:
    empty = Histogram.decode(Histogram().encode())
    assert empty.count == 0
    assert set(empty.percentiles().values()) == {None}
    whole = noted([1.0])
    whole.add(empty)
    empty.add(whole)
    assert empty.count == whole.count == 1


@pytest.mark.parametrize(("seconds", "ms"), [(-1.0, 0.001), (0.0, 0.001), (3600.0, 600_000.0)])
def test_what_is_out_of_range_counts_at_its_edge(seconds: float, ms: float) -> None:
    assert noted([seconds]).at_ms(100.0) == pytest.approx(ms, rel=2e-3)


@pytest.mark.parametrize("text", ["x", "AAAA", "HISTFAAAAC", "=" * 9])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no HDR histogram"):
        Histogram.decode(text)
