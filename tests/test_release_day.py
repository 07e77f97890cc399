"""The release day's numbers, from made-up reports."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from lookup.admin.flows import NOTHING, percentiles
from lookup.admin.release_day import ReleaseDay
from lookup.stores.workers import (
    BOUNDS_NS,
    BUCKETS,
    MAX_COUNT,
    Counts,
    Gauges,
    Standing,
    WorkerReport,
    bucket,
)

START = datetime(2026, 7, 1, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MILLISECOND = 1_000_000


def latency(*nanoseconds: int) -> tuple[int, ...]:
    histogram = list(NOTHING)
    for each in nanoseconds:
        histogram[bucket(each)] += 1
    return tuple(histogram)


def worker(
    at: datetime,
    hits: int = 0,
    misses: int = 0,
    refused: Mapping[str, int] | None = None,
    *,
    pid: int = 11,
    other: int = 0,
    started_at: datetime = START - timedelta(hours=1),
    took: tuple[int, ...] = NOTHING,
    busy: int = 0,
    gauges: Gauges = Gauges(),  # noqa: B008  # frozen
) -> WorkerReport:
    """A report of made-up counts of one kind."""
    requests = hits + misses + sum((refused or {}).values()) + other
    counts = {"scores": Counts(hits, misses, refused or {}, took)}
    serving = {"scores": Standing(7, "scores-v1-0")}
    return WorkerReport(
        pid, started_at, at, serving, ("scores-v2-0",), counts, requests, 0, busy, gauges=gauges
    )


def fed(*looks: list[WorkerReport]) -> dict[str, Any]:
    """The document after these looks, a second apart."""
    day = ReleaseDay()
    for number, reports in enumerate(looks):
        day.feed(reports, START + number * SECOND)
    return day.document()


def test_before_the_first_look_everything_is_there_and_empty() -> None:
    empty, looked = ReleaseDay().document(), fed([])
    assert empty.keys() == looked.keys()
    assert empty["at"] is None
    assert empty["rates"] == looked["rates"]
    assert empty["latency"]["second"] == dict.fromkeys(("p50", "p90", "p99", "max"))


def test_rates_are_what_changed_in_a_second_over_all_workers() -> None:
    document = fed(
        [worker(START, 100, 10, pid=1), worker(START, 0, 0, pid=2)],
        [
            worker(START + SECOND, 150, 12, {"not_open": 3}, pid=1, other=5),
            worker(START + SECOND, 50, 0, {"not_open": 1, "closed": 2}, pid=2),
        ],
    )
    rates = {"hits": 100.0, "misses": 2.0, "refusals": 6.0, "other": 5.0}
    rates |= {"failures": 0.0, "requests": 113.0}
    assert document["rates"] == rates
    assert document["refused"] == {"not_open": 4.0, "closed": 2.0}
    assert document["kinds"] == {"scores": {"hits": 100.0, "misses": 2.0, "refusals": 6.0}}
    assert document["totals"]["hits"] == 200


def test_what_was_refused_for_overload_is_a_refusal_beside_the_requests() -> None:
    document = fed([worker(START)], [worker(START + SECOND, 5, 0, {"try_later": 2}, busy=30)])
    assert document["refused"] == {"try_later": 2.0, "busy": 30.0}
    rates = document["rates"]
    assert (rates["refusals"], rates["other"], rates["requests"]) == (32.0, 0.0, 37.0)


def test_a_pre_check_that_was_right_is_neither_a_refusal_nor_a_lookup() -> None:
    before = worker(START)
    document = fed([before], [worker(START + SECOND, refused={"pre_checked": 5, "closed": 1})])
    assert document["refused"] == {"closed": 1}
    assert (document["rates"]["refusals"], document["rates"]["other"]) == (1, 5)


def test_a_worker_says_how_its_loop_is() -> None:
    (state,) = fed([worker(START, gauges=Gauges(250, 3.14159))])["workers"]
    assert (state["connections"], state["loop_delay_ms"]) == (250, 3.1)


def test_a_clock_that_was_set_is_an_alert_and_one_that_slews_is_none() -> None:
    for drifts, alert in (
        ((0.9, -1.0), None),
        ((0.2, -3600.04), -3600.0),
        ((1.25, 0.0), 1.2),
    ):
        reports = [
            worker(START, pid=pid, gauges=Gauges(clock_drift_s=drift))
            for pid, drift in enumerate(drifts, 1)
        ]
        assert fed(reports)["clock_off_s"] == alert
        assert fed(reports, *[reports] * 4)["clock_off_s"] is None


def test_what_was_counted_before_the_first_look_is_no_rate() -> None:
    assert fed([worker(START, 10_000)])["rates"]["hits"] == 0


def test_the_rate_is_of_the_worker_s_own_interval() -> None:
    first, second = worker(START), worker(START + 2 * SECOND, 100)
    assert fed([first], [first], [second])["rates"]["hits"] == 50


def test_a_worker_between_two_reports_keeps_its_rate_and_a_silent_one_loses_it() -> None:
    looks = [[worker(START)], [worker(START + SECOND, 100)]]
    assert fed(*looks, looks[1])["rates"]["hits"] == 100
    assert fed(*looks, looks[1], looks[1], looks[1])["rates"]["hits"] == 100
    assert fed(*looks, *[looks[1]] * 4)["rates"]["hits"] == 0


def test_a_latency_is_met_once_however_often_its_report_is_seen() -> None:
    slow = worker(START + SECOND, 1, took=latency(80 * MILLISECOND))
    document = fed([worker(START)], [slow], [slow])
    assert [point["max"] is None for point in document["points"]] == [True, False, True]


def test_percentiles_are_merged_over_the_workers() -> None:
    fast = worker(START + SECOND, 98, pid=1, took=latency(*[MILLISECOND] * 98))
    slow = worker(START + SECOND, 2, pid=2, took=latency(*[100 * MILLISECOND] * 2))
    found = fed([worker(START, pid=1), worker(START, pid=2)], [fast, slow])["latency"]
    assert found["second"] == found["minute"]
    assert 1 <= found["second"]["p50"] == found["second"]["p90"] < 1.1
    assert 100 <= found["second"]["p99"] == found["second"]["max"] < 110


def test_the_minute_outlives_the_second() -> None:
    slow = worker(START + SECOND, 1, took=latency(80 * MILLISECOND))
    quiet = [[replace(slow, at=START + number * SECOND)] for number in range(2, 60)]
    document = fed([worker(START)], [slow], *quiet)
    assert document["latency"]["second"]["max"] is None
    assert document["latency"]["minute"]["max"] >= 80
    later = fed([worker(START)], [slow], *quiet, *quiet[-1:] * 2)
    assert later["latency"]["minute"]["max"] is None


def test_a_restarted_worker_s_counts_are_all_new() -> None:
    before = worker(START, 1000)
    again = worker(START + SECOND, 30, started_at=START)
    document = fed([before], [again])
    assert document["rates"]["hits"] == 30
    assert document["totals"]["hits"] == 30


def test_counts_that_go_back_begin_anew() -> None:
    document = fed([worker(START, 1000)], [worker(START + SECOND, 30)])
    assert document["rates"]["hits"] == 30


def test_a_worker_that_is_missing_is_shown_as_gone_for_a_minute() -> None:
    here = [worker(START, pid=1), worker(START, pid=2)]
    left = [[worker(START + number * SECOND, pid=1)] for number in range(1, 62)]
    states = {each["pid"]: each["state"] for each in fed(here, *left[:1])["workers"]}
    assert states == {1: "answering", 2: "gone"}
    assert [each["pid"] for each in fed(here, *left)["workers"]] == [1]


def test_a_worker_that_hangs_is_silent() -> None:
    hanging = [worker(START)]
    (state,) = fed(*[hanging] * 7)["workers"]
    assert (state["state"], state["age_s"]) == ("silent", 6)


def test_a_worker_says_what_it_serves_and_has_ready() -> None:
    (state,) = fed([worker(START)])["workers"]
    assert state["serving"] == {"scores": {"epoch": 7, "release": "scores-v1-0"}}
    assert state["upcoming"] == ["scores-v2-0"]
    assert state["uptime_s"] == 3600


def test_ten_minutes_are_kept() -> None:
    day = ReleaseDay()
    for number in range(700):
        day.feed([worker(START + number * SECOND, number)], START + number * SECOND)
    points = day.document()["points"]
    assert len(points) == 601
    assert points[-1]["at"] == (START + 699 * SECOND).isoformat()
    assert {point["hits"] for point in points[1:]} == {1}


def test_a_clock_set_back_begins_anew_and_invents_nothing() -> None:
    day = ReleaseDay()
    for hours in (0, -1):
        at = START + timedelta(hours=hours)
        day.feed([worker(at, 1000 + hours)], at)
    document = day.document()
    assert len(document["points"]) == 1
    assert document["rates"]["hits"] == 0
    day.feed([worker(at + SECOND, 1009)], at + SECOND)
    assert day.document()["rates"]["hits"] == 10


@given(st.lists(st.lists(st.tuples(*[st.integers(0, 9)] * 5), max_size=3), max_size=8))
def test_whatever_workers_report_the_document_is_json_and_nothing_is_below_nothing(
    looks: list[list[tuple[int, int, int, int, int]]],
) -> None:
    document = fed(
        *(
            [
                worker(
                    START + (number - age) * SECOND,
                    hits,
                    0,
                    {"not_open": refused},
                    pid=pid,
                    started_at=START - start * SECOND,
                    took=latency(*[MILLISECOND] * hits),
                )
                for pid, hits, refused, age, start in reports
            ]
            for number, reports in enumerate(looks)
        )
    )
    assert orjson.loads(orjson.dumps(document)) == document
    assert all(rate >= 0 for rate in document["rates"].values())
    assert all(point["hits"] >= 0 for point in document["points"])


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=50))
def test_a_percentile_is_never_less_than_the_truth_and_at_most_a_tenth_more(
    took: list[int],
) -> None:
    found = percentiles(latency(*took))
    longest = max(took) / MILLISECOND
    assert found["max"] is not None
    assert longest <= found["max"] + 0.001
    assert found["max"] <= max(0.001, longest * 1.1) + 0.001


def test_what_took_longer_than_all_buckets_is_at_the_last_bound() -> None:
    overflow = (*NOTHING[:-1], 1)
    assert len(overflow) == BUCKETS
    assert percentiles(overflow)["max"] == round(BOUNDS_NS[-1] / MILLISECOND, 3)


@given(st.lists(st.integers(0, MAX_COUNT), min_size=BUCKETS, max_size=BUCKETS))
def test_no_count_a_report_may_hold_is_too_great_for_a_percentile(counts: list[int]) -> None:
    found = percentiles(tuple(counts))
    assert (found["max"] is None) == (not any(counts))


def test_a_worker_that_claims_the_most_there_is_does_not_stop_the_page() -> None:
    day = ReleaseDay()
    day.feed([worker(START)], START)
    took = (MAX_COUNT - 1,) * BUCKETS
    day.feed([worker(START + SECOND, MAX_COUNT, MAX_COUNT, took=took)], START + SECOND)
    assert orjson.dumps(day.document())
