"""A batch's own file: one SQLite database with its sources, records and findings.

It is written under a name nobody reads and gets its own when it is complete, in the act that
enters its batch. After that only a check writes to it, and only findings.
"""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import aiosqlite

from lookup.admin.database import FILE_MODE, TIMEOUT_S, settle, split_statements, sqlite_storage
from lookup.durable import storage
from lookup.errors import DamagedError

CACHE_KIB = 16384
SUFFIX = ".db"
_ADD_CORRECTED = "ALTER TABLE record ADD COLUMN corrected INTEGER NOT NULL DEFAULT 0"


def batch_path(folder: Path, batch: int) -> Path:
    """Where a batch's file lies among the others of `folder`."""
    return folder / f"{batch}{SUFFIX}"


def _statements() -> tuple[list[str], list[str]]:
    """What makes the tables, and what makes the indexes once they are full."""
    script = files("lookup.admin").joinpath("batch.sql").read_text("utf-8")
    indexes = [text for text in split_statements(script) if text.startswith("CREATE INDEX")]
    return [text for text in split_statements(script) if text not in indexes], indexes


@contextlib.asynccontextmanager
async def create_batch_file(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """A new batch file; complete and closed once the block has ended well.

    No crash needs surviving before it has its name, so nothing is journalled here: whoever
    names it syncs it first. Raises StorageError, also for SQLite's errors inside the block.
    """
    tables, indexes = _statements()
    _touch(path)
    with sqlite_storage(path):
        async with aiosqlite.connect(path, isolation_level=None) as file:
            file.row_factory = aiosqlite.Row
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
                await file.execute(f"PRAGMA {pragma}")
            await file.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            await file.execute("BEGIN")
            for statement in tables:
                await file.execute(statement)
            yield file
            # Sorting once is faster than keeping an order from row to row.
            for statement in indexes:
                await file.execute(statement)
            await file.execute("COMMIT")


def _touch(path: Path) -> None:
    with storage(path):
        path.touch(mode=FILE_MODE, exist_ok=False)


@contextlib.asynccontextmanager
async def copy_batch_file(source: Path, path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """A copy of a batch's file at `path`, complete and closed once the block has ended well.

    A batch's file is never changed, so it is the copy of an old one that gets what is new.
    Raises DamagedError where the source is gone, StorageError.
    """
    _touch(path)
    with sqlite_storage(path):
        async with aiosqlite.connect(path, isolation_level=None) as file:
            async with open_batch_file(source) as old:
                await old.backup(file)
            await settle(file)
            await file.execute("BEGIN")
            if not await has_corrected(file):
                await file.execute(_ADD_CORRECTED)
            yield file
            await file.execute("COMMIT")


async def has_corrected(file: aiosqlite.Connection) -> bool:
    """Whether the file's records can be marked as corrected: those of 0.3 and before cannot."""
    columns = await file.execute_fetchall("SELECT name FROM pragma_table_info('record')")
    return any(row[0] == "corrected" for row in columns)


@contextlib.asynccontextmanager
async def open_batch_file(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """A batch's file. Raises DamagedError where it is gone, StorageError."""
    with sqlite_storage(path):
        async with aiosqlite.connect(
            uri_of(path), uri=True, isolation_level=None, timeout=TIMEOUT_S
        ) as file:
            await settle(file)
            await file.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            yield file


def uri_of(path: Path) -> str:
    """A batch's file as SQLite opens it without making it. Raises DamagedError where it is gone."""
    if not path.is_file():
        raise DamagedError(
            f"{path} is not there, and with it the batch's records: restore it from a backup."
        )
    return f"{path.absolute().as_uri()}?mode=rw"
