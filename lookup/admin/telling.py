"""The statistics a release tells the public: its own tables, and those of earlier titles.

They are kept in the admin database, so that they outlive the release's key and file. What was
public once stays known: a correction's tables are published only where they tell of nobody
beside those that were published of the same people before.
"""

from typing import Any, NamedTuple

import aiosqlite
import orjson

from lookup.admin.batch_file import batch_path, open_batch_file, uri_of
from lookup.admin.batches import Batch, records
from lookup.admin.desk import Desk
from lookup.admin.references import relied_on
from lookup.admin.refusals import refused
from lookup.admin.states import CLOSED, OPEN, SUPERSEDED, WITHDRAWN
from lookup.statistics.tally import Tally
from lookup.statistics.versions import tells_few

MAX_EARLIER = 3
_BOTH = (
    "SELECT COUNT(*) FROM record JOIN old.record AS other USING (identifier)"
    " WHERE json_extract(CAST(record.body AS TEXT), :name)"
    " = json_extract(CAST(other.body AS TEXT), :name)"
)
Document = dict[str, Any]


class _Published(NamedTuple):
    """The statistics of a release that was open once, or may have been."""

    release: str
    batch: int
    title: str
    version: int
    state: str
    document: Document


async def statistics_of(desk: Desk, batch: Batch, tally: Tally) -> Document:
    """The document that a release of this batch tells; `tally` has counted its records.

    Where its tables beside published ones of the same people would tell of few of them, it is
    the last published document, with `as_of_version`; where that one was withdrawn, or has
    another title, it has no tables.
    """
    tables = tally.tables(await _references(desk, batch))
    published = await _published(desk.database, batch.kind.name)
    same = [one for one in published if await _same_people(desk, batch, one)]
    others = [one for one in published if one not in same]
    document = {"tables": tables, "earlier": _earlier(others)}
    if not any(tells_few(batch.kind, one.document["tables"], tables) for one in same):
        return document
    if same[0].state == WITHDRAWN or same[0].title != batch.title:
        return document | {"tables": []}
    return {"as_of_version": same[0].version} | same[0].document


async def keep(database: aiosqlite.Connection, release: str, document: bytes) -> None:
    """Keep a release's document, as part of the act that notes the release."""
    sql = "INSERT INTO statistics (release, document) VALUES (?, ?)"
    await database.execute(sql, (release, document))


async def refuse_telling(desk: Desk, batch: Batch, release: str) -> None:
    """Raise RefusedError where a release's tables beside those published of the same people
    since it was built would tell of few of them."""
    sql = "SELECT document FROM statistics WHERE release = ?"
    async with desk.database.execute(sql, (release,)) as cursor:
        row = await cursor.fetchone()
    tables = orjson.loads(row["document"])["tables"] if row else []
    # Those from before tables were kept, and those without any, tell nothing.
    for one in await _published(desk.database, batch.kind.name) if tables else ():
        others = one.release != release and await _same_people(desk, batch, one)
        if others and tells_few(batch.kind, one.document["tables"], tables):
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
        "SELECT release.id, batch, title, version, state, document FROM release"
        " JOIN statistics ON statistics.release = release.id WHERE kind = ? AND"
        " (state IN (?, ?, ?) OR release.id IN (SELECT subject FROM audit"
        " WHERE act IN ('release.open', 'release.prepare'))) ORDER BY statistics.id DESC"
    )
    async with database.execute(sql, (kind, OPEN, SUPERSEDED, CLOSED)) as cursor:
        found = [_read(row) async for row in cursor]
    return [one for one in found if one.document["tables"]]


def _read(row: aiosqlite.Row) -> _Published:
    release, batch, title, version, state, document = row
    return _Published(release, batch, title, version, state, orjson.loads(document))


async def _same_people(desk: Desk, batch: Batch, one: _Published) -> bool:
    """Whether a published release is of the same people: by its title, or because most of the
    smaller batch have number and name in both. Where a kind has no names, or records are
    destroyed, only the title tells."""
    if one.title == batch.title or one.batch == batch.id:
        return True
    other = batch_path(desk.batches, one.batch)
    name = next((field.name for field in batch.kind.fields if field.type == "name"), None)
    if name is None or not other.is_file():
        return False
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        await file.execute("ATTACH ? AS old", (uri_of(other),))
        ((both,),) = await file.execute_fetchall(_BOTH, {"name": f"$.{name}"})
        ((count,),) = await file.execute_fetchall("SELECT COUNT(*) FROM old.record")
    return bool(2 * both > min(batch.records, count))


def _earlier(others: list[_Published]) -> list[Document]:
    """The tables of other people, the last of each title that was not taken back."""
    found: dict[str, Document] = {}
    for one in others:
        stands = one.state in (OPEN, SUPERSEDED, CLOSED)
        if stands and one.title not in found:
            found[one.title] = {"title": one.title, "tables": one.document["tables"]}
    return list(found.values())[:MAX_EARLIER]
