"""`scripts/bench slow`: honest clients while others are slow on purpose, and 20 MB of headers.

Debian's slowhttptest sends headers bit by bit (`-H`), a body bit by bit (`-B`), and asks for
overlapping ranges (`-R`), each over 1,000 connections. Honest clients ask 500 times a second at
moments set beforehand, alone and under each attack in turn. The attacker stands on the
generator's core and yields to it: on other machines it would cost nobody here anything.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.bench.exchange import END, HOST, Exchange, Verdict, lookups
from loadtest.bench.figures import milliseconds, ratio
from loadtest.bench.generator import OpenLoop
from loadtest.bench.machine import allow_open_files, memory_mb
from loadtest.bench.overload import arrivals
from loadtest.bench.servers import (
    GENERATOR_CORE,
    OPEN_FILES,
    Service,
    lookup_service,
    on_core,
    tool,
)
from loadtest.bench.service import HOST as ADDRESS
from loadtest.bench.tables import show
from loadtest.bench.town import town
from loadtest.bench.workers import worker_pids

SIZE = 100_000
RATE = 500.0
SECONDS = 6.0
KEPT = 16
ROUNDS = 3
BEGIN_S = 2.0
CONNECTIONS = 1000
TARGET = 1.1
RELEASE = ".lmdb"
ATTACKS: dict[str, tuple[str, ...]] = {
    "headers": ("-H", "-i", "1", "-x", "24", "-u", "/"),
    "body": ("-B", "-i", "1", "-s", "4000", "-f", "application/json", "-u", "/api/v1/scores"),
    "range": ("-R", "-a", "1", "-b", "3000", "-u", "/static/site.css"),
}
FLOODS: dict[str, tuple[bytes, bytes]] = {
    "20 MB of headers": (b"GET / HTTP/1.1\r\n" + HOST, b"x-padding: %s\r\n" % (b"a" * 1011)),
    "one header of 20 MB": (b"GET / HTTP/1.1\r\n" + HOST + b"x-padding: ", b"a" * 1024),
    "one line of 20 MB": (b"GET /", b"a" * 1024),
    "a body of 20 MB": (
        b"POST /api/v1/scores HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"400\r\n%s\r\n" % (b"a" * 1024),
    ),
}
"""How each begins, and the kilobyte that is repeated."""
FLOOD_BYTES = 20_000_000
FLOODERS = 20
KILOBYTES_AT_ONCE = 16
AGAIN = 'while :; do "$0" "$@"; done'


def _honest(service: Service, exchanges: list[Exchange]) -> dict[str, Any]:
    due = arrivals(RATE, SECONDS, 0.0, seed=1)
    found = OpenLoop(service.dial, exchanges, due, kept=KEPT, settle_s=0.2).run()
    right = [each.took_s for each in found if each.verdict is Verdict.RIGHT]
    return {"failed": len(found) - len(right), "ms": milliseconds(right)}


@contextlib.contextmanager
def _attacked(service: Service, mode: tuple[str, ...]) -> Iterator[None]:
    """slowhttptest at work, again and again: a service may close all it has within seconds."""
    *flags, path = mode
    url = f"http://{ADDRESS}:{service.port}{path}"
    options = ["-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-l", "60", *flags, url]
    command = ["nice", "-n", "19", "sh", "-c", AGAIN, tool("slowhttptest"), *options]
    attacker = subprocess.Popen(  # noqa: S603  # our own list of attacks
        command, stdout=subprocess.DEVNULL, process_group=0
    )
    try:
        time.sleep(BEGIN_S)
        yield
    finally:
        os.killpg(attacker.pid, signal.SIGKILL)
        attacker.wait()


def _attack(
    service: Service, worker: int, exchanges: list[Exchange], mode: tuple[str, ...]
) -> dict[str, Any]:
    with _attacked(service, mode):
        held = _connections(worker)
        return _honest(service, exchanges) | {"held": held}


def _connections(pid: int) -> int:
    """How many sockets a process holds."""
    count = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            count += each.readlink().name.startswith("socket:")
    return count


def _row(name: str, alone: list[dict[str, Any]], under: list[dict[str, Any]]) -> dict[str, Any]:
    def middle(found: list[dict[str, Any]], rank: str) -> float:
        return float(median(each["ms"][rank] for each in found))

    return {
        "attack": name,
        "alone_ms": {rank: middle(alone, rank) for rank in ("p50", "p99")},
        "under_ms": {rank: middle(under, rank) for rank in ("p50", "p99")},
        "ratio_p99": ratio(middle(under, "p99"), middle(alone, "p99")),
        "failed": sum(each["failed"] for each in under),
        "held": max(each["held"] for each in under),
    }


def _flood(service: Service, name: str) -> tuple[int, str]:
    """Send 20 MB until they are refused; the bytes that were taken, and the refusal's status."""
    start, kilobyte = FLOODS[name]
    piece = kilobyte * KILOBYTES_AT_ONCE
    taken = 0
    with socket.create_connection((ADDRESS, service.port), 10) as connection:
        try:
            connection.sendall(start)
            while taken < FLOOD_BYTES and not select.select([connection], [], [], 0)[0]:
                connection.sendall(piece)
                taken += len(piece)
            answer = connection.recv(4096)
        except OSError:
            return taken, "closed"
    line = answer.partition(END)[0].split(b"\r\n")[0]
    return taken, line.decode("ascii", "replace").removeprefix("HTTP/1.1 ") or "closed"


