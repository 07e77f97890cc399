"""The rules of a kind's `[[check]]` tables: which keys each check has, what they may name.

What each check finds: `lookup.admin.checks`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lookup.documents import (
    FIELD_NAME,
    NAMED,
    SOME_TEXTS,
    Option,
    Path,
    Problem,
    check_repeats,
    check_table,
    one_of,
)

NUMBERS = frozenset({"score", "integer"})
VALUES = frozenset({"code", "name", "text", "score", "integer", "outcome", "date"})
SHARED, ANY = "shared", "any"
STANDARD = "standard"


def _field(*types: str) -> Option:
    return FIELD_NAME._replace(required=True, types=frozenset(types))


def _fields(*types: str) -> Option:
    return SOME_TEXTS._replace(types=frozenset(types))


def _optional(option: Option) -> Option:
    return option._replace(required=False)


def _is_join(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(name, str) and name for name in value.values())
    )


_JOIN = Option(_is_join, 'pairs of fields, { field = "field of the reference" }')
_BOUND = {"reference": _optional(NAMED), "column": FIELD_NAME, "join": _JOIN}
"""A bound found in a reference: the kind, the field of it, and the fields that must agree."""
_WHEN = {"when": _field("outcome"), "is": SOME_TEXTS}
_MAY = {key: _optional(option) for key, option in _WHEN.items()}
_WITHIN = {"within": _optional(_fields(*VALUES))}

CHECKS: dict[str, dict[str, Option]] = {
    "sum": {"total": _field(*NUMBERS), "parts": _fields(*NUMBERS)},
    "flags": {"flag": _field("outcome")},
    "rank": {
        "rank": _field("integer"),
        "score": _field(*NUMBERS),
        "ties": one_of(SHARED, ANY),
        "counting": one_of(STANDARD, ANY),
        **_WITHIN,
    },
    "unique": {"fields": _fields(*VALUES)},
    "requires": {**_WHEN, "fields": _fields(*VALUES, "rows")},
    "excludes": {**_WHEN, "fields": _fields(*VALUES, "rows")},
    "at_least": {
        "field": _field(*NUMBERS),
        "other": _optional(_field(*NUMBERS)),
        **_BOUND,
        **_MAY,
    },
    "places": {
        **_WHEN,
        "by": _fields(*VALUES),
        "plan": _optional(_field("integer")),
        **_BOUND,
    },
    "sequence": {"field": _field("integer"), **_WITHIN},
    "cumulative": {
        "score": _field(*NUMBERS),
        "count": _field("integer"),
        "cumulative": _field("integer"),
        **_WITHIN,
    },
    "distribution": {
        "fields": _fields(*NUMBERS, "outcome"),
        "by": _optional(_field("code", "text", "outcome")),
    },
    "runs": {"fields": _fields("score")},
}
"""Every check with the keys it may have besides `rule`."""
RULE = Option(lambda value: isinstance(value, str) and value in CHECKS, ", ".join(CHECKS), True)
INSTEAD = {"at_least": "other", "places": "plan"}
"""Checks whose bound is a field of the record, or stands in a reference."""


def check_keys(table: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """What is wrong with one check's keys and values."""
    rule = table.get("rule")
    if isinstance(rule, str) and rule in CHECKS:
        yield from check_table(table, {"rule": RULE} | CHECKS[rule], path)
        if rule in INSTEAD:
            yield from _check_bound(table, INSTEAD[rule], path)
    elif "rule" in table:
        yield Problem((*path, "rule"), f"must be one of {RULE.words}")
    else:
        yield Problem((*path, "rule"), "is missing")


def _check_bound(table: Mapping[str, Any], field: str, path: Path) -> Iterator[Problem]:
    if (field in table) == ("reference" in table):
        yield Problem((*path, field), f"say either {field} or reference, one of the two")
    for key in ("column", "join"):
        if (key in table) != ("reference" in table):
            yield Problem((*path, key), "belongs with reference: say both or neither")
    if ("when" in table) != ("is" in table):
        yield Problem((*path, "when"), "belongs with is: say both or neither")


def check_names(
    table: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]], path: Path
) -> Iterator[Problem]:
    """What a check names must be fields of a fitting type, and the values it names must exist."""
    yield from check_fields(table, CHECKS[table["rule"]], fields, path)
    for name in table.get("join", ()):
        if name not in fields or fields[name]["type"] not in VALUES:
            yield Problem((*path, "join"), f"{name} is not a field that can be compared")
    yield from _check_sense(table, fields, path)


def check_fields(
    table: Mapping[str, Any],
    options: Mapping[str, Option],
    fields: Mapping[str, Mapping[str, Any]],
    path: Path,
) -> Iterator[Problem]:
    """Keys whose option has `types` must name such fields, and `is` the codes of `when`."""
    for key, option in options.items():
        if key not in table or not option.types:
            continue
        names = table[key] if isinstance(table[key], list) else [table[key]]
        yield from check_repeats(names, (*path, key))
        for name in names:
            if name not in fields or fields[name]["type"] not in option.types:
                fitting = ", ".join(sorted(option.types))
                yield Problem((*path, key), f"{name} must be a field of type {fitting}")
    when = fields.get(table.get("when", ""), {})
    codes = [value["code"] for value in when.get("value", ())]
    for code in table.get("is", ()):
        if code not in codes:
            yield Problem((*path, "is"), f"{code} is no value of {table['when']}")


def _check_sense(
    table: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]], path: Path
) -> Iterator[Problem]:
    """Names that are fields, and yet make no sense together."""
    if table.get("total") in table.get("parts", ()):
        yield Problem((*path, "parts"), "the total cannot be a part of itself")
    if table["rule"] == "sequence" and not fields.get(table["field"], {}).get("minimum"):
        yield Problem((*path, "field"), "must have the minimum 1: numbers start there")
    if "other" in table and table["other"] == table["field"]:
        yield Problem((*path, "other"), "must be another field")
    if table["rule"] == "flags" and not any(
        f.get("flags") == table["flag"] for f in fields.values()
    ):
        yield Problem((*path, "flag"), f"no score says flags = {table['flag']}")
