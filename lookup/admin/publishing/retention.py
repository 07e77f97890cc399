"""Retention: when its time is over, a release's key, its file and its batch's records are
destroyed. What stays is the audit: who published what, and that it is gone."""

import contextlib
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from lookup.admin.batch_file import batch_path
from lookup.admin.batches import subject_of
from lookup.admin.desk import Desk
from lookup.admin.jobs import LOAD, uploads
from lookup.admin.publishing.releases import ENDED, Release, list_releases, reconcile
from lookup.admin.states import SEALED
from lookup.durable import storage, sync_folder
from lookup.release_file import DIGEST_SUFFIX


async def destroy_due(desk: Desk) -> list[str]:
    """Destroy what ended longer ago than the settings keep it; the ids of the releases.

    A batch goes with all its releases or not at all: while one of them is open, scheduled or
    ended lately, its records are needed. Killed in between, the next run goes on. Raises
    RefusedError without the role, StorageError.
    """
    desk.actor.check("release.destroy")
    await reconcile(desk)
    destroyed = []
    for batch in sorted({release.batch for release in await list_releases(desk.database)}):
        destroyed += await _destroy_batch(desk, batch)
    return destroyed


def is_due(release: Release, now: datetime, kept: timedelta) -> bool:
    """Whether a release's retention time is over."""
    if release.state not in ENDED or release.ended_at is None:
        return False
    return now - datetime.fromisoformat(release.ended_at) >= kept


async def _due(desk: Desk, batch: int) -> list[Release]:
    """A batch's releases, where all of it may go now; those never opened go with the others."""
    kept = timedelta(days=desk.settings.retention_days)
    releases = [r for r in await list_releases(desk.database) if r.batch == batch]
    left = [release for release in releases if release.destroyed_at is None]
    due = [release for release in left if is_due(release, desk.clock(), kept)]
    in_use = [r for r in left if r not in due and r.state != SEALED]
    return left if due and not in_use and not _in_a_pointer(desk, left) else []


def _in_a_pointer(desk: Desk, releases: list[Release]) -> bool:
    """Whether a pointer names one as current or upcoming, whatever the database says."""
    ids = {release.id for release in releases}
    pointers = [desk.store.pointer(kind) for kind in {release.kind for release in releases}]
    parts = [part for p in pointers if p for part in (p.current, p.upcoming) if part]
    return any(part.reference.release in ids for part in parts)


async def _destroy_batch(desk: Desk, batch: int) -> list[str]:
    if not await _due(desk, batch):
        return []
    async with desk.act("release.destroy", subject_of(batch)) as line:
        # Looked at again inside the transaction: nobody notes an intent for it meanwhile.
        releases = await _due(desk, batch)
        sent = await _uploads(desk, batch)
        for release in releases:
            desk.keys.destroy(release.id)
            _remove(desk.store.path(release.reference))
            digest = release.file + DIGEST_SUFFIX
            _remove(desk.store.releases / digest)
        _remove(batch_path(desk.batches, batch))
        for folder in sent:
            _remove_folder(folder)
        now = desk.clock().isoformat()
        ids = [release.id for release in releases]
        line.detail = {"releases": ids}
        sql = "UPDATE release SET destroyed_at = ? WHERE id = ?"
        await desk.database.executemany(sql, [(now, release) for release in ids])
        sql = "UPDATE batch SET destroyed_at = ? WHERE id = ?"
        await desk.database.execute(sql, (now, batch))
    return ids


async def _uploads(desk: Desk, batch: int) -> list[Path]:
    """The folders of the uploads the batch was loaded from."""
    sql = "SELECT spec FROM job WHERE what = ? AND json_extract(result, '$.batch') = ?"
    async with desk.database.execute(sql, (LOAD, batch)) as cursor:
        named = [orjson.loads(row["spec"]).get("folder") async for row in cursor]
    return _below(uploads(desk.settings), named)


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
