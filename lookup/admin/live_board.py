"""A round's table as offices send it, read by the intake: rows of the broadcast's board.

Its layout is found, and its file parsed in the limited child process, as for every load. No
batch is made of it: what is wrong with it is one sentence, and nothing of it is shown then.
"""

import contextlib
from collections.abc import Iterable, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import orjson

from lookup.admin.desk import Desk
from lookup.admin.findings import ERROR, Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import About, Event, Opened
from lookup.admin.intake.mappings import remembered_reader
from lookup.admin.intake.records import Record
from lookup.admin.loading import check_files
from lookup.admin.readers.tables import Source
from lookup.admin.refusals import Said, refused
from lookup.errors import RefusedError
from lookup.kind_file import load_kind
from lookup.kinds import Kind
from lookup.stores.entries import MAX_BOARD, School


class Table(NamedTuple):
    """What a file held: its rows in its order, and its SHA-256."""

    schools: tuple[School, ...]
    sha256: str


class _Reason(NamedTuple):
    """A finding in words, in the reader's language."""

    finding: Finding

    def in_language(self, language: str) -> str:
        return self.finding.reason(language)


def board_kind() -> Kind:
    """The kind such a table is read as."""
    with as_file(files("lookup.admin").joinpath("live_board.toml")) as path:
        return load_kind(path)


async def read_table(desk: Desk, path: Path, choice: Choice | None = None) -> Table:
    """The board in one file. Raises RefusedError where anything in it is wrong, UsageError,
    StorageError."""
    check_files([path])
    kind = board_kind()
    read = await remembered_reader(desk, kind, choice or Choice(), [path])
    with contextlib.closing(read(path)) as events:
        return _taken(kind, events)


def _taken(kind: Kind, events: Iterable[Event]) -> Table:
    place, sha256, rows = "", "", dict[str, School]()
    for event in events:
        match event:
            case Source():
                place, sha256 = event.name, event.sha256
            case Opened() | About():
                place = event.name
            case [Record(), *_]:
                for record in event:
                    _keep(kind, place, rows, record)  # type: ignore[arg-type]  # a list is of one kind
            case [Finding(), *_]:
                _refuse_wrong(place, event)  # type: ignore[arg-type]  # a list is of one kind
    return Table(tuple(rows.values()), sha256)


def _refuse_wrong(place: str, findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.severity == ERROR:
            raise _wrong(place, finding)


def _wrong(place: str, finding: Finding) -> RefusedError:
    reason: Said = _Reason(finding)
    if not finding.line:
        return refused("table_file", file=place, reason=reason)
    return refused(
        "table_cell", file=place, line=finding.line, column=finding.column, reason=reason
    )


def _keep(kind: Kind, place: str, rows: dict[str, School], record: Record) -> None:
    values = orjson.loads(record.body)
    code = values["school_code"]
    if code in rows:
        raise refused("table_twice", file=place, line=record.line, code=code)
    if len(rows) == MAX_BOARD:
        raise refused("table_long", file=place, most=MAX_BOARD)
    plan, admitted = values["plan"], values["admitted"]
    rows[code] = School(
        code,
        values["school"],
        plan,
        admitted,
        values.get("position"),
        values.get("score"),
        0 < plan <= admitted,
    )
