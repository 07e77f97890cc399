"""Loading: files in, one batch out, with a finding for everything that breaks a rule.

The whole load is one transaction: a kill or a full disk leaves no batch at all.
"""

import contextlib
import csv
import hashlib
import os
import secrets as randomness
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TextIO

import aiosqlite
import orjson

from lookup.admin.columns import ColumnMap, check_overrides, map_columns
from lookup.admin.database import transaction
from lookup.admin.readers.delimited import Source, Unreadable, inspect, rows
from lookup.admin.records import ERROR, WARNING, Finding, Record, RecordReader, credentials
from lookup.admin.risk import Risk, RiskCount
from lookup.candidate import access_code
from lookup.durable import PARTIAL, publish, storage
from lookup.errors import RefusedError, UsageError
from lookup.kinds import Kind

CHUNK_ROWS = 2000
MAX_FINDINGS = 100_000
"""A file with more errors than this is the wrong file; reading stops and says so."""
CODES_MODE = 0o600

_INSERT_RECORD = (
    "INSERT INTO record (batch, source, line, identifier, body, secrets) VALUES (?, ?, ?, ?, ?, ?)"
)
_INSERT_FINDING = (
    'INSERT INTO finding (batch, source, line, "column", rule, severity, reason, value)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_DUPLICATES = """
    SELECT record.identifier, record.line, source.name
    FROM record JOIN source ON source.id = record.source
    WHERE record.batch = :batch AND record.identifier IN (
        SELECT identifier FROM record WHERE batch = :batch
        GROUP BY identifier HAVING COUNT(*) > 1)
    ORDER BY record.identifier, record.id
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: the batch's id and counts, and what each way in risks."""

    batch: int
    records: int
    errors: int
    warnings: int
    risks: list[Risk]


@dataclass
class _Load:
    """One load under way."""

    database: aiosqlite.Connection
    kind: Kind
    overrides: Mapping[str, str]
    codes: "CodeList | None"
    progress: Callable[[int], None]
    risk: RiskCount
    batch: int = 0
    records: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {ERROR: 0, WARNING: 0})
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    async def note(self, source: str, findings: Sequence[Finding]) -> None:
        """Keep findings and count them."""
        for finding in findings:
            self.counts[finding.severity] += 1
        await self.database.executemany(
            _INSERT_FINDING,
            [
                (self.batch, source, f.line, f.column, f.rule, f.severity, f.reason, f.value)
                for f in findings
            ],
        )

    async def file(self, path: Path) -> None:
        """Load one file."""
        name = path.name
        try:
            source = inspect(path)
            await self.rows_of(source, name)
        except Unreadable as error:
            await self.note(name, [Finding(error.line, "", error.rule, str(error))])

    async def rows_of(self, source: Source, name: str) -> None:
        """Load the rows of one file, its header first."""
        lines = rows(source)
        header = next(lines, None)
        if header is None:
            await self.note(name, [Finding(0, "", "empty", "is empty: send the file again")])
            return
        supplied = frozenset({"access_code"}) if self.codes else frozenset[str]()
        columns = map_columns(self.kind, header.cells, self.overrides, supplied)
        problems = header_findings(self.kind, columns, supplied, header.line)
        await self.note(name, problems)
        if any(finding.severity == ERROR for finding in problems):
            return
        source_id = await self._insert_source(source, name)
        reader = RecordReader(self.kind, columns)
        read = 0
        chunk: list[Record] = []
        findings: list[Finding] = []
        try:
            for row in lines:
                read += 1
                record = reader.read(row)
                if isinstance(record, Record):
                    chunk.append(record)
                else:
                    findings += record
                if len(chunk) + len(findings) >= CHUNK_ROWS:
                    await self._keep(source_id, name, chunk, findings)
                    chunk, findings = [], []
                    if self.counts[ERROR] > MAX_FINDINGS:
                        reason = f"more than {MAX_FINDINGS} errors: check that it is the right file"
                        findings.append(Finding(row.line, "", "too_many_findings", reason))
                        break
        except Unreadable as error:
            # Noted here, so that what was found in the rows before it is noted too.
            findings.append(Finding(error.line, "", error.rule, str(error)))
        await self._keep(source_id, name, chunk, findings)
        if not read and not findings:
            reason = "has a header and no rows: send the file again"
            await self.note(name, [Finding(header.line, "", "empty", reason)])
        await self.database.execute("UPDATE source SET rows = ? WHERE id = ?", (read, source_id))

    async def _insert_source(self, source: Source, name: str) -> int:
        cursor = await self.database.execute(
            "INSERT INTO source (batch, name, sha256, encoding, rows) VALUES (?, ?, ?, ?, 0)",
            (self.batch, name, source.sha256, source.encoding),
        )
        return int(cursor.lastrowid or 0)

    async def _keep(
        self, source: int, name: str, chunk: list[Record], findings: list[Finding]
    ) -> None:
        inserts = []
        for record in chunk:
            secrets = record.secrets
            if self.codes is not None:
                secrets["access_code"] = self.codes.issue(record.identifier)
            if next(credentials(self.kind, secrets), None) is None:
                reason = "has no way in: its second factors are all empty"
                findings.append(Finding(record.line, "", "way_in", reason))
                continue
            self.risk.add(secrets)
            typed = orjson.dumps(secrets)
            self.digest.update(record.body + b"\n" + typed + b"\n")
            inserts.append((self.batch, source, record.line, record.identifier, record.body, typed))
        await self.database.executemany(_INSERT_RECORD, inserts)
        if findings:
            await self.note(name, findings)
        self.records += len(inserts)
        self.progress(self.records)

    async def duplicates(self) -> None:
        """A finding for every record whose identifier stands elsewhere in the batch too."""
        first: tuple[str, int, str] = ("", 0, "")
        header = self.kind.field(self.kind.identifier).label.zh
        async with self.database.execute(_DUPLICATES, {"batch": self.batch}) as cursor:
            found = [tuple(row) async for row in cursor]
        for identifier, line, name in found:
            if identifier != first[0]:
                first = (identifier, line, name)
                continue
            reason = f"is the same as on line {first[1]} of {first[2]}: keep one of them"
            await self.note(
                name, [Finding(line, header, "duplicate", reason, value=str(identifier))]
            )


