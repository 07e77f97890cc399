"""Answers wait here until the loop has heard everybody who is speaking, then go out together.

A write wakes whoever reads at the other end; on one machine (nginx in front, or a test) that
costs more than the answer itself, and many writes in a row wake it once.
"""

import asyncio
import logging
from typing import Protocol

TOGETHER = 64
"""Answers written at once: more would keep the first of them waiting."""


log = logging.getLogger("lookup.public")


class Sender(Protocol):
    """A connection that has something to write."""

    def flush(self) -> None:
        """Write it."""


class Outbox:
    """Who has something to write. Use it from one thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Sender] = []

    def add(self, sender: Sender) -> None:
        """Flush `sender` before the loop listens again; add it once until then."""
        self._waiting.append(sender)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._flush)
        elif len(self._waiting) >= TOGETHER:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for sender in waiting:
            try:
                sender.flush()
            except Exception as error:  # one that cannot be written to must not silence others
                log.error("an answer could not be written: %s", type(error).__name__)
