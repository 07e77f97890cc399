"""Where a table's header is, and how the columns under it are to be read.

A header is found by the names a kind's fields go by: the row, or two or three merged rows,
among the first ones, in which most of them stand. What is found by less is never read: the
clerk is asked.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lookup.admin.intake.blocks import Block, find_blocks
from lookup.admin.intake.cells import Refusal
from lookup.admin.intake.columns import Column, ColumnMap, Mapper
from lookup.admin.intake.headings import Heading, headings, merged, plain, shown
from lookup.admin.intake.likeness import is_of_a_kind_with, looks_like_data, width_of
from lookup.admin.intake.packed import Packed, find_packed
from lookup.admin.readers.tables import Row
from lookup.kind_rules import DIGITS
from lookup.kinds import Kind

SEARCHED_ROWS = 60
"""A header stands within the first so many rows."""
MAX_HEADER_ROWS = 3
MIN_MATCHES = 2
NO_HEADER = 0
"""What a clerk gives as the header's row where there is none."""

VALUES = ("code", "id_suffix", "score", "integer", "outcome", "date")
"""Types of field whose values no heading can be taken for."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is read.

    `header` has a heading for every column of the table; `above` are the rows over the first
    row of records, the last `rows` of them the header's. `blocks` are the
    tables in the table, one or more; `columns` maps the first one's cells, after them its tag
    or what `packed` takes out of cells. `found` is False for a mere guess.
    """

    header: tuple[Heading, ...]
    above: tuple[Row, ...]
    rows: int
    blocks: tuple[Block, ...]
    columns: ColumnMap
    packed: Packed | None
    found: bool

    @property
    def line(self) -> int:
        """The header's last line, 0 where there is none."""
        return self.above[-1].line if self.above else 0

    def cell(self, column: Column) -> int:
        """Where a column's cell stands in the table's own rows; beyond them what is added."""
        indexes = self.blocks[0].indexes
        if column.index < len(indexes):
            return indexes[column.index]
        return len(self.header) + column.index - len(indexes)

    def names(self) -> tuple[tuple[str, str], ...]:
        """Every column with the field it is read as, '' for none.

        Of tables side by side those of the first; a column without a name of its own is
        called by its place, `#3`.
        """
        indexes = self.blocks[0].indexes
        said = Counter(plain(self.header[index].text) for index in indexes)
        fields = {self.cell(column): column.path for column in self.columns.columns}
        names = [(index, self.header[index].text) for index in indexes]
        names += [
            (self.cell(column), column.header)
            for column in self.columns.columns
            if column.index >= len(indexes)
        ]
        return tuple(
            (name if name and said[plain(name)] <= 1 else f"#{index + 1}", fields.get(index, ""))
            for index, name in names
        )


def find_layout(kind: Kind, rows: Sequence[Row], mapper: Mapper, header: int | None) -> Layout:
    """The layout of a table that begins with these rows.

    `header` is the row where the clerk says it is, `NO_HEADER` where there is none, None to
    look for it. A row that is data and names nothing is no header, whoever says so: its cells
    would be shown as names.
    """
    best: tuple[tuple[int, ...], Layout] | None = None
    for first, count in _spans(rows, header):
        if any(map(looks_like_data, rows[first + 1 : first + count])):
            continue
        layout = _layout(kind, rows, first, count, mapper, said=header is not None)
        goes_on = _goes_on(kind, layout, rows[first + count :])
        rank = _rank(layout, goes_on, count, first)
        if best is None or rank > best[0]:
            best = rank, layout
        if count == 1 and not goes_on and not mapper.by_place and _is_plain(layout):
            break
    if best is not None:
        layout = _unpacked(kind, best[1], rows, mapper)
        if layout.found:
            return layout
    return _unpacked(kind, _headerless(kind, rows, mapper, header == NO_HEADER), rows, mapper)


def _spans(rows: Sequence[Row], header: int | None) -> Iterator[tuple[int, int]]:
    """Every place where a header may stand: its first row and how many it takes."""
    if header == NO_HEADER:
        return
    end = min(len(rows), SEARCHED_ROWS)
    for first in range(end):
        for count in range(1, min(MAX_HEADER_ROWS, end - first) + 1):
            lines = [row.line for row in rows[first : first + count]]
            if header is None or header in lines:
                yield first, count


def _layout(
    kind: Kind, rows: Sequence[Row], first: int, count: int, mapper: Mapper, *, said: bool
) -> Layout:
    span = rows[first : first + count]
    cells = [row.cells for row in span]
    header = headings(cells[0]) if count == 1 else merged(cells, max(map(len, cells)))
    parts = find_blocks(kind, header, mapper)
    columns = mapper.map(parts.header)
    found = (said or _is_found(header, columns, mapper)) and not _is_data(
        span, rows[first + count :], header, mapper
    )
    return Layout(header, tuple(rows[: first + count]), count, parts.blocks, columns, None, found)


def _is_data(
    span: Sequence[Row], below: Sequence[Row], header: Sequence[Heading], mapper: Mapper
) -> bool:
    """Whether rows that might be a header name nothing and read as those below them."""
    return not any(map(mapper.knows, header)) and any(is_of_a_kind_with(row, below) for row in span)


