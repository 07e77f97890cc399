"""One cell of a source file: text in, a field's value out, or the rule it breaks.

Nothing is coerced in silence: a cell either says exactly what its field can hold, or it is
refused by a rule of `phrases/cells.toml`. White space around a value is not part of it.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

from lookup.candidate import CANONICAL, has_control_character, is_access_code, is_id_suffix
from lookup.kind_rules import DIGITS
from lookup.kinds import Field, Value

CellValue = str | int | float
Reader = Callable[[str], "CellValue | Refusal"]

_WHOLE = re.compile(r"[0-9]{1,9}")
_MARK = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?")
_DATE = re.compile(
    r"([0-9]{4})(?:-|/|\.|年)([0-9]{1,2})(?:-|/|\.|月)([0-9]{1,2})日?"
    # What a sheet's date says of a time nobody typed.
    r"(?:[ T]0?0:00(?::00(?:\.0+)?)?)?"
)
_CODE = re.compile(r"[0-9A-Z]+")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA)")
_DECIMAL = re.compile(r"([0-9]+)\.0*")
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?E\+[0-9]{1,3}")
"""Digits as a spreadsheet writes a number into a text file: 10100002.0, 1.0101E+08."""
_APOSTROPHES = "'\u2018\u2019\uff07`"
"""What offices put before a code so that a spreadsheet keeps it as text."""
EXACT = 10**15
"""From here on a spreadsheet's number has lost digits: it keeps fifteen."""
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff\ufffd]")


class Refusal(NamedTuple):
    """Why a cell was refused: the rule and what fills the names in its sentence."""

    rule: str
    values: Mapping[str, str | int | float] = {}


def number_text(number: float) -> str:
    """A number cell as the text a person would have typed.

    A spreadsheet shows and keeps fifteen digits; what a float says beyond them is noise of
    its binary form (a sum of 9.25 and 0.1 is stored as 9.349999999999999644).
    """
    if isinstance(number, int) or (number.is_integer() and abs(number) < EXACT):
        return str(int(number))
    short = f"{number:.15g}"
    return short if "e" not in short else repr(number)


def code_of_number(field: Field, number: float) -> str | Refusal:
    """The digits of a number that stands where a code is meant, or why they cannot be it."""
    if not math.isfinite(number) or abs(number) >= EXACT:
        return Refusal("number_too_long")
    text = number_text(number)
    if text.isdigit() and len(text) < field.min_length:
        return Refusal("leading_zeros", {"needed": field.min_length, "found": len(text)})
    return text


def _of_number(field: Field, code: str) -> Refusal | None:
    """Why a text is no code but what a spreadsheet made of its digits; None where it is not."""
    if _SCIENTIFIC.fullmatch(code):
        return Refusal("code_of_number")
    decimal = _DECIMAL.fullmatch(code)
    digits = decimal[1] if decimal else code
    if not (digits.isascii() and digits.isdigit()):
        return None
    # A zero in front is one that nobody lost.
    if len(digits) < field.min_length and digits[0] != "0":
        return Refusal("short_code", {"needed": field.min_length, "found": len(digits)})
    return Refusal("code_of_number") if decimal else None


def _digits_first(text: str) -> str:
    """Full-width digits, letters and stops as their ASCII selves, and nothing else.

    NFKC would go too far: it reads 8² as 82.
    """
    return text if text.isascii() else text.translate(_FULL_WIDTH)


def _bare(text: str) -> str:
    """A code without the apostrophe before it and the white space in it."""
    return "".join(_digits_first(text.lstrip(_APOSTROPHES)).split()).upper()


def _code(field: Field) -> Reader:
    digits = field.characters == DIGITS
    refused = Refusal("characters" if digits else "letters_and_digits")
    span = f"{field.min_length}"
    if field.max_length != field.min_length:
        span += f"–{field.max_length}"

    def read(text: str) -> CellValue | Refusal:
        code = _bare(text)
        if not _CODE.fullmatch(code) or (digits and not code.isdigit()):
            return _of_number(field, code) or refused
        if not field.min_length <= len(code) <= field.max_length:
            return _of_number(field, code) or Refusal(
                "length", {"needed": span, "found": len(code)}
            )
        return code

    return read


def _access_code(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        code = CANONICAL[field.type](text.lstrip(_APOSTROPHES))
        if not is_access_code(code):
            return _of_number(field, _bare(text)) or Refusal("access_code")
        return code

    return read


def _id_suffix(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        suffix = _bare(text)
        if not is_id_suffix(suffix):
            return _of_number(field, suffix) or Refusal("id_suffix")
        return suffix

    return read


def _text(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        if has_control_character(text):
            return Refusal("control_character")
        if _UNSEEN.search(text):
            return Refusal("unseen_character")
        if _PRIVATE_USE.search(text):
            return Refusal("private_character")
        if text[0] == "'":
            return Refusal("leading_apostrophe")
        if len(text) > field.max_length:
            return Refusal("text_length", {"most": field.max_length, "found": len(text)})
        return text

    return read


def _score(field: Field, flags: tuple[Value, ...]) -> Reader:
    words = _codes(flags)
    no_mark = Refusal("mark", {"words": "".join(f" / {flag.label.zh}" for flag in flags)})

    def read(text: str) -> CellValue | Refusal:
        if text in words:
            return words[text]
        found = _MARK.fullmatch(_digits_first(text))
        if found is None:
            return no_mark
        fraction = (found[2] or "").rstrip("0")
        if len(fraction) > field.decimals:
            return Refusal("decimals", {"most": field.decimals})
        mark = float(f"{found[1]}.{fraction}") if fraction else int(found[1])
        if mark > field.full_mark:
            return Refusal("full_mark", {"full_mark": field.full_mark})
        return mark

    return read


def _integer(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        plain = _digits_first(text)
        if not _WHOLE.fullmatch(plain):
            return Refusal("integer")
        if not field.minimum <= int(plain) <= field.maximum:
            return Refusal("range", {"minimum": field.minimum, "maximum": field.maximum})
        return int(plain)

    return read


def _outcome(field: Field) -> Reader:
    words = _codes(field.values)
    refused = Refusal("outcome", {"words": ", ".join(value.label.zh for value in field.values)})

    def read(text: str) -> CellValue | Refusal:
        return words.get(text, refused)

    return read


def _date(field: Field) -> Reader:
    def read(text: str) -> CellValue | Refusal:
        found = _DATE.fullmatch(_digits_first(text))
        try:
            return date(*map(int, found.groups())).isoformat() if found else _NOT_A_DATE
        except ValueError:
            return _NOT_A_DATE

    return read


_NOT_A_DATE = Refusal("date")


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
    read = _score(field, flags) if field.type == "score" else READERS[field.type](field)

    def guarded(text: str) -> CellValue | Refusal:
        if text[:1] == "#" and _ERROR.fullmatch(text):
            return Refusal("formula_error")
        if "&" in text and _ENTITY.search(text):
            return Refusal("entity")
        return read(text)

    return guarded
