"""What a candidate types, made canonical: one spelling for all the ways of writing it.

The same functions run when a batch is loaded and when a candidate asks, so what matched on
paper matches here. Rules: DESIGN.md, "The sealed release file".
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

MAX_INPUT_CHARACTERS = 128
"""Longer input is never a credential; checked before anything else looks at it."""

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ACCESS_CODE_LENGTH = 8
MIDDLE_DOT = "·"

_INVISIBLE = dict.fromkeys(
    (0x00AD, 0x2060, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)
"""What comes along unseen with pasted text: joiners, direction marks, soft hyphens."""
DIGIT_LOOKALIKES = str.maketrans("OIL", "011")
"""For what is typed where only digits can be right: no two numbers become one by it."""
_CROCKFORD_LOOKALIKES = DIGIT_LOOKALIKES | {ord("-"): None}
_MIDDLE_DOTS = str.maketrans(dict.fromkeys("•‧∙⋅・･．.●", MIDDLE_DOT))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ID_SUFFIX = re.compile(r"[0-9]{5}[0-9X]")
_ACCESS_CODE = re.compile(f"[{CROCKFORD}]{{{ACCESS_CODE_LENGTH}}}")


def _plain(text: str) -> str:
    """NFKC (full-width digits become ASCII), upper case, no white or invisible character.

    Each of the three can make work for the others, so they are repeated; twice is enough for
    every character there is, and a bound is safer than waiting for no change.
    """
    if text.isascii():
        return "".join(text.split()).upper()
    for _ in range(4):
        text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE))
        text = "".join(text.split()).upper()
    return text


def _access_code(text: str) -> str:
    return _plain(text).translate(_CROCKFORD_LOOKALIKES)


def _name(text: str) -> str:
    return _plain(text).translate(_MIDDLE_DOTS)


CANONICAL: dict[str, Callable[[str], str]] = {
    "code": _plain,
    "access_code": _access_code,
    "id_suffix": _plain,
    "name": _name,
}
"""The field types a credential may be made of, each with its spelling."""


def is_access_code(canonical: str) -> bool:
    """Whether a canonical value is eight Crockford characters."""
    return _ACCESS_CODE.fullmatch(canonical) is not None


def is_id_suffix(canonical: str) -> bool:
    """Whether a canonical value is five digits and a digit or X (GB 11643)."""
    return _ID_SUFFIX.fullmatch(canonical) is not None


def has_control_character(text: str) -> bool:
    """Whether `text` holds a control character or half a surrogate pair."""
    return _CONTROL.search(text) is not None


def credential(values: Iterable[tuple[str, str]]) -> bytes:
    """Join field names and canonical values so that no two sets of them join alike.

    Each name and each value is written as a netstring (its length in UTF-8 bytes, a colon,
    the bytes, a comma; D. J. Bernstein, 1997), pairs ordered by field name.
    """
    return b"".join([_known_netstring(name) + _netstring(value) for name, value in sorted(values)])


def _netstring(text: str) -> bytes:
    encoded = text.encode()
    return b"%d:%b," % (len(encoded), encoded)


_known_netstring = lru_cache(maxsize=256)(_netstring)
"""The same for the names of fields: a release has few of them, and a million records."""


def access_code(number: int) -> str:
    """Spell a number below 32**8 as an access code."""
    characters = []
    for _ in range(ACCESS_CODE_LENGTH):
        number, digit = divmod(number, 32)
        characters.append(CROCKFORD[digit])
    return "".join(reversed(characters))
