"""Those who watch the broadcast, in a process of their own: when did each hear of what was said?

The office's part is played here too: once a second it says something, and when it does so stands
in the words. All processes of a machine share the clock that it is told by.
"""

import contextlib
import multiprocessing
import os
import re
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from loadtest.bench.service import HOST
from lookup.clock import utc_now
from lookup.stores.broadcast import Broadcast
from lookup.stores.entries import Begin, Board, Entry, Round, School, Text, Words

EVERY_S = 1.0
SCHOOLS = 10
AT_ONCE = 200
READ_BYTES = 1 << 16
PATIENCE_S = 120
_SAID = re.compile(rb'"zh":"at (\d+)"')
_ROUND = "第一批"


def begin(last: int) -> list[Entry]:
    """A broadcast begins."""
    return [Begin(last + 1, utc_now(), Text("直播"))]


def more(last: int) -> list[Entry]:
    """Words, a round's progress and rows of its board."""
    rows = tuple(
        School(f"{n:04d}", f"虚构第{n}中学", 120, last % 120, last + n, 531.5, full=False)
        for n in range(SCHOOLS)
    )
    now = utc_now()
    return [
        Round(last + 1, now, _ROUND, "under_way", 12_000, 3_400, 9_000, last),
        Board(last + 2, now, _ROUND, rows),
        # Last, so that whoever hears it has heard the others.
        Words(last + 3, now, Text(f"at {time.monotonic_ns()}"), _ROUND),
    ]


@dataclass(frozen=True, slots=True)
class Heard:
    """How late each viewer heard of what was said, in seconds; how often something was said, and
    how many connections ended."""

    late_s: Sequence[float]
    said: int
    lost: int


NETWORKS = 100


class Viewers:
    """`count` connections to a port; run `watch` in a process of its own."""

    def __init__(self, port: int, count: int, live: Path | None, path: str) -> None:
        self._port, self._count, self._live, self._path = port, count, live, path
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._late: list[float] = []
        self._said = self._lost = self._watching = 0

    def watch(self, core: int, pipe: Connection) -> None:
        """Connect, tell that it is done, listen until told to stop, tell what was heard."""
        os.sched_setaffinity(0, {core})
        self._connect()
        pipe.send(self._watching)
        over = threading.Event()
        office = threading.Thread(target=self._say, args=(over,))
        office.start()
        while not pipe.poll():
            self._hear(0.05)
        over.set()
        office.join()
        until = time.monotonic() + 2 * EVERY_S
        while time.monotonic() < until:
            self._hear(0.05)
        pipe.send(Heard(self._late, self._said, self._lost))

    def _connect(self) -> None:
        until = time.monotonic() + PATIENCE_S / 2
        while self._watching < self._count and time.monotonic() < until:
            for _ in range(min(AT_ONCE, self._count - len(self._sockets))):
                self._open()
            self._hear(0.05)

    def _open(self) -> None:
        # From many networks: one alone has few of the places.
        network = f"127.0.{len(self._sockets) % NETWORKS + 1}.1"
        made = socket.create_connection((HOST, self._port), 10, (network, 0))
        made.sendall(f"GET {self._path} HTTP/1.1\r\nHost: lookup.test\r\n\r\n".encode())
        made.setblocking(False)
        self._sockets[made.fileno()] = made
        self._epoll.register(made.fileno(), select.EPOLLIN)

    def _say(self, over: threading.Event) -> None:
        while self._live is not None and not over.wait(EVERY_S):
            Broadcast(self._live).append(more)
            self._said += 1

    def _hear(self, timeout_s: float) -> None:
        for number, _ in self._epoll.poll(timeout_s, 512):
            data = b""
            with contextlib.suppress(OSError):
                data = self._sockets[number].recv(READ_BYTES)
            self._watching += data.startswith(b"HTTP/1.1 200")
            if not data or data.startswith(b"HTTP/1.1 503"):
                # Before all are there, whoever is turned away is asked to come again.
                self._lost += not data
                self._sockets.pop(number).close()
            # Whoever came late is told at once what was missed: the last of it counts.
            elif stamps := _SAID.findall(data):
                self._late.append((time.monotonic_ns() - int(stamps[-1])) / 1e9)


@contextlib.contextmanager
def viewers(
    port: int, count: int, core: int, live: Path | None, path: str = "/live/events"
) -> Iterator[list[Heard]]:
    """So many watch for as long as the block runs; afterwards the list has what they heard."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_watch, args=(port, count, core, live, path, theirs))
    process.start()
    try:
        if not ours.poll(PATIENCE_S) or ours.recv() != count:
            raise SystemExit("The viewers could not all connect.")
        found: list[Heard] = []
        yield found
        ours.send(None)
        if not ours.poll(PATIENCE_S):
            raise SystemExit("The viewers did not tell what they heard.")
        found.append(ours.recv())
    finally:
        process.terminate()
        process.join()


def _watch(
    port: int, count: int, core: int, live: Path | None, path: str, pipe: Connection
) -> None:
    Viewers(port, count, live, path).watch(core, pipe)
