"""What all public workers do, as Prometheus reads it: made in the supervisor, of their reports.

Labels are kinds, outcomes, reasons and small numbers; nothing about who asked is in a report.
"""

import errno
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from lookup.clock import utc_now
from lookup.errors import UsageError
from lookup.public import archive
from lookup.public.archive import Archive, Series
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.workers import BOUNDS_NS, BUCKETS, WorkerReport, is_fresh

EVERY_S = 1.0
SHOWN = range(4 * 8, 22 * 8 + 1, 8)
"""The latency buckets that are shown, by index: 16 µs to 4.2 s, each twice the last."""
COUNTERS = {
    archive.REQUESTS: ("lookup_requests", "Lookups by their answer.", ("kind", "outcome")),
    archive.FAIR_USE: ("lookup_fair_use", "What fair use decided.", ("decision",)),
    archive.BUSY: ("lookup_busy", "Requests refused for overload.", ()),
    archive.HTTP: ("lookup_http_requests", "Requests of every sort, busy ones left out.", ()),
    archive.HTTP_REFUSED: ("lookup_http_refused", "No whole request, or too much.", ("reason",)),
    archive.FAILURES: ("lookup_failures", "Requests that failed as nobody expected.", ()),
}
"""Counters by what the archive calls them: name without `_total`, help, labels."""
log = logging.getLogger("lookup.public")


class Metrics(Collector):
    """The metrics of a store's workers, for a registry. Any thread may collect."""

    def __init__(self, store: EmbeddedStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._archive = Archive()
        self._lock = threading.Lock()

    def look(self) -> None:
        """Take in what the workers say now; once a second, so that no worker is missed."""
        with self._lock:
            self._look()

    def collect(self) -> Iterator[Metric]:
        """All metrics, of this moment."""
        with self._lock:
            fresh, silent = self._look()
            totals, ended = self._archive.totals(), self._archive.ended
        yield from _counters(totals)
        yield _latency(totals)
        yield CounterMetricFamily("lookup_worker_restarts", "Workers that ended.", ended)
        workers = GaugeMetricFamily("lookup_workers", "Workers there are.", labels=["state"])
        workers.add_metric(["answering"], len(fresh))
        workers.add_metric(["silent"], silent)
        yield workers
        yield from _serving(fresh.values())
        yield from _gauges(fresh)

    def _look(self) -> tuple[dict[str, WorkerReport], int]:
        """The workers heard lately, by number, and how many are there and silent."""
        now = self._clock()
        reports = self._store.reports(now)
        self._archive.take(reports)
        reports = [report for report in reports if not report.ended]
        numbers = self._archive.numbers
        fresh = {
            str(numbers[report.pid, report.started_at]): report
            for report in reports
            if is_fresh(report, now)
        }
        return fresh, len(reports) - len(fresh)


def _counters(totals: Mapping[Series, int]) -> Iterator[Metric]:
    for counter, (name, about, labels) in COUNTERS.items():
        metric = CounterMetricFamily(name, about, labels=labels)
        for (of, *values), count in sorted(totals.items()):
            if of == counter:
                metric.add_metric(values, count)
        yield metric


def _latency(totals: Mapping[Series, int]) -> Metric:
    about = "What lookups took inside the worker."
    metric = HistogramMetricFamily("lookup_request_seconds", about, labels=["kind"])
    for of, took_us in sorted(totals.items()):
        if of[0] != archive.TOOK_US:
            continue
        kind = of[1]
        counts = (totals.get((archive.LATENCY, kind, str(i)), 0) for i in range(BUCKETS))
        upto = list(accumulate(counts))
        buckets = [(str(BOUNDS_NS[i] / 1e9), upto[i]) for i in SHOWN]
        metric.add_metric([kind], [*buckets, ("+Inf", upto[-1])], took_us / 1e6)
    return metric


def _serving(fresh: Collection[WorkerReport]) -> Iterator[Metric]:
    """What is served. Where workers differ the epoch is the lowest, and each release is there."""
    epochs: dict[str, int] = {}
    releases: set[tuple[str, str]] = set()
    for report in fresh:
        for kind, standing in report.serving.items():
            epochs[kind] = min(standing.epoch, epochs.get(kind, standing.epoch))
            if standing.release is not None:
                releases.add((kind, standing.release))
    about = "The epoch of the live pointer that every worker has reached."
    epoch = GaugeMetricFamily("lookup_release_epoch", about, labels=["kind"])
    for kind in sorted(epochs):
        epoch.add_metric([kind], epochs[kind])
    info = InfoMetricFamily("lookup_release", "The release that is served.", labels=["kind"])
    for kind, release in sorted(releases):
        info.add_metric([kind], {"release": release})
    yield epoch
    yield info


def _gauges(fresh: Mapping[str, WorkerReport]) -> Iterator[Metric]:
    about = "The longest that a worker's loop came late in the last second."
    delay = GaugeMetricFamily("lookup_loop_delay_seconds", about, labels=["worker"])
    about = "Connections a worker keeps."
    connections = GaugeMetricFamily("lookup_connections", about, labels=["worker"])
    for number, report in sorted(fresh.items()):
        delay.add_metric([number], report.gauges.loop_delay_ms / 1e3)
        connections.add_metric([number], report.gauges.connections)
    about = "How far the wall clock runs ahead of the steady one, in the worker furthest off."
    drift = GaugeMetricFamily("lookup_clock_drift_seconds", about, labels=())
    if drifts := [report.gauges.clock_drift_s for report in fresh.values()]:
        drift.add_metric([], max(drifts, key=abs))
    yield delay
    yield connections
    yield drift


# Serving


def serve_metrics(
    store: EmbeddedStore,
    port: int,
    host: str = "127.0.0.1",
    clock: Callable[[], datetime] = utc_now,
) -> Callable[[], None]:
    """Serve the metrics of a store's workers at every path of `http://host:port` from threads of
    this process, until the function that is returned is called.

    Nobody is asked who they are: the address must be a private one. Raises UsageError where it
    cannot be had.
    """
    metrics = Metrics(store, clock)
    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        server, answering = start_http_server(port, host, registry)
    except (OSError, OverflowError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        sentence = (
            f"Port {port} is in use: stop what uses it or choose another --metrics-port."
            if in_use
            else f"Metrics cannot be served on {host} port {port}: choose another --metrics-port."
        )
        raise UsageError(sentence) from error
    ended = threading.Event()
    following = threading.Thread(target=_follow, args=(metrics, ended), daemon=True)
    following.start()

    def stop() -> None:
        ended.set()
        server.shutdown()
        server.server_close()
        following.join()
        answering.join()

    return stop


def _follow(metrics: Metrics, ended: threading.Event) -> None:
    while not ended.wait(EVERY_S):
        try:
            metrics.look()
        except Exception as error:  # a disk that fails for a moment must not end the counting
            log.error("the workers' reports could not be read: %s", type(error).__name__)
