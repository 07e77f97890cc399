"""The console as a process: one loop, one address, limits of its own."""

import asyncio
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lookup.admin.app import create_app
from lookup.admin.jobs import GRACE_S
from lookup.errors import UsageError
from lookup.settings import Settings
from lookup.sockets import BACKLOG, bind

MAX_HEAD_BYTES = 32 << 10
HEAD_S = 15
KEEP_ALIVE_S = 30
MAX_CONNECTIONS = 200
"""The publisher needs files in this process too: a flood of clients must leave it some."""
EXPOSED = (
    "Passwords would cross the network unprotected on {host}: give --certificate and --key, or"
    " --behind-tls-proxy where a proxy on this machine ends TLS."
)


class Protocol(HttpToolsProtocol):
    """uvicorn's, with an end to requests whose head is too long or never ends, and to clients
    beyond a number."""

    _in_head = False
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """A client has come: its head must be whole soon."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._deadline = self.loop.call_later(HEAD_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """A client has gone."""
        self._forget_deadline()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        self._forget_deadline()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes; where they are a head without an end the connection ends."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The head of this request is too long.")
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    behind_tls_proxy: bool = False,
    listening: Callable[[], object] = lambda: None,
) -> None:
    """Serve until told to stop; `listening` is called once the address is had. Raises UsageError
    where it cannot be had, or would show passwords to the network."""
    if (certificate is None) != (key is None):
        raise UsageError("A certificate needs its key: give both --certificate and --key.")
    if not (certificate or behind_tls_proxy or is_loopback(host)):
        raise UsageError(EXPOSED.format(host=host))
    for path in filter(None, (certificate, key)):
        if not path.is_file():
            raise UsageError(f"{path} is not a file: check the name.")
    options: dict[str, Any] = {"ssl_certfile": certificate, "ssl_keyfile": key}
    config = uvicorn.Config(
        app=create_app(settings),
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        **options,
    )
    with bind(host, port) as bound:
        listening()
        uvicorn.Server(config).run(sockets=[bound])
