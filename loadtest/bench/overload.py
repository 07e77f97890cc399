"""`scripts/bench overload`: offered one to ten times what the service can do.

Open loop: arrivals at random moments set beforehand (exponential gaps), every tenth on a
connection of its own, latency from the moment set. A generator in Python cannot offer ten times
what a whole core serves (`sent late` shows how far it is behind). So beyond three times the
service is made slow: it shares its core with a neighbour who wants all of it, at a nicer
priority, which leaves it about a tenth. The same once more behind nginx and the file operators
get, on the generator's core, as in a machine where nginx has cores of its own: it passes on what
the worker can take and refuses the rest. Saturation is measured by a closed loop of the same
mixture right before. After each overload half of saturation is offered: recovery is the time
from the end of the overload until 99 % of what is asked in every half second is answered right
and within the bound. Who has no answer for five seconds goes, and has failed.
"""

import contextlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loadtest.bench.exchange import Exchange, Verdict, lookups
from loadtest.bench.figures import milliseconds, ratio
from loadtest.bench.front import front
from loadtest.bench.generator import Arrived, OpenLoop, closed_loop
from loadtest.bench.machine import allow_open_files
from loadtest.bench.servers import (
    GENERATOR_CORE,
    OPEN_FILES,
    SERVER_CORE,
    Service,
    lookup_service,
    neighbour,
    on_core,
    running_on_sockets,
)
from loadtest.bench.tables import show
from loadtest.bench.town import Town, town

SIZE = 100_000
ASKED = 20_000
WHOLE, SLOWED, FRONTED = "a whole core", "a tenth of it", "a tenth, behind nginx"
TIMES: dict[str, tuple[int, ...]] = {
    WHOLE: (1, 2, 3),
    SLOWED: (1, 2, 5, 10),
    FRONTED: (1, 2, 5, 10),
}
"""What is offered, in saturations, by how much of a core the service has."""
NICE = 10
FRESH_EVERY = 10
KEPT = 1000
ROOM = 120
"""What nginx lets a tenth of a core have at a time: what that answers in a twentieth of a second,
as the operators' file says."""
CONNECTIONS = 64
SATURATION_S = 8.0
OFFERED_S = 10.0
AFTER_S = 8.0
AFTER_SHARE = 0.5
WINDOW_S = 0.5
WELL = 0.99
BOUND_MS = 250.0
TARGETS = {"goodput": 0.9, "p99_ms": BOUND_MS, "recovery_s": 5.0}
COLUMNS = (
    "service has",
    "offered",
    "a second",
    "goodput/s",
    "of peak",
    "refused",
    "failed",
    "p50 ms",
    "p99 ms",
    "sent late p99 ms",
    "recovery s",
)


def arrivals(rate: float, seconds: float, start_s: float, seed: int) -> list[float]:
    """Moments from `start_s` on, exponential gaps, `rate` a second on average."""
    gaps = random.Random(seed)  # noqa: S311  # a load, no secret
    found, at = [], start_s
    while (at := at + gaps.expovariate(rate)) < start_s + seconds:
        found.append(at)
    return found


