"""One kind's live pointer as a worker holds it, and what of it may be served at a moment."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from lookup.errors import DamagedError
from lookup.kinds import Kind
from lookup.public.shelf import Mapped
from lookup.stores.embedded import Stamp
from lookup.stores.pointer import Current, Pointer

log = logging.getLogger("lookup.public")


@dataclass(frozen=True, slots=True)
class Proven:
    """A `current` whose key has opened its file, and the public statistics that were in it."""

    current: Current
    statistics: Mapping[str, Any]


@dataclass(slots=True)
class Slot:
    """One kind: the pointer held, its `current` once proven to open, what was served before."""

    stamp: Stamp | None = None
    read_at: datetime | None = None
    pointer: Pointer | None = None
    proven: Proven | None = None
    previous: Proven | None = None
    kind: Kind | None = None
    complaint: str = ""

    def take(self, pointer: Pointer) -> None:
        """Hold another pointer; what was served goes on until the new current is verified."""
        kept, ended = self.proven or self.previous, pointer.ended
        if pointer.current is None or (
            kept is not None and ended is not None and ended.reference == kept.current.reference
        ):
            kept = None
        self.pointer, self.proven, self.previous = pointer, None, kept

    def prove(self, name: str, mapped: Mapped, current: Current) -> None:
        """Note that a file is of the kind `name` and the key is the file's; complain where not."""
        try:
            if mapped.kind.name != name:
                raise DamagedError("A live pointer leads to a release of another kind.")
            self.proven = Proven(current, _statistics(mapped.file.statistics(current.key)))
        except DamagedError as error:
            self.complain(name, str(error))

    def served(self, now: datetime) -> Proven | None:
        """What is to be served, None where it is nothing."""
        current = self.pointer.current if self.pointer else None
        if current is None or _closed(current, now):
            return None
        if now >= current.opened_at and self.proven is not None:
            return self.proven
        previous = self.previous
        if previous is None or now < previous.current.opened_at or _closed(previous.current, now):
            return None
        return previous

    def closed(self, now: datetime) -> bool:
        """Whether nothing is served since it has ended, or there is nothing at all to come."""
        pointer = self.pointer
        if pointer is None:
            return False
        if pointer.current is None:
            return pointer.upcoming is None
        return _closed(pointer.current, now)

    def complain(self, name: str, complaint: str) -> None:
        """Log a complaint once, not at every poll."""
        if self.complaint != complaint:
            self.complaint = complaint
            log.error("live pointer of %s: %s", name, complaint)


def _closed(current: Current, now: datetime) -> bool:
    return current.closes_at is not None and now >= current.closes_at


def _statistics(content: bytes) -> Mapping[str, Any]:
    """A release's document; nothing where it is of a form from before there were pages for it."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DamagedError("A release's statistics are no document: build it again.") from error
    if not isinstance(document, dict) or not isinstance(document.get("tables"), list):
        document = {}
    return {"tables": [], "earlier": [], **document}
