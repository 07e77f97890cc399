"""One question, one outcome: what a candidate typed, looked up in what is open now.

An unknown number and a wrong second factor are one event (lookup.sealing), so there is one
`NoMatch` and nothing to tell them apart by.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lookup.candidate import (
    ACCESS_CODE_LENGTH,
    CANONICAL,
    CROCKFORD,
    DIGIT_LOOKALIKES,
    MAX_INPUT_CHARACTERS,
    credential,
    has_control_character,
    is_access_code,
    is_id_suffix,
)
from lookup.errors import DamagedError
from lookup.kind_rules import DIGITS
from lookup.kinds import Field, Kind, Way
from lookup.public.fair_use import Cause, Flaw
from lookup.public.live import LiveReleases, PreCheck, State, View

log = logging.getLogger("lookup.public")


# Made for every answer, and a frozen one takes three times as long to make: hence not frozen.
@dataclass(slots=True)
class Found:
    """The sealed response body, padding and all, and the view it was found in."""

    body: bytes
    view: View


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Nothing answers to these credentials."""


NO_MATCH = NoMatch()


@dataclass(frozen=True, slots=True)
class Right:
    """Asked before the hour: a record answers to these credentials; what it says is sealed."""


RIGHT = Right()


@dataclass(frozen=True, slots=True)
class NoPreCheck:
    """There is nothing to be tried beforehand; where it is `opened`, ask for the record itself."""

    opened: bool


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


@dataclass(frozen=True, slots=True)
class ChallengeRequired:
    """Fair use: solve this challenge (lookup.public.challenge) and ask again.

    `cause` is whose failures are too many, `flaw` what was wrong with the solution that came.
    """

    challenge: Mapping[str, str | int]
    cause: Cause = "number"
    flaw: Flaw | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """Fair use: ask again in so many seconds, with the same solution."""

    seconds: int
    cause: Cause = "number"


NOTHING = r"(?!)"
"""A pattern that no text fits."""
Refusal = NotOpen | Closed | Unavailable | UnknownKind | NoPreCheck
Held = ChallengeRequired | TryLater
Outcome = Found | Right | NoMatch | Invalid | Held | Refusal


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


def pre_check_gate(live: LiveReleases, kind_name: str, now: datetime) -> PreCheck | Refusal:
    """What the ways into a kind may be tried on, or why there is nothing; looks at nothing a
    client sent."""
    view = live.view(kind_name, now)
    if view is None:
        return UnknownKind()
    return view.pre_check or NoPreCheck(view.state is State.OPEN)


@dataclass(slots=True)
class Credentials:
    """What was typed, canonical: `number` is the kind and the identifier, what fair use counts
    by; `opening` is what a record is found and opened with."""

    number: bytes
    opening: bytes


class Ways:
    """The ways into one kind, made ready for many questions."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._ways = {frozenset(way.fields): _Way(kind, way) for way in kind.ways}

    def read(self, fields: Mapping[str, object]) -> Credentials | Invalid:
        """The credentials among `fields`; touches no record."""
        way = self._ways.get(frozenset(fields))
        return _no_way(self.kind, frozenset(fields)) if way is None else way.read(fields)

    def faults(self, fields: Mapping[str, object]) -> tuple[Invalid, ...]:
        """Everything that is wrong with `fields`, in the order of the form; what `read` says is
        the first. None where they are credentials."""
        way = self._ways.get(frozenset(fields))
        return (_no_way(self.kind, frozenset(fields)),) if way is None else way.faults(fields)


class _Way:
    """One way in: how each of its fields is read, and how their values are joined."""

    def __init__(self, kind: Kind, way: Way) -> None:
        fields = [kind.field(name) for name in way.fields]
        self._fields = [(field.name, field, _spelt(field)) for field in fields]
        self._parts = [(f"{len(name)}:{name},", name) for name in sorted(way.fields)]
        self._kind = f"{kind.name}:".encode()
        self._identifier = kind.identifier

    def read(self, fields: Mapping[str, object]) -> Credentials | Invalid:
        values = {}
        for name, field, spelt in self._fields:
            value = fields[name]
            # Most people type what is printed: then there is nothing to make canonical.
            if type(value) is not str or not spelt(value):
                value = _canonical(field, value)
                if isinstance(value, Invalid):
                    return value
            values[name] = value
        number = self._kind + values[self._identifier].encode()
        # What `credential` gives where lengths in characters are lengths in bytes.
        joined = "".join(
            [f"{part}{len(values[name])}:{values[name]}," for part, name in self._parts]
        )
        opening = joined.encode() if joined.isascii() else credential(values.items())
        return Credentials(number, opening)

    def faults(self, fields: Mapping[str, object]) -> tuple[Invalid, ...]:
        """Why each value that does not fit its field does not."""
        values = [_canonical(field, fields[name]) for name, field, _ in self._fields]
        return tuple(value for value in values if isinstance(value, Invalid))


def _spelt(field: Field) -> Callable[[str], object]:
    """Tells that a text is a fitting value in canonical spelling; what it does not know may
    be one all the same."""
    longest = min(field.max_length, MAX_INPUT_CHARACTERS)
    lengths = f"{{{min(field.min_length, longest)},{longest}}}"
    patterns = {
        "code": ("[0-9]" if field.characters == DIGITS else "[0-9A-Z]") + lengths,
        "access_code": f"[{CROCKFORD}]{{{ACCESS_CODE_LENGTH}}}",
        "id_suffix": "[0-9]{5}[0-9X]",
    }
    known = field.min_length <= longest and field.type in patterns
    return re.compile(patterns[field.type] if known else NOTHING).fullmatch


def find(view: View, credentials: Credentials) -> Found | NoMatch | Unavailable:
    """Look one record up in an open view."""
    serving = view.serving
    if serving is None:
        return Unavailable()
    try:
        body = serving.file.find(serving.key, credentials.opening)
    except DamagedError as error:
        log.error("a record of %s does not open: %s", view.name, error)
        return Unavailable()
    return NO_MATCH if body is None else Found(body, view)


def pre_check(release: PreCheck, credentials: Credentials) -> Right | NoMatch | Unavailable:
    """Try credentials on a sealed release; nothing of its records is opened."""
    try:
        right = release.file.pre_checked(release.key, credentials.opening)
    except DamagedError as error:
        log.error("the marks of %s cannot be read: %s", release.kind.name, error)
        return Unavailable()
    return RIGHT if right else NO_MATCH


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
    if field.type == "code" and field.characters == DIGITS:
        canonical = canonical.translate(DIGIT_LOOKALIKES)
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
