"""The audit: no line of it is edited, dropped, moved or put in unnoticed."""

import asyncio
import contextlib
import csv
import io
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lookup.admin.audit import START, Verified, entries, head, note, verify_chain
from lookup.admin.database import migrations, split_statements
from lookup.admin.desk import Desk
from lookup.admin.exporting import AUDIT_COLUMNS, audit_csv
from lookup.admin.people.roles import LOADER
from lookup.errors import RefusedError
from tests.desk_makers import START as NOW
from tests.desk_makers import Bureau, person

LINES = 8
TEXTS = ("at", "person", "act", "subject", "before", "after", "detail", "hash")

Row = list[Any]
Forger = Callable[[list[Row]], list[Row]]


@pytest.fixture(scope="module")
def chain() -> list[Row]:
    """The rows of an honest audit."""

    async def work() -> list[Row]:
        async with _database([]) as database:
            for number in range(LINES):
                await note(
                    database, NOW, f"p{number % 3}", "act", f"batch {number}",
                    before=str(number), after=str(number + 1), count=number, why="原因",
                )  # fmt: skip
            async with database.execute("SELECT * FROM audit ORDER BY id") as cursor:
                return [list(row) async for row in cursor]

    return asyncio.run(work())


@contextlib.asynccontextmanager
async def _database(rows: list[Row]) -> Any:
    """An audit of exactly these rows, the triggers out of the way as a forger would put them."""
    async with aiosqlite.connect(":memory:", isolation_level=None) as database:
        database.row_factory = aiosqlite.Row
        for statement in split_statements(migrations()[2]):
            if statement.startswith("CREATE TABLE audit"):
                await database.execute(statement)
        sql = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        await database.executemany(sql, rows)
        yield database


def verified(rows: list[Row], known_head: str | None = None) -> Verified:
    async def work() -> Verified:
        async with _database(rows) as database:
            return await verify_chain(database, known_head)

    return asyncio.run(work())


def test_an_honest_chain_is_whole_and_its_head_is_the_last_hash(chain: list[Row]) -> None:
    whole = verified(chain)
    assert whole == Verified(LINES, chain[-1][-1])
    assert verified(chain, whole.head) == whole
    assert verified(chain, chain[2][-1]) == whole
    assert verified(chain, START) == whole


def test_an_empty_audit_is_whole() -> None:
    assert verified([]) == Verified(0, START)


@given(
    line=st.integers(0, LINES - 1),
    column=st.sampled_from(TEXTS),
    value=st.text(st.characters(codec="utf-8")),
)
def test_every_edit_of_any_cell_is_found_at_its_line(
    chain: list[Row], line: int, column: str, value: str
) -> None:
    index = 1 + TEXTS.index(column)
    assume("\x00" not in value and chain[line][index] != value)
    rows = [list(row) for row in chain]
    rows[line][index] = value
    assert verified(rows).broken == (line + 1, "edited")


@pytest.mark.parametrize(
    "detail",
    ['{"count": 0,"why":"原因"}', '{"why":"原因","count":0}', '{"count":9,"count":0}', "", "[]"],
)
def test_even_an_edit_that_means_the_same_is_found(chain: list[Row], detail: str) -> None:
    rows = [list(row) for row in chain]
    rows[0][7] = detail
    assert verified(rows).broken == (1, "edited")


@pytest.mark.parametrize("line", range(LINES))
def test_every_line_that_is_taken_out_is_missed(chain: list[Row], line: int) -> None:
    rows = [row for index, row in enumerate(chain) if index != line]
    renumbered = [[number, *row[1:]] for number, row in enumerate(rows, 1)]
    noted = chain[-1][-1]
    if line < LINES - 1:
        assert verified(rows).broken == (line + 1, "missing")
        assert verified(renumbered).broken == (line + 1, "edited")
    assert verified(rows, noted).broken
    assert verified(renumbered, noted).broken


@pytest.mark.parametrize("kept", range(LINES))
def test_a_tail_that_is_cut_off_is_missed_by_who_noted_the_head(
    chain: list[Row], kept: int
) -> None:
    assert verified(chain[:kept]).broken is None
    assert verified(chain[:kept], chain[-1][-1]).broken == (kept + 1, "cut")


