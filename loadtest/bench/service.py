"""A service under measurement: our own command on a free port of this machine."""

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

COMMAND = [sys.executable, "-c", "from lookup.cli import main; main()"]
HOST = "127.0.0.1"


def connect(port: int) -> http.client.HTTPConnection:
    """A connection to a service; nothing is sent yet."""
    return http.client.HTTPConnection(HOST, port, timeout=10)


@contextlib.contextmanager
def serving(environment: Mapping[str, str], *arguments: str, ready: str) -> Iterator[int]:
    """The port of a service for as long as the block runs; `ready` is answered once it serves.

    SystemExit where it never does.
    """
    port = _free_port()
    server = subprocess.Popen(  # noqa: S603  # our own command
        [*COMMAND, *arguments, "--port", str(port)], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait(port, ready)
        yield port
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait(port: int, ready: str) -> None:
    for _ in range(200):
        with contextlib.closing(connect(port)) as connection:
            try:
                connection.request("GET", ready)
                if connection.getresponse().status == 200:
                    return
            except ConnectionRefusedError:
                pass
        time.sleep(0.1)
    raise SystemExit("The service did not start.")
