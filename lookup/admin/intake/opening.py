"""Opening a table: its layout as the clerk says, as it is remembered, or as it is found."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lookup.admin.findings import ERROR, WARNING, Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.columns import Mapper, header_findings
from lookup.admin.intake.headings import Heading, headings, shown
from lookup.admin.intake.layout import (
    NO_HEADER,
    SEARCHED_ROWS,
    Layout,
    find_layout,
    nameless,
    records_above,
    shape_of,
)
from lookup.admin.intake.likeness import is_clear_header, looks
from lookup.admin.intake.packed import packed_values
from lookup.admin.intake.records import Record, RecordReader
from lookup.admin.readers.tables import Row
from lookup.kinds import Kind

MAX_WORDS = 12
MAX_WORD = 20
"""Of a header that names nothing known so much is said."""
_ROWS_INSIDE = re.compile(r"[,;\t]|[0-9]{4}|.{40}")

Remembered = Callable[[str], Choice | None]
"""What was confirmed for tables of a shape."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a table is to be read, and what must be said of that before."""

    layout: Layout
    shape: str
    findings: list[Finding]

    @property
    def sure(self) -> bool:
        """Whether the table can be read without asking anybody."""
        return not any(finding.severity == ERROR for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Opener:
    """What every table of a file is opened with."""

    kind: Kind
    choice: Choice
    supplied: frozenset[str]
    remembered: Remembered

    def open(self, first: Sequence[Row]) -> Opening:
        """Open the table that begins with these rows, one or more."""
        shape = shape_of(self.kind, first, self.supplied)
        layout, notes = None, []
        if not self.choice.says_how:
            known = self.remembered(shape)
            layout = self._as_remembered(known, first) if known else None
            if known and layout and known.header == NO_HEADER:
                said = ", ".join(f"{column}={name}" for column, name in known.overrides.items())
                notes = [Finding("remembered_layout", 0, "", WARNING, values={"columns": said})]
        if layout is None:
            layout = self._find(self.choice, self.choice.header, first)
        return Opening(layout, shape, notes + self._findings(layout, first))

    def leaves_out(self, sheet: str, shape: str) -> bool:
        """Whether a sheet of this name and shape is remembered as one that is not read."""
        known = self.remembered(shape) if sheet else None
        return known is not None and any(one.endswith(f"/{sheet}") for one in known.left_out)

    def _as_remembered(self, known: Choice, first: Sequence[Row]) -> Layout | None:
        """The layout by a remembered choice; None where it does not fit this table.

        The header may stand a row lower this time, so it is looked for by its names, and its
        old row counts only where they do not find it.
        """
        for header in (None, known.header) if known.header else (known.header,):
            layout = self._find(known, header, first)
            if layout.found and not layout.columns.absent:
                return layout
        return None

    def _unclear(self, first: Sequence[Row]) -> Finding:
        """Why no row is the header."""
        said = self.choice.header
        searched = first[:SEARCHED_ROWS]
        if said is not None:
            if said in (row.line for row in searched):
                return Finding("header_is_data", said, values={"header": said})
            values = {"header": said, "most": SEARCHED_ROWS}
            return Finding("header_absent", values=values)
        for place, row in enumerate(searched, 1):
            if is_clear_header(row, first[place:]):
                return self._unknown(row)
        return Finding("unclear_layout", first[0].line, values={"columns": looks(first)})

    def _unknown(self, row: Row) -> Finding:
        """What is said of a plain header that names too little."""
        words = [one for one in headings(row.cells) if one.text]
        mapper = Mapper(self.kind, self.choice.overrides, self.supplied)
        known = [one.text for one in words if mapper.knows(one)]
        rule = "few_known" if known else "unknown_header"
        return Finding(
            rule,
            row.line,
            values={"header": row.line, "words": _listed(words), "known": ", ".join(known)},
        )

    def _find(self, choice: Choice, header: int | None, first: Sequence[Row]) -> Layout:
        mapper = Mapper(self.kind, choice.overrides, self.supplied)
        return find_layout(self.kind, first, mapper, header)

    def _findings(self, layout: Layout, first: Sequence[Row]) -> list[Finding]:
        """What the layout leaves open; an error where the table cannot be read like this."""
        if not layout.found:
            return [self._unclear(first)]
        line = layout.line
        findings = header_findings(self.kind, layout.columns, self.supplied, line)
        findings += (
            Finding("line_break", row.line, values={"lines": row.lines})
            for row in layout.above
            if row.lines > 1 and _swallowed(row)
        )
        findings += (
            Finding("record_above_header", row, values={"header": line})
            for row in sorted({*records_above(self.kind, layout), *self._records(layout)})
        )
        findings += (
            Finding("unknown_column", line, name, WARNING)
            for name in nameless(layout, first[len(layout.above) :])
        )
        if layout.packed is not None:
            values = packed_values(layout.packed, layout.header)
            findings.append(Finding("packed_column", line, "", WARNING, values=values))
        if len(layout.blocks) > 1:
            tags = ", ".join(block.tag for block in layout.blocks)
            rule = "grouped_columns" if layout.blocks[0].tag else "side_by_side"
            values = {"count": f"{len(layout.blocks)}", "tags": tags}
            findings.append(Finding(rule, line, "", WARNING, values=values))
        return findings

    def _records(self, layout: Layout) -> list[int]:
        """The lines above the header that are whole records, whatever they are known by.

        Where a required field has no column no row is a record. A cell that stands alone over
        a header of several columns is a title.
        """
        if len(layout.blocks) > 1 or layout.packed is not None or layout.columns.missing:
            return []
        reader = RecordReader(self.kind, layout.columns)
        alone = 1 if sum(1 for one in layout.header if one.text) > 1 else 0
        return [
            row.line
            for row in layout.above[: len(layout.above) - layout.rows]
            if sum(1 for cell in row.cells if shown(cell)) > alone
            and isinstance(reader.read(row), Record)
        ]


def _listed(words: Sequence[Heading]) -> str:
    shown = [word.text[:MAX_WORD] for word in words[:MAX_WORDS]]
    return ", ".join(shown + ["…"] * (len(words) > MAX_WORDS))


def _swallowed(row: Row) -> bool:
    """Whether a cell of a header holds more than a name with a line break: a stray quote's rows."""
    return any(
        _ROWS_INSIDE.search(line) is not None
        for cell in row.cells
        if isinstance(cell, str) and "\n" in cell
        for line in cell.splitlines()
    )
