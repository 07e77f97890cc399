"""`scripts/bench burst`: 10,000 different candidates within 60 ms, two workers on two cores.

Each candidate's moment is set beforehand, evenly within the 60 ms; latency runs from it. The
generator is one process on the same two cores and cannot open 10,000 connections in 60 ms: how
long it took to ask is shown (`asked in`), and counts against the service. `fresh` opens each
connection at its moment; `open` has them open before, and asks for the first time.
"""

from pathlib import Path
from typing import Any

from loadtest.bench.exchange import Verdict, lookups
from loadtest.bench.figures import milliseconds
from loadtest.bench.generator import Arrived, OpenLoop
from loadtest.bench.machine import allow_open_files, network_counters
from loadtest.bench.servers import CORES, OPEN_FILES, Service, lookup_service
from loadtest.bench.tables import show
from loadtest.bench.town import town

SIZE = 100_000
CANDIDATES = 10_000
WITHIN_S = 0.060
WORKERS = 2
ROUNDS = 5
SETTLE_S = 2.0
TARGET_S = 2.0
MODES: dict[str, dict[str, Any]] = {
    "fresh": {"fresh_every": 1},
    "open": {"kept": CANDIDATES, "settle_s": SETTLE_S},
}
COLUMNS = (
    "connections",
    "right",
    "refused",
    "other",
    "asked in s",
    "time to last s",
    "of 2 s",
    "p50 ms",
    "p99 ms",
    "backlog full",
)


def moments(count: int, within_s: float) -> list[float]:
    """`count` moments, evenly from 0 up to `within_s` seconds."""
    return [i * within_s / count for i in range(count)]


def _burst(service: Service, exchanges: list[Any], mode: str) -> dict[str, Any]:
    before = network_counters()
    loop = OpenLoop(service.dial, exchanges, moments(CANDIDATES, WITHIN_S), **MODES[mode])
    found = loop.run()
    after = network_counters()
    return {"mode": mode, **_figures(found), **{n: after[n] - before[n] for n in after}}


def _figures(found: list[Arrived]) -> dict[str, Any]:
    right = [each for each in found if each.verdict is Verdict.RIGHT]
    return {
        "right": len(right),
        "refused": sum(each.verdict is Verdict.REFUSED for each in found),
        "other": sum(each.verdict not in (Verdict.RIGHT, Verdict.REFUSED) for each in found),
        "asked_in_s": round(max(each.due_s + each.late_s for each in found), 3),
        "last_s": round(max(each.due_s + each.took_s for each in found), 3),
        "ms": milliseconds([each.took_s for each in right]),
    }


def bench_burst(folder: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure and print."""
    allow_open_files(OPEN_FILES)
    made = town(folder, SIZE)
    exchanges = lookups(made, CANDIDATES)
    bursts = []
    for _ in range(rounds):
        for mode in MODES:
            # A service that nobody asked yet, as at the hour.
            with lookup_service(made.folder, workers=WORKERS, core=CORES) as service:
                bursts.append(_burst(service, exchanges, mode))
    figures = {
        "candidates": CANDIDATES,
        "within_s": WITHIN_S,
        "workers": WORKERS,
        "bursts": bursts,
        "to_reach_s": TARGET_S,
    }
    _print(figures)
    return figures


def _print(figures: dict[str, Any]) -> None:
    show(
        COLUMNS,
        [
            [
                each["mode"],
                *(f"{each[name]:,}" for name in ("right", "refused", "other")),
                *(f"{each[name]:.3f}" for name in ("asked_in_s", "last_s")),
                f"{each['last_s'] / TARGET_S:.2f}",
                *(f"{each['ms'].get(name, 0):.0f}" for name in ("p50", "p99")),
                f"{each['ListenOverflows']:,}",
            ]
            for each in figures["bursts"]
        ],
        f"{CANDIDATES:,} candidates due within {WITHIN_S * 1000:.0f} ms, {WORKERS} workers;"
        f" to reach: all right, the last within {TARGET_S} s.",
    )
