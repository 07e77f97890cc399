"""The broadcast on its way to those who watch: followed in its file, told to all of them.

Nothing is made a viewer: an event is made once, and what is new goes out in one write for each.
Fan-out and lookups share one loop, so it goes in slices, and the file is looked at less often
the more there are who watch: a fan-out takes a tenth of the time until the next.
"""

import asyncio
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

import orjson

from lookup.errors import StorageError
from lookup.public.account import Account
from lookup.public.network import NOWHERE
from lookup.public.tagged import Body, tagged
from lookup.stores.broadcast import Tail
from lookup.stores.entries import TYPES, Entry, document

MAX_VIEWERS = 6000
"""Those who watch one worker; whoever comes after them asks for `/live.json` now and then."""
CONNECTIONS_A_VIEWER = 3
"""Lookups need the connections of a worker: viewers have one of so many."""
SHARE = 10
"""One of so many places is the most that one network has: a school behind one address fits, and
nobody alone shuts the others out."""
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

Place = tuple[str, int]
"""An entry of a broadcast: the epoch, and the entry's id."""
PING = b":\n\n"
RETRY = b"retry: %d\n\n" % RETRY_MS
RESET = b"event: reset\ndata: {}\n\n"
"""What was missed is too much to tell: read `/live.json` and go on from there."""
log = logging.getLogger("lookup.public")


class Viewer(Protocol):
    """Somebody who watches."""

    def show(self, events: bytes) -> None:
        """Write these, or close where too much is unread."""


def event(entry: Entry, place: str) -> bytes:
    """An entry as a server-sent event; `place` is the account's, with this entry."""
    line = orjson.dumps(document(entry), option=orjson.OPT_UTC_Z)
    named = place.encode(), TYPES[type(entry)].encode()
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (*named, line)


def farewell() -> bytes:
    """The last event from a process that ends."""
    return b"retry: %d\n\n" % random.randint(*LATER_MS)  # noqa: S311  # spread, no secret


class Hub:
    """The broadcast of one process and those who watch it. Use it from one thread.

    `clock` says seconds that never go back; `connections` is how many the process takes at all.
    """

    def __init__(
        self,
        tail: Tail,
        clock: Callable[[], float] = time.monotonic,
        connections: int = CONNECTIONS_A_VIEWER * MAX_VIEWERS,
    ) -> None:
        self.account = Account()
        self.places = min(MAX_VIEWERS, connections // CONNECTIONS_A_VIEWER)
        self._tail = tail
        self.clock = clock
        self._events: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._viewers: dict[Viewer, bytes] = {}
        self._of_network: Counter[bytes] = Counter()
        self._not_before = 0.0
        self._telling: tuple[Iterator[Viewer], bytes] | None = None
        self._pinging: Iterator[Viewer] = iter(())
        self._ping_at_once, self._ping_again = 0, clock() + PING_S
        self._document: Body | None = None
        self._troubled = False

    # Those who watch

    def full(self, network: bytes) -> bool:
        """Whether nobody more of this network (lookup.public.network) may watch."""
        share = max(1, self.places // SHARE)
        return len(self._viewers) >= self.places or self._of_network[network] >= share

    def count(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def attach(self, viewer: Viewer, after: Place | None, network: bytes = NOWHERE) -> bytes:
        """Tell `viewer`, of a network, all that comes from now on. What it missed since `after`
        (None: nothing) is returned: to be written first."""
        self._viewers[viewer] = network
        self._of_network[network] += 1
        return self.missed(after)

    def leave(self, viewer: Viewer) -> None:
        """Somebody is gone."""
        network = self._viewers.pop(viewer, None)
        if network is not None:
            self._of_network[network] -= 1
            if not self._of_network[network]:
                del self._of_network[network]

    def missed(self, after: Place | None) -> bytes:
        """The events after that place; a reset where it is one of another broadcast, or they are
        not there, or too many."""
        if after is None:
            return b""
        epoch, place = after
        last = self.account.last
        if epoch != self.account.epoch or place > last:
            return RESET
        if place == last:
            return b""
        if not self._events or self._events[0][0] > place + 1:
            return RESET
        found = b"".join(words for number, words in self._events if number > place)
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
            words = event(entry, self.account.place())
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
        now = self.clock()
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
        now = self.clock()
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
