"""Numbers as a workbook stores them: counts, marks, dates, codes shown with leading zeros."""

import math
import re
from datetime import datetime, timedelta
from functools import lru_cache

from lookup.admin.readers.tables import Cell

_LARGEST_INT = 2**63
_LAST_DAY = 2958466
"""The serial number of the day after 9999-12-31."""
_LEAP_DAY = 60
"""29 February 1900, which a spreadsheet knows and the calendar does not."""
_DAYS_1904 = 1462
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  # a cell's date has no zone

_BUILTIN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_DATE = re.compile(r"[ymdhs]", re.IGNORECASE)
_CODE = re.compile(r"0{2,}")

PLAIN, DATE, ELAPSED = "", "date", "elapsed"


def style_of(key: int, code: str | None) -> str:
    """What a number format makes of a number: PLAIN, DATE, ELAPSED, or the zeros of a code.

    `key` is the format's number, `code` its text where the file itself gives one.
    """
    if code is None:
        return DATE if key in _BUILTIN_DATES else PLAIN
    return _style(code)


@lru_cache(maxsize=1000)
def _style(code: str) -> str:
    first = _LITERAL.sub("", code.partition(";")[0])
    if _ELAPSED.search(first):
        return ELAPSED
    if _DATE.search(first):
        return DATE
    return first if _CODE.fullmatch(first) else PLAIN


def number(value: float) -> Cell:
    """A whole number as an int, any other as a float; what is no number as text."""
    if not math.isfinite(value):
        return str(value)
    if value.is_integer() and abs(value) < _LARGEST_INT:
        return int(value)
    return value


def shown(value: float, style: str, epoch_1904: bool) -> Cell:
    """A number as its format shows it: dates and times as ISO text, codes with their zeros."""
    if style == PLAIN or not math.isfinite(value):
        return number(value)
    if style == DATE:
        return _moment(value, epoch_1904)
    if style == ELAPSED:
        return _elapsed(value)
    if value.is_integer() and 0 <= value < _LARGEST_INT:
        return str(int(value)).zfill(len(style))
    return number(value)


def _moment(value: float, epoch_1904: bool) -> Cell:
    days = value + (_DAYS_1904 if epoch_1904 else 0)
    if not 0 <= days < _LAST_DAY or (_LEAP_DAY <= days < _LEAP_DAY + 1 and not epoch_1904):
        return number(value)
    shift = 1 if days < _LEAP_DAY and not epoch_1904 else 0
    seconds = round(days * 86400)
    moment = _EPOCH + timedelta(days=shift, seconds=seconds)
    if days < 1:
        return moment.strftime("%H:%M:%S")
    if seconds % 86400 == 0:
        return moment.date().isoformat()
    return moment.isoformat(" ")


def _elapsed(value: float) -> Cell:
    if not 0 <= value < _LAST_DAY:
        return number(value)
    minutes, seconds = divmod(round(value * 86400), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
