"""`scripts/bench lookup`: the steps of a sealed lookup in one process, by number of records.

Random candidates of towns of 10⁵, 10⁶ and 10⁷, in rounds that take turns so that drift cancels.
The file is in the page cache. `first` is a candidate nobody asked for since the file was mapped,
`warm` the same ones in another order once the pages they lie on are mapped.
"""

import gc
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import lmdb

from loadtest.bench.figures import ratio
from loadtest.bench.tables import show
from loadtest.bench.town import KEY, Town, spread, town
from lookup.release_file import ReleaseFile
from lookup.sealing import locate, unseal

SIZES = (100_000, 1_000_000, 10_000_000)
ASKED = 50_000
ROUNDS = 5
STEPS = ("hash", "find", "unseal", "lookup", "first")
TARGET = 0.8
Call = tuple[Any, ...]


@dataclass(slots=True)
class _Bench:
    """One town's file, the credentials asked for, and ns a call by step, a round each."""

    town: Town
    file: ReleaseFile
    environment: lmdb.Environment
    credentials: list[bytes]
    expected: list[bytes]
    ns: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})


def _timed(call: Callable[..., Any], calls: Iterable[Call]) -> tuple[float, list[Any]]:
    """ns a call, the loop's own cost with it, and what came of each."""
    listed = list(calls)
    results: list[Any] = []
    keep = results.append
    gc.collect()
    gc.disable()
    started = time.perf_counter_ns()
    for arguments in listed:
        keep(call(*arguments))
    taken = time.perf_counter_ns() - started
    gc.enable()
    return taken / len(listed), results


def _open(folder: Path, size: int, asked: int) -> _Bench:
    made = town(folder, size)
    people = [made.person(i) for i in spread(size, asked)]
    with made.path.open("rb") as file:
        while file.read(1 << 24):  # into the page cache
            pass
    file_read = ReleaseFile(made.path)
    # The steps apart need the transaction of the file's own map: LMDB maps a file once.
    environment = file_read._environment
    return _Bench(made, file_read, environment, [p.credential for p in people],
                  [p.body for p in people])  # fmt: skip


def _round(bench: _Bench, order: list[int]) -> None:
    credentials = [bench.credentials[i] for i in order]
    expected = [bench.expected[i] for i in order]
    release = bench.file.manifest.release.encode()
    hashed_ns, located = _timed(locate, ((KEY, each) for each in credentials))
    with bench.environment.begin() as transaction:
        found_ns, sealed = _timed(transaction.get, ((locator,) for locator, _ in located))
    calls = (
        (key, locator, release, each) for (locator, key), each in zip(located, sealed, strict=True)
    )
    opened_ns, bodies = _timed(unseal, calls)
    lookup_ns, again = _timed(bench.file.find, ((KEY, each) for each in credentials))
    if bodies != expected or again != expected:
        raise SystemExit("A lookup gave another record than it should.")
    for step, ns in zip(STEPS, (hashed_ns, found_ns, opened_ns, lookup_ns), strict=False):
        bench.ns[step].append(ns)


def bench_lookup(folder: Path, sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Measure and print."""
    benches = [_open(folder, size, min(ASKED, size)) for size in sizes]
    shuffle = random.Random(7).shuffle  # noqa: S311  # an order, no secret
    for bench in benches:
        first_ns, _ = _timed(bench.file.find, ((KEY, each) for each in bench.credentials))
        bench.ns["first"].append(first_ns)
    for _ in range(ROUNDS):
        for bench in benches:
            order = list(range(len(bench.credentials)))
            shuffle(order)
            _round(bench, order)
    rows = [_row(bench) for bench in benches]
    for bench in benches:
        bench.file.close()
    figures = {
        "asked": ASKED,
        "rounds": ROUNDS,
        "body_bytes": len(benches[0].expected[0]),
        "rows": rows,
        "ratio": ratio(rows[-1]["per_s"], rows[0]["per_s"]),
        "to_reach": TARGET,
    }
    _print(figures)
    return figures


def _row(bench: _Bench) -> dict[str, Any]:
    ns = {step: round(median(found)) for step, found in bench.ns.items()}
    size_mb = bench.town.path.stat().st_size / 1e6
    return {
        "records": bench.town.size,
        "file_mb": round(size_mb, 1),
        "ns": ns,
        "per_s": round(1e9 / ns["lookup"]),
    }


def _print(figures: dict[str, Any]) -> None:
    rows = figures["rows"]
    show(
        ("records", "file MB", *(f"{step} ns" for step in STEPS), "lookups/s", "ratio"),
        [
            [
                f"{row['records']:,}",
                f"{row['file_mb']:,}",
                *(f"{row['ns'][step]:,}" for step in STEPS),
                f"{row['per_s']:,}",
                f"{ratio(row['per_s'], rows[0]['per_s'])}",
            ]
            for row in rows
        ],
        f"One core, one process; bodies of {figures['body_bytes']} bytes.",
        f"Most records against fewest: {figures['ratio']}; to reach: {TARGET}.",
    )
