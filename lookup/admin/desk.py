"""The desk: what every act of the admin wing works with."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite

from lookup.admin import audit
from lookup.admin.database import open_database, transaction
from lookup.admin.people.roles import Actor
from lookup.admin.publishing.keys import Keys
from lookup.clock import utc_now
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore

Clock = Callable[[], datetime]
Progress = Callable[[int], None]
"""Is told how many records are done."""


def untold(records: int) -> None:
    """The progress nobody watches."""


@dataclass(slots=True)
class Line:
    """What the audit will say of an act: on what, from which hash or state to which, and
    details that are never a candidate's data."""

    subject: str
    before: str = ""
    after: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where things lie, who acts, what time it is. One act at a time: the connection is its
    own, and two acts at once have two desks."""

    settings: Settings
    database: aiosqlite.Connection
    store: EmbeddedStore
    keys: Keys
    actor: Actor
    clock: Clock = utc_now

    @property
    def batches(self) -> Path:
        """The folder of batch files."""
        return self.settings.data_dir / "admin" / "batches"

    @contextlib.asynccontextmanager
    async def act(self, act: str, subject: str = "") -> AsyncIterator[Line]:
        """One act in one transaction with its line in the audit: all of it, or nothing.

        What the block learns (the hash or state before and after, details) it writes on the
        line. Raises RefusedError where the actor's roles do not allow the act.
        """
        self.actor.check(act)
        line = Line(subject)
        async with transaction(self.database):
            yield line
            await audit.note(
                self.database,
                self.clock(),
                self.actor.name,
                act,
                line.subject,
                before=line.before,
                after=line.after,
                **line.detail,
            )


@contextlib.asynccontextmanager
async def open_desk(
    settings: Settings, actor: Actor, clock: Clock = utc_now
) -> AsyncIterator[Desk]:
    """A desk below the data folder, the database made or migrated where needed."""
    store = EmbeddedStore(settings.data_dir)
    async with open_database(settings.data_dir) as database:
        yield Desk(settings, database, store, Keys(settings.data_dir), actor, clock)
