"""Which column of a file is which field: by the names offices use, or as the clerk says."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lookup.admin.cells import CellValue, Reader, Refusal, cell_reader
from lookup.errors import UsageError
from lookup.kinds import Field, Kind

MAX_REMEMBERED = 4096
"""Distinct cells a reader remembers: marks and outcomes repeat, names do not."""

_WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read; `row` counts from 1 where the field belongs to `rows`."""

    index: int
    header: str
    field: Field
    read: Reader
    rows: Field | None = None
    row: int = 0


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How a header was understood.

    `unknown` are headers that no field claims, `twice` headers of a field that has a column
    already, `missing` the required fields without a column.
    """

    width: int
    columns: tuple[Column, ...]
    unknown: tuple[str, ...]
    twice: tuple[str, ...]
    missing: tuple[Field, ...]


def _plain(header: str) -> str:
    return _WHITE.sub("", unicodedata.normalize("NFKC", header)).casefold()


def remembering(read: Reader) -> Reader:
    """The same reader, faster on the cells that come again and again."""
    known: dict[str, CellValue | Refusal] = {}

    def remembered(text: str) -> CellValue | Refusal:
        found = known.get(text)
        if found is None:
            found = read(text)
            if len(known) < MAX_REMEMBERED:
                known[text] = found
        return found

    return remembered


Claim = tuple[Field, Field | None, int]
"""A field a header means; for a column of `rows`, that field and the row's number."""


def _claims(kind: Kind) -> dict[str, Claim]:
    """Every header name the kind knows, made plain, with the field it means."""
    claims: dict[str, Claim] = {}
    for field in kind.fields:
        names = (field.name, field.label.zh, field.label.en, *field.headers)
        if field.type == "rows":
            for column in field.columns:
                for row in range(1, field.max_rows + 1):
                    for header in column.headers:
                        claims[_plain(header.replace("{n}", str(row)))] = (column, field, row)
        else:
            claims.update({_plain(name): (field, None, 0) for name in names})
    # A field's own name and label win over another field's list of spellings.
    for field in kind.fields:
        if field.type != "rows":
            claims.update({_plain(name): (field, None, 0) for name in (field.label.zh, field.name)})
    return claims


def check_overrides(kind: Kind, overrides: Mapping[str, str]) -> None:
    """Raise UsageError where `--map` names a field the kind does not have."""
    known = [field.name for field in kind.fields if field.type != "rows"]
    for name in overrides.values():
        if name not in known:
            raise UsageError(
                f"--map names a field that {kind.name} does not have; fields: {', '.join(known)}."
            )


def map_columns(
    kind: Kind,
    header: Sequence[str],
    overrides: Mapping[str, str],
    supplied: frozenset[str] = frozenset(),
) -> ColumnMap:
    """Match a header with the kind's fields.

    `overrides` (header → field name) come first; `supplied` are fields whose values do not
    come from the file. Raises UsageError for an override whose column is not in the header.
    """
    claims = _claims(kind)
    wanted: dict[str, Claim] = {
        _plain(name): (kind.field(field), None, 0) for name, field in overrides.items()
    }
    absent = wanted.keys() - {_plain(name) for name in header}
    if absent:
        raise UsageError(
            "--map names a column that is not in the file's first row: check its spelling."
        )
    overridden = {claim[0].name for claim in wanted.values()}
    columns: list[Column] = []
    unknown: list[str] = []
    twice: list[str] = []
    taken: set[tuple[str, str, int]] = set()
    for index, name in enumerate(header):
        claim = wanted.get(_plain(name))
        if claim is None:
            claim = claims.get(_plain(name))
            if claim is not None and claim[1] is None and claim[0].name in overridden:
                claim = None
        if claim is None or claim[0].name in supplied:
            if name.strip():
                unknown.append(name.strip())
            continue
        field, rows, row = claim
        place = (rows.name if rows else "", field.name, row)
        if place in taken:
            twice.append(name.strip())
            continue
        taken.add(place)
        read = remembering(cell_reader(field, kind.flags(field) if rows is None else ()))
        columns.append(Column(index, name.strip(), field, read, rows, row))
    missing = tuple(
        field
        for field in kind.fields
        if field.required
        and field.type != "rows"
        and field.name not in supplied
        and ("", field.name, 0) not in taken
    )
    return ColumnMap(len(header), tuple(columns), tuple(unknown), tuple(twice), missing)
