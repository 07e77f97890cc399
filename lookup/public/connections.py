"""A process's connections and how long each may keep it waiting.

Every wait has one length for everybody, so the connections in it stand in the order in which
their time runs out: beginning and ending a wait is O(1), and one sweep a quarter of a second
looks at those whose time is over and no others. There is no timer a connection.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

SWEEP_S = 0.25


class Wait(IntEnum):
    """What a connection makes us wait for."""

    IDLE = 0
    """A request: from connecting, or from the last answer."""
    REQUEST = 1
    """The rest of a request, from its first byte."""
    OUTPUT = 2
    """The client's taking of what was sent to it."""
    DRAIN = 3
    """A last request, once this process was told to stop."""
    LINGER = 4
    """The client's reading of a refusal, while it may still be sending."""
    WATCH = 5
    """The end of the broadcast, or of one of us: no time runs out."""


LONGEST_S = {
    Wait.IDLE: 15.0,
    Wait.REQUEST: 5.0,
    Wait.OUTPUT: 5.0,
    Wait.DRAIN: 2.0,
    Wait.LINGER: 1.0,
}


class Connection(Protocol):
    """What is waited for."""

    def expired(self, wait: Wait) -> None:
        """Told once, when a wait was too long, or where there is no room for it: close."""


class Connections:
    """The waits of one process. Use it from one thread.

    `clock` says seconds that never go back. A connection counts from `admit` to `forget`.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._all: set[Connection] = set()
        self._waits: tuple[OrderedDict[Connection, float], ...] = tuple(OrderedDict() for _ in Wait)
        self._timer: asyncio.TimerHandle | None = None

    def count(self) -> int:
        """How many connections there are."""
        return len(self._all)

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in, idle; where there is no room the one idle longest goes;
        before it one that was refused and lingers, after it one that only watches.

        False where every other one is busy: then the newcomer is the one to close.
        """
        if len(self._all) >= self._limit and not self._make_room():
            return False
        self._all.add(connection)
        self.begin(connection, Wait.IDLE)
        return True

    def _make_room(self) -> bool:
        for wait in (Wait.LINGER, Wait.IDLE, Wait.WATCH):
            longest = next(iter(self._waits[wait]), None)
            if longest is not None:
                self.forget(longest)
                longest.expired(wait)
                return True
        return False

    def forget(self, connection: Connection) -> None:
        """A connection is gone, or as good as gone."""
        self._all.discard(connection)
        for wait in self._waits:
            wait.pop(connection, None)

    def begin(self, connection: Connection, wait: Wait) -> None:
        """A wait begins now, or anew."""
        waiting = self._waits[wait]
        waiting[connection] = self._clock()
        waiting.move_to_end(connection)

    def end(self, connection: Connection, wait: Wait) -> None:
        """A wait is over, if there was one."""
        self._waits[wait].pop(connection, None)

    def sweep(self) -> None:
        """Tell those whose time is over; each is told once."""
        now = self._clock()
        for wait, longest_s in LONGEST_S.items():
            waiting = self._waits[wait]
            while waiting:
                connection, since = next(iter(waiting.items()))
                if now - since < longest_s:
                    break
                del waiting[connection]
                connection.expired(wait)

    # The timer

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sweep from now on."""
        self._timer = loop.call_later(SWEEP_S, self._turn, loop)

    def stop(self) -> None:
        """Sweep no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self.start(loop)
        self.sweep()
