"""`scripts/bench broadcast`: 5,000 viewers on one worker, and lookups beside them.

Something is appended to the broadcast's file every second. How late each viewer hears of it
counts from before the append, fsync and all. Lookups are asked in a closed loop, in rounds with
and without viewers that take turns.
"""

import time
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.bench.exchange import Exchange, Verdict, lookups
from loadtest.bench.figures import milliseconds, ratio
from loadtest.bench.generator import Tally, closed_loop
from loadtest.bench.machine import allow_open_files, cpu_s, memory_mb
from loadtest.bench.servers import GENERATOR_CORE, OPEN_FILES, Service, lookup_service, on_core
from loadtest.bench.tables import show
from loadtest.bench.town import town
from loadtest.bench.viewers import Heard, begin, viewers
from loadtest.bench.workers import worker_pids
from lookup.stores.broadcast import NAME, Broadcast

SIZE = 100_000
ASKED = 10_000
VIEWERS = 5_000
CONNECTIONS = 64
ROUNDS = 3
SECONDS = 10.0
QUIET_S = 5.0
RELEASE = ".lmdb"
TARGET_RATIO = 0.9
TARGET_MS = 1000


def _lookups(service: Service, exchanges: list[Exchange]) -> dict[str, float]:
    before = cpu_s(service.pid)
    tally: Tally = closed_loop(service.dial, exchanges, CONNECTIONS, SECONDS)
    used = cpu_s(service.pid) - before
    if tally.counts[Verdict.WRONG]:
        raise SystemExit("A lookup was not answered as it should have been.")
    return {
        "per_s": tally.rate,
        "per_cpu_s": tally.right / used,
        "p99_ms": milliseconds(tally.latencies)["p99"],
        "refused": tally.counts[Verdict.REFUSED],
    }


def bench_broadcast(folder: Path, count: int = VIEWERS) -> dict[str, Any]:
    """Measure and print."""
    allow_open_files(OPEN_FILES)
    made = town(folder, SIZE)
    exchanges = lookups(made, ASKED)
    live = made.folder / "live"
    (live / NAME).unlink(missing_ok=True)
    Broadcast(live).append(begin)
    alone, beside, heard = [], [], list[Heard]()
    with on_core(GENERATOR_CORE), lookup_service(made.folder) as service:
        worker = worker_pids(made.folder)[0]
        closed_loop(service.dial, exchanges, CONNECTIONS, 2.0)
        before = memory_mb(worker, RELEASE)["private"]
        with viewers(service.port, count, GENERATOR_CORE, live) as found:
            time.sleep(QUIET_S)
            held = memory_mb(worker, RELEASE)["private"]
        quiet = found[0]
        for _ in range(ROUNDS):
            alone.append(_lookups(service, exchanges))
            with viewers(service.port, count, GENERATOR_CORE, live) as found:
                beside.append(_lookups(service, exchanges))
            heard += found
    (live / NAME).unlink()
    figures = {
        "viewers": count,
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "quiet": _late(quiet),
        "busy": _late(*heard),
        "alone": _middle(alone),
        "beside": _middle(beside),
        "ratio": ratio(_middle(beside)["per_s"], _middle(alone)["per_s"]),
        "ratio_cpu": ratio(_middle(beside)["per_cpu_s"], _middle(alone)["per_cpu_s"]),
        "ratios": [
            ratio(one["per_s"], other["per_s"]) for one, other in zip(beside, alone, strict=True)
        ],
        "kib_a_viewer": round((held - before) * 1024 / count, 1),
        "to_reach": {"ratio": TARGET_RATIO, "late_ms": TARGET_MS},
    }
    _print(figures)
    return figures


def _late(*heard: Heard) -> dict[str, Any]:
    late = [each for one in heard for each in one.late_s]
    return {
        "ms": milliseconds(late),
        "heard": len(late),
        "said_to_each": sum(one.said for one in heard),
        "lost": sum(one.lost for one in heard),
    }


def _middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(each[name] for each in rounds), 2) for name in rounds[0]}


def _print(figures: dict[str, Any]) -> None:
    count, alone, beside = figures["viewers"], figures["alone"], figures["beside"]
    show(
        ("viewers", "beside lookups", "said", "heard", "lost", "p50 ms", "p99 ms", "max ms"),
        [
            [
                f"{count:,}",
                words,
                f"{figures[key]['said_to_each']}",
                f"{figures[key]['heard']:,}",
                f"{figures[key]['lost']}",
                *(f"{figures[key]['ms'].get(name, 0):.1f}" for name in ("p50", "p99", "max")),
            ]
            for key, words in (("quiet", "no"), ("busy", "yes"))
        ],
        f"Lookups a second: {alone['per_s']:,.0f} alone, {beside['per_s']:,.0f} beside them:"
        f" {figures['ratio']} (rounds {figures['ratios']}), by the server's CPU second"
        f" {figures['ratio_cpu']}; p99 {alone['p99_ms']} and {beside['p99_ms']} ms,"
        f" {alone['refused']} and {beside['refused']} refused.",
        f"To reach: {TARGET_RATIO}, and every event within {TARGET_MS} ms.",
        f"{figures['kib_a_viewer']} KiB a viewer.",
    )
