"""Mappings: how a person said files of one shape are read, so that nobody is asked twice."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import aiosqlite

from lookup.admin.desk import Desk
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import Event, intake
from lookup.kinds import Kind

_KEEP = (
    "INSERT INTO mapping (kind, shape, choice, person, at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (kind, shape) DO UPDATE SET"
    " choice = excluded.choice, person = excluded.person, at = excluded.at"
)


async def remembered_reader(
    desk: Desk, kind: Kind, choice: Choice, paths: Iterable[Path], *, issued: bool = False
) -> Callable[[Path], Generator[Event, None, None]]:
    """What reads one of these files after another as records of a kind, as `intake` does: by the
    choice, else as files of their shape are remembered, within the limits of the settings.
    `issued` access codes come from elsewhere."""
    known = await remembered(desk.database, kind.name)
    supplied = frozenset({"access_code"}) if issued else frozenset[str]()
    names = {path.name for path in paths}

    def read(path: Path) -> Generator[Event, None, None]:
        return intake(
            kind,
            path,
            choice,
            supplied=supplied,
            remembered=known.get,
            memory_mb=desk.settings.reader_memory_mb,
            seconds=desk.settings.reader_seconds,
            beside=names - {path.name},
        )

    return read


async def remembered(database: aiosqlite.Connection, kind: str) -> Mapping[str, Choice]:
    """The choices for files of a kind, by shape."""
    sql = "SELECT shape, choice FROM mapping WHERE kind = ?"
    async with database.execute(sql, (kind,)) as cursor:
        return {row["shape"]: Choice.from_json(row["choice"]) async for row in cursor}


async def remember(desk: Desk, kind: str, shapes: Iterable[str], choice: Choice) -> None:
    """Keep one choice for files of these shapes, and the tables it leaves out for theirs,
    inside the transaction of an act."""
    at = desk.clock().isoformat()
    kept = {shape: Choice(left_out={name: shape}) for name, shape in choice.left_out.items()}
    if choice.says_how:
        kept |= dict.fromkeys(shapes, replace(choice, left_out={}))
    rows = [(kind, shape, one.to_json(), desk.actor.name, at) for shape, one in kept.items()]
    await desk.database.executemany(_KEEP, rows)