def _flooded(service: Service, worker: int, name: str) -> dict[str, Any]:
    before = memory_mb(worker, RELEASE)["private"]
    found, most = [], before
    for _ in range(FLOODERS):
        found.append(_flood(service, name))
        most = max(most, memory_mb(worker, RELEASE)["private"])
    return {
        "flood": name,
        "most_bytes": max(taken for taken, _ in found),
        "answers": sorted({answer for _, answer in found}),
        "private_mb": {"before": before, "most": most},
    }


def bench_slow(folder: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure and print."""
    allow_open_files(OPEN_FILES)
    made = town(folder, SIZE)
    exchanges = lookups(made, 1000)
    alone: dict[str, list[dict[str, Any]]] = {name: [] for name in ATTACKS}
    under: dict[str, list[dict[str, Any]]] = {name: [] for name in ATTACKS}
    with on_core(GENERATOR_CORE), lookup_service(made.folder) as service:
        worker = worker_pids(made.folder)[0]
        _honest(service, exchanges)
        for _ in range(rounds):
            for name, mode in ATTACKS.items():
                alone[name].append(_honest(service, exchanges))
                under[name].append(_attack(service, worker, exchanges, mode))
        floods = [_flooded(service, worker, name) for name in FLOODS]
    figures = {
        "connections": CONNECTIONS,
        "rounds": rounds,
        "attacks": [_row(name, alone[name], under[name]) for name in ATTACKS],
        "floods": floods,
        "to_reach": TARGET,
    }
    _print(figures)
    return figures


def _print(figures: dict[str, Any]) -> None:
    show(
        ("attack", "p50 alone", "p50 under", "p99 alone", "p99 under", "ratio", "failed", "held"),
        [
            [
                each["attack"],
                *(
                    f"{each[when][rank]:.2f}"
                    for rank in ("p50", "p99")
                    for when in ("alone_ms", "under_ms")
                ),
                f"{each['ratio_p99']}",
                *(f"{each[name]:,}" for name in ("failed", "held")),
            ]
            for each in figures["attacks"]
        ],
        f"In ms, {RATE:.0f} honest requests a second; to reach: p99 at most {TARGET} of alone;"
        " `held` are the sockets the worker had when they began.",
    )
    show(
        ("flood", "bytes taken at most", "answer", "private MB before", "most"),
        [
            [
                each["flood"],
                f"{each['most_bytes']:,}",
                ", ".join(each["answers"]),
                *(str(each["private_mb"][name]) for name in ("before", "most")),
            ]
            for each in figures["floods"]
        ],
        "What was taken counts what the kernel holds; to reach: refused early, memory flat.",
    )