@given(one=st.integers(0, LINES - 1), other=st.integers(0, LINES - 1))
def test_two_lines_that_change_places_are_found(chain: list[Row], one: int, other: int) -> None:
    assume(one != other)
    rows = [list(row) for row in chain]
    rows[one][1:], rows[other][1:] = chain[other][1:], chain[one][1:]
    assert verified(rows).broken == (min(one, other) + 1, "edited")


@given(at=st.integers(0, LINES), copied=st.integers(0, LINES - 1))
def test_a_line_that_is_put_in_is_found(chain: list[Row], at: int, copied: int) -> None:
    rows = [*chain[:at], chain[copied], *chain[at:]]
    renumbered = [[number, *row[1:]] for number, row in enumerate(rows, 1)]
    found = verified(renumbered).broken
    assert found is not None
    assert found[0] <= at + 2
    assert found[1] == "edited"


def test_a_whole_new_chain_is_found_by_who_noted_the_head(chain: list[Row]) -> None:
    async def forge() -> list[Row]:
        async with _database([]) as database:
            for number in range(LINES):
                await note(database, NOW, "p", "act", f"batch {number}")
            async with database.execute("SELECT * FROM audit ORDER BY id") as cursor:
                return [list(row) async for row in cursor]

    forged = asyncio.run(forge())
    assert verified(forged).broken is None
    assert verified(forged, chain[-1][-1]).broken == (LINES + 1, "cut")


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    return Bureau(tmp_path)


def lines(bureau: Bureau, count: int, **detail: Any) -> None:
    async def work(desk: Desk) -> None:
        for number in range(count):
            async with desk.act("batch.load", f"batch {number}") as line:
                line.detail = detail

    bureau.at_desk(work)


@pytest.mark.parametrize("sql", ["UPDATE audit SET person = 'x'", "DELETE FROM audit"])
def test_the_database_itself_refuses_to_edit_or_delete(bureau: Bureau, sql: str) -> None:
    lines(bureau, 2)
    database = sqlite3.connect(bureau.root / "admin" / "admin.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(sql)
    database.close()


def test_an_act_that_fails_or_is_not_allowed_leaves_no_line(bureau: Bureau) -> None:
    async def fails(desk: Desk) -> None:
        async with desk.act("batch.load", "batch 1"):
            raise KeyError

    with pytest.raises(KeyError):
        bureau.at_desk(fails)
    with pytest.raises(RefusedError):
        bureau.at_desk(fails, person("nobody", LOADER[:0]))
    assert bureau.audit() == []


def test_two_desks_at_once_write_one_chain(bureau: Bureau) -> None:
    async def one(name: str) -> None:
        async with bureau.desk(person(name, LOADER)) as desk:
            for _ in range(5):
                async with desk.act("batch.load", "batch 1"):
                    pass

    async def both() -> None:
        await asyncio.gather(one("a"), one("b"))

    bureau.at_desk(lambda desk: head(desk.database))
    asyncio.run(both())
    assert bureau.at_desk(lambda desk: verify_chain(desk.database)).lines == 10
    assert bureau.at_desk(lambda desk: verify_chain(desk.database)).broken is None


def test_lines_are_listed_the_newest_first_in_pages(bureau: Bureau) -> None:
    lines(bureau, 5)

    async def page(desk: Desk, before: int | None) -> list[int]:
        return [e.id async for e in entries(desk.database, before=before, limit=2)]

    assert bureau.at_desk(lambda desk: page(desk, None)) == [5, 4]
    assert bureau.at_desk(lambda desk: page(desk, 4)) == [3, 2]


def read_back(content: bytes) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@x", "\t=1", "plain", '"=x"', "一\n二"])
def test_an_export_holds_every_line_and_nothing_that_runs(bureau: Bureau, reason: str) -> None:
    lines(bureau, 2, reason=reason)
    bureau.execute("INSERT INTO audit VALUES (3, '', ?, ?, ?, ?, ?, '{}', '')", *([reason] * 5))

    async def work(desk: Desk) -> bytes:
        return b"".join([part async for part in audit_csv(desk.database)])

    rows = list(read_back(bureau.at_desk(work)))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert tuple(rows[0]) == AUDIT_COLUMNS
    for row in rows:
        assert not any(value.startswith(("=", "+", "-", "@", "\t")) for value in row.values())
    assert rows[2]["person"].endswith(reason)
