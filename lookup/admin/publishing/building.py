"""Building: one batch becomes one sealed release file, every record of it checked.

Key and file get their names before the release is noted. Which release is being built is
written down until then, so that what a kill leaves in between is found and destroyed.
"""

import contextlib
from pathlib import Path

import aiosqlite
import orjson

from lookup import __version__
from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, get_batch, records, refuse_destroyed, sources
from lookup.admin.content import ContentHash
from lookup.admin.desk import Desk, Progress, untold
from lookup.admin.intake.records import credentials
from lookup.admin.locks import only_one
from lookup.admin.publishing.releases import Release, get_release, refuse_withdrawn
from lookup.admin.refusals import refused
from lookup.admin.reviewing import counting, refuse_unapproved
from lookup.admin.states import LOADED, REJECTED, SEALED
from lookup.admin.telling import keep, statistics_of
from lookup.durable import storage, write
from lookup.errors import DamagedError, RefusedError
from lookup.release_file import Envelope, Manifest, ReleaseFile, digest_of
from lookup.release_writer import ReleaseWriter
from lookup.sealing import fingerprint, new_key, pre_check_key
from lookup.statistics.tally import Tally
from lookup.stores.pointer import Reference

LOCK = ".build.lock"
UNDER_WAY = "building"
"""In the folder `admin`: the id of the release that is being built, or was when a kill came."""
UNDER_WAY_MODE = 0o600
DIFFERS = "The built file differs from the batch: build again."

