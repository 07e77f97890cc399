"""What a broadcast is made of: entries, and each of them as a line of JSON.

Ids count 1, 2, 3 …; a `Begin` says that everything before it is over. Times are aware UTC. What
stands here is public at once, so it never holds anything of one candidate.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import orjson

from lookup.errors import DamagedError, RefusedError

MAX_TEXT = 500
"""Characters of a title or of words."""
MAX_NAME = 100
"""Characters of the name of a school or round, or of a code."""
MAX_SCHOOLS = 200
"""Rows of one board entry: more are several entries."""
MAX_BOARD = 1000
"""Rows of the whole board: more than any city has schools. What is beyond is not shown."""
MAX_LINE_BYTES = 1 << 16
MAX_NUMBER = 10**9
STATES = ("waiting", "under_way", "done")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Text:
    """Words in Chinese, and in English where somebody wrote them."""

    zh: str
    en: str | None = None


@dataclass(frozen=True, slots=True)
class School:
    """A row of the board: places planned and taken in a round, the position and the score of
    the last who was admitted, if any, and whether all places are taken."""

    code: str
    school: str
    plan: int
    admitted: int
    position: int | None
    score: float | None
    full: bool


@dataclass(frozen=True, slots=True)
class Begin:
    """A new broadcast: everything before is over."""

    id: int
    at: datetime
    title: Text


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence of the running account, about a round or about all of it."""

    id: int
    at: datetime
    text: Text
    round: str | None


@dataclass(frozen=True, slots=True)
class Round:
    """How far a round is; it takes the place of what was said of it before."""

    id: int
    at: datetime
    round: str
    state: str
    candidates: int
    forwarded: int
    plan: int
    admitted: int


@dataclass(frozen=True, slots=True)
class Board:
    """Rows of a round's board; each takes the place of the round's row of the same code."""

    id: int
    at: datetime
    round: str
    schools: tuple[School, ...]


@dataclass(frozen=True, slots=True)
class Retract:
    """Words that are taken back."""

    id: int
    at: datetime
    entry: int


@dataclass(frozen=True, slots=True)
class Clear:
    """All that was said of a round is taken back: its state, its board, its words."""

    id: int
    at: datetime
    round: str


@dataclass(frozen=True, slots=True)
class End:
    """The broadcast is over; what it said stays."""

    id: int
    at: datetime


Entry = Begin | Words | Round | Board | Retract | Clear | End
TYPES: Mapping[type[Entry], str] = {
    Begin: "begin",
    Words: "words",
    Round: "round",
    Board: "board",
    Retract: "retract",
    Clear: "clear",
    End: "end",
}


# What the members of a line may be; each returns the value or raises ValueError.


def _whole(value: Any, least: int = 0) -> int:
    if type(value) is not int or not least <= value <= MAX_NUMBER:
        raise ValueError("no whole number that can be one")
    return value


def _id(value: Any) -> int:
    return _whole(value, 1)


def _words(value: Any, longest: int = MAX_TEXT) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise ValueError("no text, or a text that is too long")
    if _CONTROL.search(value):
        raise ValueError("a text with control characters or line ends")
    return value


def _name(value: Any) -> str:
    return _words(value, MAX_NAME)


def _text(value: Any) -> Text:
    en = value.get("en")
    return Text(_words(value["zh"]), None if en is None else _words(en))


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment.astimezone(UTC)


def _state(value: Any) -> str:
    if value not in STATES:
        raise ValueError("a state that a round cannot have")
    return str(value)


def _score(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value) or not 0 <= value <= MAX_NUMBER:
        raise ValueError("no score")
    return float(value)


def _full(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("neither full nor not")
    return value


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


_COUNTS = dict.fromkeys(("candidates", "forwarded", "plan", "admitted"), _whole)
_SCHOOL: Mapping[str, Callable[[Any], Any]] = {
    "code": _name,
    "school": _name,
    "plan": _whole,
    "admitted": _whole,
    "position": _optional(_id),
    "score": _optional(_score),
    "full": _full,
}


def _schools(value: Any) -> tuple[School, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_SCHOOLS:
        raise ValueError("no schools, or too many of them")
    return tuple(School(**_members(row, _SCHOOL)) for row in value)


_EVERY: Mapping[str, Callable[[Any], Any]] = {"id": _id, "at": _time}
_MEMBERS: Mapping[str, tuple[Callable[..., Entry], Mapping[str, Callable[[Any], Any]]]] = {
    "begin": (Begin, {**_EVERY, "title": _text}),
    "words": (Words, {**_EVERY, "text": _text, "round": _optional(_name)}),
    "round": (Round, {**_EVERY, "round": _name, "state": _state, **_COUNTS}),
    "board": (Board, {**_EVERY, "round": _name, "schools": _schools}),
    "retract": (Retract, {**_EVERY, "entry": _id}),
    "clear": (Clear, {**_EVERY, "round": _name}),
    "end": (End, _EVERY),
}


def _members(
    document: Mapping[str, Any], reads: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    return {name: read(document[name]) for name, read in reads.items()}


def decode(line: bytes) -> Entry:
    """The entry in a line; members that nobody knows are left out. Raises DamagedError."""
    try:
        if len(line) > MAX_LINE_BYTES:
            raise ValueError("a line that is too long")
        document = orjson.loads(line)
        make, reads = _MEMBERS[document["type"]]
        return make(**_members(document, reads))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise DamagedError(
            "A line of live/broadcast.jsonl is no entry of a broadcast: move the file away,"
            " then begin a new broadcast."
        ) from error


def document(entry: Entry) -> dict[str, Any]:
    """An entry as a JSON document, in the order of its members."""
    members: dict[str, Any] = plain(entry)
    return {name: members.pop(name) for name in _EVERY} | {"type": TYPES[type(entry)]} | members


def plain(value: Any) -> Any:
    """Dataclasses as dicts; text that nobody translated has no `en`."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, Text):
        return {"zh": value.zh} | ({} if value.en is None else {"en": value.en})
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value


def encode(entry: Entry) -> bytes:
    """The line that `decode` reads back, without its end.

    Raises RefusedError where the entry is not within the limits above.
    """
    try:
        line = orjson.dumps(document(entry), option=orjson.OPT_UTC_Z)
        decode(line)
    except (DamagedError, TypeError) as error:
        raise RefusedError(
            f"This cannot be an entry of a broadcast: a text has at most {MAX_TEXT} characters on"
            f" one line, a name {MAX_NAME}, a table {MAX_SCHOOLS} schools; numbers are not"
            " negative.",
            "broadcast_entry",
        ) from error
    return line
