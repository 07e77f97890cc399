"""The broadcast on its way to those who watch: followed in its file, told to all of them.

Nothing is made a viewer: an event is made once, and what is new goes out in one write for each.
Fan-out and lookups share one loop, so it goes in slices, and the file is looked at less often
the more there are who watch: a fan-out takes a tenth of the time until the next.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

import orjson

from lookup.errors import StorageError
from lookup.public.account import Account
from lookup.public.tagged import Body, tagged
from lookup.stores.broadcast import Tail
from lookup.stores.entries import TYPES, Entry, document

MAX_VIEWERS = 6000
"""Those who watch one worker; whoever comes after them asks for `/live.json` now and then."""
MAX_UNREAD_BYTES = 1 << 16
"""Whoever leaves more than this lying is not waited for. What a newcomer missed is no longer."""
KEPT = 1000
"""Events kept for those who come back."""
SLICE = 250
"""Viewers who are written to in one turn of the loop."""
LOOK_S = 0.1
EACH_S = 0.0001
"""Ten times what a write costs: so long the next fan-out waits for each who watches."""
PING_S = 15.0
"""In this time everybody hears something, so that no proxy takes the line for dead."""
RETRY_MS = 3000
LATER_MS = (1000, 10_000)
"""When to come back to a worker that ends: not all at once."""

PING = b":\n\n"
RETRY = b"retry: %d\n\n" % RETRY_MS
RESET = b"event: reset\ndata: {}\n\n"
"""What was missed is too much to tell: read `/live.json` and go on from there."""
log = logging.getLogger("lookup.public")


class Viewer(Protocol):
    """Somebody who watches."""

    def show(self, events: bytes) -> None:
        """Write these, or close where too much is unread."""


def event(entry: Entry) -> bytes:
    """An entry as a server-sent event."""
    line = orjson.dumps(document(entry), option=orjson.OPT_UTC_Z)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (entry.id, TYPES[type(entry)].encode(), line)


def farewell() -> bytes:
    """The last event from a process that ends."""
    return b"retry: %d\n\n" % random.randint(*LATER_MS)  # noqa: S311  # spread, no secret


class Hub:
    """The broadcast of one process and those who watch it. Use it from one thread.

    `clock` says seconds that never go back.
    """

    def __init__(self, tail: Tail, clock: Callable[[], float] = time.monotonic) -> None:
        self.account = Account()
        self._tail = tail
        self._clock = clock
        self._events: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._viewers: dict[Viewer, None] = {}
        self._not_before = 0.0
        self._telling: tuple[Iterator[Viewer], bytes] | None = None
        self._pinging: Iterator[Viewer] = iter(())
        self._ping_at_once, self._ping_again = 0, clock() + PING_S
        self._document: Body | None = None
        self._troubled = False

    # Those who watch

    def full(self) -> bool:
        """Whether nobody more may watch."""
        return len(self._viewers) >= MAX_VIEWERS

    def count(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def attach(self, viewer: Viewer, after: int | None) -> bytes:
        """Tell `viewer` all that comes from now on. What it missed since the entry `after` (None:
        nothing) is returned: to be written first."""
        self._viewers[viewer] = None
        return self.missed(after)

    def leave(self, viewer: Viewer) -> None:
        """Somebody is gone."""
        self._viewers.pop(viewer, None)

    def missed(self, after: int | None) -> bytes:
        """The events after the entry `after`; a reset where they are not there, or too many."""
        last = self.account.last
        if after is None or after == last:
            return b""
        if after > last or not self._events or self._events[0][0] > after + 1:
            return RESET
        found = b"".join(words for number, words in self._events if number > after)
        return found if len(found) <= MAX_UNREAD_BYTES else RESET

    def document(self) -> Body:
        """The account as JSON, under its entity tag."""
        if self._document is None:
            body = orjson.dumps(self.account.document(), option=orjson.OPT_UTC_Z)
            self._document = tagged(body)
        return self._document

    # The file

    def look(self) -> bytes:
        """What the file has that was not there, as events; b"" for nothing. Never raises."""
        try:
            fresh = self._tail.read()
        except StorageError as error:
            self._complain(str(error))
            return b""
        if fresh.damaged:
            self._complain(f"{fresh.damaged} lines of the broadcast are no entries")
        elif fresh.entries:
            self._troubled = False
        told = []
        if fresh.anew:
            self.account = Account()
            self._events.clear()
            self._document = None
            told.append(RESET)
        for entry in fresh.entries:
            self.account.take(entry)
            words = event(entry)
            self._events.append((entry.id, words))
            self._document = None
            told.append(words)
        return b"".join(told)

    def catch_up(self) -> None:
        """Read all there is: before the first viewer comes."""
        while self.look():
            pass

    async def follow(self) -> None:
        """Look and tell for ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                self.turn(loop)
            except Exception as error:  # whatever broke one turn must not end the broadcast
                log.error("a turn of the broadcast failed: %s", type(error).__name__)
            await asyncio.sleep(LOOK_S)

    def turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """One look at the file, once what it found last is told; and some pings."""
        self._ping()
        now = self._clock()
        if self._telling is not None or now < self._not_before:
            return
        if events := self.look():
            self._not_before = now + len(self._viewers) * EACH_S
            self._telling = iter(list(self._viewers)), events
            self._tell(loop)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        """A slice of those who watch; the next has its turn after whoever else waits."""
        if self._telling is None:
            return
        viewers, events = self._telling
        told = 0
        for viewer in islice(viewers, SLICE):
            told += 1
            if viewer in self._viewers:
                self._show(viewer, events)
        if told < SLICE:
            self._telling = None
        else:
            loop.call_soon(self._tell, loop)

    def _ping(self) -> None:
        """A share of a round in which each hears something once."""
        now = self._clock()
        if now >= self._ping_again:
            self._ping_again = now + PING_S
            self._pinging = iter(list(self._viewers))
            self._ping_at_once = int(len(self._viewers) * LOOK_S / PING_S) + 1
        for viewer in islice(self._pinging, self._ping_at_once):
            if viewer in self._viewers:
                self._show(viewer, PING)

    def _show(self, viewer: Viewer, words: bytes) -> None:
        try:
            viewer.show(words)
        except Exception as error:  # one that cannot be written to must not silence others
            self.leave(viewer)
            log.error("an event could not be written: %s", type(error).__name__)

    def _complain(self, words: str) -> None:
        """Once, until the file is right again."""
        if not self._troubled:
            log.warning("the broadcast cannot be read: %s", words)
        self._troubled = True
