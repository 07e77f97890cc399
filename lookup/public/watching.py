"""A connection that watches the broadcast: no request, no deadline, no task of its own.

From its answer's head on the response has no end but the connection's. Whatever its client still
sends is thrown away; it counts among the connections, leaves with its process, and makes room
where there is none for somebody who asks.
"""

import re
from urllib.parse import parse_qs

from lookup.public.answers import Answer
from lookup.public.broadcast import MAX_UNREAD_BYTES, RETRY, Hub, Place, farewell
from lookup.public.connections import Wait
from lookup.public.guarded import GuardedProtocol

EVENTS = b"/live/events"
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would keep events until it has a page of them.
    (b"x-accel-buffering", b"no"),
)
PLACE = re.compile(r"(?:([0-9a-f]{12})-)?([0-9]{1,10})")
"""A number alone is of no broadcast that is known."""
NEVER = 1 << 30
"""Bytes at which a transport would say that it is full: what is too much, `show` decides."""


def place(last_event_id: bytes | None, query: bytes) -> Place | None:
    """The entry after which a client wants to go on: as its browser noted it (`Last-Event-ID`),
    else as its page asked at first (`after`). None where neither is a place."""
    asked = parse_qs(query[:200].decode("latin-1")).get("after", [""])[-1]
    for text in ((last_event_id or b"").decode("latin-1"), asked):
        if found := PLACE.fullmatch(text):
            return found[1] or "", int(found[2])
    return None


class WatchingProtocol(GuardedProtocol):
    """One connection, which may come to watch."""

    def prepare(self) -> None:
        super().prepare()
        self.hub: Hub = self.app_state["hub"]
        self.watching = False

    def watch(self, after: Place | None, network: bytes, head_only: bool) -> None:
        """Answer with all events after an entry, for as long as the connection lasts."""
        head = self.wire.opening(Answer(200, HEADERS, b""))
        if head_only:
            self._end(head)
        elif self.draining:
            self._end(head + farewell())
        else:
            self._begin(head, after, network)

    def _begin(self, head: bytes, after: Place | None, network: bytes) -> None:
        for wait in Wait:
            self.waits.end(self, wait)
        self.waits.begin(self, Wait.WATCH)
        # What is still said is not answered, so what it took to understand it may go.
        self.watching = self.deaf = True
        self.rest = self.url = b""
        self.headers = []
        del self.parser
        self.transport.set_write_buffer_limits(high=NEVER)
        # Now, and not with the outbox: no event may come before its head.
        self.out += head + RETRY + self.hub.attach(self, after, network)
        self.flush()
        self.flow.resume_reading()

    def show(self, events: bytes) -> None:
        """Write events, or close where too much of those before is unread."""
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.tally.refuse_http("too_slow")
            self._cut()
        elif not self.transport.is_closing():
            self.transport.write(events)

    def shutdown(self) -> None:
        super().shutdown()
        if self.watching:
            self._stop()
            self._leave(farewell())

    def expired(self, wait: Wait) -> None:
        if wait is not Wait.WATCH:
            super().expired(wait)
        elif self.transport.get_write_buffer_size():
            self._cut()
        else:
            self._stop()
            self.transport.write(farewell())
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _cut(self) -> None:
        self._stop()
        super()._cut()

    def _stop(self) -> None:
        if self.watching:
            self.watching = False
            self.waits.end(self, Wait.WATCH)
            self.hub.leave(self)