def recovery_s(found: Sequence[Arrived], ended_s: float, until_s: float) -> float:
    """Seconds after `ended_s` from which on, in every window of arrivals due until `until_s`,
    so many as `WELL` were answered right within the bound."""
    windows = int((until_s - ended_s) / WINDOW_S)
    arrived, well = [0] * windows, [0] * windows
    for each in found:
        window = int((each.due_s - ended_s) // WINDOW_S)
        if 0 <= window < windows:
            arrived[window] += 1
            well[window] += each.verdict is Verdict.RIGHT and each.took_s * 1000 <= BOUND_MS
    ill = [window for window in range(windows) if well[window] < WELL * arrived[window]]
    return (ill[-1] + 1) * WINDOW_S if ill else 0.0


def _stage(
    service: Service, exchanges: list[Exchange], times: float, peak: float
) -> dict[str, Any]:
    due = arrivals(times * peak, OFFERED_S, 0.0, seed=int(times))
    due += arrivals(AFTER_SHARE * peak, AFTER_S, OFFERED_S, seed=99)
    loop = OpenLoop(service.dial, exchanges, due, fresh_every=FRESH_EVERY, kept=KEPT, settle_s=1.0)
    found = loop.run()
    during = [each for each in found if each.due_s < OFFERED_S]
    right = [each for each in during if each.verdict is Verdict.RIGHT]
    # Counted where they came, not where they were due: late answers are no goodput of then.
    came = sum(each.due_s + each.took_s < OFFERED_S for each in right)
    refused = sum(each.verdict is Verdict.REFUSED for each in during)
    return {
        "times": times,
        "offered_per_s": round(len(during) / OFFERED_S),
        "sent_late_ms": milliseconds([each.late_s for each in during]),
        "goodput_per_s": round(came / OFFERED_S),
        "goodput": ratio(came / OFFERED_S, peak),
        "refused": round(refused / len(during), 3),
        "failed": len(during) - len(right) - refused,
        "ms": milliseconds([each.took_s for each in right]),
        "recovery_s": recovery_s(found, OFFERED_S, OFFERED_S + AFTER_S),
    }


@contextlib.contextmanager
def _fronted(data: Path, *, nice: int) -> Iterator[Service]:
    with (
        running_on_sockets(data, 1, core=SERVER_CORE, nice=nice) as sockets,
        front(sockets[0].parent, ROOM) as service,
    ):
        yield service


@contextlib.contextmanager
def _service(made: Town, speed: str) -> Iterator[Service]:
    """A service of its own for each stage: what the one before left must not count."""
    beside = contextlib.nullcontext() if speed == WHOLE else neighbour(SERVER_CORE)
    start = _fronted if speed == FRONTED else lookup_service
    # The neighbour comes last and goes first: starting takes ten times as long beside it.
    with start(made.folder, nice=0 if speed == WHOLE else NICE) as service, beside:
        closed_loop(service.dial, lookups(made, 1000), CONNECTIONS, 1.0, FRESH_EVERY)
        yield service


def _speed(made: Town, exchanges: list[Exchange], speed: str) -> dict[str, Any]:
    """One speed: its saturation, then its stages against that."""
    with _service(made, speed) as service:
        tally = closed_loop(service.dial, exchanges, CONNECTIONS, SATURATION_S, FRESH_EVERY)
    stages = []
    for times in TIMES[speed]:
        with _service(made, speed) as service:
            stages.append(_stage(service, exchanges, times, tally.rate))
    return {
        "speed": speed,
        "saturation_per_s": round(tally.rate),
        "saturation_ms": milliseconds(tally.latencies),
        "stages": stages,
    }


def bench_overload(folder: Path, speeds: Sequence[str] = tuple(TIMES)) -> dict[str, Any]:
    """Measure and print."""
    allow_open_files(OPEN_FILES)
    made = town(folder, SIZE)
    exchanges = lookups(made, ASKED)
    with on_core(GENERATOR_CORE):
        found = [_speed(made, exchanges, speed) for speed in speeds]
    figures = {"fresh_share": 1 / FRESH_EVERY, "speeds": found, "to_reach": TARGETS}
    _print(figures)
    return figures


def _print(figures: dict[str, Any]) -> None:
    show(
        COLUMNS,
        [
            [
                found["speed"],
                f"{each['times']} x",
                *(f"{each[name]:,}" for name in ("offered_per_s", "goodput_per_s")),
                f"{each['goodput']}",
                f"{each['refused']:.1%}",
                f"{each['failed']:,}",
                *(f"{each['ms'].get(name, 0):.0f}" for name in ("p50", "p99")),
                f"{each['sent_late_ms'].get('p99', 0):.0f}",
                f"{each['recovery_s']:.1f}",
            ]
            for found in figures["speeds"]
            for each in found["stages"]
        ],
        *(
            f"Saturation of {each['speed']} (closed loop, {CONNECTIONS} connections):"
            f" {each['saturation_per_s']:,} a second."
            for each in figures["speeds"]
        ),
        f"To reach at 10 x: goodput {TARGETS['goodput']} of peak, p99 of what is accepted"
        f" {BOUND_MS:.0f} ms, recovery {TARGETS['recovery_s']:.0f} s.",
    )
