"""The rows of one table, by its layout: its records, and the lines that are none."""

from collections.abc import Iterable, Sequence

from lookup.admin.findings import WARNING, Finding
from lookup.admin.intake.blocks import Block
from lookup.admin.intake.footnotes import is_footnote, is_marked
from lookup.admin.intake.headings import plain, shown
from lookup.admin.intake.layout import Layout
from lookup.admin.intake.records import Record, RecordReader, ragged
from lookup.admin.readers.tables import Cell, Row
from lookup.kinds import Kind

HELD_ROWS = 50_000
"""Of tables side by side, so many rows of the right ones wait until the left one is read."""
LINES_NAMED = 30

TEXTS = ("name", "text")
Read = tuple[list[Record], list[Finding]]


def _said(cells: Iterable[Cell]) -> tuple[str, ...]:
    """What a row says in the plainest form, each text once: a merged cell may be filled or not."""
    return tuple(dict.fromkeys(text for cell in cells if (text := plain(shown(cell)))))


class TableReader:
    """Reads the rows under a header.

    A row that cannot be read as a record may be a header's once more or a footnote; those are
    counted and told of at the end, with their lines. Everything else about it is an error.
    """

    def __init__(self, kind: Kind, layout: Layout) -> None:
        self._layout = layout
        self._reader = RecordReader(kind, layout.columns)
        self._above = {_said(row.cells) for row in layout.above} - {()}
        head = layout.above[len(layout.above) - layout.rows :]
        self._head = {_said(row.cells) for row in head}
        # The table's own cells; what is taken out of them or added stands behind.
        self._own = len(layout.blocks[0].indexes)
        keys = [column for column in layout.columns.columns if column.field.name in kind.key]
        self._keys = [c.index for c in keys if c.rows is None and c.index < self._own]
        self._held: list[list[Row]] = [[] for _ in layout.blocks[1:]]
        self._repeated: list[int] = []
        self._footnotes: list[int] = []
        # Where a header or a total would pass for a record, every row is looked at first.
        self._watching = any(column.field.type in TEXTS for column in keys) or any(
            isinstance(self._reader.read(row), Record) for row in head
        )

    def read(self, rows: Sequence[Row]) -> Read:
        """The records of some rows, and what is wrong with the others."""
        records: list[Record] = []
        findings: list[Finding] = []
        if len(self._layout.blocks) > 1:
            rows = self._split(rows, findings)
        elif self._layout.packed is not None:
            rows = self._unpacked(rows, findings)
        self._read(rows, records, findings)
        if self._held and len(self._held[0]) > HELD_ROWS:
            self._release(records, findings)
        return records, findings

    def finish(self) -> Read:
        """The records that waited, and what is said once of the whole table."""
        records: list[Record] = []
        findings: list[Finding] = []
        self._release(records, findings)
        findings += self._reader.finish()
        for rule, lines in (("repeated_header", self._repeated), ("footnote", self._footnotes)):
            if lines:
                named = ", ".join(map(str, lines[:LINES_NAMED]))
                more = ", …" if len(lines) > LINES_NAMED else ""
                finding = Finding(
                    rule,
                    lines[0],
                    severity=WARNING,
                    values={"count": len(lines), "lines": named + more},
                )
                findings.append(finding)
        return records, findings

    def _read(self, rows: Sequence[Row], records: list[Record], findings: list[Finding]) -> None:
        read = self._reader.read
        watching = self._watching
        for row in rows:
            if watching and self._is_none(row):
                continue
            record = read(row)
            if isinstance(record, Record):
                records.append(record)
            else:
                findings += self._odd(row, record)

    def _odd(self, row: Row, problems: list[Finding]) -> list[Finding]:
        """A row that is no record: nothing, where it is a line that need not be one."""
        if row.lines > 1:
            return problems
        cells = row.cells[: self._own]
        if _said(cells) in self._above:
            self._repeated.append(row.line)
        elif is_footnote(cells, self._keys):
            if any(map(shown, cells)):
                self._footnotes.append(row.line)
        else:
            return problems
        return []

    def _is_none(self, row: Row) -> bool:
        """Whether a row that might pass for a record is a header's or a marked footnote."""
        if row.lines > 1:
            return False
        if _said(row.cells) in self._head:
            self._repeated.append(row.line)
            return True
        if is_marked(row.cells[: self._own], self._keys):
            self._footnotes.append(row.line)
            return True
        return False

    def _unpacked(self, rows: Sequence[Row], findings: list[Finding]) -> list[Row]:
        """The rows with the values of their packed cells; the others are no records."""
        packed = self._layout.packed
        width = len(self._layout.header)
        unpacked = []
        for row in rows:
            if packed is None or len(row.cells) != width:
                findings += self._odd(row, [ragged(row, width)])
                continue
            found = packed.unpack(row, self._layout.header)
            if isinstance(found, Row):
                unpacked.append(found)
            else:
                findings += self._odd(row, found)
        return unpacked

    def _split(self, rows: Sequence[Row], findings: list[Finding]) -> list[Row]:
        """The first table's rows; those of the tables beside it are held back."""
        width = len(self._layout.header)
        split: list[Row] = []
        for row in rows:
            if len(row.cells) != width:
                findings += self._odd(row, [ragged(row, width)])
                continue
            if _said(row.cells) in self._above:
                self._repeated.append(row.line)
                continue
            blank = True
            for block, into in zip(self._layout.blocks, (split, *self._held), strict=True):
                if any(shown(row.cells[index]) for index in block.own):
                    into.append(_part(row, block))
                    blank = False
            if blank:
                # What stands in shared columns only is a note, or a record that broke.
                split.append(_part(row, self._layout.blocks[0]))
        return split

    def _release(self, records: list[Record], findings: list[Finding]) -> None:
        """Read what waited: the tables beside the leftmost, one after the other."""
        for held in self._held:
            self._read(held, records, findings)
            held.clear()


def _part(row: Row, block: Block) -> Row:
    """A row's part in one of the tables."""
    cells = [row.cells[index] for index in block.indexes]
    return row._replace(cells=[*cells, block.tag] if block.tag else cells)
