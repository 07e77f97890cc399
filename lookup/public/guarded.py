"""uvicorn's HTTP protocol with what it lacks: deadlines, caps, and an end that is heard.

Heads, bodies, waits and unread output are bounded; a request beyond a bound is refused with a
constant and the connection ends. What was written against uvicorn's own class is listed in
`tests/test_protocol.py`, which fails when uvicorn moves.
"""

import asyncio
from collections import deque
from functools import cached_property
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr, is_ssl
from uvicorn.server import ServerState

from lookup.public.answers import MAX_BODY_BYTES
from lookup.public.connections import Connections, Wait
from lookup.public.outbox import Outbox
from lookup.public.tally import Tally
from lookup.public.wire import Wire

MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 64
MAX_RAW_HEAD_BYTES = 2 * MAX_HEAD_BYTES
"""What may arrive of a head that is not complete, its white space and all."""
MAX_RAW_BYTES = MAX_RAW_HEAD_BYTES + 8 * MAX_BODY_BYTES
"""The same of a whole request: a body in chunks of one byte fits, endless trailers do not."""
SLICE_BYTES = 4096
"""What the parser is given in one turn of the loop: a hundred requests fit, and whoever sends
thousands at once keeps nobody waiting for all of them."""
MAX_REST_BYTES = 1 << 19
"""Input kept while output waits: what the loop reads at once, twice."""
LINGER_BYTES = 1 << 16
"""What is thrown away after a refusal, so that the client reads it and gets no reset."""


class Stop(Exception):  # noqa: N818  # no error: it ends the parser's run
    """Nothing more of this connection's input is parsed."""


