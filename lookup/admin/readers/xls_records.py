"""The records of a legacy workbook's sheet: what its values do not tell."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from lookup.admin.readers.sheets import MAX_COLUMNS, Merge

_BOF = {0x0009, 0x0209, 0x0409, 0x0809}
_EOF = 0x000A
_HIDDEN_ROW, _HIDDEN_COLUMN = 0x20, 0x01


@dataclass
class Scan:
    """What the records of a sheet say beside its values; rows and columns count from 0."""

    whole: bool = False
    formulas: list[tuple[int, int]] = field(default_factory=list)
    styled: dict[tuple[int, int], int] = field(default_factory=dict)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    merges: list[Merge] = field(default_factory=list)


def scan_sheet(memory: bytes, position: int, styles: dict[int, str]) -> Scan:
    """Walk the records of one sheet; charts inside it have their own beginning and end."""
    scan = Scan()
    depth = 0
    while position + 4 <= len(memory):
        code, length = struct.unpack_from("<HH", memory, position)
        data = position + 4
        position = data + length
        if code in _BOF:
            depth += 1
        elif code == _EOF:
            depth -= 1
            if depth <= 0:
                scan.whole = position <= len(memory)
                break
        elif depth == 1 and code in _RECORDS:
            _RECORDS[code](scan, memory[data:position], styles)
    return scan


def _formula(scan: Scan, data: bytes, styles: dict[int, str]) -> None:
    row, column = struct.unpack_from("<HH", data)
    scan.formulas.append((row, column))
    _number(scan, data, styles)


def _number(scan: Scan, data: bytes, styles: dict[int, str]) -> None:
    row, column, style = struct.unpack_from("<HHH", data)
    if style in styles:
        scan.styled[row, column] = style


def _numbers(scan: Scan, data: bytes, styles: dict[int, str]) -> None:
    row, column = struct.unpack_from("<HH", data)
    for offset in range(4, len(data) - 6, 6):
        (style,) = struct.unpack_from("<H", data, offset)
        if style in styles:
            scan.styled[row, column] = style
        column += 1


def _row(scan: Scan, data: bytes, _: dict[int, str]) -> None:
    row, options = struct.unpack_from("<H10xH", data)
    if options & _HIDDEN_ROW:
        scan.hidden_rows.append(row)


def _columns(scan: Scan, data: bytes, _: dict[int, str]) -> None:
    first, last, options = struct.unpack_from("<HH4xH", data)
    if options & _HIDDEN_COLUMN:
        scan.hidden_columns.update(range(first, min(last + 1, MAX_COLUMNS)))


def _merges(scan: Scan, data: bytes, _: dict[int, str]) -> None:
    (count,) = struct.unpack_from("<H", data)
    for index in range(min(count, (len(data) - 2) // 8)):
        top, bottom, left, right = struct.unpack_from("<HHHH", data, 2 + 8 * index)
        scan.merges.append(Merge(top + 1, left, bottom + 1, right))


_RECORDS: dict[int, Callable[[Scan, bytes, dict[int, str]], None]] = {
    **dict.fromkeys((0x0006, 0x0206, 0x0406), _formula),
    **dict.fromkeys((0x0203, 0x027E), _number),
    0x00BD: _numbers,
    0x0208: _row,
    0x007D: _columns,
    0x00E5: _merges,
}
