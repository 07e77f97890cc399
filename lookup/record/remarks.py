"""What the kind says to a record: how far it is from the control lines, and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from lookup.kinds import Kind
from lookup.record.values import is_number, number


@dataclass(frozen=True, slots=True)
class Distance:
    """A control line and somebody's own score: `side` is "above", "below" or "on" it, by `by`
    marks."""

    label: str
    line: str
    own: str
    side: str
    by: str


@dataclass(frozen=True, slots=True)
class Told:
    """What to do next, and until when. `pressing`: because of the headline, or because a mark is
    missing; other advice can wait until the record has been read."""

    title: str
    text: str
    until: date | None
    pressing: bool


def distances(kind: Kind, record: Mapping[str, Any], language: str) -> tuple[Distance, ...]:
    """The kind's control lines for which the record has a score."""
    found = []
    for line in kind.lines:
        own = record.get(line.field)
        if not is_number(own):
            continue
        by = Decimal(str(own)) - Decimal(str(line.score))
        side = "above" if by > 0 else "below" if by < 0 else "on"
        label = line.label.in_language(language)
        found.append(Distance(label, number(line.score), number(own), side, number(abs(by))))
    return tuple(found)


def _said(kind: Kind, record: Mapping[str, Any]) -> set[tuple[str, Any]]:
    """Outcome fields and what the record says in them: there, or in a score's cell."""
    fields = [(field.name, field) for field in kind.fields if field.type == "outcome"]
    fields += [(field.flags, field) for field in kind.fields if field.flags]
    return {(name, record.get(field.name)) for name, field in fields}


def advice(kind: Kind, record: Mapping[str, Any], language: str) -> tuple[Told, ...]:
    """The kind's advice for the record's outcomes, and for the flags in its scores' cells."""
    said = _said(kind, record)
    found = []
    for one in kind.advice:
        codes = [code for code in one.values if (one.when, code) in said]
        if not codes:
            continue
        values = [kind.field(one.when).value(code) for code in codes]
        pressing = one.when == kind.headline or any(v and v.replaces_mark for v in values)
        title, text = one.title.in_language(language), one.text.in_language(language)
        found.append(Told(title, text, one.until, pressing))
    return tuple(found)
