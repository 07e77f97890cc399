"""JSON Schemas of what is asked and answered, made from a kind's document.

A way in is described in the spelling that is printed on the ticket; what is typed otherwise
(full-width digits, lower case, spaces) is read too, and a schema would have to hide what is
right to say so.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lookup.candidate import ACCESS_CODE_LENGTH, CROCKFORD, MAX_INPUT_CHARACTERS
from lookup.kind_rules import DIGITS
from lookup.kinds import Field, Kind, Label, Way

Schema = dict[str, Any]
ACCESS_CODE = f"^[{CROCKFORD}]{{{ACCESS_CODE_LENGTH}}}$"
ID_SUFFIX = "^[0-9]{5}[0-9X]$"
NAME = "^[A-Z\u4e00-\u9fa5\u00b7]+$"


def both(label: Label) -> str:
    """One text in both languages, Chinese first."""
    return f"{label.zh} / {label.en}"


def closed_object(properties: Mapping[str, Schema], required: list[str] | None = None) -> Schema:
    """An object of these members and no other; all are there, or those that are `required`."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def text(pattern: str | None = None, **keys: Any) -> Schema:
    """A text, of a pattern where one is given."""
    return {"type": "string", **({"pattern": pattern} if pattern else {}), **keys}


def constant(value: str | int | bool) -> Schema:
    """One value and no other."""
    return {"const": value}


# What is asked


def _code(field: Field) -> Schema:
    characters = "0-9" if field.characters == DIGITS else "0-9A-Z"
    longest = min(field.max_length, MAX_INPUT_CHARACTERS)
    return text(f"^[{characters}]{{{field.min_length},{longest}}}$")


TYPED: dict[str, Callable[[Field], Schema]] = {
    "code": _code,
    "access_code": lambda _: text(ACCESS_CODE),
    "id_suffix": lambda _: text(ID_SUFFIX),
    "name": lambda field: text(NAME, minLength=field.min_length, maxLength=field.max_length),
}
"""What a candidate types, by the field's type."""
EXAMPLES: dict[str, Callable[[Field], str]] = {
    "code": lambda field: "1" + "0" * (max(field.min_length, 2) - 2) + "1",
    "access_code": lambda _: "ABCD2345",
    "id_suffix": lambda _: "12345X",
    "name": lambda _: "测试甲",
}
"""Made-up values for examples: nobody has them."""


def example(kind: Kind, way: Way) -> dict[str, str]:
    """Made-up credentials of one way in."""
    return {name: EXAMPLES[kind.field(name).type](kind.field(name)) for name in way.fields}


def _described(field: Field, schema: Schema) -> Schema:
    described = {"title": both(field.label), **schema}
    return described | ({"description": both(field.hint)} if field.hint else {})


def way_in(kind: Kind, way: Way) -> Schema:
    """The body that asks by one way in."""
    fields = {name: kind.field(name) for name in way.fields}
    properties = {
        name: _described(field, TYPED[field.type](field)) for name, field in fields.items()
    }
    return {"title": both(way.label), **closed_object(properties)}


def question(kind: Kind) -> Schema:
    """The body of a lookup: the fields of one way in."""
    return {"anyOf": [way_in(kind, way) for way in kind.ways]}


# What is answered


def _score(kind: Kind, field: Field) -> Schema:
    mark: Schema = {"type": "number", "minimum": 0, "maximum": field.full_mark}
    flags = [_choice(flag.code, flag.label) for flag in kind.flags(field)]
    return {"anyOf": [mark, *flags]} if flags else mark


def _choice(code: str, label: Label) -> Schema:
    return {"const": code, "title": both(label)}


def _rows(kind: Kind, field: Field) -> Schema:
    shown = [column for column in field.columns if not column.withheld]
    columns = {column.name: value(kind, column) for column in shown}
    row = closed_object(columns, [])
    return {"type": "array", "maxItems": field.max_rows, "items": row}


VALUES: dict[str, Callable[[Kind, Field], Schema]] = {
    "code": lambda _, field: _code(field),
    "name": lambda _, field: text(maxLength=field.max_length),
    "text": lambda _, field: text(maxLength=field.max_length),
    "score": _score,
    "integer": lambda _, field: {
        "type": "integer",
        "minimum": field.minimum,
        "maximum": field.maximum,
    },
    "outcome": lambda _, field: {"oneOf": [_choice(v.code, v.label) for v in field.values]},
    "date": lambda *_: text(format="date"),
    "rows": _rows,
}
"""What stands in a record, by the field's type."""


def value(kind: Kind, field: Field) -> Schema:
    """One field of a record."""
    return {"title": both(field.label), **VALUES[field.type](kind, field)}


def record(kind: Kind) -> Schema:
    """A record as it is served: no second factor, nothing withheld, nothing that is not there."""
    shown = [field for field in kind.fields if not field.secret and not field.withheld]
    properties = {field.name: value(kind, field) for field in shown}
    return closed_object(properties, [field.name for field in shown if field.required])


def found(kind: Kind) -> Schema:
    """The whole answer of a lookup that found a record."""
    release = {"id": text(), "version": {"type": "integer", "minimum": 1}, "title": text()}
    members = {
        "kind": constant(kind.name),
        "release": closed_object(release),
        "record": record(kind),
        "corrected": constant(True),
    }
    return closed_object(members, ["kind", "release", "record"])