_INSERT = (
    "INSERT INTO release"
    " (id, kind, title, version, batch, file, sha256, built_at, built_by, state)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


async def build(desk: Desk, batch_id: int, progress: Progress = untold) -> Release:
    """Seal a batch, compare the file with the batch, give it its name, note it.

    Raises RefusedError where the batch is not approved, has changed since, is a reference, or
    somebody else is building; StorageError. Then there is no release, and whatever was live
    still is.
    """
    desk.actor.check("release.build")
    batch = await _buildable(desk, batch_id)
    desk.store.prepare()
    with only_one(desk.store.releases / LOCK, refused("building")):
        await _sweep(desk)
        key = new_key()
        manifest = await _manifest(desk, batch, key)
        write(_under_way(desk), manifest.release.encode(), UNDER_WAY_MODE)
        desk.keys.keep(manifest.release, key)
        partial = desk.store.partial(manifest.release)
        try:
            async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
                manifest, told = await _seal(desk, file, batch, manifest, key, progress)
            digest = digest_of(partial)
            async with desk.act("release.build", manifest.release) as line:
                # Looked at again: it may have been rejected while it was being sealed.
                await _buildable(desk, batch.id)
                reference = desk.store.keep(manifest.release, digest)
                await _note(desk, batch, manifest, reference)
                await keep(desk.database, manifest.release, told)
                line.before, line.after = batch.sha256, reference.sha256
                line.detail = {"batch": batch.id, "records": batch.records}
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _note_ended(desk)
    return await get_release(desk.database, manifest.release)


async def forget_killed(desk: Desk) -> None:
    """Destroy what a build that was killed left; nothing while somebody builds."""
    desk.store.prepare()
    with (
        contextlib.suppress(RefusedError),
        only_one(desk.store.releases / LOCK, refused("building")),
    ):
        await _sweep(desk)


async def _sweep(desk: Desk) -> None:
    """Remove parts, and key and file of a release that was never noted; only one may."""
    desk.store.sweep()
    with storage(_under_way(desk)), contextlib.suppress(FileNotFoundError):
        release = _under_way(desk).read_text("ascii")
        sql = "SELECT 1 FROM release WHERE id = ?"
        async with desk.database.execute(sql, (release,)) as cursor:
            noted = await cursor.fetchone()
        if not noted and release:
            desk.keys.destroy(release)
            desk.store.forget(release)
        _note_ended(desk)


def _under_way(desk: Desk) -> Path:
    return desk.settings.data_dir / "admin" / UNDER_WAY


def _note_ended(desk: Desk) -> None:
    # What a full disk does not let go of, the next sweep finds: the release is noted by now.
    with contextlib.suppress(OSError):
        _under_way(desk).unlink(missing_ok=True)


async def _buildable(desk: Desk, batch_id: int) -> Batch:
    """The batch, where a release may be built of it now. Raises RefusedError."""
    batch = await get_batch(desk.database, batch_id)
    refuse_destroyed(batch)
    if batch.kind.reference:
        raise refused("reference", batch=batch.id)
    if batch.state == LOADED:
        raise refused("unchecked", batch=batch.id)
    if batch.state == REJECTED and batch.rejected_by is None:
        raise refused("has_errors", batch=batch.id, errors=batch.errors, records=batch.records)
    await refuse_withdrawn(desk.database, batch.id)
    return await refuse_unapproved(desk.database, desk.settings, batch.id)


async def _manifest(desk: Desk, batch: Batch, key: bytes) -> Manifest:
    # Nobody else can count to the same version: only one release is built at a time.
    sql = "SELECT COUNT(*) FROM release WHERE kind = ? AND title = ?"
    async with desk.database.execute(sql, (batch.kind.name, batch.title)) as cursor:
        row = await cursor.fetchone()
    version = (row[0] if row else 0) + 1
    pointer = desk.store.pointer(batch.kind.name)
    current = pointer.current.reference.release if pointer and pointer.current else None
    content = fingerprint(key, batch.sha256)
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        digests = dict.fromkeys(source["sha256"] for source in await sources(file))
    return Manifest(
        release=f"{batch.kind.name}-v{version}-{content[:12]}",
        kind=batch.kind.document,
        title=batch.title,
        version=version,
        supersedes=current,
        records=batch.records,
        entries=0,
        batch=content,
        sources=tuple(fingerprint(key, digest) for digest in digests),
        builder=__version__,
        created_at=desk.clock().isoformat(),
        approvals=await _signatures(desk, batch, key),
        required_approvals=desk.settings.required_approvals,
        pre_check=batch.kind.pre_check,
        corrects=await _corrected(desk, batch, current),
    )


async def _corrected(desk: Desk, batch: Batch, current: str | None) -> str | None:
    """The release that is open, where it says the same thing under the same title."""
    sql = "SELECT id FROM release WHERE id = ? AND kind = ? AND title = ?"
    values = (current, batch.kind.name, batch.title)
    async with desk.database.execute(sql, values) as cursor:
        row = await cursor.fetchone()
    return row["id"] if row else None


async def _signatures(desk: Desk, batch: Batch, key: bytes) -> tuple[str, ...]:
    """The approvals that count, as a manifest may show them: names mean nothing to the public."""
    return tuple(
        fingerprint(key, f"{approval.person}\n{approval.at}\n{approval.sha256}")
        for approval in await counting(desk.database, batch)
    )


async def _seal(
    desk: Desk,
    file: aiosqlite.Connection,
    batch: Batch,
    manifest: Manifest,
    key: bytes,
    progress: Progress,
) -> tuple[Manifest, bytes]:
    """Write every record under the partial name, and find each there again; what was written
    as manifest and as statistics."""
    partial = desk.store.partial(manifest.release)
    envelope = Envelope(manifest)
    tally = Tally(batch.kind)
    content = ContentHash(batch.document, batch.title)
    written = 0
    with ReleaseWriter(partial, key, manifest.release, pre_check=manifest.pre_check) as writer:
        async for chunk in records(file):
            for record in chunk:
                content.add(
                    record.body, record.secrets, record.withheld, corrected=record.corrected
                )
                body = envelope.around(record.body, corrected=record.corrected)
                writer.add(credentials(batch.kind, record.typed()), body)
                if tally.wanted:
                    tally.add(orjson.loads(record.body))
            written += len(chunk)
            progress(written)
        if content.hexdigest() != batch.sha256:
            raise refused("not_as_loaded", batch=batch.id)
        statistics = orjson.dumps(await statistics_of(desk, batch, tally))
        manifest = manifest.with_entries(writer.entries)
        writer.finish(manifest, statistics)
    await _compare(desk, file, batch, manifest, key, statistics, progress)
    return manifest, statistics


async def _compare(
    desk: Desk,
    file: aiosqlite.Connection,
    batch: Batch,
    manifest: Manifest,
    key: bytes,
    statistics: bytes,
    progress: Progress,
) -> None:
    """Open the written file again and find in it exactly what the batch holds.

    Raises DamagedError at the first difference.
    """
    envelope, marks_key = Envelope(manifest), pre_check_key(key)
    path = desk.store.partial(manifest.release)
    compared = entries = 0
    async for chunk in records(file):
        # Opened anew for each chunk: what stays mapped would count as this process's memory.
        with contextlib.closing(ReleaseFile(path)) as found:
            for record in chunk:
                expected = envelope.around(record.body, corrected=record.corrected)
                for credential in credentials(batch.kind, record.typed()):
                    entries += 1
                    if found.find(key, credential) != expected:
                        raise DamagedError(DIFFERS)
                    if manifest.pre_check and not found.pre_checked(marks_key, credential):
                        raise DamagedError(DIFFERS)
        compared += len(chunk)
        progress(compared)
    with contextlib.closing(ReleaseFile(path)) as found:
        if (
            found.entries() != entries
            or (manifest.pre_check and found.marks(marks_key) != entries)
            or compared != batch.records
            or found.statistics(key).rstrip() != statistics
            or found.manifest != manifest
        ):
            raise DamagedError(DIFFERS)


async def _note(desk: Desk, batch: Batch, manifest: Manifest, reference: Reference) -> None:
    values = (
        manifest.release,
        batch.kind.name,
        batch.title,
        manifest.version,
        batch.id,
        reference.file,
        reference.sha256,
        manifest.created_at,
        desk.actor.name,
        SEALED,
    )
    await desk.database.execute(_INSERT, values)
