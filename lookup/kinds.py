"""Kinds of result as data: fields, ways in and layout, read from a document.

A document is what a kind's TOML file parses to; the same document travels as JSON inside
every release, so the public side knows no kind by name. The keys: DESIGN.md, "A kind's file".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from lookup.candidate import ACCESS_CODE_LENGTH, MAX_INPUT_CHARACTERS
from lookup.documents import dotted
from lookup.kind_rules import (
    LETTERS_AND_DIGITS,
    LOOKUP,
    ON_REQUEST,
    REFERENCE,
    SECRET_TYPES,
    WITHHELD,
    check,
)


@dataclass(frozen=True, slots=True)
class Label:
    """One text in both languages."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The text in `en`, or in `zh` for every other language."""
        return self.en if language == "en" else self.zh


@dataclass(frozen=True, slots=True)
class Value:
    """One code an outcome may have; `written` are other spellings offices use for it."""

    code: str
    label: Label
    written: tuple[str, ...] = ()
    replaces_mark: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind, or one column of a field of type `rows`.

    Options that a type does not have keep their defaults. `flags` names the outcome field
    whose `replaces_mark` values may stand in a score's cell instead of a mark.
    """

    name: str
    label: Label
    type: str
    required: bool = False
    headers: tuple[str, ...] = ()
    hint: Label | None = None
    disclosure: str = ON_REQUEST
    statistics: str | None = None
    full_mark: int = 0
    decimals: int = 0
    flags: str | None = None
    minimum: int = 0
    maximum: int = 0
    min_length: int = 1
    max_length: int = MAX_INPUT_CHARACTERS
    characters: str = LETTERS_AND_DIGITS
    max_rows: int = 0
    values: tuple[Value, ...] = ()
    columns: tuple["Field", ...] = ()

    @property
    def secret(self) -> bool:
        """Whether the field is a second factor, kept out of every record."""
        return self.type in SECRET_TYPES

    @property
    def withheld(self) -> bool:
        """Whether the field is loaded and checked, and never in a record that is served.

        False for a second factor: it is in no record anyway.
        """
        return self.disclosure == WITHHELD and not self.secret

    def value(self, code: object) -> Value | None:
        """The outcome value with this code."""
        return next((value for value in self.values if value.code == code), None)


@dataclass(frozen=True, slots=True)
class Way:
    """One way in: the fields a candidate types together, the identifier first."""

    name: str
    label: Label
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Fields shown together on the result page, under one title."""

    title: Label
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A control line: a number that a score is held against on the page."""

    label: Label
    field: str
    score: float


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next, for records whose outcome `when` is one of `values`, or in one of whose
    scores such a value stands instead of a mark; until a day, where one is given."""

    when: str
    values: tuple[str, ...]
    title: Label
    text: Label
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """One column of a public table: what it tells of each group.

    `measure` is one of `page_rules.MEASURES`; keys that it does not have keep their defaults.
    """

    name: str
    label: Label
    measure: str
    when: str = ""
    values: tuple[str, ...] = ()
    field: str = ""
    reference: str = ""
    column: str = ""
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupTable:
    """A public table with a row for each group of records that agree in the fields `by`."""

    name: str
    title: Label
    by: tuple[str, ...]
    columns: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a batch: its rule and the rule's own keys, as `check_rules.CHECKS` has them."""

    rule: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of result: everything the loader, the builder and the pages need to know.

    A kind whose `purpose` is `reference` is read by checks and never published: it has a
    `key` and no identifier, headline, ways or groups (empty here). The key of a lookup is its
    identifier. With `pre_check` candidates may try their credentials before the hour.
    """

    name: str
    purpose: str
    title: Label
    about: Label
    identifier: str
    headline: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    ways: tuple[Way, ...]
    groups: tuple[Group, ...]
    checks: tuple[Check, ...]
    document: Mapping[str, Any]
    pre_check: bool = False
    lines: tuple[Line, ...] = ()
    advice: tuple[Advice, ...] = ()
    help: Label | None = None
    tables: tuple[GroupTable, ...] = ()

    @property
    def reference(self) -> bool:
        """Whether the kind is only read by checks: nothing of it may be published."""
        return self.purpose == REFERENCE

    def field(self, name: str) -> Field:
        """The field of this name; KeyError where there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def flags(self, score: Field) -> tuple[Value, ...]:
        """The values that may stand in this score's cell instead of a mark."""
        if score.flags is None:
            return ()
        return tuple(value for value in self.field(score.flags).values if value.replaces_mark)


