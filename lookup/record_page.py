"""A record's page, the same to the public and in the console's previews.

A headline, then groups of labels and texts, arranged by the record's kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from lookup.kinds import Field, Kind
from lookup.pages import Pages, environment
from lookup.phrases import read_phrases

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
"""The frame of a public page and the record's page in it; a wing adds its own folder."""
STATIC = HERE / "static"
"""The stylesheet of these pages, which they look for at `/static/site.css`."""
PHRASES = HERE / "phrases.toml"
_PAGES = Pages(environment(TEMPLATES), read_phrases(PHRASES))


@dataclass(frozen=True, slots=True)
class Table:
    """A field of type `rows`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One group: labels with their texts, and the tables that belong to it."""

    title: str
    lines: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """The whole record; `headline` is a label and its text."""

    headline: tuple[str, str] | None
    sections: tuple[Section, ...]


def number(value: int | float) -> str:
    """A number as people write it: 100, 101.5."""
    return f"{Decimal(str(value)).normalize():f}"


def text(kind: Kind, field: Field, value: Any, language: str) -> str:
    """One value in words."""
    if field.type == "outcome":
        found = field.value(value)
        return found.label.in_language(language) if found else str(value)
    if field.type == "score":
        if isinstance(value, str):
            flags = {flag.code: flag.label.in_language(language) for flag in kind.flags(field)}
            return flags.get(value, value)
        return f"{number(value)} / {field.full_mark}"
    return number(value) if isinstance(value, int | float) else str(value)


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


def show(kind: Kind, record: Mapping[str, Any], language: str) -> Shown:
    """Arrange a record by its kind; absent fields are skipped, and groups left empty.

    A withheld field is in no record that is served; were it in one, it would not be shown.
    """
    shown = {field.name for field in kind.fields if field.name in record and not field.withheld}
    sections = []
    for group in kind.groups:
        fields = [kind.field(name) for name in group.fields if name in shown]
        lines = tuple(
            (field.label.in_language(language), text(kind, field, record[field.name], language))
            for field in fields
            if field.type != "rows"
        )
        tables = tuple(
            _table(kind, field, record[field.name], language)
            for field in fields
            if field.type == "rows" and record[field.name]
        )
        if lines or tables:
            sections.append(Section(group.title.in_language(language), lines, tables))
    headline = None
    if kind.headline in shown:
        field = kind.field(kind.headline)
        value = text(kind, field, record[kind.headline], language)
        headline = (field.label.in_language(language), value)
    return Shown(headline, tuple(sections))


def render(kind: Kind, body: Mapping[str, Any], opened_at: str, language: str, path: str) -> str:
    """The whole page, HTML, of a response body: `record` and `release` with title and version.

    `opened_at` is the hour in words, `path` the page's own, where its other language is.
    """
    return _PAGES.render(
        "result.html",
        language,
        path,
        kind=kind,
        shown=show(kind, body["record"], language),
        release=body["release"],
        opened_at=opened_at,
    )
