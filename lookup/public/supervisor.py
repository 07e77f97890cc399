"""The process that starts the workers, watches them and replaces them."""

import contextlib
import itertools
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from time import monotonic
from types import ModuleType

from lookup.clock import SteadyClock
from lookup.public.roster import Action, Kill, Leave, Roster, Say, Start
from lookup.public.worker import READY, Plan, run_worker
from lookup.settings import Settings

PRELOADED = "lookup.public.preloaded"
STOPS = (signal.SIGTERM, signal.SIGINT)
RELOAD = signal.SIGHUP
WORDS = 1 << 12
"""Bytes read from a pipe at once; a worker writes ten a second."""
LAST_LOOK_S = 0.2
"""How long a worker that has ended is waited for, to say how it ended."""
log = logging.getLogger("lookup.public")


@dataclass(frozen=True, slots=True)
class _Running:
    """A worker's post, its process and the pipe it beats on."""

    post: int
    process: ForkServerProcess
    beats: Connection

    def name(self) -> str:
        return f"worker {self.process.pid} at post {self.post}"

    def send(self, number: signal.Signals) -> None:
        # Whoever has ended needs no signal.
        with contextlib.suppress(ProcessLookupError):
            if self.process.pid is not None:
                os.kill(self.process.pid, number)


class Supervisor:
    """Keeps a worker at every post; `listening` has the sockets of each post, in order.

    The worker at a post may change, its sockets do not: who connects meanwhile waits for the next
    worker. All workers go by one clock made here, so that one which starts after somebody has set
    the wall clock forward opens nothing early; a rolling restart believes the wall clock again.
    """

    def __init__(self, settings: Settings, listening: Sequence[Sequence[socket.socket]]) -> None:
        self._settings = settings
        self._listening = listening
        self._roster = Roster(len(listening))
        self._running: dict[int, _Running] = {}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([PRELOADED])
        self.clock = SteadyClock()
        self._clock_agreed = True
        self._secret = secrets.token_bytes(32)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. In the main thread only."""
        with _signals() as signals:
            try:
                self._do(self._roster.begin(monotonic()))
                while not self._roster.done:
                    self._turn(signals)
            finally:
                for running in self._running.values():
                    running.send(signal.SIGKILL)

    def _turn(self, signals: int) -> None:
        """Wait for something, take in all there is to hear, then look at the time."""
        pipes = {running.beats: worker for worker, running in self._running.items()}
        heard = wait([*pipes, signals], self._roster.look(monotonic()))
        for source in heard:
            if isinstance(source, Connection):
                self._hear(pipes[source])
        if signals in heard:
            for number in os.read(signals, WORDS):
                self._obey(number)
        self._do(self._roster.tick(monotonic()))
        self._watch_clock()

    def _hear(self, worker: int) -> None:
        words = os.read(self._running[worker].beats.fileno(), WORDS)
        now = monotonic()
        if not words:
            self._bury(worker)
            self._do(self._roster.ended(worker, now))
            return
        self._roster.beat(worker, now)
        if READY in words:
            log.info("%s is ready", self._running[worker].name())
            self._do(self._roster.ready(worker, now))

    def _obey(self, number: int) -> None:
        now = monotonic()
        if number == RELOAD:
            log.info("every worker is to be replaced by a new one")
            self.clock, self._clock_agreed = SteadyClock(), True
            self._do(self._roster.reload(now))
        elif number in STOPS:
            log.info("the service is to stop")
            # Whoever comes now is refused instead of waiting for nobody.
            for bound in itertools.chain(*self._listening):
                bound.close()
            self._do(self._roster.stop(now))

    def _bury(self, worker: int) -> None:
        """The pipe is closed, so the process is gone or about to be."""
        running = self._running.pop(worker)
        running.beats.close()
        running.process.join(LAST_LOOK_S)
        code = running.process.exitcode
        if code in (0, -signal.SIGTERM):
            log.info("%s ended as told", running.name())
        elif code is not None and code < 0:
            log.error("%s ended by signal %d", running.name(), -code)
        else:
            log.error("%s ended with status %s", running.name(), code)

    def _watch_clock(self) -> None:
        agrees = self.clock.agree()
        if self._clock_agreed and not agrees:
            log.error(
                "the wall clock was set, by %+.1f s: nothing opens before both clocks say so;"
                " if it is right now, send SIGHUP",
                self.clock.drift_s(),
            )
        self._clock_agreed = agrees

    # Actions

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Start():
                    self._start(action)
                case Leave():
                    self._running[action.worker].send(signal.SIGTERM)
                case Kill():
                    self._kill(action)
                case Say():
                    log.info(action.sentence)

    def _start(self, action: Start) -> None:
        beats, written = self._context.Pipe(duplex=False)
        there = self._running.get(action.relieves) if action.relieves is not None else None
        plan = Plan(
            self._settings,
            self.clock,
            self._listening[action.post],
            written,
            self._secret,
            there.process.pid if there is not None else None,
        )
        process = self._context.Process(target=run_worker, args=(plan,))
        try:
            with written, _nameless_program():
                process.start()
        except (OSError, EOFError) as error:
            beats.close()
            log.error("a worker cannot be started: %s", error)
            self._do(self._roster.ended(action.worker, monotonic()))
            return
        self._running[action.worker] = _Running(action.post, process, beats)

    def _kill(self, action: Kill) -> None:
        running = self._running.get(action.worker)
        if running is None:
            return
        log.error("%s %s and is killed", running.name(), action.why)
        running.send(signal.SIGKILL)


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """A descriptor on which the numbers of signals come in, one byte each."""
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    known = {number: signal.signal(number, _noted) for number in (*STOPS, RELOAD)}
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in known.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


def _noted(*_: object) -> None:
    """A signal with a handler is written to the wakeup descriptor; nothing else is needed."""


@contextlib.contextmanager
def _nameless_program() -> Iterator[None]:
    """Keep multiprocessing from importing the program that runs here, the whole command line, in
    every worker too."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program
