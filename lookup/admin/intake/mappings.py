"""Mappings: how a person said files of one shape are read, so that nobody is asked twice."""

from collections.abc import Iterable, Mapping

import aiosqlite

from lookup.admin.desk import Desk
from lookup.admin.intake.choice import Choice

_KEEP = (
    "INSERT INTO mapping (kind, shape, choice, person, at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (kind, shape) DO UPDATE SET"
    " choice = excluded.choice, person = excluded.person, at = excluded.at"
)


async def remembered(database: aiosqlite.Connection, kind: str) -> Mapping[str, Choice]:
    """The choices for files of a kind, by shape."""
    sql = "SELECT shape, choice FROM mapping WHERE kind = ?"
    async with database.execute(sql, (kind,)) as cursor:
        return {row["shape"]: Choice.from_json(row["choice"]) async for row in cursor}


async def remember(desk: Desk, kind: str, shapes: Iterable[str], choice: Choice) -> None:
    """Keep one choice for files of these shapes, inside the transaction of an act."""
    at = desk.clock().isoformat()
    text = choice.to_json()
    rows = [(kind, shape, text, desk.actor.name, at) for shape in shapes]
    await desk.database.executemany(_KEEP, rows)
