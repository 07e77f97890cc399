"""Which column of a table is which field: by the names offices use, or as the clerk says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lookup.admin.findings import WARNING, Finding
from lookup.admin.intake.cells import Reader, cell_reader
from lookup.admin.intake.headings import JOINED, WEAK, Heading, plain
from lookup.admin.refusals import misused
from lookup.kinds import Field, Kind

UNREAD = ""
"""What a clerk names as the field of a column that is not to be read."""

_POSITION = re.compile(r"#([1-9][0-9]{0,3})")

Claim = tuple[Field, Field | None, int]
"""A field a header means; for a column of `rows`, that field and the row's number."""
Place = tuple[str, str, int]
"""Where a value goes: the name of the field of type `rows` or '', the field's, the row."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read; `row` counts from 1 where the field belongs to `rows`."""

    index: int
    header: str
    field: Field
    read: Reader
    rows: Field | None = None
    row: int = 0

    @property
    def path(self) -> str:
        """The field's name, with its list's where it stands in one: `preferences.1.school`."""
        return f"{self.rows.name}.{self.row}.{self.field.name}" if self.rows else self.field.name

    def is_called(self, text: str) -> bool:
        """Whether a text is a name of the field: a year may be one, and reads as a number."""
        field = self.field
        names = (field.name, field.label.zh, field.label.en, *field.headers)
        return plain(text) in map(plain, names)


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How a header was understood.

    `unknown` are headers that no field claims, `twice` headers of a field that has a column
    already, each with that column, `missing` the required fields without a column, `weak`
    columns that are a field only by a guess, `absent` columns the clerk named that are not there.
    """

    width: int
    columns: tuple[Column, ...]
    unknown: tuple[str, ...] = ()
    twice: tuple[tuple[str, Column], ...] = ()
    missing: tuple[Field, ...] = ()
    weak: tuple[Column, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether every field that is read has one column, and it is no guess."""
        return not (self.missing or self.twice or self.weak)


def _claims(kind: Kind) -> dict[str, Claim]:
    """Every header name the kind knows, made plain, with the field it means."""
    claims: dict[str, Claim] = {}
    for field in kind.fields:
        names = (field.name, field.label.zh, field.label.en, *field.headers)
        if field.type == "rows":
            for column in field.columns:
                for row in range(1, field.max_rows + 1):
                    for header in column.headers:
                        claims[plain(header.replace("{n}", str(row)))] = (column, field, row)
        else:
            claims.update({plain(name): (field, None, 0) for name in names})
    # A field's own name and label win over another field's list of spellings.
    for field in kind.fields:
        if field.type != "rows":
            claims.update({plain(name): (field, None, 0) for name in (field.label.zh, field.name)})
    return claims


def check_overrides(kind: Kind, overrides: Mapping[str, str]) -> None:
    """Raise UsageError where the clerk names a field the kind does not have."""
    known = [field.name for field in kind.fields if field.type != "rows"]
    for name in overrides.values():
        if name not in (*known, UNREAD):
            raise misused("no_such_target", kind=kind.name, fields=", ".join(known))


