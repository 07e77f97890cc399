"""Fields of a .dbf: their descriptors, and what the bytes of one cell say."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from lookup.admin.readers.numbers import number
from lookup.admin.readers.tables import Cell
from lookup.admin.readers.trouble import Unreadable

FOXPRO = {0x30, 0x31, 0x32}
_DBASE7 = 4
_VERSION = 7
_END = 0x0D
_JULIAN_OF_ORDINAL_0 = 1721425
"""The Julian day number of the day before 0001-01-01."""

TEXT, MEMO, FLAGS, OTHER = "text", "memo", "flags", "other"
_KINDS = {"C": TEXT, "V": TEXT, "M": MEMO, "0": FLAGS}
TYPES = frozenset("CVMNFDLITYBOGPWQ0@+")


@dataclass(frozen=True, slots=True)
class DbfField:
    """One field: where it lies in a record, and which bits of the null flags are its own."""

    name: bytes
    type: str
    start: int
    length: int
    null_bit: int | None = None
    short_bit: int | None = None

    @property
    def kind(self) -> str:
        """Text, memo, null flags, or what `CELLS` reads."""
        return _KINDS.get(self.type, OTHER)


def read_fields(content: bytes, header_bytes: int, record_bytes: int) -> list[DbfField]:
    """The fields of a table. Raises Unreadable `damaged` where they do not add up."""
    seventh = content[0] & _VERSION == _DBASE7
    position, step, name_bytes = (68, 48, 32) if seventh else (32, 32, 11)
    fields: list[DbfField] = []
    start, bit = 1, 0
    while position < header_bytes and content[position : position + 1] != bytes([_END]):
        descriptor = content[position : position + step]
        if len(descriptor) < step:
            raise Unreadable(0, "damaged")
        kind = chr(descriptor[name_bytes])
        length, decimals = descriptor[33:35] if seventh else descriptor[16:18]
        if kind == "C":
            length += decimals << 8
        flags = descriptor[18] if content[0] in FOXPRO else 0
        short_bit = null_bit = None
        if kind in "VQ":
            short_bit, bit = bit, bit + 1
        if flags & 2:
            null_bit, bit = bit, bit + 1
        name = descriptor[:name_bytes].partition(b"\0")[0]
        fields.append(DbfField(name, kind, start, length, null_bit, short_bit))
        start += length
        position += step
    if start != record_bytes or not fields or not all(field.type in TYPES for field in fields):
        raise Unreadable(0, "damaged")
    return fields


def _numeric(data: bytes) -> Cell:
    text = data.strip(b" \0").decode("latin-1")
    if not text.isascii() or len(text) > 19:
        return text
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return number(float(text)) if not text.strip("+-.0123456789eE") else text
    except ValueError:
        return text


def _day(data: bytes) -> Cell:
    text = data.strip(b" \0").decode("latin-1")
    if len(text) == 8 and text.isascii() and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}" if text.strip("0") else ""
    return text


def _moment(data: bytes) -> Cell:
    day, milliseconds = struct.unpack("<ii", data)
    if not day:
        return ""
    try:
        found = date.fromordinal(day - _JULIAN_OF_ORDINAL_0)
    except (ValueError, OverflowError):
        return f"{day} {milliseconds}"
    seconds = round(milliseconds / 1000) % 86400
    time = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{found.isoformat()} {time}" if seconds else found.isoformat()


def _boolean(data: bytes) -> Cell:
    return {b"T": "TRUE", b"Y": "TRUE", b"F": "FALSE", b"N": "FALSE"}.get(data.upper(), "")


def _integer(data: bytes) -> Cell:
    return int.from_bytes(data, "little", signed=True)


def _currency(data: bytes) -> Cell:
    return number(int.from_bytes(data, "little", signed=True) / 10_000)


def _double(data: bytes) -> Cell:
    return number(struct.unpack("<d", data)[0])


CELLS: dict[tuple[str, int | None], Callable[[bytes], Cell]] = {
    ("N", None): _numeric,
    ("F", None): _numeric,
    ("D", 8): _day,
    ("L", 1): _boolean,
    ("I", 4): _integer,
    ("Y", 8): _currency,
    ("T", 8): _moment,
    ("B", 8): _double,
}
"""How to read a cell, by type and length (None: any); other types are pictures and programs."""


def cell_reader(field: DbfField) -> Callable[[bytes], Cell] | None:
    """How to read the field's cells; None where they hold nothing that is text or a number."""
    return CELLS.get((field.type, None)) or CELLS.get((field.type, field.length))
