"""Overload: who is turned away, decided before a body is read.

One number says how overloaded this process is. It rises while the loop runs later than it should
and sinks while it does not; below zero it is an allowance, so that the burst of the release
minute passes, and above zero it is the share of requests that is refused. What is refused is
answered at once and comes back some seconds later, which is what lets the others be served.
"""

import asyncio
import random
import time
from collections.abc import Callable

TICK_S = 0.01
TARGET_S = 0.05
"""How late the loop may be for long: what a request then waits to be seen."""
ALLOWANCE = 0.75
"""Seconds of full overload that pass before anybody is refused."""
HIGHEST = 0.98
"""Some are always served: otherwise nobody would learn that it is over."""
LONGEST_TICK_S = 0.25
MAX_TASKS = 1000
"""Pages being made; one more would wait for a second, whatever the loop says."""


class Pressure:
    """The controller: no clock, no chance, only what it is told."""

    def __init__(self) -> None:
        self.level = -ALLOWANCE

    def tick(self, elapsed_s: float, late_s: float) -> None:
        """`elapsed_s` have passed, and the loop was `late_s` late.

        A lateness at or below `TARGET_S` never raises the level, twice that raises it by one a
        second and more does not hurry it: a single long pause is not an overload.
        """
        error = min(max(late_s / TARGET_S - 1.0, -1.0), 1.0)
        elapsed_s = min(elapsed_s, LONGEST_TICK_S)
        self.level = min(max(self.level + error * elapsed_s, -ALLOWANCE), HIGHEST)


class Admission:
    """Whether the next request is served. Use it from one thread."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._pressure = Pressure()
        self._ticked_at = clock()
        self._longest_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.shedding = False
        """Whether `admits` may say no to a request that makes no task."""

    def admits(self, tasks: int) -> bool:
        """Whether to serve one more, with so many tasks being worked on."""
        if tasks >= MAX_TASKS:
            return False
        return not self.shedding or self._chance() >= self._pressure.level

    def delay_ms(self) -> float:
        """How late the loop was at worst since this was last asked, in milliseconds."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s * 1000

    def look(self) -> None:
        """Take the time; called once in `TICK_S`, as near as the loop can make it."""
        now = self._clock()
        elapsed_s, self._ticked_at = now - self._ticked_at, now
        late_s = max(elapsed_s - TICK_S, 0.0)
        self._longest_s = max(self._longest_s, late_s)
        self._pressure.tick(elapsed_s, late_s)
        self.shedding = self._pressure.level > 0.0

    # The timer

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look from now on."""
        self._ticked_at = self._clock()
        self._timer = loop.call_later(TICK_S, self._turn, loop)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK_S, self._turn, loop)
        self.look()
