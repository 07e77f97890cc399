"""The counts of all public workers there were, so that no counter goes back when one ends.

Reports count since a worker's start and end with it; what was last read of those that are gone
is kept. A worker that ends as it is told leaves a last report; of one that is killed a second's
worth is lost, what it counted since its last report.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from lookup.public.answers import CODES
from lookup.public.asking import Found, NoMatch
from lookup.stores.workers import WorkerReport

KEPT = 256
"""Workers that are gone and may yet be read again, from a file that was unreadable a while."""
Key = tuple[int, datetime]
"""A worker: a process id may come again, its start does not."""
Series = tuple[str, ...]
"""What is counted, and of what."""
REQUESTS, HTTP, FAILURES, BUSY = "requests", "http", "failures", "busy"
FAIR_USE, HTTP_REFUSED, LATENCY, TOOK_US = "fair_use", "http_refused", "latency", "took_us"


def series(report: WorkerReport) -> dict[Series, int]:
    """Everything a report counts: `REQUESTS` by kind and outcome, `LATENCY` by kind and bucket,
    `TOOK_US` by kind, `FAIR_USE` by decision, `HTTP_REFUSED` by reason, the others as they are."""
    found: dict[Series, int] = {
        (HTTP,): report.requests,
        (FAILURES,): report.failures,
        (BUSY,): report.busy,
    }
    # A counter that is not there before the first request loses that one to `rate`.
    for kind in report.serving:
        found |= {(REQUESTS, kind, CODES[was]): 0 for was in (Found, NoMatch)}
        found[TOOK_US, kind] = 0
    found |= {(HTTP_REFUSED, reason): times for reason, times in report.http_refused.items()}
    found |= {(FAIR_USE, decision): times for decision, times in report.gauges.fair_use.items()}
    for kind, counts in report.counts.items():
        answers = {CODES[Found]: counts.hits, CODES[NoMatch]: counts.misses, **counts.refused}
        found |= {(REQUESTS, kind, code): times for code, times in answers.items()}
        found[TOOK_US, kind] = counts.took_us
        buckets = enumerate(counts.latency)
        found |= {(LATENCY, kind, str(index)): times for index, times in buckets if times}
    return found


@dataclass(slots=True)
class Archive:
    """Take in the reports about once a second. Not thread-safe."""

    numbers: dict[Key, int] = field(default_factory=dict)
    """The workers there are, each with a small number; one that is gone leaves its own to the
    next, so that restarts make no new labels."""
    ended: int = 0
    """Workers that were there and are gone."""
    _seen: int = 0
    _last: dict[Key, Mapping[Series, int]] = field(default_factory=dict)
    _base: dict[Series, int] = field(default_factory=dict)

    def take(self, reports: Iterable[WorkerReport]) -> None:
        """Take in the reports of all workers there are, and the last ones of those that ended."""
        reports = list(reports)
        present = {(report.pid, report.started_at): series(report) for report in reports}
        for key, counts in present.items():
            if key not in self._last:
                self._seen += 1
            last = self._last.pop(key, {})
            if any(counts.get(of, 0) < times for of, times in last.items()):
                # It began anew under its old name: what it counted before stays counted.
                _add(self._base, last)
            self._last[key] = counts
        gone = [key for key in self._last if key not in present]
        for key in gone[: max(0, len(gone) - KEPT)]:
            _add(self._base, self._last.pop(key))
        there = [(report.pid, report.started_at) for report in reports if not report.ended]
        self.ended = max(self.ended, self._seen - len(there))
        self._number(there)

    def totals(self) -> dict[Series, int]:
        """Every count, of the workers present and gone."""
        totals = dict(self._base)
        for counts in self._last.values():
            _add(totals, counts)
        return totals

    def _number(self, present: Collection[Key]) -> None:
        self.numbers = {key: self.numbers[key] for key in present if key in self.numbers}
        taken = set(self.numbers.values())
        free = (number for number in count() if number not in taken)
        arrived = sorted(set(present) - set(self.numbers), key=lambda key: (key[1], key[0]))
        self.numbers |= dict(zip(arrived, free, strict=False))


def _add(total: dict[Series, int], counts: Mapping[Series, int]) -> None:
    for of, times in counts.items():
        total[of] = total.get(of, 0) + times
