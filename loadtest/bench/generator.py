"""The load generator: one thread over epoll and plain sockets.

Per CPU second it makes as many requests as uvloop's protocols do (150,000 here), and it can open
a connection in a tenth of their time. Every answer is judged; nothing is made while it runs.

Closed loop: each connection asks again once it is answered; what the service can do. Open loop:
arrivals at moments set beforehand, latency from those moments; what candidates meet.
"""

import contextlib
import errno
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

from loadtest.bench.exchange import Exchange, Verdict

READ_BYTES = 16_384
BATCH = 256
PATIENCE_S = 5.0
"""A candidate who has no answer for so long closes and goes; the run counts it as failed."""
CLOSES = b"\r\nconnection: close\r\n"
_UNDER_WAY = (0, errno.EINPROGRESS)
_NOT_YET = (errno.EAGAIN, errno.ENOTCONN)

Dial = Callable[[], socket.socket]


def dial(host: str, port: int, source: str = "") -> Dial:
    """Makes connections over TCP, not waiting for them; from `source` where one is given."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            made.bind((source, 0))
        error = made.connect_ex((host, port))
        if error not in _UNDER_WAY:
            made.close()
            raise ConnectionError(f"No connection to port {port}: {os.strerror(error)}.")
        return made

    return connect


def dial_unix(path: str) -> Dial:
    """The same over a unix socket, made at once."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.connect(path)
        made.setblocking(False)
        return made

    return connect


@dataclass(slots=True, eq=False)
class Line:
    """One connection: what it asked, since when, and the part of the answer it has."""

    socket: socket.socket
    exchange: Exchange | None = None
    asked_at: float = 0.0
    part: bytes = b""
    unsent: bool = False
    kept: bool = True

    def ask(self, exchange: Exchange, at: float) -> None:
        """Send a request; `at` is when it was due."""
        self.exchange, self.asked_at, self.part = exchange, at, b""
        self.send()

    def send(self) -> None:
        """Send now, or note that the connection is not made yet. Raises OSError."""
        assert self.exchange is not None  # noqa: S101  # asked before it is sent
        try:
            self.socket.send(self.exchange.request)
            self.unsent = False
        except OSError as error:
            if error.errno not in _NOT_YET:
                raise
            self.unsent = True

    def hear(self) -> Verdict | None:
        """What came, None where the other side has closed."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return Verdict.PART
        except OSError:
            return None
        if not data or self.exchange is None:
            return None
        self.part = self.part + data if self.part else data
        return self.exchange.judge(self.part)

    def ends(self, verdict: Verdict) -> bool:
        """Whether the answer was the connection's last."""
        return verdict is not Verdict.RIGHT and CLOSES in self.part.lower()


@dataclass(slots=True)
class Tally:
    """What came of a run. `latencies` are of right answers, in seconds."""

    seconds: float = 0.0
    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    dropped: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def right(self) -> int:
        """Right answers."""
        return self.counts[Verdict.RIGHT]

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return self.right / self.seconds if self.seconds else 0.0


