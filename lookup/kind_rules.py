"""The rules of a kind's document: every key a table may have, and what must fit together.

What each key means: DESIGN.md, "A kind's file".
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from lookup.candidate import CANONICAL, MAX_INPUT_CHARACTERS

FORMAT = 1
MAX_WHOLE = 1_000_000_000
MAX_DECIMALS = 6
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
DIGITS, LETTERS_AND_DIGITS = "digits", "letters_and_digits"
SCORE_TABLE, COUNTS = "score_table", "counts"
SECRET_TYPES = frozenset({"access_code", "id_suffix"})
"""Second factors: typed by the candidate, never part of a record."""


class Problem(NamedTuple):
    """One broken rule: the path to the key (table names and indexes) and the reason."""

    path: tuple[str | int, ...]
    reason: str


class Option(NamedTuple):
    """One key a table may have: what its value must be, in words and as a test."""

    fits: Callable[[Any], bool]
    words: str
    required: bool = False


def _is_label(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"zh", "en"}
        and all(isinstance(text, str) and text.strip() for text in value.values())
    )


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_WHOLE


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text for text in value)


def _is_some_texts(value: Any) -> bool:
    return bool(value) and _is_texts(value)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(table, dict) for table in value)


def _is_some_tables(value: Any) -> bool:
    return bool(value) and _is_tables(value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _one_of(*choices: str) -> Option:
    return Option(lambda value: value in choices, f"one of {', '.join(choices)}")


_NAME = Option(_is_name, "a name of lower-case letters, digits and _", required=True)
_REFERENCE = Option(_is_name, "the name of a field")
_LABEL = Option(_is_label, 'a text in both languages, { zh = "…", en = "…" }', required=True)
_HINT = _LABEL._replace(required=False)
_WHOLE = Option(_is_whole, "a whole number, 0 or more")
_FLAG = Option(lambda value: isinstance(value, bool), "true or false")
_TEXTS = Option(_is_texts, "a list of texts")
_SOME_TEXTS = Option(_is_some_texts, "a list of one text or more", required=True)
_SOME_TABLES = Option(_is_some_tables, "one table or more", required=True)

TOP = {
    "format": Option(
        lambda value: type(value) is int and value == FORMAT, f"{FORMAT}", required=True
    ),
    "name": _NAME,
    "title": _LABEL,
    "about": _LABEL,
    "identifier": _REFERENCE._replace(required=True),
    "headline": _REFERENCE._replace(required=True),
    "field": _SOME_TABLES,
    "way_in": _SOME_TABLES,
    "group": _SOME_TABLES,
}
EVERY_FIELD = {
    "name": _NAME,
    "label": _LABEL,
    "type": Option(lambda value: isinstance(value, str) and value in TYPES, "", required=True),
    "required": _FLAG,
    "headers": _TEXTS,
    "hint": _HINT,
}
TYPES: dict[str, dict[str, Option]] = {
    "code": {
        "characters": _one_of(DIGITS, LETTERS_AND_DIGITS),
        "min_length": _WHOLE,
        "max_length": _WHOLE._replace(required=True),
        "statistics": _one_of(COUNTS),
    },
    "access_code": {},
    "id_suffix": {},
    "name": {"max_length": _WHOLE},
    "text": {"max_length": _WHOLE, "statistics": _one_of(COUNTS)},
    "score": {
        "full_mark": _WHOLE._replace(required=True),
        "decimals": Option(
            lambda value: _is_whole(value) and value <= MAX_DECIMALS, f"0 to {MAX_DECIMALS}"
        ),
        "flags": _REFERENCE,
        "statistics": _one_of(SCORE_TABLE),
    },
    "integer": {
        "minimum": _WHOLE._replace(required=True),
        "maximum": _WHOLE._replace(required=True),
        "statistics": _one_of(SCORE_TABLE, COUNTS),
    },
    "outcome": {
        "value": _SOME_TABLES,
        "statistics": _one_of(COUNTS),
    },
    "date": {},
    "rows": {
        "max_rows": _WHOLE._replace(required=True),
        "column": _SOME_TABLES,
    },
}
"""Every field type with the keys it may have besides `EVERY_FIELD`."""
EVERY_FIELD["type"] = EVERY_FIELD["type"]._replace(words=f"one of {', '.join(TYPES)}")
VALUE = {"code": _NAME, "label": _LABEL, "written": _TEXTS, "replaces_mark": _FLAG}
WAY = {"name": _NAME, "label": _LABEL, "fields": _SOME_TEXTS}
GROUP = {"title": _LABEL, "fields": _SOME_TEXTS}
COLUMN_TYPES = ("code", "text", "score", "integer", "outcome", "date")


def _check_table(
    table: Mapping[str, Any], options: Mapping[str, Option], path: tuple[str | int, ...]
) -> Iterator[Problem]:
    for key, value in table.items():
        if key not in options:
            close = difflib.get_close_matches(key, options, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(options)}"
            yield Problem((*path, key), f"there is no such key; {hint}")
        elif not options[key].fits(value):
            yield Problem((*path, key), f"must be {options[key].words}")
    for key, option in options.items():
        if option.required and key not in table:
            yield Problem((*path, key), "is missing")


def _check_field(field: Mapping[str, Any], path: tuple[str | int, ...]) -> Iterator[Problem]:
    kind_of = field.get("type")
    known = isinstance(kind_of, str) and kind_of in TYPES
    if known or "type" not in field:
        own = TYPES[str(kind_of)] if known else {}
        yield from _check_table(field, EVERY_FIELD | own, path)
    else:
        yield Problem((*path, "type"), f"must be {EVERY_FIELD['type'].words}")
    for index, value in enumerate(_tables(field, "value")):
        yield from _check_table(value, VALUE, (*path, "value", index))
    for index, column in enumerate(_tables(field, "column")):
        inner = (*path, "column", index)
        yield from _check_field(column, inner)
        if column.get("type") not in list(COLUMN_TYPES):
            reason = f"a column must be one of {', '.join(COLUMN_TYPES)}"
            yield Problem((*inner, "type"), reason)
        if "flags" in column:
            yield Problem((*inner, "flags"), "a column cannot have flags")
        if "{n}" not in str(column.get("headers", "")):
            yield Problem((*inner, "headers"), "needs a header with {n} where the number stands")


def _tables(table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = table.get(key, [])
    return value if _is_tables(value) else []


def _check_spellings(field: Mapping[str, Any], path: tuple[str | int, ...]) -> Iterator[Problem]:
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


def _check_limits(field: Mapping[str, Any], path: tuple[str | int, ...]) -> Iterator[Problem]:
    for low, high in (("minimum", "maximum"), ("min_length", "max_length")):
        if field.get(low, 0) > field.get(high, field.get(low, 0)):
            yield Problem((*path, low), f"is above {high}")
    if field.get("max_length", 0) > MAX_INPUT_CHARACTERS:
        yield Problem((*path, "max_length"), f"must be {MAX_INPUT_CHARACTERS} or less")
    if field["type"] == "score" and not field["full_mark"]:
        yield Problem((*path, "full_mark"), "must be above 0")
    yield from _check_repeats((v["code"] for v in field.get("value", ())), (*path, "value"))
    yield from _check_spellings(field, path)
    yield from _check_repeats((c["name"] for c in field.get("column", ())), (*path, "column"))
    for index, column in enumerate(field.get("column", ())):
        yield from _check_limits(column, (*path, "column", index))


def _check_repeats(names: Iterator[str], path: tuple[str | int, ...]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Problem((*path, index), f"{name} stands here twice")
        seen.add(name)


def _check_references(document: Mapping[str, Any]) -> Iterator[Problem]:
    """What only makes sense once every table is well formed: names that point somewhere."""
    fields = {field["name"]: field for field in document["field"]}
    yield from _check_repeats((field["name"] for field in document["field"]), ("field",))
    yield from _check_repeats((way["name"] for way in document["way_in"]), ("way_in",))
    for index, field in enumerate(document["field"]):
        yield from _check_limits(field, ("field", index))
        target = fields.get(field.get("flags", ""))
        if "flags" in field and (target is None or target["type"] != "outcome"):
            yield Problem(("field", index, "flags"), "must name a field of type outcome")
    identifier = fields.get(document["identifier"])
    if identifier is None or identifier["type"] != "code" or not identifier.get("required"):
        yield Problem(("identifier",), "must name a field of type code that is required")
    headline = fields.get(document["headline"])
    if headline is None or headline["type"] in SECRET_TYPES | {"rows"}:
        yield Problem(("headline",), "must name a field that the page shows")
    for index, group in enumerate(document["group"]):
        for name in group["fields"]:
            if name not in fields or fields[name]["type"] in SECRET_TYPES:
                reason = f"{name} is not a field that the page may show"
                yield Problem(("group", index, "fields"), reason)
    yield from _check_headers(document["field"])
    together = ("+".join(sorted(way["fields"])) for way in document["way_in"])
    yield from _check_repeats(together, ("way_in",))
    for index, way in enumerate(document["way_in"]):
        yield from _check_way(way, fields, document["identifier"], ("way_in", index, "fields"))


def _check_way(
    way: Mapping[str, Any],
    fields: Mapping[str, Any],
    identifier: str,
    path: tuple[str | int, ...],
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
    problems = list(_check_table(document, TOP, ()))
    for index, field in enumerate(_tables(document, "field")):
        problems += _check_field(field, ("field", index))
    for index, way in enumerate(_tables(document, "way_in")):
        problems += _check_table(way, WAY, ("way_in", index))
    for index, group in enumerate(_tables(document, "group")):
        problems += _check_table(group, GROUP, ("group", index))
    return problems or list(_check_references(document))


def dotted(path: tuple[str | int, ...]) -> str:
    """A path in words, tables counted from one: `field 3 full_mark`."""
    return " ".join(str(part + 1) if isinstance(part, int) else part for part in path)
