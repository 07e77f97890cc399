"""Retention: when its time is over, a batch's records, the files it was loaded from and its
releases with their keys are destroyed, whatever became of it. What stays are the rows and the
audit: who published what, and that it is gone."""

import contextlib
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from lookup.admin.audit import entries
from lookup.admin.batch_file import batch_path
from lookup.admin.batches import Batch, list_batches
from lookup.admin.desk import Desk
from lookup.admin.jobs import LOAD, QUEUED, RUNNING, uploads
from lookup.admin.publishing.releases import Release, in_use, list_releases, reconcile
from lookup.admin.references import relied_on
from lookup.durable import storage, sync_folder
from lookup.release_file import DIGEST_SUFFIX


async def destroy_due(desk: Desk) -> list[str]:
    """Destroy what nobody has needed for as long as the settings keep it; what went: releases,
    batches without one, uploads that no batch came of.

    A batch goes with all its releases or not at all: while one of them is open, scheduled or
    ended lately, its records are needed. So are those of the newest reference that checks rely
    on. Killed in between, the next run goes on. Raises RefusedError without the role,
    StorageError.
    """
    desk.actor.check("release.destroy")
    await reconcile(desk)
    destroyed = []
    for batch in reversed(await list_batches(desk.database)):
        if batch.destroyed_at is None:
            destroyed += await _destroy_batch(desk, batch)
    for job, folder in await _left_uploads(desk):
        async with desk.act("upload.destroy", f"job {job}"):
            _remove_folder(folder)
        destroyed.append(f"job {job}")
    return destroyed


def _over(desk: Desk, *moments: str | None) -> bool:
    """Whether all of these moments are longer ago than anything is kept."""
    kept = timedelta(days=desk.settings.retention_days)
    now = desk.clock()
    return all(now - datetime.fromisoformat(at) >= kept for at in moments if at)


async def _due(desk: Desk, batch: Batch) -> list[Release] | None:
    """A batch's releases, where all of it may go now; None where it may not."""
    if await in_use(desk, batch.id):
        return None
    if batch.kind.reference and batch.id in (await relied_on(desk, {batch.kind.name})).values():
        return None
    releases = [r for r in await list_releases(desk.database) if r.batch == batch.id]
    moments = [batch.loaded_at, await _last_act(desk, batch.subject)]
    for release in releases:
        moments += [release.built_at, release.ended_at, await _last_act(desk, release.id)]
    return releases if _over(desk, *moments) else None


async def _last_act(desk: Desk, subject: str) -> str | None:
    async for line in entries(desk.database, subject=subject, limit=1):
        return line.at
    return None


async def _destroy_batch(desk: Desk, batch: Batch) -> list[str]:
    if await _due(desk, batch) is None:
        return []
    async with desk.act("release.destroy", batch.subject) as line:
        # Looked at again inside the transaction: nobody notes an intent for it meanwhile.
        releases = await _due(desk, batch) or []
        sent = await _uploads(desk, batch.id)
        for release in releases:
            desk.keys.destroy(release.id)
            _remove(desk.store.path(release.reference))
            digest = release.file + DIGEST_SUFFIX
            _remove(desk.store.releases / digest)
        _remove(batch_path(desk.batches, batch.id))
        for folder in sent:
            _remove_folder(folder)
        now = desk.clock().isoformat()
        ids = [release.id for release in releases]
        line.detail = {"releases": ids}
        sql = "UPDATE release SET destroyed_at = ? WHERE id = ?"
        await desk.database.executemany(sql, [(now, release) for release in ids])
        await desk.database.execute("DELETE FROM batch_statistics WHERE batch = ?", (batch.id,))
        sql = "UPDATE batch SET destroyed_at = ? WHERE id = ?"
        await desk.database.execute(sql, (now, batch.id))
    return ids or [batch.subject]


async def _uploads(desk: Desk, batch: int) -> list[Path]:
    """The folders of the uploads the batch was loaded from."""
    sql = "SELECT spec FROM job WHERE what = ? AND json_extract(result, '$.batch') = ?"
    async with desk.database.execute(sql, (LOAD, batch)) as cursor:
        named = [orjson.loads(row["spec"]).get("folder") async for row in cursor]
    return _below(uploads(desk.settings), named)


async def _left_uploads(desk: Desk) -> list[tuple[int, Path]]:
    """Uploads whose time is over and that no batch was loaded from, each with its last job."""
    sql = (
        "SELECT id, spec, started_at, ended_at, state IN (?, ?) AS alive,"
        " json_extract(result, '$.batch') AS batch FROM job WHERE what = ? ORDER BY id"
    )
    last: dict[Path, int] = {}
    needed: set[Path] = set()
    async with desk.database.execute(sql, (QUEUED, RUNNING, LOAD)) as cursor:
        async for row in cursor:
            # A load and the one that followed the clerk's answer have one upload.
            for folder in _below(uploads(desk.settings), [orjson.loads(row["spec"]).get("folder")]):
                last[folder] = row["id"]
                young = not _over(desk, row["started_at"], row["ended_at"])
                if row["alive"] or row["batch"] is not None or young:
                    needed.add(folder)
    return [
        (job, folder) for folder, job in last.items() if folder not in needed and folder.exists()
    ]


def _below(root: Path, named: list[Any]) -> list[Path]:
    """The folders right below `root` of those names: nothing else is ever removed."""
    # By the name alone: the data folder may have been spelled otherwise, or moved since.
    folders = [(root / Path(name).name).resolve() for name in named if isinstance(name, str)]
    return [folder for folder in folders if folder.parent == root.resolve()]


def _remove(path: Path) -> None:
    with storage(path), contextlib.suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def _remove_folder(path: Path) -> None:
    with storage(path), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
        sync_folder(path.parent)
