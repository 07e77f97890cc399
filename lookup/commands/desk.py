"""The desk of the admin wing: database, store and keys, for one command at a time."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import typer

from lookup.admin.database import open_database
from lookup.admin.keys import Keys
from lookup.admin.publishing import Publisher
from lookup.clock import utc_now
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore


@dataclasses.dataclass(frozen=True, slots=True)
class Desk:
    """What the commands of the admin wing work with."""

    settings: Settings
    publisher: Publisher

    @property
    def store(self) -> EmbeddedStore:
        """The store of sealed releases and live pointers."""
        return self.publisher.store


@contextlib.asynccontextmanager
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """The admin database, store and keys below the data folder."""
    store = EmbeddedStore(settings.data_dir)
    async with open_database(settings.data_dir) as database:
        yield Desk(settings, Publisher(database, store, Keys(settings.data_dir), utc_now))


def at_desk(context: typer.Context, work: Callable[[Desk], Coroutine[Any, Any, Any]]) -> Any:
    """Run one act of the admin wing and give back its result."""

    async def run() -> Any:
        async with desk(context.obj) as place:
            return await work(place)

    return asyncio.run(run())
