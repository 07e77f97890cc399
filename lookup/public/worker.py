"""One worker: uvicorn's server, and a pipe on which its loop says that it runs."""

import asyncio
import contextlib
import dataclasses
import logging
import multiprocessing
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.lifespan.on import LifespanOn

from lookup.clock import SteadyClock
from lookup.logs import configure_logs
from lookup.public.app import create_app
from lookup.public.fair_use import open_fair_use
from lookup.public.live import LiveReleases
from lookup.public.protocol import LookupProtocol
from lookup.settings import Settings
from lookup.sockets import BACKLOG
from lookup.stores.embedded import EmbeddedStore

if TYPE_CHECKING:
    from uvicorn.server import Protocols

BEAT, READY = b".", b"r"
"""What a worker writes: that its loop runs, and once that it is ready."""
BEAT_S = 0.1
FINISH_S = 4
"""How long a worker that ends waits for its connections; the supervisor waits a little longer."""
TELL_S = 0.05
OWN_FILES = 128
"""Files a worker opens besides its connections: pointers, releases, its report. Whoever takes all
connections must not keep it from seeing that a release was withdrawn."""
LISTENERS = 16
"""How often a worker listens on each socket. uvloop accepts one connection a listener and turn of
the loop: with one, newcomers wait while those who are connected keep the loop busy, and nothing
shows that they wait."""
COMPARE_S = 3.0
"""How long a worker may lack what the one it is to relieve has: that one's next report may say
that it has been taken back meanwhile."""
log = logging.getLogger("lookup.public")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker is to do: serve the data of `settings` on `listening`, by the time of
    `clock`, and write to `beats`. `secret` is what all workers sign challenges with; `relieves` is
    the process whose place it is to take: unless it can answer whatever that one can, it ends
    before it listens."""

    settings: Settings
    clock: SteadyClock
    listening: Sequence[socket.socket]
    beats: Connection
    secret: bytes
    relieves: int | None = None


def run_worker(plan: Plan) -> None:
    """Serve until told to stop, or until the supervisor is gone. The target of a process."""
    # Ctrl-C reaches every process of a terminal; the supervisor decides what it means.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Ignored by the process this one was forked from.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    configure_logs()
    connections = room_for(plan.settings.max_connections)
    settings = dataclasses.replace(plan.settings, max_connections=connections)
    fair_use = open_fair_use(settings, secret=plan.secret)
    app = create_app(settings, clock=plan.clock, fair_use=fair_use)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=LookupProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=FINISH_S,
    )
    relief = Relief(app.state.live, app.state.store, plan.relieves)
    WorkerServer(config, app.state.live, plan.beats, relief.lacks).run(listeners(plan.listening))


def listeners(listening: Sequence[socket.socket]) -> list[socket.socket]:
    """Each socket `LISTENERS` times, as it is."""
    # socket.dup() would make it blocking, and so in every worker that listens on it: the first
    # newcomer that another one takes would stop the loop.
    more = [os.dup(each.fileno()) for each in listening for _ in range(LISTENERS - 1)]
    return [*listening, *(socket.socket(fileno=number) for number in more)]


def room_for(connections: int) -> int:
    """So many connections, or as many as this process is allowed files for; says so where they
    are fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            connections = max(1, soft - OWN_FILES)
            log.warning("this worker keeps %d connections: raise LimitNOFILE for more", connections)
    return connections


class Relief:
    """Compares a new worker with the one whose place it is to take, by that one's report."""

    def __init__(self, live: LiveReleases, store: EmbeddedStore, relieves: int | None) -> None:
        self._live = live
        self._store = store
        self._relieves = relieves

    async def lacks(self) -> list[str]:
        """What the other can answer and this one cannot, though it was given time."""
        looks = 0
        while (lacking := await self._lacks_now()) and looks < COMPARE_S / BEAT_S:
            # Before all is checked nothing is known; the supervisor does not wait for ever.
            looks += self._live.ready()
            await asyncio.sleep(BEAT_S)
        return lacking

    async def _lacks_now(self) -> list[str]:
        reports = await asyncio.to_thread(self._store.workers, self._live.clock())
        there = (report for report in reports if report.pid == self._relieves)
        return [name for report in there for name in self._live.lacks(report)]


async def _nothing() -> list[str]:
    return []


class _Lifespan(LifespanOn):
    """Starts the application and ends it again, before anybody is let in, where `lacks` finds
    something."""

    def __init__(self, config: uvicorn.Config, lacks: Callable[[], Awaitable[list[str]]]) -> None:
        super().__init__(config)
        self._lacks = lacks

    async def startup(self) -> None:
        """Start; uvicorn ends the process where `should_exit` is set by then."""
        await super().startup()
        if self.should_exit:
            return
        if lacking := await self._lacks():
            log.error(
                "this worker cannot answer what the one it was to replace does: %s;"
                " put the files back, then send SIGHUP again",
                ", ".join(lacking),
            )
            await self.shutdown()
            self.should_exit = True


class WorkerServer(uvicorn.Server):
    """uvicorn's server that tells its supervisor how it is, and ends when there is none."""

    def __init__(
        self,
        config: uvicorn.Config,
        live: LiveReleases,
        beats: Connection,
        lacks: Callable[[], Awaitable[list[str]]] = _nothing,
    ) -> None:
        super().__init__(config)
        self._lacks = lacks
        self._live = live
        self._beats = beats
        os.set_blocking(beats.fileno(), False)
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to beat, look at the pointers, listen."""
        if parent := multiprocessing.parent_process():
            asyncio.get_running_loop().add_reader(parent.sentinel, self._orphaned)
        self._tasks.append(asyncio.create_task(self._beat()))
        if isinstance(self.lifespan, LifespanOn):
            self.lifespan = _Lifespan(self.config, self._lacks)
        await super().startup(sockets)
        log.info("this worker listens")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, finish what was begun, end."""
        self._live.retire()
        told = set(self.server_state.connections)
        self._tasks.append(asyncio.create_task(self._tell_late_ones(told)))
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM; SIGINT is for the supervisor."""
        if sig != signal.SIGINT:
            super().handle_exit(sig, frame)

    def _orphaned(self) -> None:
        if parent := multiprocessing.parent_process():
            asyncio.get_running_loop().remove_reader(parent.sentinel)
        self.should_exit = True

    async def _beat(self) -> None:
        """From the loop and from nowhere else: a loop that is blocked must be heard to be."""
        ready = False
        while True:
            self._say(BEAT)
            if not ready and self.started and self._live.ready():
                ready = True
                self._say(READY)
            await asyncio.sleep(BEAT_S)

    def _say(self, word: bytes) -> None:
        # A supervisor that stands still reads later; one that is gone is noticed elsewhere.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._beats.fileno(), word)

    async def _tell_late_ones(self, told: "set[Protocols]") -> None:
        """A connection accepted at the last moment is not among those uvicorn tells to end."""
        while True:
            await asyncio.sleep(TELL_S)
            late = self.server_state.connections - told
            told |= late
            for connection in late:
                connection.shutdown()
