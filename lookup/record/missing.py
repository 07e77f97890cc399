"""Marks that a flag stands for: what is reckoned from the others is held against nobody's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lookup.kinds import Field, Kind, Value
from lookup.record.values import is_number


@dataclass(frozen=True, slots=True)
class Missing:
    """The flag in force, and the outcome field that has it; `wholly`: no mark is there at all."""

    field: Field
    value: Value
    wholly: bool


def missing(kind: Kind, record: Mapping[str, Any]) -> Missing | None:
    """What stands for the record's marks; None where no flag does.

    The record's own status goes before what stands in single cells.
    """
    scores = [field for field in kind.fields if field.flags]
    statuses = [(field, record.get(str(field.flags))) for field in scores]
    cells = [(field, record.get(field.name)) for field in scores]
    found = [
        (kind.field(str(field.flags)), flag)
        for field, code in statuses + cells
        for flag in kind.flags(field)
        if flag.code == code
    ]
    if not found:
        return None
    marked = any(is_number(record.get(field.name)) for field in scores)
    total = record.get(kind.headline)
    return Missing(*found[0], wholly=not marked and not (is_number(total) and total))
