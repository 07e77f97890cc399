"""A record's page, the same to the public and in the console's previews.

What it shows is arranged in `lookup.record`, by the record's kind and, where they are given, by
the public statistics of the release; here it is put into words and a template.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lookup.kinds import Kind
from lookup.pages import Pages, environment
from lookup.phrases import day_values, read_phrases
from lookup.record.arranging import show, visible
from lookup.record.histogram import Bar, Histogram, histogram, own_bar
from lookup.record.missing import missing
from lookup.record.own_rows import own_rows
from lookup.record.remarks import advice, distances
from lookup.record.standing import Standing, score_table, standing
from lookup.record.values import is_number, number, text

__all__ = ["PHRASES", "STATIC", "STYLES", "TEMPLATES", "render", "show", "text"]
HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
"""The frame of a public page and the record's page in it; a wing adds its own folder."""
STATIC = HERE / "static"
"""The stylesheets of these pages, which they look for at `/static/`."""
STYLES = ("site.css", "result.css")
PHRASES = HERE / "phrases.toml"
MIDDLE = 50
"""A place that begins beyond so many percent is shown in the picture, and not said."""
_PHRASES = read_phrases(PHRASES)
_PAGES = Pages(environment(TEMPLATES), _PHRASES)


@dataclass(frozen=True, slots=True)
class Distribution:
    """The headline's score table as a picture; `mark` and the bar `own` are the candidate's."""

    label: str
    mark: str
    full_mark: int
    people: int
    picture: Histogram
    own: Bar


def _standings(
    kind: Kind, record: Mapping[str, Any], statistics: Mapping[str, Any]
) -> dict[str, Standing]:
    """Where each score of the record lies, by field; of those alone that have a score table.

    Below the middle nothing is said in words: being among the best 97 % reads as mockery. Nor is
    it of the last cell, which holds those without a mark as well.
    """
    found = {}
    for field in kind.fields:
        mark, table = record.get(field.name), score_table(statistics, field.name)
        if table and field.type == "score" and is_number(mark):
            place = standing(table["rows"], mark)
            if place and place.low < MIDDLE and place.high < 100:
                found[field.name] = place
    return found


def _distribution(
    kind: Kind, record: Mapping[str, Any], statistics: Mapping[str, Any], language: str
) -> Distribution | None:
    """The headline's, where it is a mark among published ones."""
    mark, table = record.get(kind.headline), score_table(statistics, kind.headline)
    if table is None or not is_number(mark):
        return None
    field, rows = kind.field(kind.headline), table["rows"]
    picture = histogram(rows, field.full_mark)
    own = own_bar(picture.bars, rows, mark)
    if own is None:
        return None
    label, people = field.label.in_language(language), rows[-1]["cumulative"]
    return Distribution(label, number(mark), field.full_mark, people, picture, own)


def render(
    kind: Kind,
    body: Mapping[str, Any],
    opened_at: str,
    language: str,
    path: str,
    statistics: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> str:
    """The whole page, HTML, of a response body: `record` and `release` with title and version,
    `corrected` where the record is another than the one first published.

    `opened_at` is the hour in words, `path` the page's own, where its other language is.
    `statistics` is the release's public document; without it nothing is said of others.
    `today` is the day in the site's own zone; without it no day to act by is said to be over.
    """
    record, public = visible(kind, body["record"]), statistics or {}
    told = advice(kind, record, language)
    # A total that lacks a mark, or is not the last one, says nothing beside other people's.
    whole = missing(kind, record) is None
    return _PAGES.render(
        "result.html",
        language,
        path,
        kind=kind,
        shown=show(kind, record, language),
        corrected=bool(body.get("corrected")),
        advice=told,
        today=today,
        days={one.until: day_values(_PHRASES, one.until, language) for one in told if one.until},
        distances=distances(kind, record, language) if whole else (),
        standings=_standings(kind, record, public) if whole else {},
        distribution=_distribution(kind, record, public, language) if whole else None,
        own_rows=own_rows(kind, record, public, language),
        release=body["release"],
        opened_at=opened_at,
        number=number,
    )
