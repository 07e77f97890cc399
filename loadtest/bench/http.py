"""`scripts/bench http`: one lookup over HTTP, against nginx and what others would build.

Server on core 0, generator on core 1, 64 connections kept open, every answer compared with its
record. The services run one at a time, in rounds that take turns, so that drift meets them all;
each figure is the median of its rounds, each ratio taken within this run. `answers per CPU
second` is by the kernel's account of the server: on a machine with others it tells more.
"""

import time
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.bench.figures import milliseconds, ratio
from loadtest.bench.generator import closed_loop
from loadtest.bench.machine import cpu_s
from loadtest.bench.rivals import Rival, rivals
from loadtest.bench.servers import GENERATOR_CORE, on_core
from loadtest.bench.tables import show
from loadtest.bench.town import town

SIZE = 100_000
CITY = 10_000_000
CONNECTIONS = 64
ROUNDS = 5
SECONDS = 4.0
WARM_S = 1.0
TARGETS = (
    ("lookup serve", "nginx, a static file", 0.75),
    ("lookup serve, browser's headers", "nginx, browser's headers", 0.75),
    ("lookup serve", "Starlette + aiosqlite", 6.0),
    (f"lookup serve, {CITY:,} records", "lookup serve", 0.8),
)
COLUMNS = (
    "service",
    "answers/s",
    "per CPU s",
    "of nginx",
    "slowest",
    "fastest",
    "p50 ms",
    "p99 ms",
    "server busy",
    "generator busy",
)


def _round(rival: Rival, seconds: float) -> dict[str, Any]:
    with rival.start() as service:
        closed_loop(service.dial, rival.exchanges, CONNECTIONS, min(WARM_S, seconds))
        cpu, own = cpu_s(service.pid), time.process_time()
        tally = closed_loop(service.dial, rival.exchanges, CONNECTIONS, seconds, rival.fresh_every)
        used, own = cpu_s(service.pid) - cpu, time.process_time() - own
    wrong = sum(tally.counts.values()) - tally.right + tally.dropped
    if not tally.right or wrong:
        raise SystemExit(f"{rival.name}: {wrong} wrong answers, {tally.right} right ones.")
    return {
        "per_s": tally.rate,
        "per_cpu_s": tally.right / max(used, 0.01),
        "server_busy": used / tally.seconds,
        "generator_busy": own / tally.seconds,
        "ms": milliseconds(tally.latencies),
    }


def _row(name: str, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    def middle(key: str) -> float:
        return float(median(each[key] for each in rounds))

    return {
        "service": name,
        "per_s": round(middle("per_s")),
        "per_cpu_s": round(middle("per_cpu_s")),
        "slowest_per_s": round(min(each["per_s"] for each in rounds)),
        "fastest_per_s": round(max(each["per_s"] for each in rounds)),
        "server_busy": round(middle("server_busy"), 2),
        "generator_busy": round(middle("generator_busy"), 2),
        "ms": {name: median(each["ms"][name] for each in rounds) for name in rounds[0]["ms"]},
    }


def bench_http(folder: Path, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure and print. SystemExit where an answer was wrong."""
    everyone = rivals(folder, town(folder, SIZE), town(folder, CITY))
    measured: dict[str, list[dict[str, Any]]] = {rival.name: [] for rival in everyone}
    with on_core(GENERATOR_CORE):
        for _ in range(rounds):
            for rival in everyone:
                measured[rival.name].append(_round(rival, seconds))
    rows = {name: _row(name, found) for name, found in measured.items()}
    ratios = [
        {
            "service": name,
            "against": other,
            "per_s": ratio(rows[name]["per_s"], rows[other]["per_s"]),
            "per_cpu_s": ratio(rows[name]["per_cpu_s"], rows[other]["per_cpu_s"]),
            "to_reach": target,
        }
        for name, other, target in TARGETS
    ]
    figures = {
        "records": SIZE,
        "connections": CONNECTIONS,
        "rounds": rounds,
        "seconds": seconds,
        "rows": list(rows.values()),
        "ratios": ratios,
    }
    _print(figures)
    return figures


def _print(figures: dict[str, Any]) -> None:
    rows = figures["rows"]
    show(
        COLUMNS,
        [
            [
                row["service"],
                *(f"{row[name]:,}" for name in ("per_s", "per_cpu_s")),
                f"{ratio(row['per_cpu_s'], rows[0]['per_cpu_s'])}",
                *(f"{row[name]:,}" for name in ("slowest_per_s", "fastest_per_s")),
                *(f"{row['ms'][name]:.2f}" for name in ("p50", "p99")),
                *(f"{row[name]:.0%}" for name in ("server_busy", "generator_busy")),
            ]
            for row in rows
        ],
        *(
            f"{each['service']} against {each['against']}: {each['per_s']} by the second,"
            f" {each['per_cpu_s']} by the server's CPU second; to reach: {each['to_reach']}."
            for each in figures["ratios"]
        ),
    )