class Flow(FlowControl):
    """uvicorn's flow control, which makes its event only where somebody waits."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = self.write_paused = False

    @cached_property
    def _is_writable_event(self) -> asyncio.Event:  # type: ignore[override]
        event = asyncio.Event()
        event.set()
        return event


class GuardedProtocol(HttpToolsProtocol):
    """One connection. The lifespan's state (`app_state`) brings what all of them share."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        # uvicorn's constructor costs more than all a connection needs: one runs it for all.
        model: dict[str, Any] | None = app_state.get("model")
        if model is None:
            super().__init__(config, server_state, app_state, _loop)
            self.prepare()
            app_state["model"] = vars(self).copy()
        else:
            vars(self).update(model)
            self.pipeline = deque()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def prepare(self) -> None:
        """What every connection begins with, after uvicorn's part. Each gets the very same
        objects, so what can change must be none of them."""
        shared = self.app_state
        self.waits: Connections = shared["connections"]
        self.tally: Tally = shared["tally"]
        self.wire = Wire(self.server_state)
        self.outbox = Outbox(self.loop)
        self.out = b""  # said and not yet written
        self.at_work: RequestResponseCycle | None = None  # what the application answers now
        self.draining = False
        self.deaf = False  # nothing that still comes is parsed
        self.last_words = b""  # to be said after the answers before them
        self.lingered = 0
        self.rest = b""  # input that waits for output to be taken, or for its turn
        self.called = False  # it has a turn to come
        self.unfinished = False  # a request has begun and is not complete
        self.timed = False  # its deadline runs
        self.in_head = False
        self.raw_bytes = 0  # what came of it in the slices before
        self.body_bytes = 0

    # The connection's events

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.connections.add(self)
        self.transport = transport
        self.flow = Flow(transport)
        peer = transport.get_extra_info("peername")
        self.client = (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None
        # Whatever is not taken at once counts as waiting.
        transport.set_write_buffer_limits(high=0)
        if not self.waits.admit(self):
            self.tally.refuse_http("too_many_connections")
            self._cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self.deaf = True
        self.waits.forget(self)
        # uvicorn tells the last of several requests only.
        if self.at_work is not None and not self.at_work.response_complete:
            self.at_work.disconnected = True
            self.at_work.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            self.lingered += len(data)
            if self.lingered > LINGER_BYTES:
                self._cut()
        elif self.rest or self.flow.write_paused or self.pipeline:
            self.rest += data
            self.flow.pause_reading()
            if len(self.rest) > MAX_REST_BYTES:
                self._cut()
        else:
            self._take(data)

    def expired(self, wait: Wait) -> None:
        """A wait was too long (lookup.public.connections)."""
        if wait is Wait.REQUEST and not (self._pending() or self.flow.write_paused):
            self.tally.refuse_http("too_slow")
            self._end(self.wire.plain(408, b"Request Timeout"))
        elif wait is Wait.REQUEST or wait is Wait.OUTPUT:
            self.tally.refuse_http("too_slow")
            self._cut()
        else:
            self.deaf = True
            self.flush()
            # Closing waits for the output to be taken; who makes room is waited for no more.
            unread = self.flow.write_paused and wait is not Wait.LINGER
            self.transport.abort() if unread else self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()
        self.waits.begin(self, Wait.OUTPUT)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.waits.end(self, Wait.OUTPUT)
        self._go_on()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.deaf:
            self._leave(self.last_words)
        elif not self.unfinished:
            self.lie_down()
        self._go_on()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.at_work = cycle
        super()._start_asgi_task(cycle, app)

    def shutdown(self) -> None:
        """Told to stop: what is idle may ask once more, for as long as `Wait.DRAIN`."""
        self.draining = True
        if self.deaf:
            return
        if self._pending():
            self.cycle.keep_alive = False
        elif not self.unfinished:
            self.waits.end(self, Wait.IDLE)
            self.lie_down()

    # Input

    def _take(self, data: bytes) -> None:
        """Parse one slice of input; the rest has its turn after the other connections'."""
        self._parse(data[:SLICE_BYTES])
        if len(data) > SLICE_BYTES and not self.deaf:
            self.flush()
            self.rest = data[SLICE_BYTES:]
            self.flow.pause_reading()
            self._go_on_soon()
        if self.unfinished and not self.timed and not self.deaf:
            self.timed = True
            self.wake()
            self.waits.begin(self, Wait.REQUEST)

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.tally.refuse_http("upgrade")
            # The parser takes its body for the next request, or drops it: hence the last one.
            if self._pending():
                self.cycle.keep_alive = False
            self._end(b"")
        except httptools.HttpParserError:
            # Stop comes out like this, too; then all is said.
            if not self.deaf:
                self._refuse_malformed()
        if self.unfinished and not self.deaf:
            self.raw_bytes += len(data)
            if not self.in_head and self.raw_bytes > MAX_RAW_BYTES:
                self._refuse_malformed()
            elif self.in_head and (
                self.raw_bytes > MAX_RAW_HEAD_BYTES or len(self.headers) > MAX_HEADERS
            ):
                self._refuse_head()

    def _go_on_soon(self) -> None:
        if not self.called:
            self.called = True
            self.loop.call_soon(self._called)

    def _called(self) -> None:
        self.called = False
        self._go_on()

    def _go_on(self) -> None:
        """Take up what is left of the input, and reading, once no output is in the way."""
        if self.deaf or self.flow.write_paused or self.pipeline or self.transport.is_closing():
            return
        if self.called:
            return
        rest, self.rest = self.rest, b""
        if rest:
            self._take(rest)
        if not (self.deaf or self.rest or self.flow.write_paused or self.pipeline):
            self.flow.resume_reading()

    # The parser's callbacks, common to all requests

    def on_message_begin(self) -> None:
        if self.deaf:
            raise Stop
        self.url = b""
        self.headers = []
        self.unfinished = self.in_head = True
        self.raw_bytes = self.body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after a body in chunks (a trailer) is no header.
        if self.in_head:
            self.headers.append((name.lower(), value))

    def check_head(self) -> None:
        """Refuse a head beyond the caps. One that came in one slice is no larger than that."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse_head()
            raise Stop

    def start_application(self, expects: bool, app: Any = None) -> None:
        """Hand the request whose head is complete to the application, as uvicorn does."""
        self.flush()
        url, headers = self.url, self.headers
        if self.scheme is None:
            self.server = get_local_addr(self.transport)
            self.scheme = "https" if is_ssl(self.transport) else "http"
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        usual, self.app = self.app, app or self.app
        try:
            super().on_headers_complete()
        finally:
            self.app = usual
        self.wake()
        if self.draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self.body_bytes += len(body)
        if self.body_bytes > MAX_BODY_BYTES:
            # The application sees that it is too long; nobody needs the rest.
            self.cycle.keep_alive = False
            self.deaf = True
            if self.cycle.response_complete:
                self._leave(b"")
            raise Stop

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.message_complete()
        if not self._pending():
            self.lie_down()

    def message_complete(self) -> None:
        """The request is whole: its deadline is over."""
        self.unfinished = False
        if self.timed:
            self.timed = False
            self.waits.end(self, Wait.REQUEST)

    def lie_down(self) -> None:
        """Between requests: idle, or waiting for the last one."""
        self.waits.begin(self, Wait.DRAIN if self.draining else Wait.IDLE)

    def wake(self) -> None:
        """At a request."""
        self.waits.end(self, Wait.DRAIN if self.draining else Wait.IDLE)

    # Output

    def say(self, words: bytes) -> None:
        """Write soon, after what was said before."""
        if self.out:
            self.out += words
        else:
            self.out = words
            self.outbox.add(self)

    def flush(self) -> None:
        """Write what was said."""
        words, self.out = self.out, b""
        if words and not self.transport.is_closing():
            self.transport.write(words)

    # Parts

    def _pending(self) -> bool:
        """Whether the application is at work on an answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse_malformed(self) -> None:
        self.tally.refuse_http("malformed")
        self._end(self.wire.plain(400, b"Invalid HTTP request received."))

    def _refuse_head(self) -> None:
        self.tally.refuse_http("headers_too_large")
        self._end(self.wire.plain(431, b"Request Header Fields Too Large"))

    def _end(self, words: bytes) -> None:
        """Listen no more; say the last words, after the answers before them, and leave."""
        self.deaf = True
        self.rest = b""
        self.last_words = words
        if not self._pending():
            self._leave(words)

    def _leave(self, words: bytes) -> None:
        if self.transport.is_closing():
            return
        for wait in (Wait.IDLE, Wait.REQUEST, Wait.DRAIN):
            self.waits.end(self, wait)
        self.out += words
        self.flush()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.waits.begin(self, Wait.LINGER)
            self.flow.resume_reading()
        else:
            self.transport.close()

    def _cut(self) -> None:
        self.deaf = True
        self.rest = b""
        self.transport.abort()