def _label(value: Mapping[str, str]) -> Label:
    return Label(value["zh"], value["en"])


def _value(table: Mapping[str, Any]) -> Value:
    return Value(
        code=table["code"],
        label=_label(table["label"]),
        written=tuple(table.get("written", ())),
        replaces_mark=table.get("replaces_mark", False),
    )


LENGTHS = {"access_code": ACCESS_CODE_LENGTH, "id_suffix": 6}


def _field(table: Mapping[str, Any]) -> Field:
    built: dict[str, Any] = {
        "label": _label(table["label"]),
        "headers": tuple(table.get("headers", ())),
        "hint": _label(table["hint"]) if "hint" in table else None,
        "values": tuple(map(_value, table.get("value", ()))),
        "columns": tuple(map(_field, table.get("column", ()))),
    }
    if table["type"] in LENGTHS:
        built["min_length"] = built["max_length"] = LENGTHS[table["type"]]
    if table["type"] in SECRET_TYPES:
        built["disclosure"] = WITHHELD
    plain = {key: value for key, value in table.items() if key not in {"value", "column", *built}}
    return Field(**plain, **built)


def _check(table: Mapping[str, Any]) -> Check:
    return Check(table["rule"], {key: value for key, value in table.items() if key != "rule"})


def _line(table: Mapping[str, Any]) -> Line:
    return Line(_label(table["label"]), table["field"], table["score"])


def _advice(table: Mapping[str, Any]) -> Advice:
    return Advice(
        when=table["when"],
        values=tuple(table["is"]),
        title=_label(table["title"]),
        text=_label(table["text"]),
        until=date.fromisoformat(table["until"]) if "until" in table else None,
    )


def _measure(table: Mapping[str, Any]) -> Measure:
    built: dict[str, Any] = {
        "label": _label(table["label"]),
        "values": tuple(table.get("is", ())),
        "of": tuple(table.get("of", ())),
    }
    return Measure(**{k: v for k, v in table.items() if k not in {"is", *built}}, **built)


def _table(table: Mapping[str, Any]) -> GroupTable:
    columns = tuple(map(_measure, table["column"]))
    return GroupTable(table["name"], _label(table["title"]), tuple(table["by"]), columns)


def read_kind(document: Mapping[str, Any]) -> Kind:
    """The kind a document defines; ValueError where `check` would find a problem."""
    problems = check(document)
    if problems:
        raise ValueError("; ".join(f"{dotted(path)}: {reason}" for path, reason in problems))
    return Kind(
        name=document["name"],
        title=_label(document["title"]),
        about=_label(document["about"]),
        purpose=document.get("purpose", LOOKUP),
        identifier=document.get("identifier", ""),
        headline=document.get("headline", ""),
        key=tuple(document.get("key", (document.get("identifier"),))),
        fields=tuple(map(_field, document["field"])),
        ways=tuple(
            Way(way["name"], _label(way["label"]), tuple(way["fields"]))
            for way in document.get("way_in", ())
        ),
        groups=tuple(
            Group(_label(group["title"]), tuple(group["fields"]))
            for group in document.get("group", ())
        ),
        checks=tuple(map(_check, document.get("check", ()))),
        document=document,
        pre_check=document.get("pre_check", False),
        lines=tuple(map(_line, document.get("line", ()))),
        advice=tuple(map(_advice, document.get("advice", ()))),
        help=_label(document["help"]) if "help" in document else None,
        tables=tuple(map(_table, document.get("table", ()))),
    )
