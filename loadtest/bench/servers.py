"""Services under measurement: started by their command line on a core, found ready, ended."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench.generator import Dial, dial
from loadtest.bench.service import COMMAND, HOST
from loadtest.bench.town import ROOT

SERVER_CORE, GENERATOR_CORE = 0, 1
CORES = "0,1"
READY_S = 120
END_S = 15
OPEN_FILES = 65_536
TOLD_CHARACTERS = 2000
"""So much of what a service said last is shown where it did not start."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service and where it answers."""

    pid: int
    port: int

    @property
    def dial(self) -> Dial:
        """Makes connections to it."""
        return dial(HOST, self.port)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answered(port: int, path: str) -> int:
    """The status of `GET path`, 0 where nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status
    return 0


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    port: int,
    ready: str,
    core: int | str = SERVER_CORE,
    environment: Mapping[str, str] | None = None,
    nice: int = 0,
) -> Iterator[Service]:
    """A service on a core, ready, for as long as the block runs.

    SystemExit where `ready` is not answered with 200 in time.
    """
    pinned = ["nice", "-n", str(nice), "taskset", "-c", str(core), *command]
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(  # noqa: S603  # our own list of services
            pinned,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
            stdout=subprocess.DEVNULL,
            stderr=told,
            process_group=0,
        )
        try:
            limit = time.monotonic() + READY_S
            while answered(port, ready) != 200:
                if process.poll() is not None or time.monotonic() > limit:
                    told.seek(0)
                    words = told.read().decode(errors="replace")[-TOLD_CHARACTERS:]
                    raise SystemExit(f"{command[0]} did not start: {words}")
                time.sleep(0.05)
            yield Service(process.pid, port)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        print("A service had to be killed.", file=sys.stderr)  # noqa: T201
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def lookup_service(
    data: Path,
    *,
    workers: int = 1,
    core: int | str = SERVER_CORE,
    nice: int = 0,
    more: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    """`lookup serve` over a data folder."""
    port = free_port()
    serve = ["--data-dir", str(data), "serve", "--port", str(port), "--workers", str(workers)]
    command = [*COMMAND, *serve, *more]
    with running(
        command, port=port, ready="/readyz", core=core, nice=nice, environment=environment
    ) as service:
        yield service


@contextlib.contextmanager
def running_on_sockets(
    data: Path, workers: int, *, core: int | str, nice: int = 0
) -> Iterator[list[Path]]:
    """`lookup serve` with a unix socket for each worker: the sockets, once all are there."""
    # Short: the kernel takes 107 bytes.
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        port = free_port()
        serve = ["--data-dir", str(data), "serve", "--sockets", folder, "--workers", str(workers)]
        command = [*COMMAND, *serve, "--metrics-port", str(port)]
        with running(command, port=port, ready="/metrics", core=core, nice=nice):
            sockets = [Path(folder) / f"worker-{number}.sock" for number in range(workers)]
            yield [each for each in sockets if each.is_socket()]


@contextlib.contextmanager
def neighbour(core: int) -> Iterator[None]:
    """Somebody who wants all of a core; of this session, or the kernel would share it evenly
    between the sessions, however nice one is."""
    spin = ["taskset", "-c", str(core), sys.executable, "-c", "while True: pass"]
    process = subprocess.Popen(spin)  # noqa: S603
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """This process on one core for as long as the block runs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tool(name: str) -> str:
    """The path of a Debian program. SystemExit where it is not installed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is missing: install Debian's package and run this again.")
    return found
