"""What a worker counts while it answers: plain numbers, nothing about who asked.

It stands on the student's path, so an answer costs two looks at the clock and three additions.
"""

from dataclasses import dataclass, field

from lookup.public.answers import CODES
from lookup.public.asking import Found, NoMatch, Outcome, UnknownKind
from lookup.stores.workers import BUCKETS, Counts, bucket


@dataclass(slots=True)
class _Counter:
    """Answers of one kind by code, and how long they took."""

    codes: dict[str, int] = field(default_factory=dict)
    latency: list[int] = field(default_factory=lambda: [0] * BUCKETS)


class Tally:
    """The counts of one worker since its start. Use it from one thread."""

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self._kinds: dict[str, _Counter] = {}

    def count(self, kind: str, outcome: Outcome, nanoseconds: int) -> None:
        """Count one answered lookup."""
        counter = self._kinds.get(kind)
        if counter is None:
            # A name no kind has is the client's own text: it must not be kept.
            if isinstance(outcome, UnknownKind):
                return
            counter = self._kinds[kind] = _Counter()
        code = CODES[type(outcome)]
        counter.codes[code] = counter.codes.get(code, 0) + 1
        counter.latency[bucket(nanoseconds)] += 1

    def counts(self) -> dict[str, Counts]:
        """The counts as they are now, by kind."""
        return {kind: _frozen(counter) for kind, counter in self._kinds.items()}


def _frozen(counter: _Counter) -> Counts:
    refused = dict(counter.codes)
    hits, misses = refused.pop(CODES[Found], 0), refused.pop(CODES[NoMatch], 0)
    return Counts(hits, misses, refused, tuple(counter.latency))