def _unpacked(kind: Kind, layout: Layout, rows: Sequence[Row], mapper: Mapper) -> Layout:
    """The same layout with the columns that are found inside of cells."""
    if len(layout.blocks) > 1:
        return layout
    below = rows[len(layout.above) :]
    packed = find_packed(kind, layout.columns, layout.header, below, mapper.claim)
    if packed is None:
        return layout
    columns = mapper.map((*packed.header(layout.header), *packed.labels))
    found = layout.found or (
        layout.rows > 0
        and _is_found(layout.header, columns, mapper)
        and not _is_data(layout.above[-layout.rows :], below, layout.header, mapper)
    )
    return replace(layout, columns=columns, packed=packed, found=found)


def _is_found(header: Sequence[Heading], columns: ColumnMap, mapper: Mapper) -> bool:
    named = sum(1 for one in header if one.text)
    matches = len(columns.columns) - len(columns.weak)
    if mapper.by_name and not columns.absent:
        return True
    return named > 0 and matches >= min(MIN_MATCHES, named)


def _is_plain(layout: Layout) -> bool:
    """Whether a header names everything it should and nothing else: no other can be better."""
    return layout.found and layout.columns.sure and not layout.columns.unknown


def _rank(layout: Layout, goes_on: bool, count: int, first: int) -> tuple[int, ...]:
    """The more of a kind a header names the better; then the simpler, then the earlier."""
    columns = layout.columns
    return (
        layout.found,
        -len(columns.absent),
        not columns.missing,
        len(columns.columns) - len(columns.weak),
        -len(columns.twice),
        not goes_on,
        -count,
        -first,
    )


def _goes_on(kind: Kind, layout: Layout, below: Sequence[Row]) -> bool:
    """Whether the row under a header is one more part of it.

    It says nothing under the key and no value anywhere, and names a part of something merged:
    a record whose number is missing would be swallowed otherwise.
    """
    keys = [layout.cell(column) for column in _key_columns(kind, layout)]
    if not below or not keys or looks_like_data(below[0]) or _holds_value(layout, below[0]):
        return False
    upper = [shown(cell) for cell in layout.above[-1].cells]
    lower = [shown(cell) for cell in below[0].cells]
    merged_parts = any(
        lower[index] and upper[index] in ("", upper[index - 1])
        for index in range(1, min(len(upper), len(lower)))
    )
    return merged_parts and not any(lower[index] for index in keys if index < len(lower))


def _headerless(kind: Kind, rows: Sequence[Row], mapper: Mapper, said: bool) -> Layout:
    header = (Heading("", ()),) * width_of(rows)
    parts = find_blocks(kind, header, mapper)
    return Layout(header, (), 0, parts.blocks, mapper.map(header), None, said)


def shape_of(kind: Kind, rows: Sequence[Row], supplied: frozenset[str]) -> str:
    """A digest of the kind's name and the table's header, as a new table's is found.

    Nothing a clerk says of a table changes it, so what was said is found again for the next.
    Where no row reads as a header, it is the number of columns.
    """
    layout = find_layout(kind, rows, Mapper(kind, {}, supplied), None)
    said = [plain(one.text) for one in layout.header] if layout.found else [str(width_of(rows))]
    return hashlib.sha256("\n".join((kind.name, *said)).encode()).hexdigest()


def _key_columns(kind: Kind, layout: Layout) -> list[Column]:
    return [
        column
        for column in layout.columns.columns
        if column.rows is None and column.field.name in kind.key
    ]


def records_above(kind: Kind, layout: Layout) -> list[int]:
    """The lines of the header and above it that read as records: they would be lost.

    Above the header only a code tells one surely, and only beside other cells: a title may be
    a number too. Within it any value does.
    """
    named = sum(1 for one in layout.header if one.text)
    keys = [column for column in _key_columns(kind, layout) if column.field.type == "code"]
    head = len(layout.above) - layout.rows
    return [
        row.line
        for place, row in enumerate(layout.above)
        if (place >= head and _holds_value(layout, row))
        or (
            sum(1 for cell in row.cells if shown(cell)) * 2 > named
            and any(_reads(key, row, layout.cell(key)) for key in keys)
        )
    ]


def _holds_value(layout: Layout, row: Row) -> bool:
    """Whether a row says something of a candidate, and is no part of a header."""
    return any(
        _reads(column, row, index) and not column.is_called(shown(row.cells[index]))
        for column, index in ((one, layout.cell(one)) for one in layout.columns.columns)
        if column.field.type in VALUES
        and (column.field.type != "code" or column.field.characters == DIGITS)
    )


def _reads(key: Column, row: Row, index: int) -> bool:
    text = shown(row.cells[index]) if index < len(row.cells) else ""
    return bool(text) and not isinstance(key.read(text), Refusal)


def nameless(layout: Layout, rows: Sequence[Row]) -> list[str]:
    """The columns that hold something and have no name, as `#3`: nobody reads them."""
    width = len(layout.blocks[0].indexes)
    read = {layout.cell(column) for column in layout.columns.columns if column.index < width}
    if layout.packed is not None:
        read.update(layout.packed.indexes)
    return [
        f"#{index + 1}"
        for index, one in enumerate(layout.header)
        if not one.text
        and index not in read
        and any(index < len(row.cells) and shown(row.cells[index]) for row in rows)
    ]
