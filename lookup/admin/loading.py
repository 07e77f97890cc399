"""Loading: files in, one batch out, with a finding for everything that breaks a rule.

Records and findings are written to a file of their own, which gets its name in one short act
at the end: a kill or a full disk leaves no batch, and nobody else waits meanwhile.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiosqlite
import orjson

from lookup.admin.access_codes import CodeList, code_list
from lookup.admin.batch_file import create_batch_file
from lookup.admin.checking import check
from lookup.admin.content import ContentHash, document_of
from lookup.admin.desk import Desk, Progress, untold
from lookup.admin.entering import NewBatch, enter, workplace
from lookup.admin.finding_store import LOADING, MAX_FINDINGS, keep_findings
from lookup.admin.findings import ERROR, WARNING, Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import About, Event, Opened
from lookup.admin.intake.mappings import remember, remembered_reader
from lookup.admin.intake.records import Record
from lookup.admin.readers.tables import Source
from lookup.admin.risk import Risk, RiskCount
from lookup.durable import storage
from lookup.errors import RefusedError, UsageError
from lookup.kinds import Kind

Watch = Callable[[Event], None]
Entered = Callable[[int], Awaitable[None]]

_INSERT_SOURCE = "INSERT INTO source (name, sha256, format, encoding, rows) VALUES (?, ?, ?, ?, 0)"
_INSERT_RECORD = (
    "INSERT INTO record (source, line, identifier, body, secrets, withheld)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: the batch's id, state and counts, and what each way in risks."""

    batch: int
    state: str
    records: int
    errors: int
    warnings: int
    risks: list[Risk]


@dataclass
class _Load:
    """One load under way, into one batch file."""

    file: aiosqlite.Connection
    kind: Kind
    codes: CodeList | None
    content: ContentHash
    progress: Progress
    watch: Watch
    risk: RiskCount
    records: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {ERROR: 0, WARNING: 0})
    shapes: set[str] = field(default_factory=set)
    _source: Source | None = None
    _table: int = 0
    _place: str = ""
    _rows: int = 0
    _sure: bool = False

    def __post_init__(self) -> None:
        self._ways = [frozenset(way.fields) for way in self.kind.ways]
        self._served = self.kind.purpose == "lookup"

    async def take(self, event: Event) -> None:
        """Keep what one event of the intake brings."""
        match event:
            case Source():
                await self.finish_table()
                self._source, self._place = event, event.name
            case Opened():
                await self.finish_table()
                await self._open_table(event)
            case About():
                await self.finish_table()
                self._place = event.name
            case [Record(), *_]:
                await self._keep_records(event)  # type: ignore[arg-type]  # a list is of one kind
            case [Finding(), *_]:
                await self._keep_findings(event)  # type: ignore[arg-type]  # a list is of one kind

    async def finish_table(self) -> None:
        """Note how many rows the table had that is read to its end."""
        if self._table:
            sql = "UPDATE source SET rows = ? WHERE id = ?"
            await self.file.execute(sql, (self._rows, self._table))
        self._table = self._rows = 0
        self._sure = False

    async def _open_table(self, opened: Opened) -> None:
        source = self._source
        digest = source.sha256 if source else ""
        self._place = opened.name or (source.name if source else "")
        row = (self._place, digest, opened.format, opened.encoding)
        cursor = await self.file.execute(_INSERT_SOURCE, row)
        self._table = int(cursor.lastrowid or 0)
        self._sure = opened.sure
        if opened.sure:
            self.shapes.add(opened.shape)

    async def _keep_records(self, records: list[Record]) -> None:
        inserts = []
        refused = []
        if self.codes is not None:
            codes = self.codes.issue([record.identifier for record in records])
            for record, code in zip(records, codes, strict=True):
                record.secrets["access_code"] = code
        for record in records:
            if self._served and not self._has_way_in(record.secrets):
                refused.append(Finding("way_in", record.line))
                continue
            self.risk.add(record.secrets)
            typed = orjson.dumps(record.secrets)
            withheld = orjson.dumps(record.withheld) if record.withheld else b"{}"
            self.content.add(record.body, typed, withheld)
            # As bytearray: for every object of bytes sqlite3 would look in vain for an adapter.
            blobs = map(bytearray, (record.body, typed, withheld))
            inserts.append((self._table, record.line, record.identifier, *blobs))
        await self.file.executemany(_INSERT_RECORD, inserts)
        self.records += len(inserts)
        self._rows += len(inserts)
        if refused:
            await self._keep_findings(refused)
        self.progress(self.records)

    def _has_way_in(self, secrets: Mapping[str, str]) -> bool:
        return any(fields.issubset(secrets) for fields in self._ways)

    async def _keep_findings(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self.counts[finding.severity] += 1
        if self._sure:
            refused = {finding.line for finding in findings if finding.severity == ERROR}
            # Line 0 is the table itself, and no row of it.
            self._rows += len(refused - {0})
        await keep_findings(self.file, LOADING, [(self._place, one) for one in findings])

    async def read(self, events: Iterator[Event]) -> None:
        """Everything the intake finds in one file, as long as it can be the right file."""
        for event in events:
            self.watch(event)
            await self.take(event)
            if self.hopeless:
                limit = {"limit": MAX_FINDINGS}
                await self._keep_findings([Finding("too_many_findings", values=limit)])
                break
        await self.finish_table()

    @property
    def hopeless(self) -> bool:
        """Whether there are more errors than a right file has."""
        return self.counts[ERROR] > MAX_FINDINGS


def check_files(paths: Sequence[Path]) -> None:
    """Raise UsageError where a name is not a file's, StorageError where it cannot be read."""
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} is not a file: check the name.")
        with storage(path), path.open("rb"):
            pass


