"""The public service as an operator runs it: real processes, heard by their log, and clients."""

import asyncio
import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Self

import httpx

from lookup.public.roster import RESTARTED
from lookup.stores.embedded import EmbeddedStore
from tests.makers import OPENING, TYPED, make_kind, make_release, open_release

PROGRAM = [sys.executable, "-c", "from lookup.cli import main; main()"]
HOST = "127.0.0.1"
PATIENCE_S = 30
"""How long a test waits for what must come; a test that waits so long fails."""
BODY = json.dumps(TYPED).encode()
ASKED = (
    b"POST /api/v1/scores HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    b"Content-Length: " + str(len(BODY)).encode() + b"\r\n%s\r\n" + BODY
)


def tell(text: str) -> None:
    """Say a measured figure to whoever runs the heavy tests."""
    sys.stdout.write(f"\n{text}")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_listening(port: int) -> None:
    """Wait until somebody listens on a port."""
    for _ in range(PATIENCE_S * 50):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        threading.Event().wait(0.02)
    raise TimeoutError


def publish_one(folder: Path) -> EmbeddedStore:
    """A data folder in which one made-up candidate's scores are open."""
    store = EmbeddedStore(folder)
    open_release(store, make_release(store, make_kind()), opened_at=OPENING.replace(year=2020))
    return store


def wait_gone(pid: int) -> None:
    """Wait until a process that need not be a child of this one has ended."""
    process = os.pidfd_open(pid)
    try:
        assert wait([process], PATIENCE_S)
    finally:
        os.close(process)


class Service:
    """`lookup serve` in a process of its own; what it logs is read as it is said."""

    def __init__(self, data: Path, *options: str, environment: Mapping[str, str] | None = None):
        self.workers: list[int] = []
        self.posts: dict[int, int] = {}
        self.events: list[str] = []
        self._said: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [*PROGRAM, "--data-dir", str(data), "serve", *options],
            env={**os.environ, **(environment or {})},
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Workers and the process they are forked from are of its session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reading.join()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                # A program that cannot even start says so in words of Python's.
                whole = line.startswith(b"{")
                self._said.put(json.loads(line)["event"] if whole else line.decode())

    def says(self, words: str) -> str:
        """The next event with these words in it; those before it are taken note of."""
        while True:
            try:
                event = self._said.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise AssertionError(f"{words!r} is not among {self.events}") from None
            self.events.append(event)
            match event.split():
                case ["worker", pid, "at", "post", post, "is", "ready"]:
                    self.workers.append(int(pid))
                    self.posts[int(post)] = int(pid)
                case ["worker", pid, "at", "post", _, "ended", *_] if int(pid) in self.workers:
                    self.workers.remove(int(pid))
            if words in event:
                return event

    def ready(self, workers: int) -> None:
        """Wait until so many workers are ready."""
        while len(self.workers) < workers:
            self.says("is ready")

    def restart(self) -> None:
        """A whole rolling restart."""
        self.process.send_signal(signal.SIGHUP)
        self.says(RESTARTED)

    def stop(self) -> int:
        """Ask it to stop; its exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def serving(
    data: Path, workers: int, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[Service, int]]:
    """A service on a port, with all its workers ready."""
    port = free_port()
    options = ("--port", str(port), "--workers", str(workers), *options)
    with Service(data, *options, environment=environment) as service:
        service.ready(workers)
        yield service, port


def ask(where: int | Path, path: str = "/api/v1/scores") -> httpx.Response:
    """One request on a connection of its own, to a port or a unix socket: a lookup, or a page."""
    uds = str(where) if isinstance(where, Path) else None
    url = f"http://{HOST}{'' if uds else f':{where}'}{path}"
    transport = httpx.HTTPTransport(uds=uds)
    with httpx.Client(transport=transport, trust_env=False, timeout=PATIENCE_S) as client:
        return client.post(url, json=TYPED) if path.startswith("/api") else client.get(url)


def status_on(path: Path) -> int:
    """The status of one lookup on a unix socket, asked as quickly as can be."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(str(path))
        connection.sendall(ASKED % b"Connection: close\r\n")
        return int(connection.recv(1 << 12).split()[1])


# Load


@dataclass
class Load:
    """Clients that ask for one record again and again, and what came of it."""

    where: int | Path
    """A port of this machine, or a unix socket."""
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    refused: int = 0
    running: bool = True
    _goal: int = 0
    _reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def more(self, answers: int) -> None:
        """Wait until so many more requests are answered."""
        self._goal = self.answered + answers
        self._reached.clear()
        async with asyncio.timeout(PATIENCE_S * 2):
            await self._reached.wait()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.where, Path):
            return await asyncio.open_unix_connection(self.where)
        return await asyncio.open_connection(HOST, self.where)

    async def keep_asking(self, keep_alive: bool, pause_s: float) -> None:
        """One client. A connection that says it closes is opened anew."""
        while self.running:
            try:
                reader, writer = await self._connect()
            except OSError:
                self.refused += 1
                continue
            try:
                again = True
                while again and self.running:
                    again = await self._ask(reader, writer, keep_alive)
                    await asyncio.sleep(pause_s)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self.failed.append(type(error).__name__)
            finally:
                writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep_alive: bool
    ) -> bool:
        """Whether the connection may be used again."""
        writer.write(ASKED % (b"" if keep_alive else b"Connection: close\r\n"))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if b" 200 " not in head or TYPED["candidate_number"].encode() not in body:
            raise ValueError("another answer")
        self.answered += 1
        if self.answered >= self._goal:
            self._reached.set()
        return b"connection: close" not in head


@contextlib.asynccontextmanager
async def under_load(
    where: int | Path, clients: int, *, keep_alive: bool = True, pause_s: float = 0.005
) -> AsyncIterator[Load]:
    """Clients that ask as long as the block runs."""
    load = Load(where)
    tasks = [asyncio.create_task(load.keep_asking(keep_alive, pause_s)) for _ in range(clients)]
    try:
        yield load
    finally:
        load.running = False
        await asyncio.gather(*tasks)
