"""One cell of a source file: text in, a field's value out, or the reason why not.

Nothing is coerced in silence: a cell either says exactly what its field can hold, or it is
refused with a reason. White space around a value is not part of it.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from lookup.candidate import CANONICAL, has_control_character, is_access_code, is_id_suffix
from lookup.kind_rules import DIGITS
from lookup.kinds import Field, Value

CellValue = str | int | float
Reader = Callable[[str], "CellValue | Refusal"]

_WHOLE = re.compile(r"[0-9]{1,9}")
_MARK = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?")
_DATE = re.compile(r"([0-9]{4})(?:-|/|\.|年)([0-9]{1,2})(?:-|/|\.|月)([0-9]{1,2})日?")
_CODE = re.compile(r"[0-9A-Z]+")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff\ufffd]")


class Refusal(NamedTuple):
    """Why a cell was refused: the rule's name and a reason in words."""

    rule: str
    reason: str


def _digits_first(text: str) -> str:
    """Full-width digits, letters and stops as their ASCII selves, and nothing else.

    NFKC would go too far: it reads 8² as 82.
    """
    return text if text.isascii() else text.translate(_FULL_WIDTH)


def _code(field: Field) -> Reader:
    what = "digits" if field.characters == DIGITS else "digits and letters"

    def read(text: str) -> CellValue | Refusal:
        code = "".join(_digits_first(text).split()).upper()
        if not _CODE.fullmatch(code) or (field.characters == DIGITS and not code.isdigit()):
            return Refusal("characters", f"must be {what} only")
        if not field.min_length <= len(code) <= field.max_length:
            span = f"{field.min_length}"
            if field.max_length != field.min_length:
                span += f" to {field.max_length}"
            return Refusal("length", f"must have {span} characters, has {len(code)}")
        return code

    return read


def _access_code(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        code = CANONICAL[field.type](text)
        if not is_access_code(code):
            return Refusal("access_code", "must be 8 characters of 0-9 and A-Z without I, L, O, U")
        return code

    return read


def _id_suffix(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        suffix = "".join(_digits_first(text).split()).upper()
        if not is_id_suffix(suffix):
            return Refusal("id_suffix", "must be five digits and then a digit or X")
        return suffix

    return read


def _text(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        if has_control_character(text):
            return Refusal("control_character", "holds a control character: retype the cell")
        if _UNSEEN.search(text):
            return Refusal("unseen_character", "holds a character nobody sees: retype the cell")
        if _PRIVATE_USE.search(text):
            return Refusal(
                "private_character",
                "holds a character that only some fonts know: retype it in Unicode",
            )
        if len(text) > field.max_length:
            return Refusal(
                "length", f"must have at most {field.max_length} characters, has {len(text)}"
            )
        return text

    return read


def _score(field: Field, flags: tuple[Value, ...]) -> Reader:
    words = _codes(flags)

    def read(text: str) -> CellValue | Refusal:
        if text in words:
            return words[text]
        found = _MARK.fullmatch(_digits_first(text))
        if found is None:
            known = f", or one of {_labels(flags)}" if flags else ""
            return Refusal("mark", f"must be a mark{known}")
        fraction = (found[2] or "").rstrip("0")
        if len(fraction) > field.decimals:
            return Refusal("decimals", f"must have at most {field.decimals} decimals")
        mark = float(f"{found[1]}.{fraction}") if fraction else int(found[1])
        if mark > field.full_mark:
            return Refusal("full_mark", f"is above the full mark, {field.full_mark}")
        return mark

    return read


def _integer(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        plain = _digits_first(text)
        if not _WHOLE.fullmatch(plain):
            return Refusal("integer", "must be a whole number of at most 9 digits")
        if not field.minimum <= int(plain) <= field.maximum:
            return Refusal("range", f"must be from {field.minimum} to {field.maximum}")
        return int(plain)

    return read


def _outcome(field: Field) -> Reader:
    words = _codes(field.values)

    def read(text: str) -> CellValue | Refusal:
        if text not in words:
            return Refusal("outcome", f"must be one of {_labels(field.values)}")
        return words[text]

    return read


def _date(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        found = _DATE.fullmatch(_digits_first(text))
        try:
            return date(*map(int, found.groups())).isoformat() if found else _NOT_A_DATE
        except ValueError:
            return _NOT_A_DATE

    return read


_NOT_A_DATE = Refusal("date", "must be a date like 2026-06-13")


def _labels(values: tuple[Value, ...]) -> str:
    return ", ".join(value.label.zh for value in values)


def _codes(values: tuple[Value, ...]) -> dict[str, str]:
    """Every spelling of every value, with its code."""
    return {
        spelling: value.code
        for value in values
        for spelling in (value.label.zh, value.label.en, value.code, *value.written)
    }


READERS: dict[str, Callable[[Field], Reader]] = {
    "code": _code,
    "access_code": _access_code,
    "id_suffix": _id_suffix,
    "name": _text,
    "text": _text,
    "integer": _integer,
    "outcome": _outcome,
    "date": _date,
}


def cell_reader(field: Field, flags: tuple[Value, ...] = ()) -> Reader:
    """The reader of a field's cells; `flags` may stand in a score's cell.

    It takes a cell without white space around it, not empty.
    """
    return _score(field, flags) if field.type == "score" else READERS[field.type](field)