class Lines:
    """Connections and the epoll that watches them; use as a context manager."""

    def __init__(self, connect: Dial) -> None:
        self._connect = connect
        self._epoll = select.epoll()
        self._lines: dict[int, Line] = {}

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines.values():
            line.socket.close()
        self._epoll.close()

    def __len__(self) -> int:
        return len(self._lines)

    def open(self, *, kept: bool = True) -> Line:
        """A new connection, begun; it may not be made yet."""
        line = Line(self._connect(), kept=kept)
        self._lines[line.socket.fileno()] = line
        self._epoll.register(line.socket.fileno(), select.EPOLLIN)
        return line

    def ask(self, line: Line, exchange: Exchange, at: float) -> None:
        """Ask on a connection; where it is not made yet, as soon as it is."""
        line.ask(exchange, at)
        if line.unsent:
            self._epoll.modify(line.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def close(self, line: Line) -> None:
        """Close a connection and forget it."""
        del self._lines[line.socket.fileno()]
        line.socket.close()

    def heard(self, timeout_s: float) -> Iterator[tuple[Line, Verdict | None]]:
        """The connections something happened on, with what it was; None where one has ended."""
        for number, events in self._epoll.poll(timeout_s, BATCH):
            line = self._lines.get(number)
            if line is None:
                continue
            if line.unsent:
                if not self._sent(line, number):
                    yield line, None
                continue
            if events:
                yield line, line.hear()

    def _sent(self, line: Line, number: int) -> bool:
        try:
            line.send()
        except OSError:
            return False
        if not line.unsent:
            self._epoll.modify(number, select.EPOLLIN)
        return True


def closed_loop(
    connect: Dial,
    exchanges: Iterable[Exchange],
    connections: int,
    seconds: float,
    fresh_every: int = 0,
) -> Tally:
    """Ask on so many connections for so long; each `fresh_every`th request of a connection is its
    last, and another takes its place (0: never)."""
    turns, tally, left = cycle(exchanges), Tally(), cycle(range(fresh_every, 0, -1))
    counts, note = tally.counts, tally.latencies.append
    with Lines(connect) as lines:
        started = now = perf_counter()
        for _ in range(connections):
            lines.ask(lines.open(), next(turns), perf_counter())
        ends = started + seconds
        while now < ends:
            for line, verdict in lines.heard(0.1):
                now = perf_counter()
                if verdict is Verdict.PART:
                    continue
                if verdict is None:
                    tally.dropped += 1
                else:
                    counts[verdict] += 1
                    if verdict is Verdict.RIGHT:
                        note(now - line.asked_at)
                if verdict is None or line.ends(verdict) or (fresh_every and next(left) == 1):
                    lines.close(line)
                    line = lines.open()
                lines.ask(line, next(turns), now)
            now = perf_counter()
        tally.seconds = now - started
    return tally


@dataclass(frozen=True, slots=True)
class Arrived:
    """One arrival of an open loop: when it was due from the start, how late it was sent, how
    long after it was due the answer came, and what it was; None where none came."""

    due_s: float
    late_s: float
    took_s: float
    verdict: Verdict | None


class OpenLoop:
    """Arrivals at `due_s` seconds from the start, ascending.

    Each `fresh_every`th opens a connection of its own (0: none, 1: all); the others use one of
    `kept` that is free, and wait for one, at their own expense, where none is. Those are made
    `settle_s` before the start.
    """

    def __init__(
        self,
        connect: Dial,
        exchanges: Iterable[Exchange],
        due_s: Sequence[float],
        *,
        fresh_every: int = 0,
        kept: int = 0,
        settle_s: float = 0.0,
    ) -> None:
        self._lines = Lines(connect)
        self._turns = cycle(exchanges)
        self._due = due_s
        self._fresh_every = fresh_every
        self._kept = kept
        self._settle_s = settle_s
        self._free: deque[Line] = deque()
        self._waiting: deque[float] = deque()
        self._late: dict[Line, float] = {}
        self.found: list[Arrived] = []
        self.started_at = 0.0

    def run(self) -> list[Arrived]:
        """Every arrival, in the order in which they ended."""
        with self._lines:
            self._free.extend(self._lines.open() for _ in range(self._kept))
            time.sleep(self._settle_s)
            self.started_at = perf_counter()
            sent, count = 0, len(self._due)
            while sent < count or self._late or self._waiting:
                now = perf_counter()
                self._lose_patience(now)
                # Few at a time: answers must be heard while arrivals are behind.
                until = min(sent + BATCH, count)
                while sent < until and self._due[sent] <= now - self.started_at:
                    self._arrive(sent)
                    sent += 1
                wait = self._due[sent] - (now - self.started_at) if sent < count else 0.01
                for line, verdict in self._lines.heard(min(max(wait, 0.0), 0.01)):
                    self._hear(line, verdict)
        return self.found

    def _lose_patience(self, now: float) -> None:
        """End what was due so long ago; what was asked first stands first."""
        limit = now - PATIENCE_S
        while self._late and (line := next(iter(self._late))).asked_at < limit:
            self._hear(line, None)
        while self._waiting and self._waiting[0] < limit:
            due = self._waiting.popleft()
            self._note(due, now - due, now, None)

    def _note(self, due: float, late: float, now: float, verdict: Verdict | None) -> None:
        self.found.append(Arrived(due - self.started_at, late, now - due, verdict))

    def _arrive(self, number: int) -> None:
        due = self.started_at + self._due[number]
        if self._fresh_every and number % self._fresh_every == 0:
            self._ask(self._lines.open(kept=False), due)
        elif self._free:
            self._ask(self._free.pop(), due)
        else:
            self._waiting.append(due)

    def _ask(self, line: Line, due: float) -> None:
        self._late[line] = perf_counter() - due
        try:
            self._lines.ask(line, next(self._turns), due)
        except OSError:
            self._hear(line, None)

    def _hear(self, line: Line, verdict: Verdict | None) -> None:
        if verdict is Verdict.PART:
            return
        if line.exchange is None:
            # An idle connection that the service has closed.
            with contextlib.suppress(ValueError):
                self._free.remove(line)
            self._renew(line)
            return
        self._note(line.asked_at, self._late.pop(line), perf_counter(), verdict)
        line.exchange = None
        if not line.kept:
            self._lines.close(line)
        elif verdict is None or line.ends(verdict):
            self._renew(line)
        else:
            self._give(line)

    def _renew(self, line: Line) -> None:
        self._lines.close(line)
        self._give(self._lines.open())

    def _give(self, line: Line) -> None:
        if self._waiting:
            self._ask(line, self._waiting.popleft())
        else:
            self._free.append(line)
