"""`/KIND/statistics` and the tables of groups, as data and for spreadsheets."""

from lookup.kind_rules import COUNTS, SCORE_TABLE
from lookup.kinds import Kind
from lookup.public.answers import STATUSES
from lookup.public.openapi.parts import (
    CSV,
    HTML,
    JSON,
    LABEL,
    LANGUAGE,
    PROBLEM,
    RETRY_AFTER,
    TIME,
    WHOLE,
    answer,
    parameter,
    read,
    ref,
)
from lookup.public.schemas import Schema, both, closed_object, constant, text
from lookup.public.site.publications import named
from lookup.statistics.groups import GROUPS

FIELD = parameter("field", "query", "field")
WITHHELD: Schema = {"type": ["integer", "null"], "minimum": 0}
END: Schema = {"type": ["number", "null"]}
CELL: Schema = {"type": ["number", "string", "null"]}
LABELS: Schema = {
    "type": "object",
    "additionalProperties": LABEL,
}
REFUSALS = {
    403: ("not_open", "closed"),
    404: ("unknown_kind", "not_found"),
    503: ("unavailable",),
}
"""Why there may be nothing to see, by status."""


def _table(sort: str, row: Schema, more: dict[str, Schema] | None = None) -> Schema:
    members = {
        "name": text(),
        "type": constant(sort),
        "rows": {"type": "array", "items": row},
        **(more or {}),
    }
    return {"type": "object", "properties": members, "required": list(members)}


_RANGE = closed_object({"from": END, "to": END, "count": WITHHELD, "cumulative": WITHHELD})
_COUNT = closed_object({"value": CELL, "count": WITHHELD})
_NAMES: Schema = {"type": "array", "items": text()}
TABLE: Schema = {
    "anyOf": [
        _table(SCORE_TABLE, _RANGE),
        _table(COUNTS, _COUNT),
        _table(
            GROUPS,
            {"type": "object", "additionalProperties": CELL},
            {"by": _NAMES, "columns": _NAMES},
        ),
    ]
}
"""A table of a release: a withheld cell is null; so is a range's open end, and the value or the
group of those who are too few to be named."""
NAMED_TABLE: Schema = {
    "allOf": [
        TABLE,
        {
            "type": "object",
            "properties": {
                "title": LABEL,
                "labels": LABELS,
                "values": {"type": "object", "additionalProperties": LABELS},
            },
            "required": ["title", "labels", "values"],
        },
    ]
}
"""The same with its words: what it, its columns and the codes in its cells are called."""


def _document(kind: Kind) -> Schema:
    release = closed_object({"id": text(), "version": {"type": "integer"}, "title": text()})
    earlier = closed_object({"title": text(), "tables": {"type": "array", "items": TABLE}})
    members: dict[str, Schema] = {
        "kind": constant(kind.name),
        "release": release,
        "opened_at": TIME,
        "tables": {"type": "array", "items": NAMED_TABLE},
        "earlier": {"type": "array", "items": earlier},
        "as_of_version": WHOLE,
    }
    return closed_object(members, [name for name in members if name != "as_of_version"])


def _refusals() -> dict[str, Schema]:
    answers = {}
    for status, codes in REFUSALS.items():
        schema = {"oneOf": [ref(code) for code in codes]}
        headers = LANGUAGE | (RETRY_AFTER if status == STATUSES["unavailable"] else {})
        answers[str(status)] = answer("problem", {PROBLEM: schema}, headers)
    # A worker that has too much to do says so before it looks at what was asked.
    answers["503"]["content"][HTML] = {"schema": text()}
    return answers


def tables(kind: Kind) -> dict[str, Schema]:
    """The operations of a kind's tables by address; none where it has none."""
    forms = {".json": {JSON: _document(kind)}, ".csv": {CSV: text()}}
    found = {}
    for name, title in named(kind):
        for suffix, content in forms.items():
            operation = read("tables", "tables", content, tagged=True, more=_refusals())
            operation["operationId"] = f"{kind.name}_{name}_{suffix[1:]}"
            operation["summary"] = f"{both(kind.title)}: {both(title)}"
            operation["parameters"].append(FIELD)
            found[f"/{kind.name}/{name}{suffix}"] = operation
    return found
