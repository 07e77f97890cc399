"""Published tables as files: JSON for programs, CSV for spreadsheets."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from lookup.csv_text import BOM, inert, lines
from lookup.kind_rules import COUNTS, SCORE_TABLE
from lookup.kinds import Kind, Label
from lookup.public.answers import PHRASES, iso
from lookup.public.site.publications import AS_OF, Publication
from lookup.public.site.sheets import (
    ABSENT,
    Cell,
    Row,
    Sheet,
    Table,
    every_row,
    group_table,
    title_of,
)
from lookup.public.site.table_pages import key_labels, key_texts, measure_label
from lookup.statistics.groups import GROUPS


def as_json(publication: Publication, tables: Sequence[Table]) -> bytes:
    """Some tables of a document, named in both languages, and earlier years' of the same names.

    `{"kind", "release": {"id", "version", "title"}, "opened_at", "tables": [{"title": {"zh",
    "en"}, … as in the document, "labels": {column: {"zh", "en"}}, "values": {field: {code:
    {"zh", "en"}}}}], "earlier": [{"title", "tables": [as in the document]}]}`, and
    `as_of_version` where the figures are not those of the release's own version.
    """
    kind, manifest = publication.kind, publication.manifest
    names = {(table["type"], table["name"]) for table in tables}
    document = publication.document
    body = {
        "kind": kind.name,
        "release": {
            "id": manifest.release,
            "version": manifest.version,
            "title": manifest.title,
        },
        "opened_at": iso(publication.opened_at),
        **{key: document[key] for key in (AS_OF,) if key in document},
        "tables": [_named(kind, table) for table in tables],
        "earlier": [
            {
                "title": year["title"],
                "tables": [
                    table for table in year["tables"] if (table["type"], table["name"]) in names
                ],
            }
            for year in document.get("earlier", ())
        ],
    }
    return orjson.dumps(body)


def _named(kind: Kind, table: Table) -> dict[str, Any]:
    title = title_of(kind, table)
    coded = {COUNTS: (table["name"],), GROUPS: tuple(table.get("by", ()))}.get(table["type"], ())
    values = {name: kind.field(name).values for name in coded if kind.field(name).values}
    return {
        **({"title": _both(title)} if title else {}),
        **table,
        "labels": dict(_labels(kind, table)),
        "values": {
            name: {value.code: _both(value.label) for value in each}
            for name, each in values.items()
        },
    }


def _labels(kind: Kind, table: Table) -> Iterator[tuple[str, dict[str, str]]]:
    if table["type"] == GROUPS:
        for name in table["by"]:
            yield name, _both(kind.field(name).label)
        found = group_table(kind, table["name"])
        for column in found.columns if found else ():
            yield column.name, _both(column.label)
        return
    if table["type"] == COUNTS:
        yield "value", _both(kind.field(table["name"]).label)
    names = ("from", "to", "count", "cumulative") if table["type"] == SCORE_TABLE else ("count",)
    for name in names:
        yield name, {each: PHRASES.say(f"tables.{name}", each) for each in ("zh", "en")}


def _both(label: Label) -> dict[str, str]:
    return {"zh": label.zh, "en": label.en}


def as_csv(kind: Kind, sheet: Sheet, language: str) -> bytes:
    """A sheet for spreadsheets: UTF-8 with the mark, headings in the language, all years.

    Numbers are plain. A cell is empty where it is withheld, absent or an open end; no cell runs.
    """
    rows = every_row(sheet)
    years = len(sheet.years) > 1
    columns = [
        measure_label(kind, sheet, measure, language) + (f" {year.short}" if years else "")
        for year in sheet.years
        for measure in sheet.measures
    ]
    header: list[Cell] = [*_key_columns(kind, sheet, language), *columns]
    cells: Iterator[list[Cell]] = (
        [*_keys(kind, sheet, row, language), *map(_plain, row.cells)] for row in rows
    )
    return BOM + lines([inert(value) for value in row] for row in (header, *cells))


def _key_columns(kind: Kind, sheet: Sheet, language: str) -> list[str]:
    if sheet.type == SCORE_TABLE:
        return [PHRASES.say(f"tables.{name}", language) for name in sheet.keys]
    return key_labels(kind, sheet, language)


def _keys(kind: Kind, sheet: Sheet, row: Row, language: str) -> list[Cell]:
    if sheet.type == SCORE_TABLE:
        return [*map(_plain, row.keys)]
    if row == sheet.rest:
        texts = [""] * len(row.keys)
        return [PHRASES.say(f"tables.rest.{sheet.type}", language), *texts[1:]]
    return [*key_texts(kind, sheet, row, language)]


def _plain(value: Cell) -> str:
    if value is None or value == ABSENT:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
