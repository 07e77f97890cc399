"""All of a candidate's marks in one cell, `数学: 7.75  语文: 6.5`, as columns of their own."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lookup.admin.findings import Finding
from lookup.admin.intake.columns import Claim, ColumnMap
from lookup.admin.intake.headings import Heading, heading, plain, shown
from lookup.admin.readers.tables import Cell, Row
from lookup.kinds import Field, Kind

MIN_LABELS = 2
"""A cell with fewer labels is a text with a colon in it."""

SEEN_ROWS = 60
"""So many first rows tell whether a column is packed."""
MAX_CHARACTERS = 1000
"""A longer cell is a text, and no candidate's marks."""

_COLON = re.compile(r"\s*[:\uff1a]\s*")
_BETWEEN = " \t\u3000,;|\uff0c\uff1b\u3001"
_VALUE = re.compile(f"([^{_BETWEEN}]*)[{_BETWEEN}]*(.*)", re.DOTALL)

Claims = Callable[[str], Claim | None]
"""The field that a plain name means."""


def pairs(text: str, claims: Claims) -> list[tuple[str, str]] | None:
    """The labels and values of a packed cell; None where it is not written like one.

    A label may hold blanks, a value may not; a value may be missing.
    """
    if len(text) > MAX_CHARACTERS:
        return None
    label, *rest = _COLON.split(text.strip())
    found = []
    for position, part in enumerate(rest, 1):
        value, after = _VALUE.fullmatch(part).groups()  # type: ignore[union-attr]  # it fits all
        last = position == len(rest)
        if not last and claims(plain(part)) is not None:
            # Nothing but the next label stands between two colons: the value was left out.
            value, after = "", part
        if not label or (last and after) or not (last or after):
            return None
        found.append((label, value))
        label = after
    return found or None


@dataclass(frozen=True, slots=True)
class Packed:
    """The columns whose cells hold several values, and the fields that come out of them.

    A row gets one cell more for each of `fields`, in their order, after its own.
    """

    indexes: tuple[int, ...]
    fields: tuple[Field, ...]
    claims: Claims

    @property
    def labels(self) -> tuple[Heading, ...]:
        """The headings of the cells a row gets."""
        return tuple(heading(field.label.zh) for field in self.fields)

    def header(self, header: Sequence[Heading]) -> tuple[Heading, ...]:
        """The table's own headings, those of packed columns without a name."""
        nameless = Heading("", ())
        return tuple(nameless if index in self.indexes else one for index, one in enumerate(header))

    def unpack(self, row: Row, names: Sequence[Heading]) -> Row | list[Finding]:
        """The row with what its packed cells say, or what is wrong with them."""
        values: dict[str, str] = {}
        findings: list[Finding] = []
        for index in self.indexes:
            text = shown(row.cells[index])
            name = names[index].text or f"#{index + 1}"
            said = pairs(text, self.claims) if text else []
            if said is None:
                findings.append(Finding("packed_cell", row.line, name))
                continue
            findings += (
                Finding(rule, row.line, name, values={"label": label[:20]})
                for label, value in said
                if (rule := self._take(label, value, values))
            )
        if findings:
            return findings
        cells: list[Cell] = [*row.cells, *(values.get(field.name, "") for field in self.fields)]
        return Row(row.line, cells, row.lines)

    def _take(self, label: str, value: str, values: dict[str, str]) -> str:
        """Note one value; the rule it breaks, '' where it breaks none."""
        claim = self.claims(plain(label))
        if claim is None or claim[0] not in self.fields:
            return "packed_label"
        if claim[0].name in values:
            return "packed_twice"
        values[claim[0].name] = value
        return ""


def find_packed(
    kind: Kind,
    columns: ColumnMap,
    header: Sequence[Heading],
    rows: Sequence[Row],
    claims: Claims,
) -> Packed | None:
    """The packed columns of a table that begins with these rows.

    Fields that a kind does not ask for may turn up in any row; those it asks for must be
    among the labels of the first rows.
    """
    mapped = {column.index for column in columns.columns}
    there = {column.field.name for column in columns.columns if column.rows is None}
    indexes, seen = [], set()
    for index in range(len(header)):
        labels = None if index in mapped else _labels(rows[:SEEN_ROWS], index, claims)
        if labels:
            indexes.append(index)
            seen |= labels
    if not indexes:
        return None
    fields = tuple(
        field
        for field in kind.fields
        if field.type != "rows" and field.name not in there and _claimed(field, claims)
        if field.name in seen or not field.required
    )
    return Packed(tuple(indexes), fields, claims)


def _claimed(field: Field, claims: Claims) -> bool:
    claim = claims(plain(field.label.zh))
    return claim is not None and claim[0] is field


def _labels(rows: Sequence[Row], index: int, claims: Claims) -> set[str] | None:
    """The fields named in a column's cells, None where most are not packed."""
    cells = [shown(row.cells[index]) for row in rows if index < len(row.cells)]
    filled = [cell for cell in cells if cell]
    fields: set[str] = set()
    packed = 0
    for cell in filled:
        said = pairs(cell, claims) or []
        known = [claim[0].name for label, _ in said if (claim := claims(plain(label)))]
        packed += len(said) >= MIN_LABELS and bool(known)
        fields.update(known)
    return fields if packed * 2 > len(filled) else None


def packed_values(packed: Packed, header: Sequence[Heading]) -> Mapping[str, str]:
    """What the warning of packed columns says: their names and the fields found."""
    return {
        "columns": ", ".join(header[index].text or f"#{index + 1}" for index in packed.indexes),
        "fields": ", ".join(field.label.zh for field in packed.fields),
    }
