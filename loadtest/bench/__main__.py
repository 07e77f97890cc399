"""Run one benchmark by name."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.bench.console import bench_console
from loadtest.bench.load import bench_load

BENCHMARKS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "load": bench_load,
    "console": bench_console,
}


def main() -> None:
    """Read the command line, run, write `FOLDER/NAME.json`."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--folder", type=Path, default=Path("var/bench"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    figures = BENCHMARKS[arguments.name](arguments.folder)
    path = arguments.folder / f"{arguments.name}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"Figures: {path}")  # noqa: T201


main()
