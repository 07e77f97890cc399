"""One job as a process: `python -m lookup.admin.job ID`, the settings on standard input.

Whatever happens, the row of the job says how it ended, unless the process is killed.
"""

import asyncio
import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from lookup.admin.bulk import rarely_collecting
from lookup.admin.checking import check
from lookup.admin.database import FILE_MODE, open_database
from lookup.admin.desk import Desk, open_desk
from lookup.admin.findings import Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import Event, Opened
from lookup.admin.jobs import (
    BUILD,
    CHECK,
    DONE,
    FAILED,
    LOAD,
    REPLAY,
    SIGHT,
    VERIFY,
    Job,
    forget_upload,
    get_job,
    lock_path,
    upload_of,
)
from lookup.admin.loading import Loaded, load
from lookup.admin.people.accounts import get_person
from lookup.admin.people.roles import Actor
from lookup.admin.publishing.building import build
from lookup.admin.publishing.releases import get_release
from lookup.admin.publishing.verifying import verify
from lookup.admin.replaying import replay
from lookup.clock import utc_now
from lookup.durable import PARTIAL, storage
from lookup.errors import RefusedError, ServiceError
from lookup.kind_file import load_named
from lookup.phrases import LANGUAGES
from lookup.settings import Settings, read_settings

NICENESS = 10
MAX_GROUPS = 100
EVERY_S = 0.25
"""Progress is written at most this often: every write is a sync of the disk."""
UNEXPECTED = "The work failed unexpectedly ({what}): start it again, or tell who runs the server."


class Progress:
    """Writes how far a job is into its row, over a connection of its own."""

    def __init__(self, path: Path, job: int) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=0.2)
        self._job = job
        self._last = 0.0
        self._done = 0

    def __call__(self, done: int) -> None:
        """So many records are done."""
        self._done = done
        if time.monotonic() - self._last >= EVERY_S:
            self._write()

    def _write(self) -> None:
        self._last = time.monotonic()
        sql = "UPDATE job SET progress = ? WHERE id = ?"
        # Somebody else may be writing: the next progress will be told instead.
        with contextlib.suppress(sqlite3.OperationalError):
            self._database.execute(sql, (self._done, self._job))

    def close(self) -> None:
        """Tell the last of it, and give the connection back."""
        self._write()
        self._database.close()


