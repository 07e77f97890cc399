"""The admin database: SQLite through aiosqlite, one writer at a time, never for long.

`journal_mode=DELETE` and `synchronous=EXTRA`: SQLite before 3.51.3 can corrupt a WAL, and
nothing here is fast enough to need one. An act is one transaction; a kill leaves the state
before it.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from pathlib import Path

import aiosqlite

from lookup.durable import make_folder, storage
from lookup.errors import StorageError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
TIMEOUT_S = 10
"""How long one writer waits for another."""
FIRST_VERSION = 1
"""The schema of 0.1.0, which kept records inside this database."""

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


@contextlib.contextmanager
def sqlite_storage(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about `path` into a StorageError of one sentence."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StorageError(_sentence(error, path)) from error


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
    with sqlite_storage(path):
        async with aiosqlite.connect(path, isolation_level=None, timeout=TIMEOUT_S) as database:
            await settle(database)
            await database.execute("PRAGMA foreign_keys = ON")
            await _migrate(database, path)
            yield database


async def settle(database: aiosqlite.Connection) -> None:
    """What every connection is told first: rows by name, and no commit that a crash undoes."""
    database.row_factory = aiosqlite.Row
    await database.execute("PRAGMA journal_mode = DELETE")
    await database.execute("PRAGMA synchronous = EXTRA")


async def _version(database: aiosqlite.Connection) -> int:
    async with database.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


def migrations() -> dict[int, str]:
    """The numbered scripts of `migrations/`, in order."""
    folder = files("lookup.admin").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return {int(name[:4]): folder.joinpath(name).read_text("utf-8") for name in names}


async def _migrate(database: aiosqlite.Connection, path: Path) -> None:
    """Run the scripts whose numbers are above the database's, all of them or none."""
    scripts = migrations()
    newest = max(scripts)
    if await _version(database) == newest:
        return
    async with transaction(database):
        version = await _version(database)
        if version > newest:
            raise StorageError(f"{path} was written by a newer version: run that version.")
        if version == FIRST_VERSION:
            raise StorageError(
                f"{path} was written by 0.1.0, whose batches this version does not read: move it"
                " aside and load the files again; what is open stays open."
            )
        for number, script in scripts.items():
            if number > version:
                for statement in split_statements(script):
                    await database.execute(statement)
        await database.execute(f"PRAGMA user_version = {newest}")


def split_statements(script: str) -> list[str]:
    """A script's statements; run one by one they stay inside the transaction."""
    lines = [line.split("--")[0] for line in script.splitlines()]
    statements = []
    statement = ""
    for line in lines:
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            statements.append(statement.strip())
            statement = ""
    return statements


@contextlib.asynccontextmanager
async def transaction(database: aiosqlite.Connection) -> AsyncIterator[None]:
    """One act: everything inside is written, or nothing."""
    await database.execute("BEGIN IMMEDIATE")
    try:
        yield
        await _commit(database)
    except BaseException:
        # A full disk may have rolled back already; then there is nothing left to undo.
        with contextlib.suppress(sqlite3.Error):
            await database.execute("ROLLBACK")
        raise


async def _commit(database: aiosqlite.Connection) -> None:
    # SQLite's thread goes on whoever is cancelled: wait for it, so that nothing follows between.
    commit = asyncio.ensure_future(database.execute("COMMIT"))
    try:
        await asyncio.shield(commit)
    except asyncio.CancelledError:
        await asyncio.wait([commit])
        raise
