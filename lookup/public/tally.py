"""What a worker counts while it answers: plain numbers, nothing about who asked.

It stands on the student's path, so an answer costs two looks at the clock and a few additions.
"""

from dataclasses import dataclass, field

from lookup.public.answers import CODES
from lookup.public.asking import Found, NoMatch, Outcome, UnknownKind
from lookup.stores.workers import BUCKETS, Counts, bucket


@dataclass(slots=True)
class _Counter:
    """Answers of one kind by what they were, and how long they took."""

    outcomes: dict[type[Outcome], int] = field(default_factory=dict)
    latency: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    took_ns: int = 0


class Tally:
    """The counts of one worker since its start. Use it from one thread.

    `requests`, `failures` (nobody caught them) and `busy` (refused for overload, of no kind) are
    counted up by whoever sees them.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self.busy = 0
        self._http_refused: dict[str, int] = {}
        self._kinds: dict[str, _Counter] = {}

    def count(self, kind: str, outcome: Outcome, nanoseconds: int) -> None:
        """Count one answered lookup."""
        counter = self._kinds.get(kind)
        if counter is None:
            # A name no kind has is the client's own text: it must not be kept.
            if isinstance(outcome, UnknownKind):
                return
            counter = self._kinds[kind] = _Counter()
        was = type(outcome)
        counter.outcomes[was] = counter.outcomes.get(was, 0) + 1
        counter.latency[bucket(nanoseconds)] += 1
        counter.took_ns += nanoseconds

    def refuse_http(self, reason: str) -> None:
        """Count what was no whole request, or beyond a cap. `reason` is a name of ours, like
        `malformed` or `headers_too_large`, never anything a client sent."""
        self._http_refused[reason] = self._http_refused.get(reason, 0) + 1

    def http_refused(self) -> dict[str, int]:
        """What was refused before it was a request, by reason."""
        return dict(self._http_refused)

    def counts(self) -> dict[str, Counts]:
        """The counts as they are now, by kind."""
        return {kind: _frozen(counter) for kind, counter in self._kinds.items()}


def _frozen(counter: _Counter) -> Counts:
    found = dict(counter.outcomes)
    hits, misses = found.pop(Found, 0), found.pop(NoMatch, 0)
    refused = {CODES[was]: count for was, count in found.items()}
    return Counts(hits, misses, refused, tuple(counter.latency), counter.took_ns // 1000)
