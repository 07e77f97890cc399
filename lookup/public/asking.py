"""One question, one outcome: what a candidate typed, looked up in what is open now.

An unknown number and a wrong second factor are one event (lookup.sealing), so there is one
`NoMatch` and nothing to tell them apart by.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lookup.candidate import (
    CANONICAL,
    MAX_INPUT_CHARACTERS,
    credential,
    has_control_character,
    is_access_code,
    is_id_suffix,
)
from lookup.errors import DamagedError
from lookup.kind_rules import DIGITS
from lookup.kinds import Field, Kind
from lookup.public.live import LiveReleases, State, View

log = logging.getLogger("lookup.public")


@dataclass(frozen=True, slots=True)
class Found:
    """The sealed response body, padding and all, and the view it was found in."""

    body: bytes
    view: View


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Nothing answers to these credentials."""


@dataclass(frozen=True, slots=True)
class NotOpen:
    """Sealed until `opens_at`."""

    opens_at: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """No longer served."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """It should be served and cannot be just now."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """`field` is a field of the kind or None; `reason_key` names a phrase `reason.…`."""

    field: str | None
    reason_key: str


@dataclass(frozen=True, slots=True)
class UnknownKind:
    """There is no such kind."""


Refusal = NotOpen | Closed | Unavailable | UnknownKind
Outcome = Found | NoMatch | Invalid | Refusal


def gate(live: LiveReleases, kind_name: str, now: datetime) -> View | Refusal:
    """The open view of a kind, or why there is none; looks at nothing a client sent."""
    view = live.view(kind_name, now)
    if view is None:
        return UnknownKind()
    if view.state is State.NOT_OPEN and view.opens_at is not None:
        return NotOpen(view.opens_at)
    if view.state is State.CLOSED:
        return Closed()
    if view.serving is None or view.kind is None:
        return Unavailable()
    return view


def look(view: View, fields: Mapping[str, object]) -> Found | NoMatch | Invalid | Unavailable:
    """Look one record up in an open view; what `gate` let through comes here."""
    kind, serving = view.kind, view.serving
    if kind is None or serving is None:
        return Unavailable()
    values = _credential(kind, fields)
    if isinstance(values, Invalid):
        return values
    try:
        body = serving.file.find(serving.key, values)
    except DamagedError as error:
        log.error("a record of %s does not open: %s", view.name, error)
        return Unavailable()
    return NoMatch() if body is None else Found(body, view)


def _credential(kind: Kind, fields: Mapping[str, object]) -> bytes | Invalid:
    way = kind.way_of(frozenset(fields))
    if way is None:
        return _no_way(kind, frozenset(fields))
    values = []
    for name in way.fields:
        field = kind.field(name)
        value = _canonical(field, fields[name])
        if isinstance(value, Invalid):
            return value
        values.append((name, value))
    return credential(values)


def _no_way(kind: Kind, names: frozenset[str]) -> Invalid:
    """Why these names are no way in; names the kind does not have are never repeated."""
    if names - {name for way in kind.ways for name in way.fields}:
        return Invalid(None, "unknown_field")
    nearest = max(kind.ways, key=lambda way: len(names & set(way.fields)))
    missing = [name for name in nearest.fields if name not in names]
    return Invalid(missing[0], "missing") if missing else Invalid(None, "one_way")


def _canonical(field: Field, value: object) -> str | Invalid:
    if not isinstance(value, str):
        return Invalid(field.name, "not_text")
    if len(value) > MAX_INPUT_CHARACTERS:
        return Invalid(field.name, "too_long")
    if has_control_character(value):
        return Invalid(field.name, "control_character")
    canonical = CANONICAL[field.type](value)
    if not canonical:
        return Invalid(field.name, "missing")
    reason = FITS[field.type](field, canonical)
    return Invalid(field.name, reason) if reason else canonical


def _fits_code(field: Field, canonical: str) -> str | None:
    if field.characters == DIGITS and not (canonical.isascii() and canonical.isdigit()):
        return "digits"
    if not (canonical.isascii() and canonical.isalnum()):
        return "letters_and_digits"
    return _fits_length(field, canonical)


def _fits_length(field: Field, canonical: str) -> str | None:
    return None if field.min_length <= len(canonical) <= field.max_length else "length"


FITS: dict[str, Callable[[Field, str], str | None]] = {
    "code": _fits_code,
    "access_code": lambda _, canonical: None if is_access_code(canonical) else "access_code",
    "id_suffix": lambda _, canonical: None if is_id_suffix(canonical) else "id_suffix",
    "name": _fits_length,
}
"""Why a canonical value does not fit its field, by type; None where it does."""
