"""Intake: one file in, the records of a kind out, table by table, with what was found.

The readers say what stands in a file, the layout says which column is which, and what is
uncertain is asked and never guessed.
"""

import contextlib
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
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
from lookup.admin.refusals import misused
from lookup.kinds import Kind

ROWS_SHOWN = 20
"""So many first rows of a table are shown to the clerk."""

FIRST_ROWS = 2 * SEARCHED_ROWS
"""A table is opened with so many rows: where a header may stand, and what is under it."""

READ_TOO = frozenset({"hidden_rows", "hidden_columns", "formulas"})
"""What a reader says was read: not true of a table that nobody can read yet."""
ABOUT_CELLS = READ_TOO | {"merged_cells", "formula_value"}
"""What a reader says of a sheet's cells: true of nothing where the sheet is not read."""
SHEETS_NAMED = 5

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


@dataclass(frozen=True, slots=True)
class About:
    """What the findings that follow are about: a table that was not opened, or the whole file."""

    name: str


Event = Source | Opened | About | list[Record] | list[Finding]


def intake(
    kind: Kind,
    path: Path,
    choice: Choice,
    *,
    supplied: frozenset[str],
    remembered: Remembered,
    memory_mb: int,
    seconds: int,
    beside: Collection[str] = (),
    read: Reader = read_file,
) -> Generator[Event, None, None]:
    """Read one file as records of a kind.

    First comes the Source, then for each table that is read an Opened, its findings and its
    records, in no other order than the file's; lists are never empty. `supplied` are fields
    whose values do not come from the file, `remembered` tells what was confirmed for tables
    of a shape, `beside` are the names of the load's other files. Findings are about the table
    that was opened last, or what the last About names. Raises UsageError where the choice names
    a field the kind does not have or a column that no table has, StorageError where the file
    cannot be opened.
    """
    check_overrides(kind, choice.overrides)
    work = _Intake(Opener(kind, choice, supplied, remembered), tuple(f"{x}/" for x in beside))
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
    beside: tuple[str, ...]
    source: str = ""
    names: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    wanted: set[str] = field(default_factory=set)
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
                self.names.append(event.name or event.title or self.source)
                table = _OpenTable(self, event)
            elif isinstance(event, Finding):
                self.failed |= event.severity == ERROR
                yield from table.note(event) if table else [[event]]
            elif table:
                yield from table.take(event)
        if table:
            yield from table.finish()
        last = self._at_the_end()
        if last:
            yield About(self.source)
            yield last

    def chosen(self, table: Table) -> bool:
        """Whether a table is to be read: those the clerk named, or all that are visible, but
        for what the clerk left out."""
        sheets = self.opener.choice.sheets
        if self.name(table) in self.opener.choice.left_out:
            return False
        if not sheets:
            return not table.hidden
        names = {table.name, table.title, self.name(table)}.intersection(sheets)
        self.wanted |= names
        return bool(names)

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
            raise misused("no_such_column")
        findings = []
        if self.hidden:
            hidden: Mapping[str, str | int] = {
                "count": len(self.hidden),
                "sheets": _some(self.hidden),
            }
            findings.append(Finding("hidden_sheet", severity=WARNING, values=hidden))
        absent = self._absent()
        if absent:
            values = {"absent": ", ".join(absent), "names": _some(self.names, ROWS_SHOWN)}
            findings.append(Finding("sheet_absent", values=values))
        else:
            findings += (
                Finding("sheet_left_out", severity=WARNING, values={"name": name})
                for name in self.left_out
            )
        if not (self.filled or self.failed or absent):
            findings.append(Finding("empty"))
        return findings

    def _absent(self) -> list[str]:
        """The tables that the clerk named and that are in no file, as far as this one tells."""
        if self.failed or not self.names:
            return []
        return [
            name.removeprefix(f"{self.source}/")
            for name in sorted(set(self.opener.choice.sheets) - self.wanted)
            if not f"{name}/".startswith(self.beside)
        ]


def _some(names: Sequence[str], most: int = SHEETS_NAMED) -> str:
    return ", ".join([*names[:most], *["…"] * (len(names) > most)])


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
        elif self._chosen:
            yield [finding]
        elif finding.rule not in ABOUT_CELLS:
            yield About(self._work.name(self._table))
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
        if self._chosen and self._first:
            yield from self._open()
        if not self._chosen:
            if table.hidden:
                work.hidden.append(table.title or table.name)
            elif self._rows and (self._opening or work.name(table) in work.opener.choice.left_out):
                yield About(work.name(table))
                yield [Finding("sheet_not_wanted", severity=WARNING)]
            elif self._rows:
                work.left_out.append(table.name or table.title or work.source)
            work.filled |= bool(self._rows)
            return
        if self._opening is None:
            if self._early:
                yield About(work.name(table))
                yield self._early
        elif self._reader:
            yield from self._reader.finish()
            if self._rows == len(self._opening.layout.above) and not work.failed:
                yield [Finding("no_records", self._opening.layout.line)]

    def _open(self) -> Iterator[Event]:
        table, work, first = self._table, self._work, self._first
        work.filled = True
        self._opening = opening = work.opener.open(first)
        self._first = []
        if work.opener.leaves_out(table.name, opening.shape):
            self._chosen = False
            yield About(work.name(table))
            yield [finding for finding in self._early if finding.rule not in ABOUT_CELLS]
            return
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
        early = self._early
        if not opening.sure:
            early = [finding for finding in early if finding.rule not in READ_TOO]
        yield early + opening.findings
        if opening.sure:
            self._reader = TableReader(work.opener.kind, opening.layout)
            yield from self._reader.read(first[len(opening.layout.above) :])