def check_files(paths: Sequence[Path]) -> None:
    """Raise UsageError where a name is not a file's, StorageError where it cannot be read."""
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} is not a file: check the name.")
        with storage(path), path.open("rb"):
            pass


def header_findings(
    kind: Kind, columns: ColumnMap, supplied: frozenset[str], line: int
) -> list[Finding]:
    """What a header leaves open: missing and double fields, columns nobody reads."""
    findings = []
    for missing in columns.missing:
        names = "、".join(dict.fromkeys((missing.label.zh, *missing.headers[:3])))
        reason = f"no column is called {names}: name it with --map COLUMN={missing.name}"
        findings.append(Finding(line, missing.label.zh, "missing_column", reason))
    there = supplied.union(column.field.name for column in columns.columns if not column.rows)
    if not any(there.issuperset(way.fields) for way in kind.ways):
        factors = dict.fromkeys(name for way in kind.ways for name in way.fields[1:])
        labels = ", ".join(kind.field(name).label.zh for name in factors)
        reason = f"no column holds a second factor ({labels}): add one, or issue access codes"
        findings.append(Finding(line, "", "missing_column", reason))
    for name in columns.twice:
        reason = "a second column for the same field: take one out, or --map the right one"
        findings.append(Finding(line, name, "double_column", reason))
    for name in columns.unknown:
        reason = "was not read: the kind has no such field, or its values are issued here"
        findings.append(Finding(line, name, "unknown_column", reason, WARNING))
    return findings


class CodeList:
    """The list of issued access codes the bureau prints: written beside, named at the end."""

    def __init__(self, path: Path, header: tuple[str, str]) -> None:
        self.path = path
        self._partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
        self._published = False
        with storage(path):
            if path.exists():
                raise UsageError(f"{path} is there already: name a new file for the codes.")
            # Not reused: what a killed load left may be readable by others.
            self._partial.unlink(missing_ok=True)
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, CODES_MODE)
            self._file: TextIO = os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(header)

    def issue(self, identifier: str) -> str:
        """A random code for one candidate, noted in the list."""
        code = access_code(randomness.randbits(40))
        with storage(self.path):
            self._writer.writerow((identifier, code))
        return code

    def publish(self) -> None:
        """Give the list, complete, its name; never the name of another list."""
        with storage(self.path):
            self._file.close()
        if self.path.exists():
            raise UsageError(f"{self.path} is there already: name a new file for the codes.")
        publish(self._partial, self.path, CODES_MODE)
        self._published = True

    def drop(self) -> None:
        """No batch, no list."""
        # What could not be flushed to a full disk is of no use to anybody.
        with contextlib.suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)
        if self._published:
            self.path.unlink(missing_ok=True)


def _code_list(kind: Kind, path: Path | None) -> CodeList | None:
    if path is None:
        return None
    if not any("access_code" in way.fields for way in kind.ways):
        raise UsageError(f"{kind.name} has no way in by access code: leave the option out.")
    identifier = kind.field(kind.identifier).label.zh
    return CodeList(path, (identifier, kind.field("access_code").label.zh))


async def load(
    database: aiosqlite.Connection,
    kind: Kind,
    paths: Sequence[Path],
    *,
    title: str,
    now: datetime,
    budget: int,
    overrides: Mapping[str, str] | None = None,
    codes_path: Path | None = None,
    progress: Callable[[int], None] = lambda records: None,
) -> Loaded:
    """Load files as one batch of a kind and keep it with its findings.

    With `codes_path` every candidate gets a random access code; the list is written there,
    0600, only if the batch has no error. Raises UsageError, StorageError, RefusedError where
    the same file is given twice.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise RefusedError("The same file is named twice: name each file once.")
    check_files(paths)
    check_overrides(kind, overrides or {})
    codes = _code_list(kind, codes_path)
    work = _Load(database, kind, overrides or {}, codes, progress, RiskCount(kind))
    document = orjson.dumps(kind.document, option=orjson.OPT_SORT_KEYS)
    work.digest.update(document + b"\n" + title.encode() + b"\n")
    try:
        async with transaction(database):
            cursor = await database.execute(
                "INSERT INTO batch (kind, title, document, loaded_at, issued)"
                " VALUES (?, ?, ?, ?, ?)",
                (kind.name, title, document, now.isoformat(), codes is not None),
            )
            work.batch = int(cursor.lastrowid or 0)
            for path in paths:
                await work.file(path)
            await work.duplicates()
            await database.execute(
                "UPDATE batch SET records = ?, errors = ?, warnings = ?, sha256 = ? WHERE id = ?",
                (
                    work.records,
                    work.counts[ERROR],
                    work.counts[WARNING],
                    work.digest.hexdigest(),
                    work.batch,
                ),
            )
            if codes is not None and not work.counts[ERROR]:
                # Before the commit: no batch may be built whose codes nobody has.
                codes.publish()
    except BaseException:
        if codes is not None:
            codes.drop()
        raise
    if codes is not None and work.counts[ERROR]:
        codes.drop()
    risks = work.risk.risks(budget)
    return Loaded(work.batch, work.records, work.counts[ERROR], work.counts[WARNING], risks)
