"""How findings are kept in a batch's file, by the stage that found them."""

from collections import Counter
from collections.abc import Iterable

import aiosqlite
import orjson

from lookup.admin.findings import ERROR, Finding

LOADING, CHECKING = "loading", "checking"
MAX_FINDINGS = 100_000
"""A file with more errors than this is the wrong file; reading or checking stops and says so."""

_INSERT = (
    'INSERT INTO finding (stage, source, line, "column", rule, severity, value, "values")'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


async def keep_findings(
    file: aiosqlite.Connection, stage: str, findings: Iterable[tuple[str, Finding]]
) -> None:
    """Keep findings, each with the name of its source ('' for the whole batch)."""
    rows = [
        (
            stage,
            source,
            f.line,
            f.column,
            f.rule,
            f.severity,
            f.value,
            orjson.dumps(dict(f.values)).decode(),
        )
        for source, f in findings
    ]
    await file.executemany(_INSERT, rows)


async def count_left_out(file: aiosqlite.Connection) -> int | None:
    """How many rows of the sources the loading refused; None where nobody can say how many.

    A refused row has a line, in a table that was read; any other error of the loading stands
    for a table, a file or the rest of one.
    """
    sql = (
        "SELECT COUNT(*), TOTAL(line = 0 OR source NOT IN (SELECT name FROM source WHERE rows > 0))"
        " FROM (SELECT DISTINCT source, line FROM finding WHERE stage = ? AND severity = ?)"
    )
    async with file.execute(sql, (LOADING, ERROR)) as cursor:
        ((rows, unread),) = await cursor.fetchall()
    return None if unread else int(rows)


async def forget_findings(file: aiosqlite.Connection, stage: str) -> None:
    """Drop what a stage found before it is done anew."""
    await file.execute("DELETE FROM finding WHERE stage = ?", (stage,))


async def count_findings(file: aiosqlite.Connection, stage: str) -> Counter[str]:
    """How many findings of each severity a stage left."""
    sql = "SELECT severity, COUNT(*) FROM finding WHERE stage = ? GROUP BY severity"
    async with file.execute(sql, (stage,)) as cursor:
        return Counter({row[0]: row[1] async for row in cursor})
