"""A record arranged by its kind: what stands at the top, what is beside it, what follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lookup.kinds import Field, Group, Kind
from lookup.record.missing import missing
from lookup.record.values import is_number, number, text


@dataclass(frozen=True, slots=True)
class Entry:
    """One field: its label and value; of a mark also the full mark, and its share in percent."""

    name: str
    label: str
    value: str
    of: str = ""
    share: float | None = None

    @property
    def text(self) -> str:
        """The value as one text: "101.5 / 120"."""
        return f"{self.value} / {self.of}" if self.of else self.value


@dataclass(frozen=True, slots=True)
class Table:
    """A field of type `rows`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One group: its entries, and the tables that belong to it. `bars`: only scores are in it,
    and bars compare them."""

    title: str
    entries: tuple[Entry, ...]
    tables: tuple[Table, ...]
    bars: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """The whole record; `beside` is what the headline's own group says besides it."""

    headline: Entry | None
    beside: tuple[Entry, ...]
    sections: tuple[Section, ...]


def entry(kind: Kind, field: Field, value: Any, language: str) -> Entry:
    """One field that is not `rows`."""
    label = field.label.in_language(language)
    if field.type == "score" and is_number(value):
        share = round(min(max(100 * value / field.full_mark, 0), 100), 1)
        return Entry(field.name, label, number(value), str(field.full_mark), share)
    return Entry(field.name, label, text(kind, field, value, language))


def _table(kind: Kind, field: Field, rows: list[Mapping[str, Any]], language: str) -> Table:
    columns = [
        column
        for column in field.columns
        if not column.withheld and any(column.name in row for row in rows)
    ]
    return Table(
        tuple(column.label.in_language(language) for column in columns),
        tuple(
            tuple(
                text(kind, column, row[column.name], language) if column.name in row else ""
                for column in columns
            )
            for row in rows
        ),
    )


def _section(kind: Kind, group: Group, record: Mapping[str, Any], language: str) -> Section:
    """A group of what is in `record`."""
    fields = [kind.field(name) for name in group.fields if name in record]
    single = [field for field in fields if field.type != "rows"]
    return Section(
        group.title.in_language(language),
        tuple(entry(kind, field, record[field.name], language) for field in single),
        tuple(
            _table(kind, field, record[field.name], language)
            for field in fields
            if field.type == "rows" and record[field.name]
        ),
        bars=bool(single) and all(field.type == "score" for field in single),
    )


def visible(kind: Kind, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without what the kind does not know or withholds.

    A withheld field is in no record that is served; were it in one, it would not be shown.
    """
    known = {field.name for field in kind.fields if not field.withheld}
    return {name: value for name, value in record.items() if name in known}


def show(kind: Kind, record: Mapping[str, Any], language: str) -> Shown:
    """Arrange a record by its kind; absent fields are skipped, and groups left empty.

    Where no mark is there at all, the headline is the status, and not a mark of 0; what is
    reckoned from it, such as a rank, is left out with it.
    """
    record = visible(kind, record)
    first, lacking = kind.headline, missing(kind, record)
    left_out = {first}
    if lacking and lacking.wholly and kind.field(first).type == "score":
        first = lacking.field.name
        record |= {first: lacking.value.code}
        own = next((group.fields for group in kind.groups if kind.headline in group.fields), ())
        left_out |= {first, *(name for name in own if is_number(record.get(name)))}
    headline = entry(kind, kind.field(first), record[first], language) if first in record else None
    beside: tuple[Entry, ...] = ()
    sections = []
    rest = {name: value for name, value in record.items() if name not in left_out}
    for group in kind.groups:
        section = _section(kind, group, rest, language)
        if headline and kind.headline in group.fields:
            beside = section.entries
            section = Section(section.title, (), section.tables, bars=False)
        if section.entries or section.tables:
            sections.append(section)
    return Shown(headline, beside, tuple(sections))
