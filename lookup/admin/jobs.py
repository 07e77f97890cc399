"""Jobs: long work in processes of its own, so that the console stays quick.

A job is a row of the table `job` and, while it runs, a process that holds the lock of its file
in `admin/jobs`. Whoever can take that lock knows that the process is gone.
"""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite
import orjson

from lookup.admin.database import FOLDER_MODE, open_database, transaction
from lookup.admin.locks import take
from lookup.admin.refusals import misused
from lookup.durable import make_folder
from lookup.errors import StorageError
from lookup.settings import Settings

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
MAX_AT_ONCE = 2
GRACE_S = 20
TERMINATION_S = 5
AGAIN_S = 5.0
"""How long a queue waits that a full disk stopped."""
SIGHT = "sight.json"
"""In the folder of a load's upload: what its process has met so far."""
INTERRUPTED = "The work was interrupted before its end: start it again."

LOAD, CHECK, BUILD, VERIFY, REPLAY = "load", "check", "build", "verify", "replay"
ACTS = {
    LOAD: "batch.load",
    CHECK: "batch.check",
    BUILD: "release.build",
    VERIFY: "release.build",
    REPLAY: "live.replay",
}
"""What a job may be, and the act its person must be allowed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table `job`."""

    id: int
    what: str
    spec: Mapping[str, Any]
    person: str
    state: str
    progress: int
    message: str
    result: Mapping[str, Any] | None
    started_at: str
    ended_at: str | None

    @property
    def alive(self) -> bool:
        """Whether it waits or runs."""
        return self.state in (QUEUED, RUNNING)


def _job(row: aiosqlite.Row) -> Job:
    result = None if row["result"] is None else orjson.loads(row["result"])
    return Job(**{**dict(row), "spec": orjson.loads(row["spec"]), "result": result})


async def get_job(database: aiosqlite.Connection, job: int) -> Job:
    """One job. Raises UsageError where there is none."""
    async with database.execute("SELECT * FROM job WHERE id = ?", (job,)) as cursor:
        row = await cursor.fetchone()
    if row is None:
        raise misused("no_job")
    return _job(row)


async def list_jobs(database: aiosqlite.Connection, *states: str, limit: int = 50) -> list[Job]:
    """The jobs in these states (all without any), the newest first."""
    marks = ", ".join("?" * len(states))
    where = f"WHERE state IN ({marks})" if states else ""
    sql = f"SELECT * FROM job {where} ORDER BY id DESC LIMIT ?"  # noqa: S608  # question marks only
    async with database.execute(sql, (*states, limit)) as cursor:
        return [_job(row) async for row in cursor]


async def load_of(database: aiosqlite.Connection, batch: int) -> Job | None:
    """The job that loaded a batch; None where it was loaded elsewhere, or is a correction."""
    sql = "SELECT * FROM job WHERE what = ? AND json_extract(result, '$.batch') = ?"
    async with database.execute(sql, (LOAD, batch)) as cursor:
        row = await cursor.fetchone()
    return _job(row) if row else None


async def loads(database: aiosqlite.Connection) -> dict[int, Job]:
    """The jobs that loaded batches, by the batch."""
    sql = "SELECT * FROM job WHERE what = ? AND result IS NOT NULL"
    async with database.execute(sql, (LOAD,)) as cursor:
        found = [_job(row) async for row in cursor]
    return {int(job.result["batch"]): job for job in found if job.result}


def uploads(settings: Settings) -> Path:
    """Where uploads lie, a folder a load."""
    return settings.data_dir / "admin" / "uploads"


def arriving_lock(folder: Path) -> Path:
    """Beside the folder of the uploads: held while one arrives, until its job is noted."""
    return folder.with_name(f".{folder.name}.lock")


def upload_of(settings: Settings, spec: Mapping[str, Any]) -> Path:
    """Where the upload of a job's spec lies: found by its name alone, since the data folder may
    be spelled otherwise, or lie elsewhere, than when it was sent."""
    return uploads(settings) / Path(spec["folder"]).name


def forget_upload(settings: Settings, job: Job) -> None:
    """Remove what was sent for a load that ended without a batch: nothing else ever would."""
    own = uploads(settings) / str(job.id)
    if job.what != LOAD or job.alive or job.result:
        return
    if upload_of(settings, job.spec) == own:
        shutil.rmtree(own, ignore_errors=True)


def lock_path(settings: Settings, job: int) -> Path:
    """The file a job's process holds locked."""
    return settings.data_dir / "admin" / "jobs" / f"{job}.lock"


def _lock(path: Path) -> int | None:
    """A descriptor that holds a job's lock; None where another process holds it."""
    make_folder(path.parent, FOLDER_MODE)
    return take(path)


