"""`scripts/bench NAME`: each prints a table and writes its figures as JSON; `all` runs them all."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.bench.broadcast import bench_broadcast
from loadtest.bench.burst import bench_burst
from loadtest.bench.console import bench_console
from loadtest.bench.http import bench_http
from loadtest.bench.idle import bench_idle
from loadtest.bench.load import bench_load
from loadtest.bench.lookup import bench_lookup
from loadtest.bench.machine import machine
from loadtest.bench.memory import bench_memory
from loadtest.bench.overload import bench_overload
from loadtest.bench.render import bench_render
from loadtest.bench.slow import bench_slow
from loadtest.bench.switch import bench_switch
from loadtest.bench.timing import bench_timing

BENCHMARKS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "load": bench_load,
    "console": bench_console,
    "lookup": bench_lookup,
    "http": bench_http,
    "burst": bench_burst,
    "overload": bench_overload,
    "switch": bench_switch,
    "idle": bench_idle,
    "broadcast": bench_broadcast,
    "memory": bench_memory,
    "timing": bench_timing,
    "slow": bench_slow,
    "render": bench_render,
}
ALL = "all"


def run(name: str, folder: Path) -> None:
    """Run one, write `FOLDER/NAME.json`. SystemExit with a sentence where it cannot be."""
    started = time.monotonic()
    beside = machine()
    figures = BENCHMARKS[name](folder)
    took_s = round(time.monotonic() - started)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**figures, "machine": beside, "took_s": took_s}, indent=2) + "\n")
    print(f"Figures: {path}, after {took_s} s.")  # noqa: T201


def main() -> None:
    """Read the command line and run; with `all`, what cannot run here is told and left out."""
    # Told to end, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, ALL])
    parser.add_argument("--folder", type=Path, default=Path("var/bench"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.name != ALL:
        run(arguments.name, arguments.folder)
        return
    failed = []
    for name in BENCHMARKS:
        print(f"\n{name}")  # noqa: T201
        try:
            run(name, arguments.folder)
        except SystemExit as error:
            print(error)  # noqa: T201
            failed.append(name)
    if failed:
        raise SystemExit(f"Not measured: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
