"""The release day in numbers: rates, latencies and workers, from the workers' own reports.

Reports count since a worker's start; `ReleaseDay` is fed all of them about once a second and
keeps what changed between two looks. Nothing is stored: the last ten minutes are in memory.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lookup.admin.flows import (
    BUSY,
    FAILURES,
    HITS,
    MISSES,
    NOTHING,
    REQUESTS,
    Counts,
    Flow,
    Histogram,
    added,
    counts_of,
    flow,
    percentiles,
    summed,
)
from lookup.clock import MAX_DRIFT_S
from lookup.stores.workers import WorkerReport, is_fresh

REFUSALS = "refusals"
NEVER = datetime.min.replace(tzinfo=UTC)
KEPT = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
HOLD = timedelta(seconds=3)
"""How long a worker's last flow stands for it while it has written nothing new."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """A worker as last seen: its report, and what it did up to that."""

    report: WorkerReport
    flow: Flow
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class _Point:
    """One look: answers a second, and the latencies met since the look before."""

    at: datetime
    latency: Histogram
    shown: Mapping[str, Any]


class ReleaseDay:
    """The last ten minutes. Feed it about once a second; not thread-safe."""

    def __init__(self) -> None:
        self._workers: dict[tuple[int, datetime], _Worker] = {}
        self._points: deque[_Point] = deque()

    def feed(self, reports: Iterable[WorkerReport], now: datetime) -> None:
        """Take in the reports of every worker there is at `now`."""
        if self._points and now < self._points[-1].at:
            # The clock was set back: what was kept is of another time.
            self._points.clear()
            self._workers.clear()
        latency = added([self._take(report, now) for report in reports])
        self._workers = {
            key: worker for key, worker in self._workers.items() if now - worker.seen_at <= MINUTE
        }
        shown = {"at": now.isoformat(), **_by_outcome(self._rates(now)), **percentiles(latency)}
        self._points.append(_Point(now, latency, shown))
        while now - self._points[0].at > KEPT:
            self._points.popleft()

    def document(self) -> dict[str, Any]:
        """What the release-day page shows, ready for JSON. Times are ISO 8601 in UTC (`at` is
        None before the first feed), rates a second, totals since the workers' starts, latencies
        milliseconds or None; of the points the newest is last."""
        now = self._points[-1].at if self._points else NEVER
        rates = self._rates(now)
        minute = added(point.latency for point in self._points if now - point.at < MINUTE)
        second = added(worker.flow.latency for worker in self._lately(now))
        return {
            "at": None if now is NEVER else now.isoformat(),
            "rates": _by_outcome(rates),
            "kinds": _by_kind(rates),
            "refused": _by_code(rates),
            "totals": _by_outcome(summed(counts_of(each.report) for each in self._present(now))),
            "latency": {"second": percentiles(second), "minute": percentiles(minute)},
            "clock_off_s": self._clock_off_s(now),
            "workers": [_state(self._workers[key], now) for key in sorted(self._workers)],
            "points": [dict(point.shown) for point in self._points],
        }

    def _take(self, report: WorkerReport, now: datetime) -> Histogram:
        """Keep a report; the latencies that are new in it."""
        # A process id may come again; its start does not.
        key = report.pid, report.started_at
        known = self._workers.get(key)
        if known is not None and known.report.at == report.at:
            self._workers[key] = replace(known, seen_at=now)
            return NOTHING
        fresh = bool(self._points) and report.started_at >= self._points[-1].at - HOLD
        # Of a worker that was there before us, only what it does from now on is known.
        found = flow(known.report if known else None, report) if known or fresh else Flow()
        self._workers[key] = _Worker(report, found, now)
        return found.latency

    def _present(self, now: datetime) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.seen_at == now]

    def _lately(self, now: datetime) -> list[_Worker]:
        return [worker for worker in self._present(now) if now - worker.report.at <= HOLD]

    def _clock_off_s(self, now: datetime) -> float | None:
        """How far the wall clock is set off in the worker where it is furthest; None while it
        agrees with the steady one."""
        drifts = [worker.report.gauges.clock_drift_s for worker in self._lately(now)]
        furthest = max(drifts, key=abs, default=0.0)
        return round(furthest, 1) if abs(furthest) > MAX_DRIFT_S else None

    def _rates(self, now: datetime) -> Counts:
        return summed(worker.flow.rates() for worker in self._lately(now))


def _by_outcome(counts: Counts) -> dict[str, float]:
    """Counts of all kinds by what was answered; `other` is what was no lookup."""
    found = dict.fromkeys((HITS, MISSES, REFUSALS), 0.0)
    for (kind, of), count in counts.items():
        if kind:
            found[of if of in found else REFUSALS] += count
    other = counts.get(REQUESTS, 0) - sum(found.values())
    requests, failures = counts.get(REQUESTS, 0), counts.get(FAILURES, 0)
    # Refused before anybody looked what it was: beyond the requests, and so beyond `other`.
    found[REFUSALS] += counts.get(BUSY, 0)
    requests += counts.get(BUSY, 0)
    found |= {"other": max(0.0, other), "failures": failures, "requests": requests}
    return {name: round(count, 1) for name, count in found.items()}


def _by_kind(rates: Counts) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (kind, of), rate in rates.items():
        if kind:
            of_kind = found.setdefault(kind, dict.fromkeys((HITS, MISSES, REFUSALS), 0.0))
            of_kind[of if of in of_kind else REFUSALS] += round(rate, 1)
    return found


def _by_code(rates: Counts) -> dict[str, float]:
    found: dict[str, float] = {}
    for (kind, of), rate in rates.items():
        if (kind and of not in (HITS, MISSES)) or (rate and (kind, of) == BUSY):
            found[of] = found.get(of, 0.0) + round(rate, 1)
    return found


def _state(worker: _Worker, now: datetime) -> dict[str, Any]:
    report = worker.report
    heard = "answering" if is_fresh(report, now) else "silent"
    return {
        "pid": report.pid,
        "state": heard if worker.seen_at == now else "gone",
        "uptime_s": round((report.at - report.started_at).total_seconds(), 1),
        "age_s": round((now - report.at).total_seconds(), 1),
        "serving": {
            kind: {"epoch": standing.epoch, "release": standing.release}
            for kind, standing in report.serving.items()
        },
        "upcoming": list(report.upcoming),
        "rate": round(worker.flow.rates().get(REQUESTS, 0.0), 1),
        "connections": report.gauges.connections,
        "loop_delay_ms": round(report.gauges.loop_delay_ms, 1),
    }