class Mapper:
    """Matches headers with a kind's fields.

    `overrides` (header or `#3` → field name, '' for a column not to be read) come first;
    `supplied` are fields whose values do not come from the table.
    """

    def __init__(
        self, kind: Kind, overrides: Mapping[str, str], supplied: frozenset[str] = frozenset()
    ) -> None:
        self._kind = kind
        self._overrides = overrides
        self._supplied = supplied
        self._claims = _claims(kind)
        self._named = {
            plain(name): field for name, field in overrides.items() if not _POSITION.fullmatch(name)
        }
        self._numbered = {
            int(found[1]) - 1: field
            for name, field in overrides.items()
            if (found := _POSITION.fullmatch(name))
        }
        self._overridden = set(overrides.values())

    @property
    def by_name(self) -> bool:
        """Whether the clerk named columns by their headers: the header is where those stand."""
        return bool(self._named)

    @property
    def by_place(self) -> bool:
        """Whether the clerk named columns by their places: any row has those."""
        return bool(self._numbered)

    def claim(self, name: str) -> Claim | None:
        """The field a plain name means, unless its values come from elsewhere."""
        claim = self._claims.get(name)
        if claim is None or (claim[1] is None and claim[0].name in self._overridden):
            return None
        return None if claim[0].name in self._supplied else claim

    def knows(self, header: Heading) -> bool:
        """Whether a heading is a field's name, or one that the clerk gave."""
        return plain(header.text) in self._named or any(
            name in self._claims for name, _ in header.names
        )

    def _override(self, index: int, header: Heading) -> str | None:
        named = self._named.get(plain(header.text)) if header.text else None
        return self._numbered.get(index, named)

    def _surest(self, header: Heading) -> tuple[Claim, int] | None:
        for name, surety in header.names:
            claim = self.claim(name)
            if claim is not None:
                return claim, surety
        return None

    def map(self, header: Sequence[Heading]) -> ColumnMap:
        """How a header is understood; of two columns for a field the surer one is read."""
        found: dict[Place, list[tuple[int, int, Claim]]] = {}
        unknown: set[int] = set()
        for index, one in enumerate(header):
            override = self._override(index, one)
            if override == UNREAD:
                continue
            if override is not None and override not in self._supplied:
                match: tuple[Claim, int] | None = (self._kind.field(override), None, 0), JOINED
            else:
                match = self._surest(one)
            if match is None:
                if one.text:
                    unknown.add(index)
                continue
            (field, rows, row), surety = match
            place = (rows.name if rows else "", field.name, row)
            found.setdefault(place, []).append((surety, index, match[0]))
        columns, twice, weak = [], [], []
        for several in found.values():
            best = min(several)[0]
            (_, index, claim), *more = (one for one in several if one[0] == best)
            unknown.update(index for surety, index, _ in several if surety > best)
            column = self._column(header, index, claim)
            twice += [(place, column) for _, place, _ in more]
            columns.append(column)
            if best == WEAK:
                weak.append(column)
        columns.sort(key=lambda column: column.index)
        return ColumnMap(
            len(header),
            tuple(columns),
            tuple(header[index].text for index in sorted(unknown)),
            tuple((_name(header, index), first) for index, first in sorted(twice, key=_index)),
            self._missing(columns),
            tuple(weak),
            self._absent(header),
        )

    def _column(self, header: Sequence[Heading], index: int, claim: Claim) -> Column:
        field, rows, row = claim
        read = cell_reader(field, self._kind.flags(field) if rows is None else ())
        return Column(index, _name(header, index), field, read, rows, row)

    def _missing(self, columns: Sequence[Column]) -> tuple[Field, ...]:
        there = self._supplied.union(column.field.name for column in columns if not column.rows)
        return tuple(
            field
            for field in self._kind.fields
            if field.required and field.type != "rows" and field.name not in there
        )

    def _absent(self, header: Sequence[Heading]) -> tuple[str, ...]:
        names = {plain(one.text) for one in header}
        return tuple(
            name
            for name in self._overrides
            if (
                int(found[1]) > len(header)
                if (found := _POSITION.fullmatch(name))
                else plain(name) not in names
            )
        )


def _index(one: tuple[int, Column]) -> int:
    return one[0]


def _name(header: Sequence[Heading], index: int) -> str:
    return header[index].text or f"#{index + 1}"


def header_findings(
    kind: Kind, columns: ColumnMap, supplied: frozenset[str], line: int
) -> list[Finding]:
    """What a header leaves open: missing, double and doubtful fields, columns nobody reads."""
    findings = []
    for missing in columns.missing:
        names = "、".join(dict.fromkeys((missing.label.zh, *missing.headers[:3])))
        values = {"names": names}
        findings.append(Finding("missing_column", line, missing.label.zh, values=values))
    there = supplied.union(column.field.name for column in columns.columns if not column.rows)
    if kind.ways and not any(there.issuperset(way.fields[1:]) for way in kind.ways):
        factors = dict.fromkeys(name for way in kind.ways for name in way.fields[1:])
        labels = ", ".join(kind.field(name).label.zh for name in factors)
        findings.append(Finding("missing_factor", line, values={"labels": labels}))
    for name, first in columns.twice:
        # Of two columns called the same, the place tells which is meant.
        called = f"#{first.index + 1}" if plain(name) == plain(first.header) else first.header
        values = {"first": called, "label": first.field.label.zh}
        findings.append(Finding("double_column", line, name, values=values))
    for column in columns.weak:
        values = {"label": column.field.label.zh}
        findings.append(Finding("unclear_column", line, column.header, values=values))
    findings += [Finding("unknown_column", line, name, WARNING) for name in columns.unknown]
    return findings
