"""The admin database: made or migrated whole, every act all or nothing."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import aiosqlite
import pytest

from lookup.admin.database import migrations, open_database, split_statements, transaction
from lookup.errors import StorageError


def run(root: Path, *statements: str) -> None:
    async def work() -> None:
        async with open_database(root) as database:
            for statement in statements:
                await database.execute(statement)

    asyncio.run(work())


def version(root: Path) -> int:
    with contextlib.closing(sqlite3.connect(root / "admin" / "admin.db")) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


INSERT = "INSERT INTO mapping (kind, shape, choice, person, at) VALUES ('k', '{}', '', 'p', 'now')"


def shapes(root: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(root / "admin" / "admin.db")) as database:
        return [row[0] for row in database.execute("SELECT shape FROM mapping ORDER BY shape")]


def test_it_is_made_on_first_use_in_its_newest_form_and_private(tmp_path: Path) -> None:
    run(tmp_path)
    assert version(tmp_path) == max(migrations())
    assert (tmp_path / "admin").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "admin" / "admin.db").stat().st_mode & 0o777 == 0o600


def test_opening_it_again_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path, INSERT.format("a"))
    before = (tmp_path / "admin" / "admin.db").read_bytes()
    run(tmp_path)
    assert (tmp_path / "admin" / "admin.db").read_bytes() == before


@pytest.mark.parametrize(("number", "said"), [(99, "newer version"), (1, "0.1.0")])
def test_a_database_of_another_version_is_left_alone(
    tmp_path: Path, number: int, said: str
) -> None:
    run(tmp_path, f"PRAGMA user_version = {number}")
    with pytest.raises(StorageError, match=said):
        run(tmp_path)
    assert version(tmp_path) == number


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, INSERT.format("a"))
    newest = max(migrations())
    broken = {**migrations(), newest + 1: "DELETE FROM mapping; NONSENSE;"}
    monkeypatch.setattr("lookup.admin.database.migrations", lambda: broken)
    with pytest.raises(StorageError):
        run(tmp_path)
    assert (version(tmp_path), shapes(tmp_path)) == (newest, ["a"])


def test_journal_and_sync_survive_a_power_cut(tmp_path: Path) -> None:
    async def work() -> list[object]:
        async with open_database(tmp_path) as database:
            found = []
            for name in ("journal_mode", "synchronous", "foreign_keys"):
                async with database.execute(f"PRAGMA {name}") as cursor:
                    row = await cursor.fetchone()
                    found.append(row[0] if row else None)
            return found

    extra = 3
    assert asyncio.run(work()) == ["delete", extra, 1]


async def act(database: aiosqlite.Connection, *statements: str) -> None:
    async with transaction(database):
        for statement in statements:
            await database.execute(statement)


ORPHAN = "INSERT INTO approval (batch, person, at, sha256, disclosure) VALUES (9, '', '', '', '')"


@pytest.mark.parametrize(
    "statements",
    [
        (INSERT.format("a"), INSERT.format("a")),
        (INSERT.format("a"), "PRAGMA defer_foreign_keys = ON", ORPHAN),
    ],
    ids=["in mid-act", "in its commit"],
)
def test_an_act_that_fails_leaves_nothing_and_the_next_one_works(
    tmp_path: Path, statements: tuple[str, ...]
) -> None:
    async def work() -> None:
        async with open_database(tmp_path) as database:
            with pytest.raises(sqlite3.IntegrityError):
                await act(database, *statements)
            await act(database, INSERT.format("b"))

    asyncio.run(work())
    assert shapes(tmp_path) == ["b"]


def test_an_act_cancelled_in_its_commit_is_over_before_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with open_database(tmp_path) as database:
            task = asyncio.create_task(act(database, INSERT.format("a")))
            execute = database.execute

            def cancelling(sql: str) -> object:
                if sql == "COMMIT":
                    task.cancel()
                return execute(sql)

            monkeypatch.setattr(database, "execute", cancelling)
            with pytest.raises(asyncio.CancelledError):
                await task
            monkeypatch.undo()
            await act(database, INSERT.format("b"))

    asyncio.run(work())
    assert shapes(tmp_path) == ["a", "b"]


def test_statements_are_parted_where_they_end(tmp_path: Path) -> None:
    script = (
        "CREATE TABLE a (b); -- one; two\n"
        "CREATE TRIGGER t BEFORE UPDATE ON a\nBEGIN SELECT 1; SELECT 2; END;\n"
    )
    assert [statement.split()[1] for statement in split_statements(script)] == ["TABLE", "TRIGGER"]
