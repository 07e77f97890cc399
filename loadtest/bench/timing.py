"""`scripts/bench timing`: whether time tells an unknown number from a wrong second factor.

Pairs of the two, interleaved, in random order within the pair; in process (the handler) and over
loopback (one connection at a time, server and client each on a core). Limits are on as they come:
every number is asked once, and networks change before their budget is spent. Welch's t over all
values and over what is left without the slowest hundredth, as an attacker would take it; the
rank-sum deviate beside it.
"""

import gc
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from loadtest.bench.exchange import END, post
from loadtest.bench.figures import cropped, percentile, rank_z, welch_t
from loadtest.bench.servers import GENERATOR_CORE, lookup_service, on_core
from loadtest.bench.service import HOST
from loadtest.bench.tables import show
from loadtest.bench.town import KIND, Town, linked, spread, town
from lookup.public.app import create_app
from lookup.public.handler import Asked
from lookup.public.network import network_of
from lookup.settings import Settings
from lookup.stores.pointer import Pointer

SIZE = 100_000
PAIRS = 100_000
PAIRS_A_NETWORK = 200
"""Twice as many failures stay below the budget of a network."""
WARM = 2000
KEPT_SHARE = 0.99
LIMIT = 4.5
NO_MATCH = b"404"


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two requests that must not be told apart, and the address both come from."""

    unknown: dict[str, str]
    wrong: dict[str, str]
    source: str


def pairs(made: Town, count: int) -> Iterator[_Pair]:
    """`count` pairs, at most as many as the town has people; no number stands in two."""
    for turn, i in enumerate(spread(made.size, count)):
        person, other = made.person(i), made.person((i + 1) % made.size)
        number = turn // PAIRS_A_NETWORK
        yield _Pair(
            made.person(made.size + i).typed,
            {**person.typed, "access_code": other.code},
            f"127.{1 + number // 256}.{number % 256}.1",
        )


def _measure(asks: Iterator[tuple[Callable[[], bytes], Callable[[], bytes]]]) -> dict[str, Any]:
    """ns of each unknown number and each wrong factor; every answer must be the same bytes."""
    toss = random.Random(4).random  # noqa: S311  # an order, no secret
    taken: tuple[list[int], list[int]] = ([], [])
    answers: set[bytes] = set()
    gc.collect()
    gc.disable()
    for pair in asks:
        for which in (0, 1) if toss() < 0.5 else (1, 0):
            ask = pair[which]
            started = time.perf_counter_ns()
            answer = ask()
            taken[which].append(time.perf_counter_ns() - started)
            answers.add(answer)
    gc.enable()
    if len(answers) != 1 or not answers.pop().startswith(NO_MATCH):
        raise SystemExit("The answers differ, or are not the one for no match.")
    return _figures(taken[0][WARM:], taken[1][WARM:])


def _figures(unknown: list[int], wrong: list[int]) -> dict[str, Any]:
    limit = percentile(unknown + wrong, KEPT_SHARE)
    kept = cropped(unknown, limit), cropped(wrong, limit)
    return {
        "pairs": len(unknown),
        "unknown_ns": round(fmean(kept[0]), 1),
        "wrong_ns": round(fmean(kept[1]), 1),
        "t": round(welch_t(unknown, wrong), 2),
        "t_cropped": round(welch_t(*kept), 2),
        "rank_z": round(rank_z(unknown, wrong), 2),
    }


def _in_process(data: Path, everyone: Iterator[_Pair]) -> dict[str, Any]:
    service = create_app(Settings(data_dir=data)).state.service
    service.live.settle()
    handler = service.handler

    def asking(typed: dict[str, str], network: bytes) -> Callable[[], bytes]:
        body = post(typed).partition(END)[2]
        asked = Asked(KIND, "application/json", body, "zh", network, "")

        def ask() -> bytes:
            answer = handler.answer(asked)
            return b"%d%b" % (answer.status, answer.body)

        return ask

    def asks() -> Iterator[tuple[Callable[[], bytes], Callable[[], bytes]]]:
        for pair in everyone:
            network = network_of(pair.source)
            yield asking(pair.unknown, network), asking(pair.wrong, network)

    found = _measure(asks())
    service.live.close()
    service.fair_use.close()
    return found


def _over_loopback(data: Path, everyone: Iterator[_Pair]) -> dict[str, Any]:
    with lookup_service(data) as service, on_core(GENERATOR_CORE):

        def asking(connection: socket.socket, typed: dict[str, str]) -> Callable[[], bytes]:
            request = post(typed)

            def ask() -> bytes:
                connection.sendall(request)
                return connection.recv(4096)

            return lambda: _told(ask())

        def asks() -> Iterator[tuple[Callable[[], bytes], Callable[[], bytes]]]:
            source, connection = "", socket.socket()
            for pair in everyone:
                if pair.source != source:
                    connection.close()
                    source, address = pair.source, (HOST, service.port)
                    connection = socket.create_connection(address, 5, (source, 0))
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                yield asking(connection, pair.unknown), asking(connection, pair.wrong)
            connection.close()

        return _measure(asks())


def _told(answer: bytes) -> bytes:
    """Status and body: the date between them changes."""
    return answer[9:12] + answer.partition(END)[2]


def bench_timing(folder: Path, count: int = PAIRS) -> dict[str, Any]:
    """Measure and print."""
    made = town(folder, SIZE)
    rows = {}
    for name, measure in (("in process", _in_process), ("over loopback", _over_loopback)):
        home = (folder / "timing").absolute()
        store, current = linked(made, home)
        store.move(Pointer(KIND, 1, current))
        rows[name] = measure(home, pairs(made, count))
        shutil.rmtree(home)
    figures = {"rows": rows, "to_reach": LIMIT}
    _print(figures)
    return figures


def _print(figures: dict[str, Any]) -> None:
    show(
        ("where", "pairs", "unknown ns", "wrong factor ns", "Welch t", "t, cropped", "rank z"),
        [
            [
                name,
                f"{row['pairs']:,}",
                *(f"{row[key]:,}" for key in ("unknown_ns", "wrong_ns")),
                *(f"{row[key]:+.2f}" for key in ("t", "t_cropped", "rank_z")),
            ]
            for name, row in figures["rows"].items()
        ],
        f"Means without the slowest {1 - KEPT_SHARE:.0%}; to reach: every t within {LIMIT} of 0.",
    )
