"""The live pointer: which release of a kind is current, which comes next, which has ended.

It is the only thing that changes on the public side. `epoch` only grows; a reader ignores a
pointer whose epoch is not above the one it holds. Times are aware UTC.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from lookup.documents import NAME
from lookup.errors import DamagedError
from lookup.sealing import KEY_BYTES

_FILE = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,199}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A release file by name and digest; the file lies in the store's releases."""

    release: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Current:
    """The open release and its key: served from `opened_at` until `closes_at`, if any."""

    reference: Reference
    key: bytes
    opened_at: datetime
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A sealed release that opens at `opens_at`; its key is not here.

    `pre_check` is the pre-check key (lookup.sealing), which says nothing of the release key and
    nothing of results; None where the release has no marks.
    """

    reference: Reference
    opens_at: datetime
    closes_at: datetime | None = None
    pre_check: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The release that was served last, without its key; `withdrawn` when taken back."""

    reference: Reference
    ended_at: datetime
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Pointer:
    """One kind's live pointer."""

    kind: str
    epoch: int
    current: Current | None = None
    upcoming: Upcoming | None = None
    ended: Ended | None = None


def _time(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment.astimezone(UTC)


def _reference(document: dict[str, Any]) -> Reference:
    reference = Reference(document["release"], document["file"], document["sha256"])
    names = (reference.release, reference.file)
    if not all(map(_FILE.fullmatch, names)) or not _SHA256.fullmatch(reference.sha256):
        raise ValueError("a name or digest that cannot be one")
    return reference


def _optional_time(document: dict[str, Any], name: str) -> datetime | None:
    return None if document.get(name) is None else _time(document[name])


def _key(text: Any) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != KEY_BYTES:
        raise ValueError("a key of the wrong length")
    return key


def _current(document: dict[str, Any]) -> Current:
    return Current(
        _reference(document),
        _key(document["key"]),
        _time(document["opened_at"]),
        _optional_time(document, "closes_at"),
    )


def _upcoming(document: dict[str, Any]) -> Upcoming:
    pre_check = document.get("pre_check")
    return Upcoming(
        _reference(document),
        _time(document["opens_at"]),
        _optional_time(document, "closes_at"),
        None if pre_check is None else _key(pre_check),
    )


def _ended(document: dict[str, Any]) -> Ended:
    return Ended(_reference(document), _time(document["ended_at"]), document["withdrawn"] is True)


def decode(content: bytes) -> Pointer:
    """The pointer in a file's bytes. Raises DamagedError where they are not one."""
    try:
        document = orjson.loads(content)
        epoch = document["epoch"]
        if type(epoch) is not int or epoch < 1 or not NAME.fullmatch(document["kind"]):
            raise ValueError("an epoch or kind that cannot be one")
        parts = {
            name: None if document.get(name) is None else read(document[name])
            for name, read in (("current", _current), ("upcoming", _upcoming), ("ended", _ended))
        }
        return Pointer(document["kind"], epoch, **parts)  # type: ignore[arg-type]  # by name above
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise DamagedError(
            "A live pointer under live/ cannot be read: put a copy of it back, or move it away"
            " and open the release again."
        ) from error


def _plain(part: Current | Upcoming | Ended | None) -> dict[str, Any] | None:
    if part is None:
        return None
    reference = part.reference
    document: dict[str, Any] = {
        "release": reference.release,
        "file": reference.file,
        "sha256": reference.sha256,
    }
    match part:
        case Current():
            document |= {
                "key": part.key.hex(),
                "opened_at": part.opened_at,
                "closes_at": part.closes_at,
            }
        case Upcoming():
            document |= {
                "opens_at": part.opens_at,
                "closes_at": part.closes_at,
                "pre_check": part.pre_check.hex() if part.pre_check else None,
            }
        case Ended():
            document |= {"ended_at": part.ended_at, "withdrawn": part.withdrawn}
    return document


def encode(pointer: Pointer) -> bytes:
    """The bytes `decode` reads back."""
    document = {
        "kind": pointer.kind,
        "epoch": pointer.epoch,
        "current": _plain(pointer.current),
        "upcoming": _plain(pointer.upcoming),
        "ended": _plain(pointer.ended),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
