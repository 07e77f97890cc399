"""The rules of what a kind's pages say besides its fields: control lines, advice, public tables.

What each key means: DESIGN.md, "A kind's file".
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from lookup.check_rules import check_fields
from lookup.documents import (
    FIELD_NAME,
    LABEL,
    NAMED,
    SOME_TABLES,
    SOME_TEXTS,
    Option,
    Path,
    Problem,
    check_repeats,
    check_table,
    tables,
)

COUNT, LOWEST, REFERENCED, RATIO = "count", "lowest", "reference", "ratio"
PROACTIVE = "proactive"
SITE_PLACES = frozenset({"api", "healthz", "live", "readyz", "static"})
"""What lies at `/NAME` on the public site beside the kinds."""
STATISTICS = "statistics"
"""The page of all tables that are not of groups."""
KIND_PLACES = frozenset({STATISTICS})
"""What lies at `/KIND/NAME` beside a kind's tables of groups."""


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < float("inf")


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(isinstance(name, str) for name in value)
    )


def _field(*types: str) -> Option:
    return FIELD_NAME._replace(required=True, types=frozenset(types))


_WHEN = {"when": _field("outcome"), "is": SOME_TEXTS}
LINE = {
    "label": LABEL,
    "field": _field("score"),
    "score": Option(_is_number, "a number, 0 or more", required=True),
}
ADVICE = {
    **_WHEN,
    "title": LABEL,
    "text": LABEL,
    "until": Option(_is_date, 'a date as text, "2026-06-30"'),
}
TABLE = {
    "name": NAMED,
    "title": LABEL,
    "by": SOME_TEXTS._replace(types=frozenset({"code", "text"})),
    "column": SOME_TABLES,
}
EVERY_COLUMN = {
    "name": NAMED,
    "label": LABEL,
    "measure": Option(lambda value: value in list(MEASURES), "", required=True),
}
MEASURES: dict[str, dict[str, Option]] = {
    COUNT: {key: option._replace(required=False) for key, option in _WHEN.items()},
    LOWEST: {"field": _field("score", "integer")},
    REFERENCED: {"reference": NAMED, "column": FIELD_NAME._replace(required=True)},
    RATIO: {"of": Option(_is_pair, "a list of two columns of this table", required=True)},
}
"""What a column of a public table may tell of a group, with its keys besides `EVERY_COLUMN`."""
EVERY_COLUMN["measure"] = EVERY_COLUMN["measure"]._replace(words=f"one of {', '.join(MEASURES)}")


def check_keys(document: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the keys and values of lines, advice and public tables."""
    for name, options in (("line", LINE), ("advice", ADVICE), ("table", TABLE)):
        for index, table in enumerate(tables(document, name)):
            yield from check_table(table, options, (name, index))
            for inner, column in enumerate(tables(table, "column")):
                yield from _check_column(column, (name, index, "column", inner))


def _check_column(column: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    measure = column.get("measure")
    if isinstance(measure, str) and measure in MEASURES:
        yield from check_table(column, EVERY_COLUMN | MEASURES[measure], path)
        if ("when" in column) != ("is" in column):
            yield Problem((*path, "when"), "belongs with is: say both or neither")
    elif "measure" in column:
        yield Problem((*path, "measure"), f"must be {EVERY_COLUMN['measure'].words}")
    else:
        yield Problem((*path, "measure"), "is missing")


def check_places(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Names whose pages would lie where the site has others."""
    if document["name"] in SITE_PLACES:
        yield Problem(("name",), f"{document['name']} is a page of the site: choose another name")
    for index, table in enumerate(document.get("table", ())):
        if table["name"] in KIND_PLACES:
            reason = f"{table['name']} is a page of every kind: choose another name"
            yield Problem(("table", index, "name"), reason)


def check_names(
    document: Mapping[str, Any], shown: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    """What lines, advice and tables name must be there and fit; `shown` are the fields that are
    neither secret nor withheld."""
    for index, line in enumerate(document.get("line", ())):
        path: Path = ("line", index)
        yield from check_fields(line, LINE, shown, path)
        if line["score"] > shown.get(line["field"], {}).get("full_mark", line["score"]):
            yield Problem((*path, "score"), f"is above the full mark of {line['field']}")
    for index, advice in enumerate(document.get("advice", ())):
        yield from check_fields(advice, ADVICE, shown, ("advice", index))
    for index, table in enumerate(document.get("table", ())):
        yield from _check_table(table, shown, document["identifier"], ("table", index))
    yield from _check_together(document)


def _check_table(
    table: Mapping[str, Any], shown: Mapping[str, Mapping[str, Any]], identifier: str, path: Path
) -> Iterator[Problem]:
    yield from check_fields(table, TABLE, shown, path)
    if identifier in table["by"]:
        yield Problem((*path, "by"), f"{identifier} makes groups of one candidate each")
    yield from check_repeats((column["name"] for column in table["column"]), (*path, "column"))
    before: set[str] = set()
    for index, column in enumerate(table["column"]):
        here = (*path, "column", index)
        if column["name"] in table["by"]:
            yield Problem((*here, "name"), f"{column['name']} is a field of by already")
        yield from check_fields(column, MEASURES[column["measure"]], shown, here)
        if column["measure"] == LOWEST:
            lowest = shown.get(column["field"], {})
            if lowest and lowest.get("disclosure") != PROACTIVE:
                reason = f'{column["field"]} must say disclosure = "{PROACTIVE}": one has it'
                yield Problem((*here, "field"), reason)
        for name in column.get("of", ()):
            if name not in before:
                reason = f"{name} must be a column before this one that is a number of people"
                yield Problem((*here, "of"), reason)
        if column["measure"] in (COUNT, REFERENCED):
            before.add(column["name"])


def _check_together(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Two ways of grouping the same people would tell of few of them by their difference."""
    for index in range(1, len(document.get("table", ()))):
        yield Problem(
            ("table", index), "a kind has one table: their difference could be one person"
        )
    if document.get("table"):
        for index, field in enumerate(document["field"]):
            if "statistics" in field:
                reason = "a kind with a table makes no other: the difference could be one person"
                yield Problem(("field", index, "statistics"), reason)