@contextlib.contextmanager
def holding(path: Path) -> Iterator[bool]:
    """Hold a job's lock inside the block; False where another process holds it."""
    descriptor = _lock(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as `read_settings` reads them; handed to a job on its standard input."""
    pairs = ((field.name, getattr(settings, field.name)) for field in dataclasses.fields(settings))
    return {f"LOOKUP_{name.upper()}": str(value) for name, value in pairs}


class Jobs:
    """Starts the jobs of one console, at most two at a time, and sees them end."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._stopping = False

    async def add(
        self,
        database: aiosqlite.Connection,
        what: str,
        spec: Mapping[str, Any],
        person: str,
        settle: Callable[[int], Mapping[str, Any]] = lambda job: {},
    ) -> int:
        """A new job in the queue; `start_next` lets it begin.

        `settle` is given the job's number before there is a job, and gives what its spec still
        lacks; what it raises leaves no job.
        """
        sql = "INSERT INTO job (what, spec, person, state, started_at) VALUES (?, ?, ?, ?, ?)"
        now = self._clock().isoformat()
        async with transaction(database):
            cursor = await database.execute(sql, (what, "{}", person, QUEUED, now))
            number = int(cursor.lastrowid or 0)
            text = orjson.dumps({**spec, **settle(number)}).decode()
            await database.execute("UPDATE job SET spec = ? WHERE id = ?", (text, number))
        return number

    async def start_next(self) -> None:
        """Start what is queued while there is room, the oldest first."""
        async with self._turn, open_database(self._settings.data_dir) as database:
            queued = await list_jobs(database, QUEUED, limit=1000)
            for job in reversed(queued):
                if len(self._processes) >= MAX_AT_ONCE or self._stopping:
                    return
                # Locked before it is said to run, and the process inherits the lock: at no
                # moment could anybody take a job that begins for one that was killed.
                lock = _lock(lock_path(self._settings, job.id))
                if lock is None:
                    continue
                try:
                    if await _begin(database, job.id):
                        await self._spawn(job.id, lock)
                finally:
                    os.close(lock)

    async def _spawn(self, job: int, lock: int) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lookup.admin.job",
            str(job),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=(lock,),
        )
        self._processes[job] = process
        watcher = asyncio.create_task(self._watch(job, process))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _watch(self, job: int, process: asyncio.subprocess.Process) -> None:
        """See a process to its end; what it could not say itself is said here."""
        await process.communicate(orjson.dumps(environment(self._settings)))
        self._processes.pop(job, None)
        # A full disk must not end the queue: what it will not take now is tried again.
        followed = await self._followed(job)
        while not followed and not self._stopping:
            await asyncio.sleep(AGAIN_S)
            followed = await self._followed(job)

    async def _followed(self, job: int) -> bool:
        """Note the end of a job and start the next; False where the disk would not have it."""
        try:
            async with open_database(self._settings.data_dir) as database:
                await self._end_interrupted(database, job)
            await self.start_next()
        except (StorageError, OSError):
            return False
        return True

    async def _end_interrupted(self, database: aiosqlite.Connection, job: int) -> bool:
        """Mark a running job failed where its process is gone."""
        with holding(lock_path(self._settings, job)) as gone:
            if not gone:
                return False
            sql = "UPDATE job SET state = ?, message = ?, ended_at = ? WHERE id = ? AND state = ?"
            now = self._clock().isoformat()
            cursor = await database.execute(sql, (FAILED, INTERRUPTED, now, job, RUNNING))
            if cursor.rowcount:
                forget_upload(self._settings, await get_job(database, job))
            return cursor.rowcount > 0

    async def reconcile(self) -> list[int]:
        """At the start of a console: running jobs without a process have failed; their numbers."""
        async with open_database(self._settings.data_dir) as database:
            await self._sweep(database)
            running = await list_jobs(database, RUNNING, limit=1000)
            ended = [job.id for job in running if await self._end_interrupted(database, job.id)]
        await self.start_next()
        return ended

    async def _sweep(self, database: aiosqlite.Connection) -> None:
        """Remove the uploads that a kill left without a job: the next job takes their number.
        Nothing while one arrives at another console: its job is about to be noted."""
        folder = uploads(self._settings)
        make_folder(folder, FOLDER_MODE)
        lock = take(arriving_lock(folder))
        if lock is None:
            return
        try:
            await self._sweep_alone(database)
        finally:
            os.close(lock)

    async def _sweep_alone(self, database: aiosqlite.Connection) -> None:
        async with database.execute("SELECT id FROM job") as cursor:
            known = {str(row["id"]) async for row in cursor}
        for folder in uploads(self._settings).glob("*"):
            if folder.name.isdecimal() and folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    async def refresh(self, database: aiosqlite.Connection, job: Job) -> Job:
        """The job as it is now: one that another console started may have died unseen, one in
        the queue may have been missed by whoever met a full disk when its turn came."""
        if job.state == RUNNING and job.id not in self._processes:
            await self._end_interrupted(database, job.id)
        elif job.state == QUEUED and len(self._processes) < MAX_AT_ONCE:
            await self.start_next()
        else:
            return job
        return await get_job(database, job.id)

    def processes(self) -> list[int]:
        """The ids of the processes that run now, each the leader of a group of its own."""
        return [process.pid for process in self._processes.values()]

    async def idle(self) -> None:
        """Wait until nothing runs and nothing is queued."""
        while self._watchers:
            await asyncio.wait(set(self._watchers))

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Let the running jobs end within `grace_s` seconds, then terminate them."""
        self._stopping = True
        await self._ended(grace_s)
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in self._processes.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
            await self._ended(TERMINATION_S)

    async def _ended(self, within_s: float) -> None:
        if self._watchers:
            await asyncio.wait(set(self._watchers), timeout=within_s)


async def _begin(database: aiosqlite.Connection, job: int) -> bool:
    """Note that a queued job runs; False where another console was quicker."""
    sql = "UPDATE job SET state = ? WHERE id = ? AND state = ?"
    async with database.execute(sql, (RUNNING, job, QUEUED)) as cursor:
        return cursor.rowcount > 0
