"""The counts of workers that come and go, and how Prometheus reads them."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from lookup.errors import UsageError
from lookup.public import archive
from lookup.public.archive import Archive, Series
from lookup.public.metrics import SHOWN, Metrics, serve_metrics
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.workers import (
    BOUNDS_NS,
    BUCKETS,
    Counts,
    Gauges,
    Standing,
    WorkerReport,
    bucket,
)
from tests.makers import OPENING, Clock

SECOND = timedelta(seconds=1)
PID = 4_000_001
"""Beyond any process id of this machine: reports are read while they are fresh."""
GAUGES = Gauges(3, 12.5, -0.25, {"free": 8, "solved": 2, "try_later": 1})
Sample = tuple[str, tuple[tuple[str, str], ...]]


def took(*nanoseconds: int) -> tuple[int, ...]:
    histogram = [0] * BUCKETS
    for each in nanoseconds:
        histogram[bucket(each)] += 1
    return tuple(histogram)


def worker(
    pid: int = PID,
    hits: int = 0,
    started: int = 0,
    *,
    epoch: int = 7,
    release: str | None = "scores-v1-0",
    gauges: Gauges = GAUGES,
) -> WorkerReport:
    counts = Counts(hits, 2, {"not_open": 4}, took(40_000, 10**8, 10**11), 3_000_000)
    return WorkerReport(
        pid=pid,
        started_at=OPENING + started * SECOND,
        at=OPENING,
        serving={"scores": Standing(epoch, release)},
        upcoming=(),
        counts={"scores": counts},
        requests=hits + 6,
        failures=1,
        busy=5,
        http_refused={"malformed": 9},
        gauges=gauges,
    )


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path)
    store.prepare()
    return store


@pytest.fixture
def clock() -> Clock:
    return Clock()


def read(text: str) -> dict[Sample, float]:
    """Every sample in a text, as Prometheus's own parser finds it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(store: EmbeddedStore, clock: Clock, *reports: WorkerReport) -> dict[Sample, float]:
    registry = CollectorRegistry()
    registry.register(Metrics(store, clock))
    for report in reports:
        store.report(report)
    return read(generate_latest(registry).decode())


# The archive


def test_what_a_worker_counted_outlives_it() -> None:
    kept = Archive()
    for reports in ([worker(1, 5), worker(2, 7)], [worker(2, 8)], [worker(2, 9), worker(3, 1)]):
        kept.take(reports)
    assert kept.totals()[archive.REQUESTS, "scores", "found"] == 5 + 9 + 1


def test_the_last_word_of_a_worker_counts_though_it_is_not_there_any_more() -> None:
    kept = Archive()
    kept.take([worker(1, 5)])
    kept.take([replace(worker(1, 9), ended=True), worker(2, started=1)])
    assert kept.totals()[archive.REQUESTS, "scores", "found"] == 9
    assert kept.ended == 1
    assert list(kept.numbers.values()) == [0]
    kept.take([worker(2, started=1)])
    assert kept.totals()[archive.REQUESTS, "scores", "found"] == 9
    assert kept.ended == 1


def test_a_kind_that_is_served_counts_from_zero_before_its_first_request() -> None:
    kept = Archive()
    kept.take([replace(worker(), counts={})])
    totals = kept.totals()
    assert totals[archive.REQUESTS, "scores", "found"] == 0
    assert totals[archive.REQUESTS, "scores", "no_match"] == 0
    assert totals[archive.TOOK_US, "scores"] == 0


def test_a_process_id_that_comes_again_is_another_worker() -> None:
    kept = Archive()
    kept.take([worker(1, 5)])
    kept.take([worker(1, 6, started=1)])
    assert kept.totals()[archive.REQUESTS, "scores", "found"] == 11
    assert kept.ended == 1


def test_a_worker_whose_report_could_not_be_read_for_a_while_is_counted_once() -> None:
    kept = Archive()
    for reports in ([worker(1, 5)], [], [worker(1, 6)]):
        kept.take(reports)
    assert kept.totals()[archive.REQUESTS, "scores", "found"] == 6


def test_counts_that_begin_anew_under_the_same_name_are_added() -> None:
    kept = Archive()
    kept.take([worker(1, 5)])
    kept.take([worker(1, 2)])
    assert kept.totals()[archive.REQUESTS, "scores", "found"] == 7


