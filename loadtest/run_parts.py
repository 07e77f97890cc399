"""What a run leaves behind: the parts every other file of the tool passes on.

Seconds are counted from the run's start unless said; moments of the clock are ISO 8601 in UTC.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from loadtest.histograms import Histogram


class Outcome(StrEnum):
    """How one request ended."""

    RIGHT = "right"
    """The answer that the seed says: a record, no match for who mistyped, not open before the
    hour."""
    REFUSED = "refused"
    """Told to wait or to prove work: an honest refusal (429, 503), in time."""
    FAILED = "failed"
    """No answer in time, a broken connection, an answer that is no HTTP, another status."""
    WRONG = "wrong"
    """An answer that is not what was approved: another record, other bytes."""
    EARLY = "early"
    """A record before its hour."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run with a name: `waiting`, `opening`, `decay` …"""

    name: str
    from_s: float
    to_s: float


@dataclass(slots=True)
class Second:
    """One second of the run. `offered` arrivals and steps fell due in it, `sent` of them went
    out (in whichever second), `dropped` found the cap of requests in flight reached; outcomes
    are counted, and latencies stand, in the second in which the request was due."""

    s: int
    offered: int = 0
    sent: int = 0
    dropped: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    latency: Histogram = field(default_factory=Histogram)


@dataclass(slots=True)
class Share:
    """What one journey met in one phase. `latency` is of every answer, right or refused, from
    the moment the request was due."""

    phase: str
    journey: str
    offered: int = 0
    dropped: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    latency: Histogram = field(default_factory=Histogram)


@dataclass(slots=True)
class Trouble:
    """One class of what went wrong: `no answer in 10 s`, `status 502`, `another record`."""

    what: str
    outcome: Outcome
    count: int
    first_s: float
    last_s: float


@dataclass(slots=True)
class Generator:
    """The health of one generating process: how late it sent what was due (its own lateness,
    in the latencies too), and the share of its core it used, second by second."""

    late: Histogram = field(default_factory=Histogram)
    cpu: list[float] = field(default_factory=list)
    in_flight_most: int = 0


@dataclass(slots=True)
class Result:
    """What the crowd met: the merged account of all generating processes."""

    started_at: str
    hour_s: float | None
    phases: list[Phase]
    seconds: list[Second]
    shares: list[Share]
    troubles: list[Trouble]
    generators: list[Generator]
    first_right_s: float | None = None
    """When the first record was answered, of the earliest request."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something done to the site, or seen of it, during the run."""

    s: float
    what: str


@dataclass(frozen=True, slots=True)
class WorkerSecond:
    """What one worker was in one second: CPU as a share of one core, private memory in MB,
    open connections, the delay of its loop in ms (None where it did not say)."""

    s: int
    worker: str
    cpu: float
    memory_mb: float
    connections: int | None
    loop_delay_ms: float | None


@dataclass(slots=True)
class Observed:
    """What was seen of the site from its own machine; empty where it is elsewhere."""

    workers: list[WorkerSecond] = field(default_factory=list)
    accept_queue_overflows: int | None = None
    events: list[Event] = field(default_factory=list)
