"""What public workers did between two of their reports: counts, rates, latencies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from lookup.stores.workers import BOUNDS_NS, BUCKETS, WorkerReport

Count = tuple[str, str]
"""A kind and what was counted of it: `hits`, `misses`, or a refusal's code."""
HITS, MISSES = "hits", "misses"
PRE_CHECKED = "pre_checked"
"""Neither a record nor a refusal: it stays among what was no lookup."""
REQUESTS, FAILURES, BUSY = ("", "requests"), ("", "failures"), ("", "busy")
"""What is counted of a whole worker; what was refused for overload is not among its requests."""
Counts = Mapping[Count, float]
Histogram = tuple[int, ...]
NOTHING: Histogram = (0,) * BUCKETS
PERCENTILES = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Flow:
    """What was done in so many seconds; 0 seconds where nothing is known."""

    seconds: float = 0.0
    counts: Counts = field(default_factory=dict)
    latency: Histogram = NOTHING

    def rates(self) -> Counts:
        """Counts a second."""
        return {of: count / self.seconds for of, count in self.counts.items()}


def counts_of(report: WorkerReport) -> Counts:
    """Everything a report counts since its worker's start."""
    found: dict[Count, float] = {
        REQUESTS: report.requests,
        FAILURES: report.failures,
        BUSY: report.busy,
    }
    for kind, counts in report.counts.items():
        found[kind, HITS], found[kind, MISSES] = counts.hits, counts.misses
        refused = counts.refused.items()
        found |= {(kind, code): count for code, count in refused if code != PRE_CHECKED}
    return found


def summed(parts: Iterable[Counts]) -> Counts:
    """Counts or rates as one."""
    total: dict[Count, float] = {}
    for part in parts:
        for of, count in part.items():
            total[of] = total.get(of, 0) + count
    return total


def flow(before: WorkerReport | None, after: WorkerReport) -> Flow:
    """What a worker did since `before`, None for its start; counts that went back began anew."""
    since = after.started_at if before is None else before.at
    seconds = (after.at - since).total_seconds()
    if seconds <= 0:
        return Flow()
    counts, latency = counts_of(after), _latency_of(after)
    if before is not None:
        old = counts_of(before)
        if all(counts.get(of, 0) >= count for of, count in old.items()):
            counts = {of: count - old.get(of, 0) for of, count in counts.items()}
            latency = tuple(map(int.__sub__, latency, _latency_of(before)))
    return Flow(seconds, counts, latency)


def _latency_of(report: WorkerReport) -> Histogram:
    return added(counts.latency for counts in report.counts.values())


def added(histograms: Iterable[Histogram]) -> Histogram:
    """Histograms as one."""
    return tuple(map(sum, zip(NOTHING, *histograms, strict=True)))


def percentiles(histogram: Histogram) -> dict[str, float | None]:
    """Latencies in milliseconds by name: the upper end of the bucket, so never too little;
    None where nothing was met, and the last bound for what took longer still."""
    total = sum(histogram)
    if not total:
        return dict.fromkeys(PERCENTILES)
    upto = list(accumulate(histogram))
    return {name: _at(upto, share * total) for name, share in PERCENTILES.items()}


def _at(upto: list[int], rank: float) -> float:
    # A great rank may be rounded above the last count.
    rank = min(rank, upto[-1])
    index = next(index for index, count in enumerate(upto) if count >= rank)
    return round(BOUNDS_NS[min(index, len(BOUNDS_NS) - 1)] / 1e6, 3)
