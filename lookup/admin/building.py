"""Building: one batch becomes one sealed release file, every record of it checked."""

import contextlib
from collections.abc import Callable
from datetime import datetime

import aiosqlite
import orjson

from lookup import __version__
from lookup.admin.batches import Batch, get_batch, records, sources
from lookup.admin.database import transaction
from lookup.admin.keys import Keys
from lookup.admin.records import credentials
from lookup.admin.releases import SEALED, Release, get_release, refuse_withdrawn
from lookup.errors import DamagedError, RefusedError
from lookup.release_file import (
    Envelope,
    Manifest,
    ReleaseFile,
    ReleaseWriter,
    digest_of,
)
from lookup.sealing import fingerprint, new_key
from lookup.statistics import Tally
from lookup.stores.embedded import EmbeddedStore

Progress = Callable[[int], None]


async def build(
    database: aiosqlite.Connection,
    store: EmbeddedStore,
    keys: Keys,
    batch_id: int,
    now: datetime,
    progress: Progress = lambda records: None,
) -> Release:
    """Seal a batch, compare the file with the batch, give it its name, note it.

    Raises RefusedError where the batch has errors, StorageError; then there is no release,
    and whatever was live still is.
    """
    batch = await get_batch(database, batch_id)
    if batch.state != "loaded":
        raise RefusedError(
            f"Batch {batch.id} has {batch.errors} errors and {batch.records} records:"
            f" see `lookup batch show {batch.id}`, mend the file and load it again."
        )
    await refuse_withdrawn(database, batch.id)
    store.prepare()
    # Held for the whole build, so that two builders cannot write one file.
    async with transaction(database):
        store.sweep()
        key = new_key()
        manifest = await _manifest(database, store, batch, key, now)
        release = manifest.release
        keys.keep(release, key)
        partial = store.partial(release)
        try:
            statistics, manifest = await _write(database, store, batch, manifest, key, progress)
            await _compare(database, store, batch, manifest, key, statistics, progress)
            reference = store.keep(release, digest_of(partial))
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        await database.execute(
            "INSERT INTO release (id, kind, title, version, batch, file, sha256, built_at, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                release,
                batch.kind.name,
                batch.title,
                manifest.version,
                batch.id,
                reference.file,
                reference.sha256,
                now.isoformat(),
                SEALED,
            ),
        )
    return await get_release(database, release)


async def _manifest(
    database: aiosqlite.Connection, store: EmbeddedStore, batch: Batch, key: bytes, now: datetime
) -> Manifest:
    sql = "SELECT COUNT(*) FROM release WHERE kind = ? AND title = ?"
    async with database.execute(sql, (batch.kind.name, batch.title)) as cursor:
        row = await cursor.fetchone()
    version = (row[0] if row else 0) + 1
    pointer = store.pointer(batch.kind.name)
    current = pointer.current if pointer else None
    content = fingerprint(key, batch.sha256)
    return Manifest(
        release=f"{batch.kind.name}-v{version}-{content[:12]}",
        kind=batch.kind.document,
        title=batch.title,
        version=version,
        supersedes=current.reference.release if current else None,
        records=batch.records,
        entries=0,
        batch=content,
        sources=tuple(
            fingerprint(key, source["sha256"]) for source in await sources(database, batch.id)
        ),
        builder=__version__,
        created_at=now.isoformat(),
    )


async def _write(
    database: aiosqlite.Connection,
    store: EmbeddedStore,
    batch: Batch,
    manifest: Manifest,
    key: bytes,
    progress: Progress,
) -> tuple[bytes, Manifest]:
    """Seal every record under the partial name; the statistics and the finished manifest."""
    envelope = Envelope(manifest)
    tally = Tally(batch.kind)
    written = 0
    with ReleaseWriter(store.partial(manifest.release), key, manifest.release) as writer:
        async for chunk in records(database, batch.id):
            for body, secrets in chunk:
                writer.add(credentials(batch.kind, secrets), envelope.around(body))
                if tally.wanted:
                    tally.add(orjson.loads(body))
            written += len(chunk)
            progress(written)
        statistics = orjson.dumps(tally.tables())
        manifest = manifest.with_entries(writer.entries)
        writer.finish(manifest, statistics)
    return statistics, manifest


async def _compare(
    database: aiosqlite.Connection,
    store: EmbeddedStore,
    batch: Batch,
    manifest: Manifest,
    key: bytes,
    statistics: bytes,
    progress: Progress,
) -> None:
    """Open the written file again and find in it exactly what the batch holds.

    Raises DamagedError at the first difference.
    """
    envelope = Envelope(manifest)
    path = store.partial(manifest.release)
    compared = entries = 0
    async for chunk in records(database, batch.id):
        # Opened anew for each chunk: what stays mapped would count as this process's memory.
        with contextlib.closing(ReleaseFile(path)) as found:
            for body, secrets in chunk:
                expected = envelope.around(body)
                for credential in credentials(batch.kind, secrets):
                    entries += 1
                    if found.find(key, credential) != expected:
                        raise DamagedError("The built file differs from the batch: build again.")
        compared += len(chunk)
        progress(compared)
    with contextlib.closing(ReleaseFile(path)) as found:
        if (
            found.entries() != entries
            or compared != batch.records
            or found.statistics(key).rstrip() != statistics
            or found.manifest != manifest
        ):
            raise DamagedError("The built file differs from the batch: build again.")
