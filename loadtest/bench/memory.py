"""`scripts/bench memory`: what one worker holds, its mapped release not counted.

After so many lookups that everything was touched once. `private` is what ends with the process;
`proportional` adds its share of what it has in common with others; `resident` counts all of it.
"""

from pathlib import Path
from typing import Any

from loadtest.bench.exchange import lookups
from loadtest.bench.figures import ratio
from loadtest.bench.generator import closed_loop
from loadtest.bench.machine import family, memory_mb
from loadtest.bench.servers import CORES, lookup_service
from loadtest.bench.tables import show
from loadtest.bench.town import town
from loadtest.bench.workers import worker_pids

SIZE = 1_000_000
ASKED = 20_000
CONNECTIONS = 200
SECONDS = 8.0
WORKERS = 2
RELEASE = ".lmdb"
TARGET_MB = 80


def bench_memory(folder: Path) -> dict[str, Any]:
    """Measure and print."""
    made = town(folder, SIZE)
    exchanges = lookups(made, ASKED)
    with lookup_service(made.folder, workers=WORKERS, core=CORES) as service:
        pids = worker_pids(made.folder, WORKERS)
        started = [_row("worker, started", pid) for pid in pids]
        tally = closed_loop(service.dial, exchanges, CONNECTIONS, SECONDS)
        asked = [_row(f"worker, after {tally.right:,} lookups in all", pid) for pid in pids]
        others = [_row("supervisor and helpers", pid) for pid in family(service.pid)
                  if pid not in pids]  # fmt: skip
    figures = {
        "records": SIZE,
        "rows": [*started, *asked, *others],
        "worst_private_mb": max(row["private"] for row in asked),
        "to_reach_mb": TARGET_MB,
    }
    _print(figures)
    return figures


def _row(name: str, pid: int) -> dict[str, Any]:
    return {"process": name, **memory_mb(pid, RELEASE)}


def _print(figures: dict[str, Any]) -> None:
    show(
        ("process", "private MB", "proportional MB", "resident MB", "of 80 MB"),
        [
            [
                row["process"],
                *(str(row[name]) for name in ("private", "proportional", "resident")),
                f"{ratio(row['private'], TARGET_MB)}",
            ]
            for row in figures["rows"]
        ],
        f"The release of {figures['records']:,} records is not counted.",
    )