class Sight:
    """What a load has met so far, kept beside its upload for whoever watches the job: findings
    by rule and column, how many tables are surely read, and the first rows of every table the
    clerk must be asked about."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SIGHT
        self._groups: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._openings: list[dict[str, Any]] = []
        self._sure: list[str] = []
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        """One event of the intake."""
        match event:
            case Opened(sure=True):
                self._sure.append(event.name)
            case Opened():
                rows = [[row.line, [str(cell) for cell in row.cells]] for row in event.rows_shown]
                columns = [list(pair) for pair in event.columns]
                known = {"name": event.name, "shape": event.shape}
                self._openings.append(known | {"columns": columns, "rows": rows})
            case [Finding(), *_]:
                for finding in event:
                    if isinstance(finding, Finding):
                        self._count(finding)
        if time.monotonic() - self._last >= EVERY_S:
            self.write()

    def _count(self, finding: Finding) -> None:
        key = (finding.rule, finding.severity, finding.column)
        if key not in self._groups and len(self._groups) < MAX_GROUPS:
            self._groups[key] = {
                "severity": finding.severity,
                "column": finding.column,
                "count": 0,
                "reason": {language: finding.reason(language) for language in LANGUAGES},
            }
        if key in self._groups:
            self._groups[key]["count"] += 1

    def write(self) -> None:
        """Show it; whole or not at all, and not durable: it tells of work that can be lost."""
        self._last = time.monotonic()
        groups = list(self._groups.values())
        shown = {"groups": groups, "openings": self._openings, "sure": self._sure}
        partial = self._path.with_name(self._path.name + PARTIAL)
        with storage(self._path):
            partial.touch(mode=FILE_MODE)
            partial.write_bytes(orjson.dumps(shown))
            partial.replace(self._path)


Work = Callable[[Desk, Job, Progress], Awaitable[dict[str, Any]]]


async def _load(desk: Desk, job: Job, progress: Progress) -> dict[str, Any]:
    folder = upload_of(desk.settings, job.spec)
    sight = Sight(folder)
    try:
        loaded = await _load_files(desk, job, folder, progress, sight)
    finally:
        sight.write()
    return {"batch": loaded.batch}


async def _load_files(
    desk: Desk, job: Job, folder: Path, progress: Progress, sight: Sight
) -> Loaded:
    spec = job.spec

    async def entered(batch: int) -> None:
        # In the transaction of the batch: whatever kills the check after it, the batch's
        # upload, and the list of codes in it, are found again, and destroyed with it.
        sql = "UPDATE job SET result = ? WHERE id = ?"
        await desk.database.execute(sql, (orjson.dumps({"batch": batch}).decode(), job.id))

    return await load(
        desk,
        load_named(desk.settings.kinds_dir, spec["kind"]),
        [folder / name for name in spec["files"]],
        title=spec["title"],
        choice=Choice.from_json(spec["choice"]),
        expected=spec["expected"],
        codes_path=folder / spec["codes"] if spec["codes"] else None,
        progress=progress,
        watch=sight,
        entered=entered,
    )


async def _check(desk: Desk, job: Job, progress: Progress) -> dict[str, Any]:
    batch = await check(desk, job.spec["batch"], progress=progress)
    return {"batch": batch.id}


async def _build(desk: Desk, job: Job, progress: Progress) -> dict[str, Any]:
    release = await build(desk, job.spec["batch"], progress)
    return {"release": release.id}


async def _verify(desk: Desk, job: Job, progress: Progress) -> dict[str, Any]:
    spec = job.spec
    release = await get_release(desk.database, spec["release"])
    paths = [upload_of(desk.settings, spec) / name for name in spec["files"]]
    choice = Choice.from_json(spec["choice"]) if paths else None
    found = await verify(desk, release, paths, choice, progress)
    return {"release": release.id, "compared": found.compared, "differences": found.differences}


async def _replay(desk: Desk, job: Job, progress: Progress) -> dict[str, Any]:
    spec = job.spec
    over = timedelta(seconds=spec["seconds"])
    ended = await replay(desk, spec["batch"], spec["round"], over, progress=progress)
    return {"how": ended.how, "forwarded": ended.forwarded}


WORK: dict[str, Work] = {
    LOAD: _load,
    CHECK: _check,
    BUILD: _build,
    VERIFY: _verify,
    REPLAY: _replay,
}


async def _actor(settings: Settings, name: str) -> Actor:
    """The person of a job with the roles they have now. Raises RefusedError, UsageError."""
    async with open_database(settings.data_dir) as database:
        person = await get_person(database, name)
    if person.disabled_at:
        raise RefusedError(f"{name} may not act any more: somebody else must start this.")
    return person.actor


async def run(settings: Settings, number: int) -> None:
    """Do the job and note its end."""
    async with open_database(settings.data_dir) as database:
        job = await get_job(database, number)
    progress = Progress(settings.data_dir / "admin" / "admin.db", number)
    state, message, result = DONE, "", None
    try:
        actor = await _actor(settings, job.person)
        async with open_desk(settings, actor) as desk:
            result = await WORK[job.what](desk, job, progress)
    except ServiceError as error:
        state, message = FAILED, str(error)
    except Exception as error:
        # The type alone: a message could hold what stands in a cell.
        state, message = FAILED, UNEXPECTED.format(what=type(error).__name__)
    finally:
        progress.close()
    text = None if result is None else orjson.dumps(result).decode()
    values = (state, message, text, utc_now().isoformat(), number)
    sql = (
        "UPDATE job SET state = ?, message = ?, result = coalesce(?, result), ended_at = ?"
        " WHERE id = ?"
    )
    async with open_database(settings.data_dir) as database:
        await database.execute(sql, values)
        forget_upload(settings, await get_job(database, number))


def main(number: int) -> None:
    """The process, at low priority; the lock it inherited is let go of when it ends."""
    os.nice(NICENESS)
    given = sys.stdin.buffer.read()
    if not given:
        # The console was killed before it could say where to work: its next start tells.
        return
    settings = read_settings(orjson.loads(given))
    with rarely_collecting():
        asyncio.run(run(settings, number))
    lock_path(settings, number).unlink(missing_ok=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