async def load(
    desk: Desk,
    kind: Kind,
    paths: Sequence[Path],
    *,
    title: str,
    choice: Choice | None = None,
    expected: int | None = None,
    codes_path: Path | None = None,
    remembering: bool = True,
    progress: Progress = untold,
    watch: Watch = lambda event: None,
    entered: Entered | None = None,
) -> Loaded:
    """Load files as one batch of a kind, keep it with its findings, and check it.

    A `choice` that worked is remembered for files of the same shape. With `codes_path` every
    candidate gets a random access code; the list is written there, 0600, only if the files
    have no error. `expected` is the number of records there should be. `watch` sees every
    event of the intake before it is kept; `entered` is told the batch's number inside the
    transaction that notes it. Raises UsageError, StorageError, RefusedError where the same
    file is given twice. After a kill between loading and checking the batch is
    `loaded`, and `check` goes on.
    """
    desk.actor.check("batch.load")
    if len({path.resolve() for path in paths}) < len(paths):
        raise RefusedError("The same file is named twice: name each file once.")
    check_files(paths)
    codes = code_list(kind, codes_path) if codes_path else None
    try:
        with workplace(desk.batches) as partial:
            content = ContentHash(document_of(kind), title)
            async with create_batch_file(partial) as file:
                work = _Load(file, kind, codes, content, progress, watch, RiskCount(kind))
                await _read_all(desk, work, paths, choice or Choice())
            new = _noted(work, title, expected)
            kept = choice if remembering else None
            batch = await _enter(desk, work, new, partial, kept, entered)
    except BaseException as error:
        if codes is not None:
            # Whoever is interrupted in the commit cannot know whether there is a batch now.
            codes.drop(named=isinstance(error, Exception))
        raise
    if codes is not None and new.errors:
        codes.drop()
    checked = await check(desk, batch, progress=progress)
    risks = work.risk.risks(desk.settings)
    return Loaded(batch, checked.state, checked.records, checked.errors, checked.warnings, risks)


async def _read_all(desk: Desk, work: _Load, paths: Sequence[Path], choice: Choice) -> None:
    """Read every file, as long as they can be the right ones."""
    read = await remembered_reader(desk, work.kind, choice, paths, issued=work.codes is not None)
    for path in paths:
        with contextlib.closing(read(path)) as events:
            await work.read(events)
        if work.hopeless:
            break


def _noted(work: _Load, title: str, expected: int | None) -> NewBatch:
    return NewBatch(
        work.kind.name,
        title,
        document_of(work.kind),
        work.records,
        work.counts[ERROR],
        work.counts[WARNING],
        work.content.hexdigest(),
        work.codes is not None,
        expected,
    )


async def _enter(
    desk: Desk,
    work: _Load,
    new: NewBatch,
    partial: Path,
    choice: Choice | None,
    entered: Entered | None,
) -> int:
    """The short act at the end of a load."""
    async with desk.act("batch.load") as line:
        if work.codes is not None and not new.errors:
            # Before the commit: no batch may be built whose codes nobody has.
            work.codes.publish()
        if choice is not None and choice != Choice() and not new.errors:
            await remember(desk, new.kind, work.shapes, choice)
        batch = await enter(desk, line, partial, new)
        if entered is not None:
            await entered(batch)
        return batch
