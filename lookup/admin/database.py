"""The admin database: SQLite through aiosqlite, one connection, one writer.

`journal_mode=DELETE` and `synchronous=EXTRA`: SQLite before 3.51.3 can corrupt a WAL, and
nothing here is fast enough to need one. An act is one transaction; a kill leaves the state
before it.
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import aiosqlite

from lookup.durable import make_folder, storage
from lookup.errors import StorageError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
CACHE_KIB = 65536
SCHEMA_VERSION = 1

_SENTENCES = {
    "SQLITE_FULL": "The disk that holds {path} is full: free some space and run this again.",
    "SQLITE_BUSY": "Somebody else is writing to {path}: wait until it is done and run this again.",
    "SQLITE_READONLY": "There is no permission to write {path}: run this as the user who owns it.",
    "SQLITE_CORRUPT": "{path} is damaged: restore it from a backup.",
    "SQLITE_NOTADB": "{path} is not a database: restore it from a backup.",
}


def _sentence(error: sqlite3.Error, path: Path) -> str:
    # Extended codes (SQLITE_READONLY_DBMOVED …) begin with the name of their family.
    name = getattr(error, "sqlite_errorname", "")
    for family, sentence in _SENTENCES.items():
        if name.startswith(family):
            return sentence.format(path=path)
    return f"The disk failed on {path} ({name or type(error).__name__}): check it and try again."


@contextlib.asynccontextmanager
async def open_database(data_dir: Path) -> AsyncIterator[aiosqlite.Connection]:
    """The admin database below `data_dir`, made on first use. Raises StorageError.

    Errors of SQLite inside the block leave it as StorageError too.
    """
    folder = data_dir / "admin"
    path = folder / "admin.db"
    make_folder(folder, FOLDER_MODE)
    with storage(path):
        path.touch(mode=FILE_MODE)
    try:
        async with aiosqlite.connect(path, isolation_level=None, timeout=10) as database:
            database.row_factory = aiosqlite.Row
            await database.execute("PRAGMA journal_mode = DELETE")
            await database.execute("PRAGMA synchronous = EXTRA")
            await database.execute("PRAGMA foreign_keys = ON")
            await database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            await _migrate(database, path)
            yield database
    except sqlite3.DatabaseError as error:
        raise StorageError(_sentence(error, path)) from error


async def _migrate(database: aiosqlite.Connection, path: Path) -> None:
    async with transaction(database):
        async with database.execute("PRAGMA user_version") as cursor:
            row = await cursor.fetchone()
        version = row[0] if row else 0
        if version > SCHEMA_VERSION:
            raise StorageError(f"{path} was written by a newer version: run that version.")
        if version == 0:
            script = files("lookup.admin").joinpath("schema.sql").read_text()
            for statement in _statements(script):
                await database.execute(statement)
            await database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _statements(script: str) -> list[str]:
    """A script's statements; run one by one they stay inside the transaction."""
    lines = [line.split("--")[0] for line in script.splitlines()]
    return [part for part in "\n".join(lines).split(";") if part.strip()]


@contextlib.asynccontextmanager
async def transaction(database: aiosqlite.Connection) -> AsyncIterator[None]:
    """One act: everything inside is written, or nothing."""
    await database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # A full disk may have rolled back already; then there is nothing left to undo.
        with contextlib.suppress(sqlite3.Error):
            await database.execute("ROLLBACK")
        raise
    await database.execute("COMMIT")
