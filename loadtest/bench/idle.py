"""`scripts/bench idle`: 10,000 idle connections, what they hold, and honest clients beside them.

Each connection asks once, is answered, and stays. Then others ask, 500 a second at moments set
beforehand, as they did before. Idle connections are closed by the service in the end: how many
are left when the honest clients are done, and 20 s later, is shown.
"""

import time
from pathlib import Path
from typing import Any

from loadtest.bench.exchange import Exchange, Verdict, lookups
from loadtest.bench.figures import milliseconds, ratio
from loadtest.bench.generator import Lines, OpenLoop
from loadtest.bench.machine import allow_open_files, memory_mb
from loadtest.bench.overload import arrivals
from loadtest.bench.servers import GENERATOR_CORE, OPEN_FILES, Service, lookup_service, on_core
from loadtest.bench.tables import show
from loadtest.bench.town import town
from loadtest.bench.workers import worker_pids

SIZE = 100_000
IDLE = 10_000
AT_ONCE = 200
RATE = 500.0
SECONDS = 6.0
KEPT = 16
LATER_S = 20.0
RELEASE = ".lmdb"


def _honest(service: Service, exchanges: list[Exchange]) -> dict[str, Any]:
    found = OpenLoop(
        service.dial, exchanges, arrivals(RATE, SECONDS, 0.0, seed=1), kept=KEPT, settle_s=0.2
    ).run()
    right = [each.took_s for each in found if each.verdict is Verdict.RIGHT]
    return {"asked": len(found), "right": len(right), "ms": milliseconds(right)}


def _fill(lines: Lines, exchanges: list[Exchange]) -> int:
    """Open the idle connections, few at a time; how many were answered."""
    answered = 0
    for _ in range(0, IDLE, AT_ONCE):
        waiting = AT_ONCE
        for exchange in exchanges[:AT_ONCE]:
            lines.ask(lines.open(), exchange, 0.0)
        until = time.monotonic() + 5
        while waiting and time.monotonic() < until:
            for line, verdict in lines.heard(0.1):
                if verdict is None:
                    lines.close(line)
                if verdict is not Verdict.PART:
                    waiting -= 1
                    answered += verdict is Verdict.RIGHT
                    line.exchange = None
    return answered


def _left(lines: Lines, seconds: float) -> int:
    """How many connections are still open after so long."""
    until = time.monotonic() + seconds
    while (remaining := until - time.monotonic()) > 0:
        for line, _ in lines.heard(remaining):
            lines.close(line)
    for line, _ in lines.heard(0.0):
        lines.close(line)
    return len(lines)


def bench_idle(folder: Path) -> dict[str, Any]:
    """Measure and print."""
    allow_open_files(OPEN_FILES)
    made = town(folder, SIZE)
    exchanges = lookups(made, 1000)
    with on_core(GENERATOR_CORE), lookup_service(made.folder) as service:
        _honest(service, exchanges)
        alone = _honest(service, exchanges)
        worker = worker_pids(made.folder)[0]
        before = memory_mb(worker, RELEASE)
        with Lines(service.dial) as lines:
            answered = _fill(lines, exchanges)
            held = memory_mb(worker, RELEASE)
            beside = _honest(service, exchanges)
            left, later = _left(lines, 0.01), _left(lines, LATER_S)
    figures = {
        "idle": IDLE,
        "answered": answered,
        "alone": alone,
        "beside": beside,
        "ratio_p99": ratio(beside["ms"]["p99"], alone["ms"]["p99"]),
        "memory_mb": {"before": before, "with": held},
        "kib_a_connection": round((held["private"] - before["private"]) * 1024 / IDLE, 1),
        "left": left,
        "left_later": later,
    }
    _print(figures)
    return figures


def _print(figures: dict[str, Any]) -> None:
    alone = figures["alone"]["ms"]["p99"]
    show(
        ("idle connections", "asked", "right", "p50 ms", "p99 ms", "ratio p99", "private MB"),
        [
            [
                f"{count:,}",
                *(f"{figures[key][name]:,}" for name in ("asked", "right")),
                *(f"{figures[key]['ms'][name]:.2f}" for name in ("p50", "p99")),
                f"{ratio(figures[key]['ms']['p99'], alone)}",
                str(figures["memory_mb"][memory]["private"]),
            ]
            for count, key, memory in (
                (0, "alone", "before"),
                (figures["answered"], "beside", "with"),
            )
        ],
        f"{figures['kib_a_connection']} KiB a connection; {figures['left']:,} open when the honest"
        f" clients were done, {figures['left_later']:,} {LATER_S:.0f} s later.",
    )
