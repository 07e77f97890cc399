"""`scripts/bench switch`: from the hour to the last worker's first right answer.

Four workers, each asked over a unix socket of its own every other millisecond from a second
before the hour on. The release is announced and sealed; at the hour its pointer is moved as the
publisher moves it: written, synced, renamed. An answer that came before the hour is an early one,
and there must be none.
"""

import contextlib
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from loadtest.bench.exchange import Exchange, Verdict, post
from loadtest.bench.figures import percentile
from loadtest.bench.generator import Lines, dial_unix
from loadtest.bench.servers import CORES, running_on_sockets
from loadtest.bench.tables import show
from loadtest.bench.town import KEY, KIND, linked, town
from loadtest.bench.workers import worker_pids
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Current, Pointer, Reference, Upcoming

SIZE = 100_000
WORKERS = 4
TIMES = 10
AHEAD_S = 2.5
EVERY_S = 0.002
GIVE_UP_S = 5.0
TARGET_MS = 100.0


@dataclass(slots=True)
class _Switch:
    """One hour: after how many ms each worker first answered right, and how many were early."""

    written_ms: float
    first_ms: list[float]
    early: int


def _move(store: EmbeddedStore, current: Current | None, upcoming: Upcoming | None) -> None:
    found = store.pointer(KIND)
    epoch = found.epoch if found else 0
    store.move(Pointer(KIND, epoch + 1, current, upcoming), epoch)


def _whole_second(ahead_s: float) -> datetime:
    at = datetime.now(UTC) + timedelta(seconds=ahead_s)
    return at.replace(microsecond=0)


def _switch(
    store: EmbeddedStore, reference: Reference, sockets: list[Path], exchange: Exchange
) -> _Switch:
    hour = _whole_second(AHEAD_S)
    _move(store, None, Upcoming(reference, hour))
    time.sleep(max(hour.timestamp() - 1.0 - time.time(), 0))
    first: dict[int, float] = {}
    early, written_ms = 0, 0.0
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Lines(dial_unix(str(each)))) for each in sockets]
        lines = [each.open() for each in workers]
        for worker, line in zip(workers, lines, strict=True):
            worker.ask(line, exchange, time.time())
        while len(first) < len(sockets) and time.time() < hour.timestamp() + GIVE_UP_S:
            if not written_ms and time.time() >= hour.timestamp():
                _move(store, Current(reference, KEY, hour), None)
                written_ms = (time.time() - hour.timestamp()) * 1000
            for number, worker in enumerate(workers):
                early += _ask_again(worker, number, exchange, hour, first)
            time.sleep(EVERY_S)
    if len(first) < len(sockets):
        raise SystemExit(f"{len(sockets) - len(first)} workers did not open within {GIVE_UP_S} s.")
    return _Switch(written_ms, list(first.values()), early)


def _ask_again(
    worker: Lines, number: int, exchange: Exchange, hour: datetime, first: dict[int, float]
) -> int:
    """Hear one worker and ask again; 1 where it answered right before the hour."""
    early = 0
    for line, verdict in worker.heard(0.0):
        after_ms = (time.time() - hour.timestamp()) * 1000
        if verdict is None:
            raise SystemExit("A worker closed its connection at the hour.")
        if verdict is Verdict.PART:
            continue
        if verdict is Verdict.RIGHT:
            early += after_ms < 0
            first.setdefault(number, after_ms)
        worker.ask(line, exchange, time.time())
    return early


def bench_switch(folder: Path, times: int = TIMES) -> dict[str, Any]:
    """Measure and print."""
    made = town(folder, SIZE)
    person = made.person(SIZE // 2)
    exchange = Exchange(post(person.typed), person.body)
    home = folder / "switch"
    store, current = linked(made, home)
    with running_on_sockets(store.live.parent, WORKERS, core=CORES) as sockets:
        worker_pids(store.live.parent, WORKERS)
        found = [_switch(store, current.reference, sockets, exchange) for _ in range(times)]
    shutil.rmtree(home)
    every = [ms for each in found for ms in each.first_ms]
    figures = {
        "workers": WORKERS,
        "switches": [
            {
                "written_ms": round(each.written_ms, 1),
                "first_ms": round(min(each.first_ms), 1),
                "last_ms": round(max(each.first_ms), 1),
                "early": each.early,
            }
            for each in found
        ],
        "median_ms": round(percentile(every, 0.5), 1),
        "last_ms": round(max(every), 1),
        "early": sum(each.early for each in found),
        "to_reach_ms": TARGET_MS,
    }
    _print(figures)
    return figures


def _print(figures: dict[str, Any]) -> None:
    show(
        ("hour", "pointer written ms", "first worker ms", "last worker ms", "of 100 ms", "early"),
        [
            [
                str(number),
                *(f"{each[name]:.1f}" for name in ("written_ms", "first_ms", "last_ms")),
                f"{each['last_ms'] / TARGET_MS:.2f}",
                str(each["early"]),
            ]
            for number, each in enumerate(figures["switches"], 1)
        ],
        f"{WORKERS} workers; the last one after {figures['last_ms']} ms; to reach: {TARGET_MS:.0f}"
        f" ms. Answers before the hour: {figures['early']}; to reach: 0.",
    )
