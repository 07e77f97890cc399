"""Tables of a document: the keys each may have and what their values must be."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

MAX_WHOLE = 1_000_000_000
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

Path = tuple[str | int, ...]
"""Where something stands in a document: names of tables and keys, and indexes."""


class Problem(NamedTuple):
    """One broken rule: the path to the key and the reason."""

    path: Path
    reason: str


class Option(NamedTuple):
    """One key a table may have: what its value must be, in words and as a test.

    `types` are set where the value names fields: the field types that fit.
    """

    fits: Callable[[Any], bool]
    words: str
    required: bool = False
    types: frozenset[str] = frozenset()


def _is_label(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"zh", "en"}
        and all(isinstance(text, str) and text.strip() for text in value.values())
    )


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number that a document may hold."""
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


def one_of(*choices: str) -> Option:
    """A key whose value is one of these words."""
    return Option(lambda value: value in choices, f"one of {', '.join(choices)}")


NAMED = Option(_is_name, "a name of lower-case letters, digits and _", required=True)
FIELD_NAME = Option(_is_name, "the name of a field")
LABEL = Option(_is_label, 'a text in both languages, { zh = "…", en = "…" }', required=True)
WHOLE = Option(is_whole, "a whole number, 0 or more")
YES_OR_NO = Option(lambda value: isinstance(value, bool), "true or false")
TEXTS = Option(_is_texts, "a list of texts")
SOME_TEXTS = Option(_is_some_texts, "a list of one text or more", required=True)
TABLES = Option(_is_tables, "tables")
SOME_TABLES = Option(_is_some_tables, "one table or more", required=True)


def check_table(
    table: Mapping[str, Any], options: Mapping[str, Option], path: Path
) -> Iterator[Problem]:
    """What is wrong with one table's keys and values."""
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


def check_repeats(names: Iterable[str], path: Path) -> Iterator[Problem]:
    """A problem for each name that stands there already."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Problem((*path, index), f"{name} stands here twice")
        seen.add(name)


def tables(table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The tables under a key; none where something else stands there."""
    value = table.get(key, [])
    return value if _is_tables(value) else []


def dotted(path: Path) -> str:
    """A path in words, tables counted from one: `field 3 full_mark`."""
    return " ".join(str(part + 1) if isinstance(part, int) else part for part in path)
