"""Connections without a network: a protocol, a transport that remembers, a loop that settles."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

from lookup.public.fair_use import GO, Step
from lookup.public.protocol import LookupProtocol
from tests.makers import TYPED

DATE = (b"date", b"Wed, 01 Jul 2026 01:00:00 GMT")
API = "/api/v1/scores"
QUIET = 3
"""Turns of the loop without work, after which none is to come."""


class Turns:
    """A loop with one timer, which goes off when told to."""

    def __init__(self) -> None:
        self.due: Callable[[], object] | None = None

    def call_later(self, _: float, call: Callable[..., object], *values: object) -> "Turns":
        self.due = lambda: call(*values)
        return self

    def cancel(self) -> None:
        self.due = None

    def turn(self) -> None:
        due, self.due = self.due, None
        if due is not None:
            due()


class NoFairUse:
    """Lets everybody through and counts nothing."""

    def step(self, number: bytes, network: bytes, solution: str) -> Step:
        return GO

    def failed(self, number: bytes, network: bytes) -> None:
        pass

    def states(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        pass


class Pipe(asyncio.Transport):
    """Remembers what was written; takes in `room` bytes before it asks to wait."""

    def __init__(self, protocol: Any, room: int | None = None, peer: object = None) -> None:
        super().__init__({"peername": peer or ("192.0.2.1", 4711), "sockname": ("192.0.2.2", 80)})
        self.protocol = protocol
        self.room = room
        self.written = b""
        self.writes = self.unread = 0
        self.closed = self.aborted = self.ended = self.reading_paused = False

    def write(self, data: Any) -> None:
        assert not self.closed
        assert not self.ended
        self.written += bytes(data)
        self.writes += 1
        if self.room is not None:
            self.room -= len(data)
            if self.room < 0:
                self.protocol.pause_writing()

    def drain(self) -> None:
        """The client takes everything, and goes on doing so."""
        self.room = None
        self.protocol.resume_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False


@dataclass
class Said:
    """What came of a conversation: the bytes, and whether the connection ended."""

    written: bytes
    over: bool

    @property
    def status(self) -> int:
        return int(self.written[9:12])


def config_of(app: Starlette, http: Any = LookupProtocol) -> uvicorn.Config:
    config = uvicorn.Config(
        app, http=http, ws="none", log_config=None, access_log=False, proxy_headers=False
    )
    config.load()
    return config


def connect(
    config: uvicorn.Config, room: int | None = None, peer: object = None
) -> tuple[Any, Pipe]:
    """A protocol and its pipe. Call it inside a running loop."""
    state = ServerState()
    state.default_headers = [DATE]
    shared = config.loaded_app.state.service.shared()
    protocol = config.http_protocol_class(config, state, shared, asyncio.get_running_loop())  # type: ignore[call-arg]
    pipe = Pipe(protocol, room, peer)
    protocol.connection_made(pipe)
    return protocol, pipe


async def settle(protocol: Any) -> None:
    """Let the loop run until nothing is being worked on and no input waits for its turn."""
    quiet = 0
    for _ in range(200):
        await asyncio.sleep(0)
        # uvicorn's own protocol takes all input at once.
        busy = protocol.tasks or getattr(protocol, "called", False)
        # What was said is written a turn later.
        quiet = 0 if busy else quiet + 1
        if quiet == QUIET:
            return


async def talk(config: uvicorn.Config, chunks: Iterable[bytes], patient: bool = False) -> Said:
    """Send chunks as one client would; a patient one lets the server answer in between."""
    protocol, pipe = connect(config)
    for chunk in chunks:
        if pipe.reading_paused or patient:
            await settle(protocol)
        if not pipe.closed:
            protocol.data_received(chunk)
    await settle(protocol)
    return Said(pipe.written, pipe.closed or pipe.ended)


def request(
    body: bytes = orjson.dumps(TYPED),
    path: str = API,
    method: str = "POST",
    version: str = "1.1",
    headers: Iterable[str] = ("Content-Type: application/json",),
    length: int | None = None,
) -> bytes:
    """A request as a client writes it."""
    lines = [f"{method} {path} HTTP/{version}", "Host: test", *headers]
    if method == "POST" and not any(line.startswith("Transfer-Encoding") for line in lines):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes, size: int = 7) -> bytes:
    """A body in chunks."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
