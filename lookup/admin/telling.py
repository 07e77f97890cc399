"""The statistics a release tells the public: its own tables, and those of earlier titles.

They are kept in the admin database, so that they outlive the release's key and file. What was
public once stays known: a correction's tables are published only where they tell of nobody
beside those that were published under the same title before.
"""

from typing import Any, NamedTuple

import aiosqlite
import orjson

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, records
from lookup.admin.desk import Desk
from lookup.admin.references import relied_on
from lookup.admin.refusals import refused
from lookup.admin.states import CLOSED, OPEN, SUPERSEDED, WITHDRAWN
from lookup.kinds import Kind
from lookup.statistics.tally import Tally
from lookup.statistics.versions import tells_few

MAX_EARLIER = 3
Document = dict[str, Any]


class _Published(NamedTuple):
    """The statistics of a release that was open once, or may have been."""

    release: str
    title: str
    version: int
    state: str
    document: Document


async def statistics_of(desk: Desk, batch: Batch, tally: Tally) -> Document:
    """The document that a release of this batch tells; `tally` has counted its records.

    Where its tables beside published ones of the same title would tell of few people, it is the
    last published document, with `as_of_version`; where that one was withdrawn, it has no tables.
    """
    tables = tally.tables(await _references(desk, batch))
    published = await _published(desk.database, batch.kind.name)
    same = [one for one in published if one.title == batch.title]
    document = {"tables": tables, "earlier": _earlier(published, batch.title)}
    if not any(tells_few(batch.kind, one.document["tables"], tables) for one in same):
        return document
    if same[0].state == WITHDRAWN:
        return document | {"tables": []}
    return {"as_of_version": same[0].version} | same[0].document


async def keep(database: aiosqlite.Connection, release: str, document: bytes) -> None:
    """Keep a release's document, as part of the act that notes the release."""
    sql = "INSERT INTO statistics (release, document) VALUES (?, ?)"
    await database.execute(sql, (release, document))


async def refuse_telling(database: aiosqlite.Connection, kind: Kind, release: str) -> None:
    """Raise RefusedError where a release's tables beside those published under its title since
    it was built would tell of few people."""
    sql = (
        "SELECT title, document FROM statistics JOIN release ON release.id = statistics.release"
        " WHERE release = ?"
    )
    async with database.execute(sql, (release,)) as cursor:
        row = await cursor.fetchone()
    # Those from before tables were kept tell nothing that is held against anything.
    if row is None:
        return
    tables = orjson.loads(row["document"])["tables"]
    for one in await _published(database, kind.name):
        others = one.title == row["title"] and one.release != release
        if others and tables and tells_few(kind, one.document["tables"], tables):
            raise refused("tells_few", release=release, other=one.release)


async def keep_for_review(database: aiosqlite.Connection, batch: int, document: bytes) -> None:
    """Keep what a release of a batch would tell now, as part of the act that checks it."""
    sql = "INSERT OR REPLACE INTO batch_statistics (batch, document) VALUES (?, ?)"
    await database.execute(sql, (batch, document))


async def for_review(database: aiosqlite.Connection, batch: int) -> Document | None:
    """What a release of a batch would have told when it was last checked; None for one from
    before this was kept."""
    sql = "SELECT document FROM batch_statistics WHERE batch = ?"
    async with database.execute(sql, (batch,)) as cursor:
        row = await cursor.fetchone()
    document: Document | None = orjson.loads(row["document"]) if row else None
    return document


async def _references(desk: Desk, batch: Batch) -> dict[str, list[dict[str, Any]]]:
    """Rows of the references that the kind's tables name, of their newest batches."""
    columns = (column for table in batch.kind.tables for column in table.columns)
    named = {column.reference for column in columns if column.reference}
    found = {}
    for kind, number in (await relied_on(desk, named) if named else {}).items():
        async with open_batch_file(batch_path(desk.batches, number)) as file:
            chunks = [chunk async for chunk in records(file)]
        # As it is served: what the reference withholds is in no public table.
        found[kind] = [orjson.loads(record.body) for chunk in chunks for record in chunk]
    return found


async def _published(database: aiosqlite.Connection, kind: str) -> list[_Published]:
    """What tables were published of a kind, or may have been, the newest first."""
    sql = (
        "SELECT release.id, title, version, state, document FROM release"
        " JOIN statistics ON statistics.release = release.id WHERE kind = ? AND"
        " (state IN (?, ?, ?) OR release.id IN (SELECT subject FROM audit"
        " WHERE act IN ('release.open', 'release.prepare'))) ORDER BY statistics.id DESC"
    )
    async with database.execute(sql, (kind, OPEN, SUPERSEDED, CLOSED)) as cursor:
        found = [_read(row) async for row in cursor]
    return [one for one in found if one.document["tables"]]


def _read(row: aiosqlite.Row) -> _Published:
    release, title, version, state, document = row
    return _Published(release, title, version, state, orjson.loads(document))


def _earlier(published: list[_Published], title: str) -> list[Document]:
    """The tables of other titles, the last of each that was not taken back."""
    found: dict[str, Document] = {}
    for one in published:
        stands = one.state in (OPEN, SUPERSEDED, CLOSED)
        if one.title != title and stands and one.title not in found:
            found[one.title] = {"title": one.title, "tables": one.document["tables"]}
    return list(found.values())[:MAX_EARLIER]
