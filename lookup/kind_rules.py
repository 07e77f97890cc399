"""The rules of a kind's document: every key a table may have, and what must fit together.

What each key means: DESIGN.md, "A kind's file".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lookup import page_rules
from lookup.candidate import CANONICAL, MAX_INPUT_CHARACTERS
from lookup.check_rules import VALUES, check_keys, check_names
from lookup.documents import (
    FIELD_NAME,
    LABEL,
    NAMED,
    SOME_TABLES,
    SOME_TEXTS,
    TABLES,
    TEXTS,
    WHOLE,
    YES_OR_NO,
    Option,
    Path,
    Problem,
    check_repeats,
    check_table,
    is_whole,
    one_of,
    tables,
)

FORMAT = 1
MAX_DECIMALS = 6
DIGITS, LETTERS_AND_DIGITS = "digits", "letters_and_digits"
SCORE_TABLE, COUNTS = "score_table", "counts"
LOOKUP, REFERENCE = "lookup", "reference"
"""What a kind is for: candidates ask for its records, or only checks read them."""
PROACTIVE, ON_REQUEST, WITHHELD = page_rules.PROACTIVE, "on_request", "withheld"
DISCLOSURES = {PROACTIVE: "主动公开", ON_REQUEST: "依申请公开", WITHHELD: "不予公开"}
"""The disclosure attribute of a field, as Chinese law calls it."""
SECRET_TYPES = frozenset({"access_code", "id_suffix"})
"""Second factors: typed by the candidate, never part of a record."""

_LABEL_OR_NONE = LABEL._replace(required=False)
_NAMED_FIELD = FIELD_NAME._replace(required=True)
EVERY_KIND = {
    "format": Option(
        lambda value: type(value) is int and value == FORMAT, f"{FORMAT}", required=True
    ),
    "name": NAMED,
    "purpose": one_of(LOOKUP, REFERENCE),
    "title": LABEL,
    "about": LABEL,
    "field": SOME_TABLES,
    "check": TABLES,
}
TOP: dict[str, dict[str, Option]] = {
    LOOKUP: {
        "identifier": _NAMED_FIELD,
        "headline": _NAMED_FIELD,
        "pre_check": YES_OR_NO,
        "way_in": SOME_TABLES,
        "group": SOME_TABLES,
        "line": TABLES,
        "advice": TABLES,
        "help": _LABEL_OR_NONE,
        "table": TABLES,
    },
    REFERENCE: {"key": SOME_TEXTS},
}
"""The keys of a kind of each purpose besides `EVERY_KIND`."""
EVERY_FIELD = {
    "name": NAMED,
    "label": LABEL,
    "type": Option(lambda value: isinstance(value, str) and value in TYPES, "", required=True),
    "required": YES_OR_NO,
    "headers": TEXTS,
    "hint": _LABEL_OR_NONE,
    "disclosure": one_of(*DISCLOSURES),
}
TYPES: dict[str, dict[str, Option]] = {
    "code": {
        "characters": one_of(DIGITS, LETTERS_AND_DIGITS),
        "min_length": WHOLE,
        "max_length": WHOLE._replace(required=True),
        "statistics": one_of(COUNTS),
    },
    "access_code": {},
    "id_suffix": {},
    "name": {"max_length": WHOLE},
    "text": {"max_length": WHOLE, "statistics": one_of(COUNTS)},
    "score": {
        "full_mark": WHOLE._replace(required=True),
        "decimals": Option(
            lambda value: is_whole(value) and value <= MAX_DECIMALS, f"0 to {MAX_DECIMALS}"
        ),
        "flags": FIELD_NAME,
        "statistics": one_of(SCORE_TABLE),
    },
    "integer": {
        "minimum": WHOLE._replace(required=True),
        "maximum": WHOLE._replace(required=True),
        "statistics": one_of(SCORE_TABLE, COUNTS),
    },
    "outcome": {
        "value": SOME_TABLES,
        "statistics": one_of(COUNTS),
    },
    "date": {},
    "rows": {
        "max_rows": WHOLE._replace(required=True),
        "column": SOME_TABLES,
    },
}
"""Every field type with the keys it may have besides `EVERY_FIELD`."""
EVERY_FIELD["type"] = EVERY_FIELD["type"]._replace(words=f"one of {', '.join(TYPES)}")
VALUE = {"code": NAMED, "label": LABEL, "written": TEXTS, "replaces_mark": YES_OR_NO}
WAY = {"name": NAMED, "label": LABEL, "fields": SOME_TEXTS}
GROUP = {"title": LABEL, "fields": SOME_TEXTS}
COLUMN_TYPES = ("code", "text", "score", "integer", "outcome", "date")


def _check_field(field: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    kind_of = field.get("type")
    known = isinstance(kind_of, str) and kind_of in TYPES
    if known or "type" not in field:
        own = TYPES[str(kind_of)] if known else {}
        yield from check_table(field, EVERY_FIELD | own, path)
    else:
        yield Problem((*path, "type"), f"must be {EVERY_FIELD['type'].words}")
    for index, value in enumerate(tables(field, "value")):
        yield from check_table(value, VALUE, (*path, "value", index))
    for index, column in enumerate(tables(field, "column")):
        inner = (*path, "column", index)
        yield from _check_field(column, inner)
        if column.get("type") not in list(COLUMN_TYPES):
            reason = f"a column must be one of {', '.join(COLUMN_TYPES)}"
            yield Problem((*inner, "type"), reason)
        if "flags" in column:
            yield Problem((*inner, "flags"), "a column cannot have flags")
        if "disclosure" in column:
            yield Problem((*inner, "disclosure"), "a column is disclosed as its field is")
        if "{n}" not in str(column.get("headers", "")):
            yield Problem((*inner, "headers"), "needs a header with {n} where the number stands")


def _check_spellings(field: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """Within one outcome, every spelling means one value."""
    meant: dict[str, str] = {}
    for index, value in enumerate(field.get("value", ())):
        label = value["label"]
        for spelling in (value["code"], label["zh"], label["en"], *value.get("written", ())):
            if meant.setdefault(spelling, value["code"]) != value["code"]:
                reason = f"{spelling} means {meant[spelling]} already"
                yield Problem((*path, "value", index), reason)


def _check_headers(fields: list[Mapping[str, Any]]) -> Iterator[Problem]:
    """No header belongs to two fields."""
    owner: dict[str, str] = {}
    for index, field in enumerate(fields):
        for header in field.get("headers", ()):
            plain = header.casefold()
            if owner.setdefault(plain, field["name"]) != field["name"]:
                reason = f"{header} belongs to {owner[plain]} already"
                yield Problem(("field", index, "headers"), reason)


def _check_limits(field: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    for low, high in (("minimum", "maximum"), ("min_length", "max_length")):
        if field.get(low, 0) > field.get(high, field.get(low, 0)):
            yield Problem((*path, low), f"is above {high}")
    if field.get("max_length", 0) > MAX_INPUT_CHARACTERS:
        yield Problem((*path, "max_length"), f"must be {MAX_INPUT_CHARACTERS} or less")
    if field["type"] == "score" and not field["full_mark"]:
        yield Problem((*path, "full_mark"), "must be above 0")
    yield from check_repeats((v["code"] for v in field.get("value", ())), (*path, "value"))
    yield from _check_spellings(field, path)
    yield from check_repeats((c["name"] for c in field.get("column", ())), (*path, "column"))
    for index, column in enumerate(field.get("column", ())):
        yield from _check_limits(column, (*path, "column", index))


def _check_disclosure(field: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """A second factor is always withheld, and nothing withheld makes a public table."""
    disclosure = field.get("disclosure")
    if field["type"] in SECRET_TYPES and disclosure not in (None, WITHHELD):
        yield Problem((*path, "disclosure"), f"a second factor is {WITHHELD}, always")
    if disclosure == WITHHELD and "statistics" in field:
        yield Problem((*path, "disclosure"), "a withheld field cannot make a public table")


def _check_references(document: Mapping[str, Any]) -> Iterator[Problem]:
    """What only makes sense once every table is well formed: names that point somewhere."""
    fields = {field["name"]: field for field in document["field"]}
    yield from check_repeats((field["name"] for field in document["field"]), ("field",))
    for index, field in enumerate(document["field"]):
        yield from _check_limits(field, ("field", index))
        yield from _check_disclosure(field, ("field", index))
        target = fields.get(field.get("flags", ""))
        if "flags" in field and (target is None or target["type"] != "outcome"):
            yield Problem(("field", index, "flags"), "must name a field of type outcome")
    yield from _check_headers(document["field"])
    for index, table in enumerate(document.get("check", ())):
        yield from check_names(table, fields, ("check", index))
    if document.get("purpose") == REFERENCE:
        yield from _check_key(document["key"], fields)
    else:
        shown = {name: field for name, field in fields.items() if _may_be_shown(field)}
        yield from _check_shown(document, fields, shown)
        yield from _check_ways(document, fields)
        yield from page_rules.check_names(document, shown)
        yield from page_rules.check_places(document)


def _check_key(key: list[str], fields: Mapping[str, Any]) -> Iterator[Problem]:
    """What tells one row of a reference from another."""
    yield from check_repeats(key, ("key",))
    for name in key:
        if name not in fields or fields[name]["type"] not in VALUES:
            yield Problem(("key",), f"{name} must be a field with one value")
    if not any(name in fields and fields[name].get("required") for name in key):
        yield Problem(("key",), "must name a field that is required")


def _may_be_shown(field: Mapping[str, Any]) -> bool:
    return field["type"] not in SECRET_TYPES and field.get("disclosure") != WITHHELD


def _check_shown(
    document: Mapping[str, Any], fields: Mapping[str, Any], shown: Mapping[str, Any]
) -> Iterator[Problem]:
    """The identifier, the headline and the groups: what a result page is made of."""
    identifier = fields.get(document["identifier"])
    if identifier is None or identifier["type"] != "code" or not identifier.get("required"):
        yield Problem(("identifier",), "must name a field of type code that is required")
    elif identifier["name"] not in shown:
        yield Problem(("identifier",), "must name a field that is not withheld")
    headline = fields.get(document["headline"])
    if headline is None or headline["name"] not in shown or headline["type"] == "rows":
        yield Problem(("headline",), "must name a field that the page shows")
    for index, group in enumerate(document["group"]):
        for name in group["fields"]:
            if name not in shown:
                reason = f"{name} is not a field that the page may show"
                yield Problem(("group", index, "fields"), reason)


def _check_ways(document: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Problem]:
    yield from check_repeats((way["name"] for way in document["way_in"]), ("way_in",))
    together = ("+".join(sorted(way["fields"])) for way in document["way_in"])
    yield from check_repeats(together, ("way_in",))
    for index, way in enumerate(document["way_in"]):
        yield from _check_way(way, fields, document["identifier"], ("way_in", index, "fields"))


def _check_way(
    way: Mapping[str, Any], fields: Mapping[str, Any], identifier: str, path: Path
) -> Iterator[Problem]:
    names = way["fields"]
    if len(names) < 2 or names[0] != identifier or len(set(names)) < len(names):
        yield Problem(path, f"must be {identifier} and then at least one second factor")
    for name in names:
        if name not in fields or fields[name]["type"] not in CANONICAL:
            reason = f"{name} cannot be typed here; its type must be one of {', '.join(CANONICAL)}"
            yield Problem(path, reason)


def check(document: Mapping[str, Any]) -> list[Problem]:
    """Every rule the document breaks, in the order of the document; empty when it is right."""
    reference = document.get("purpose") == REFERENCE
    top = EVERY_KIND | TOP[REFERENCE if reference else LOOKUP]
    problems = list(check_table(document, top, ()))
    for index, field in enumerate(tables(document, "field")):
        problems += _check_field(field, ("field", index))
    for index, way in enumerate(tables(document, "way_in")):
        problems += check_table(way, WAY, ("way_in", index))
    for index, group in enumerate(tables(document, "group")):
        problems += check_table(group, GROUP, ("group", index))
    for index, table in enumerate(tables(document, "check")):
        problems += check_keys(table, ("check", index))
    problems += page_rules.check_keys(document)
    return problems or list(_check_references(document))
