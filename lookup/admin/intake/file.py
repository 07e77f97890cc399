"""Intake: one file in, the records of a kind out, table by table, with what was found.

The readers say what stands in a file, the layout says which column is which, and what is
uncertain is asked and never guessed.
"""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lookup.admin.findings import ERROR, WARNING, Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.columns import check_overrides
from lookup.admin.intake.layout import SEARCHED_ROWS
from lookup.admin.intake.opening import Opener, Opening, Remembered
from lookup.admin.intake.records import Record
from lookup.admin.intake.table_reader import TableReader
from lookup.admin.readers.reading import read as read_file
from lookup.admin.readers.tables import Row, Source, Table
from lookup.errors import UsageError
from lookup.kinds import Kind

ROWS_SHOWN = 20
"""So many first rows of a table are shown to the clerk."""

FIRST_ROWS = 2 * SEARCHED_ROWS
"""A table is opened with so many rows: where a header may stand, and what is under it."""

ABOUT_CELLS = frozenset(
    {"hidden_rows", "hidden_columns", "merged_cells", "formulas", "formula_value"}
)
"""What a reader says of a sheet's cells: true of nothing where the sheet is not read."""

Read = Source | Table | list[Row] | Finding


class Reader(Protocol):
    """What gives a file's tables: `readers.reading.read`."""

    def __call__(self, path: Path, *, memory_mb: int, seconds: int) -> Iterator[Read]: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A table that was opened: its file's name, with the sheet's or member's where it has one.

    `shape` is a digest of the kind's name and the header, `rows_shown` are the first rows,
    `columns` the headers with the fields they are read as, '' for none. Where `sure` is
    False, the clerk must be asked: no records follow, only findings that say what to pass.
    """

    name: str
    format: str
    encoding: str
    shape: str
    rows_shown: list[Row]
    columns: tuple[tuple[str, str], ...]
    sure: bool


Event = Source | Opened | list[Record] | list[Finding]


def intake(
    kind: Kind,
    path: Path,
    choice: Choice,
    *,
    supplied: frozenset[str],
    remembered: Remembered,
    memory_mb: int,
    seconds: int,
    read: Reader = read_file,
) -> Generator[Event, None, None]:
    """Read one file as records of a kind.

    First comes the Source, then for each table that is read an Opened, its findings and its
    records, in no other order than the file's; lists are never empty. `supplied` are fields
    whose values do not come from the file, `remembered` tells what was confirmed for tables
    of a shape. Raises UsageError where the choice names a field the kind does not have or a
    column that no table has, StorageError where the file cannot be opened.
    """
    check_overrides(kind, choice.overrides)
    work = _Intake(Opener(kind, choice, supplied, remembered))
    with contextlib.closing(_closable(read(path, memory_mb=memory_mb, seconds=seconds))) as events:
        for event in work.file(events):
            if event:
                yield event


def _closable(events: Iterator[Read]) -> Generator[Read, None, None]:
    """The same events; closing this closes their source, and so the process that reads."""
    yield from events


@dataclass
class _Intake:
    """One file under way."""

    opener: Opener
    source: str = ""
    names: list[str] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    present: set[str] = field(default_factory=set)
    filled: bool = False
    failed: bool = False

    def file(self, events: Iterator[Read]) -> Iterator[Event]:
        """Everything of one file."""
        table: _OpenTable | None = None
        for event in events:
            if isinstance(event, Source):
                self.source = event.name
                yield event
            elif isinstance(event, Table):
                if table:
                    yield from table.finish()
                self.names.append(event.name)
                table = _OpenTable(self, event)
            elif isinstance(event, Finding):
                self.failed |= event.severity == ERROR
                yield from table.note(event) if table else [[event]]
            elif table:
                yield from table.take(event)
        if table:
            yield from table.finish()
        yield self._at_the_end()

    def chosen(self, table: Table) -> bool:
        """Whether a table is to be read: those the clerk named, or all that are visible."""
        sheets = self.opener.choice.sheets
        if not sheets or not table.name:
            return not table.hidden
        return table.name in sheets or self.name(table) in sheets

    def name(self, table: Table) -> str:
        """What a table is called beside all others."""
        return f"{self.source}/{table.name}" if table.name else self.source

    def opened(self, opening: Opening) -> None:
        """Note which of the columns that the clerk named a table has."""
        if opening.layout.found:
            absent = set(opening.layout.columns.absent)
            self.absent |= absent
            self.present |= self.opener.choice.overrides.keys() - absent

    def _at_the_end(self) -> list[Finding]:
        if self.absent - self.present:
            raise UsageError(
                "--map names a column that is not in the file's header or first row:"
                " check its spelling."
            )
        findings = []
        known = {name.removeprefix(f"{self.source}/") for name in self.opener.choice.sheets}
        absent = known - set(self.names) if any(self.names) else set()
        if absent:
            values = {"absent": ", ".join(sorted(absent)), "names": ", ".join(self.names)}
            findings.append(Finding("sheet_absent", values=values))
        if not (self.filled or self.failed or absent):
            findings.append(Finding("empty"))
        return findings


class _OpenTable:
    """One table under way: its first rows are gathered, then it is opened and read."""

    def __init__(self, work: _Intake, table: Table) -> None:
        self._work = work
        self._table = table
        self._chosen = work.chosen(table)
        self._first: list[Row] = []
        self._early: list[Finding] = []
        self._opening: Opening | None = None
        self._reader: TableReader | None = None
        self._rows = 0

    def note(self, finding: Finding) -> Iterator[Event]:
        """A reader's finding: kept until the table has been opened."""
        if self._chosen and self._opening is None:
            self._early.append(finding)
        elif self._chosen or finding.rule not in ABOUT_CELLS:
            yield [finding]

    def take(self, rows: list[Row]) -> Iterator[Event]:
        """Some rows."""
        self._rows += len(rows)
        if not self._chosen:
            return
        if self._opening is None:
            self._first += rows
            if len(self._first) >= FIRST_ROWS:
                yield from self._open()
        elif self._reader:
            yield from self._reader.read(rows)

    def finish(self) -> Iterator[Event]:
        """What is left when the table ends."""
        table, work = self._table, self._work
        if not self._chosen:
            if self._rows and not table.hidden:
                values = {"name": table.name}
                yield [Finding("sheet_left_out", severity=WARNING, values=values)]
            work.filled |= bool(self._rows)
            return
        if self._first and self._opening is None:
            yield from self._open()
        if self._opening is None:
            yield self._early
        elif self._reader:
            yield from self._reader.finish()
            if self._rows == len(self._opening.layout.above) and not work.failed:
                yield [Finding("empty", self._opening.layout.line)]

    def _open(self) -> Iterator[Event]:
        table, work, first = self._table, self._work, self._first
        work.filled = True
        self._opening = opening = work.opener.open(first)
        work.opened(opening)
        yield Opened(
            work.name(table),
            table.format,
            table.encoding,
            opening.shape,
            first[:ROWS_SHOWN],
            opening.layout.names(),
            opening.sure,
        )
        yield self._early + opening.findings
        if opening.sure:
            self._reader = TableReader(work.opener.kind, opening.layout)
            yield from self._reader.read(first[len(opening.layout.above) :])
        self._first = []