def test_a_service_that_restarts_all_day_takes_no_more_memory() -> None:
    kept = Archive()
    for number in range(3 * archive.KEPT):
        kept.take([worker(number + 1, 1, started=number)])
    assert kept.totals()[archive.REQUESTS, "scores", "found"] == 3 * archive.KEPT
    assert kept.ended == 3 * archive.KEPT - 1
    assert len(kept._last) == archive.KEPT + 1


def test_a_new_worker_takes_the_number_of_one_that_is_gone() -> None:
    kept = Archive()
    kept.take([worker(31), worker(11, started=1), worker(21, started=2)])
    assert sorted(kept.numbers.values()) == [0, 1, 2]
    kept.take([worker(31), worker(21, started=2)])
    kept.take([worker(31), worker(21, started=2), worker(5, started=3)])
    assert {pid: number for (pid, _), number in kept.numbers.items()} == {31: 0, 21: 2, 5: 1}


LOOK, DIE, COUNT = "look", "die", "count"
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just(COUNT), st.integers(1, 4), st.integers(1, 99)),
        st.tuples(st.just(DIE), st.integers(1, 4), st.just(0)),
        st.tuples(st.just(LOOK), st.integers(0, 15), st.just(0)),
    ),
    max_size=60,
)
"""A worker counts so many; a worker dies; the archive looks while a mask of reports is unread."""


class Town:
    """Workers that count, die and are followed by others of the same process id."""

    def __init__(self) -> None:
        self.alive: dict[int, tuple[int, int]] = {}
        self.shown: dict[tuple[int, int], int] = {}
        self._started = 0

    def count(self, pid: int, times: int) -> None:
        if pid not in self.alive:
            self._started += 1
            self.alive[pid] = self._started, 0
        started, counted = self.alive[pid]
        self.alive[pid] = started, counted + times

    def reports(self, unread: int) -> list[WorkerReport]:
        seen = {pid: of for pid, of in self.alive.items() if not unread >> (pid - 1) & 1}
        self.shown |= {(pid, started): counted for pid, (started, counted) in seen.items()}
        return [worker(pid, counted, started) for pid, (started, counted) in seen.items()]


@given(EVENTS)
def test_counters_never_go_back_and_are_the_sum_of_all_that_was_reported(
    events: list[tuple[str, int, int]],
) -> None:
    town, kept = Town(), Archive()
    history: list[dict[Series, int]] = []
    ended = [0]
    for event, which, times in [*events, (LOOK, 0, 0)]:
        if event == COUNT:
            town.count(which, times)
        elif event == DIE:
            town.alive.pop(which, None)
        else:
            kept.take(town.reports(unread=which))
            history.append(kept.totals())
            ended.append(kept.ended)
            found = history[-1].get((archive.REQUESTS, "scores", "found"), 0)
            assert found == sum(town.shown.values())
            busy = history[-1].get((archive.BUSY,), 0)
            assert busy == 5 * len(town.shown)
    for before, after in pairwise(history):
        assert all(after[of] >= times for of, times in before.items())
    assert ended == sorted(ended)


# The text


def test_workers_are_added_up_and_each_has_a_small_number(
    store: EmbeddedStore, clock: Clock
) -> None:
    other = worker(PID + 1, 30, started=1, gauges=replace(GAUGES, clock_drift_s=0.1))
    found = scrape(store, clock, worker(hits=10), other)
    kind = ("kind", "scores")
    expected: Mapping[Sample, float] = {
        ("lookup_requests_total", (kind, ("outcome", "found"))): 40,
        ("lookup_requests_total", (kind, ("outcome", "no_match"))): 4,
        ("lookup_requests_total", (kind, ("outcome", "not_open"))): 8,
        ("lookup_fair_use_total", (("decision", "solved"),)): 4,
        ("lookup_busy_total", ()): 10,
        ("lookup_http_requests_total", ()): 52,
        ("lookup_http_refused_total", (("reason", "malformed"),)): 18,
        ("lookup_failures_total", ()): 2,
        ("lookup_worker_restarts_total", ()): 0,
        ("lookup_workers", (("state", "answering"),)): 2,
        ("lookup_workers", (("state", "silent"),)): 0,
        ("lookup_release_epoch", (kind,)): 7,
        ("lookup_release_info", (kind, ("release", "scores-v1-0"))): 1,
        ("lookup_loop_delay_seconds", (("worker", "0"),)): 0.0125,
        ("lookup_connections", (("worker", "1"),)): 3,
        ("lookup_clock_drift_seconds", ()): -0.25,
    }
    assert {sample: found.get(sample) for sample in expected} == expected


