"""Makers for the intake: tables as a reader would give them, without a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lookup.admin.findings import Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import Event, Opened, Read, Reader, intake
from lookup.admin.intake.records import Record
from lookup.admin.readers.tables import Cell, Row, Source, Table
from lookup.kinds import Kind


def nothing_remembered(shape: str) -> Choice | None:
    """Nothing was ever confirmed."""
    return None


def sheet(
    rows: Sequence[Sequence[Cell]], name: str = "", *, hidden: bool = False, part: int = 7
) -> list[Read]:
    """A table of these rows, padded and numbered as a sheet's, blank ones left out."""
    width = max(map(len, rows), default=0)
    full = [
        Row(line, [*cells, *[""] * (width - len(cells))])
        for line, cells in enumerate(rows, 1)
        if any(cell != "" for cell in cells)
    ]
    parts: list[Read] = [full[start : start + part] for start in range(0, len(full), part)]
    return [Table(name, "xlsx", hidden=hidden), *parts]


def reader(*events: Sequence[Read]) -> Reader:
    """What reads a file as these tables."""

    def read(path: Path, *, memory_mb: int, seconds: int) -> Iterator[Read]:
        yield Source(path.name, "0" * 64, "xlsx")
        for several in events:
            yield from several

    return read


@dataclass
class Taken:
    """What an intake gave."""

    opened: list[Opened] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def rules(self, severity: str = "error") -> list[str]:
        """The rules of the findings of one severity."""
        return [finding.rule for finding in self.findings if finding.severity == severity]

    def said(self) -> list[tuple[str, bytes, dict[str, str]]]:
        """The records without their lines."""
        return [(record.identifier, record.body, record.secrets) for record in self.records]

    def take(self, event: Event) -> None:
        """Keep one event."""
        assert event
        if isinstance(event, Opened):
            self.opened.append(event)
        elif isinstance(event, list):
            for one in event:
                if isinstance(one, Record):
                    self.records.append(one)
                else:
                    self.findings.append(one)


def taken(
    kind: Kind,
    *tables: Sequence[Read],
    choice: Choice | None = None,
    remembered: Callable[[str], Choice | None] = nothing_remembered,
    supplied: frozenset[str] = frozenset(),
    name: str = "file.xlsx",
) -> Taken:
    """Everything the intake makes of these tables."""
    found = Taken()
    for event in intake(
        kind,
        Path(name),
        choice or Choice(),
        supplied=supplied,
        remembered=remembered,
        memory_mb=64,
        seconds=10,
        read=reader(*tables),
    ):
        found.take(event)
    return found


def mapped(opened: Opened) -> Mapping[str, str]:
    """The columns that are read, with their fields."""
    return {column: name for column, name in opened.columns if name}