def test_the_histogram_has_every_lookup_and_their_sum(store: EmbeddedStore, clock: Clock) -> None:
    found = scrape(store, clock, worker())
    upto = {
        float(dict(labels)["le"]): value
        for (name, labels), value in found.items()
        if name == "lookup_request_seconds_bucket"
    }
    assert list(upto) == sorted(upto)
    assert len(upto) == len(SHOWN) + 1
    assert upto[BOUNDS_NS[SHOWN[0]] / 1e9] == 0
    assert upto[BOUNDS_NS[SHOWN[2]] / 1e9] == 1
    assert upto[BOUNDS_NS[SHOWN[-1]] / 1e9] == 2
    assert upto[float("inf")] == 3
    assert found["lookup_request_seconds_count", (("kind", "scores"),)] == 3
    assert found["lookup_request_seconds_sum", (("kind", "scores"),)] == 3


def test_where_workers_differ_the_epoch_is_that_of_the_last_one(
    store: EmbeddedStore, clock: Clock
) -> None:
    late = worker(PID + 1, epoch=6, release=None)
    found = scrape(store, clock, worker(), late, worker(PID + 2, epoch=8, release="scores-v2-0"))
    assert found["lookup_release_epoch", (("kind", "scores"),)] == 6
    served = [labels for name, labels in found if name == "lookup_release_info"]
    assert [dict(labels)["release"] for labels in served] == ["scores-v1-0", "scores-v2-0"]


def test_without_workers_there_is_a_text_that_says_so(store: EmbeddedStore, clock: Clock) -> None:
    found = scrape(store, clock)
    assert found["lookup_workers", (("state", "answering"),)] == 0
    assert not [labels for name, labels in found if "requests" in name]


def test_a_worker_that_hangs_is_silent_and_stays_counted(
    store: EmbeddedStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookup.stores.workers._runs", lambda pid: True)
    clock.now = OPENING + 10 * SECOND
    found = scrape(store, clock, worker(hits=10))
    assert found["lookup_workers", (("state", "silent"),)] == 1
    assert found["lookup_http_requests_total", ()] == 16
    assert not [labels for name, labels in found if name == "lookup_connections"]


def test_no_label_tells_a_process_or_an_address(store: EmbeddedStore, clock: Clock) -> None:
    names = {name for _, labels in scrape(store, clock, worker()) for name, _ in labels}
    assert names == {"kind", "outcome", "decision", "reason", "state", "release", "worker", "le"}
    values = {value for _, labels in scrape(store, clock, worker()) for _, value in labels}
    assert str(PID) not in values


# Serving


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def served(store: EmbeddedStore, clock: Clock, port: int) -> Iterator[str]:
    stop = serve_metrics(store, port, clock=clock)
    yield f"http://127.0.0.1:{port}/metrics"
    stop()


def get(url: str) -> str:
    return httpx.get(url, trust_env=False).text


def test_the_metrics_are_served_and_follow_the_workers(served: str, store: EmbeddedStore) -> None:
    sample = ("lookup_http_requests_total", ())
    store.report(worker(hits=1))
    assert read(get(served))[sample] == 7
    store.report(worker(hits=2))
    assert read(get(served))[sample] == 8
    (store.live / "workers" / f"{PID}.json").unlink()
    found = read(get(served))
    assert found[sample] == 8
    assert found["lookup_worker_restarts_total", ()] == 1


def test_a_port_that_is_taken_is_one_sentence(served: str, store: EmbeddedStore, port: int) -> None:
    with pytest.raises(UsageError, match=f"Port {port} is in use: .* --metrics-port"):
        serve_metrics(store, port)


def test_once_stopped_the_port_is_free(store: EmbeddedStore, port: int) -> None:
    for _ in range(2):
        serve_metrics(store, port)()
