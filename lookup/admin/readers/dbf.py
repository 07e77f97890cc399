"""Tables of dBase and FoxPro (.dbf): the field names as the first row, then the records.

Rows are numbered as a spreadsheet would show them: the field names are row 1, record N is
row N + 1, deleted records keep their numbers.
"""

import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from lookup.admin.readers.code_pages import ANSI, CODE_PAGES, NONE, WESTERN
from lookup.admin.readers.dbf_fields import (
    FLAGS,
    FOXPRO,
    MEMO,
    TEXT,
    DbfField,
    cell_reader,
    read_fields,
)
from lookup.admin.readers.memos import MemoFile
from lookup.admin.readers.sheets import MAX_COLUMNS
from lookup.admin.readers.tables import Cell, Row, Table
from lookup.admin.readers.trouble import ERROR, Note, Unreadable, ranges

FORMAT = "dbf"
CODECS = ("utf-8", *sorted(set(CODE_PAGES.values())))
_FOXPRO_MEMO = FOXPRO | {0xF5}
_LANGUAGE_AT = 29
_DELETED, _KEPT = 0x2A, 0x20
_MAX_BAD_CELLS = 20
_HIGH = re.compile(rb"[\x80-\xff]")
_PAIR = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")
_FILLER = b"\x1a\0 \r\n"


def read(file: BinaryIO, memo: BinaryIO | None = None) -> Iterator[Table | Note | Row]:
    """The records of a table; `memo` is the memo file beside it. Raises Unreadable."""
    # Both files are read here: the memo file may be closed before the first row is asked for.
    return _Reader(file, memo).events()


class _Reader:
    def __init__(self, file: BinaryIO, memo: BinaryIO | None) -> None:
        file.seek(0)
        self.content = content = file.read()
        self.count, self.header, self.size = struct.unpack_from("<IHH", content, 4)
        self.fields = read_fields(content, self.header, self.size)
        self.shown = [field for field in self.fields if field.kind != FLAGS]
        if len(self.shown) > MAX_COLUMNS:
            raise Unreadable(1, "columns", maximum=MAX_COLUMNS)
        self.memo = MemoFile(memo, foxpro=content[0] in _FOXPRO_MEMO) if memo else None
        self.there = min(self.count, max(len(content) - self.header, 0) // self.size)
        self.notes: list[Note] = []
        self.encoding = self._encoding()
        self.missing_memos = 0
        self.unread: dict[str, int] = {}

    def events(self) -> Iterator[Table | Note | Row]:
        yield Table("", FORMAT, self.encoding)
        names = [self._text(field.name, 1, number) for number, field in enumerate(self.shown)]
        yield Row(1, list(names))
        flags = next((field for field in self.fields if field.kind == FLAGS), None)
        readers = [(field, cell_reader(field)) for field in self.shown]
        deleted = []
        for line, record in self._records():
            if record[0] == _DELETED:
                deleted.append(line)
                continue
            if record[0] != _KEPT:
                raise Unreadable(line, "damaged")
            bits = _slice(record, flags) if flags else b""
            null = int.from_bytes(bits, "little")
            cells = [
                self._cell(field, reader, record, line, number, null)
                for number, (field, reader) in enumerate(readers)
            ]
            if any(cell != "" for cell in cells):
                yield Row(line, cells)
        yield from self.notes
        if deleted:
            yield Note(
                "deleted_rows",
                deleted[0],
                values={"count": len(deleted), "rows": ranges(deleted)},
            )
        if self.missing_memos:
            yield Note("memo_missing", values={"count": self.missing_memos})
        for name, count in self.unread.items():
            yield Note("not_text", column=name, values={"count": count})
        self._check_end()

    def _records(self) -> Iterator[tuple[int, bytes]]:
        for index in range(self.there):
            start = self.header + index * self.size
            yield index + 2, self.content[start : start + self.size]

    def _check_end(self) -> None:
        """Raise Unreadable where the file holds fewer records than it says, or more."""
        rest = self.content[self.header + self.there * self.size :]
        if self.there < self.count or (rest.strip(_FILLER) and rest[:1] != b"\x1a"):
            found = (len(self.content) - self.header) // self.size
            raise Unreadable(0, "record_count", expected=self.count, count=found)

    def _encoding(self) -> str:
        """The code page the table names; what its bytes are where it names none of weight."""
        language = self.content[_LANGUAGE_AT]
        if language not in (NONE, ANSI, WESTERN):
            if language not in CODE_PAGES:
                raise Unreadable(0, "code_page", id=f"{language:#04x}")
            return CODE_PAGES[language]
        texts = self._texts()
        if _decodes(texts, "utf-8"):
            return "utf-8"
        if _looks_chinese(texts) and _decodes(texts, "gb18030"):
            return "gb18030"
        if language != WESTERN:
            self.notes.append(Note("guessed_page", values={"encoding": "cp1252"}))
        return "cp1252"

    def _texts(self) -> list[bytes]:
        """All text of the table as it is written, a piece for each cell."""
        fields = [field for field in self.fields if field.kind == TEXT]
        names = [field.name for field in self.fields]
        cells = [_slice(record, field) for _, record in self._records() for field in fields]
        return names + cells

    def _cell(
        self,
        field: DbfField,
        reader: Callable[[bytes], Cell] | None,
        record: bytes,
        line: int,
        number: int,
        null: int,
    ) -> Cell:
        if field.null_bit is not None and null >> field.null_bit & 1:
            return ""
        data = _slice(record, field)
        if field.kind == TEXT:
            if field.short_bit is not None and null >> field.short_bit & 1:
                data = data[: data[-1]]
            return self._text(data, line, number)
        if field.kind == MEMO:
            return self._memo(data, line, number)
        if reader is not None:
            return reader(data)
        if data.strip(b" \0"):
            name = self.names(number)
            self.unread[name] = self.unread.get(name, 0) + 1
        return ""

    def names(self, number: int) -> str:
        """A field's name, as far as it can be read."""
        return self.shown[number].name.decode(self.encoding, "replace")

    def _memo(self, data: bytes, line: int, number: int) -> Cell:
        digits = data.strip(b" \0")
        if len(data) == 4:
            block = int.from_bytes(data, "little")
        else:
            block = int(digits) if digits.isdigit() else 0
        if not block:
            return ""
        text = self.memo.text(block) if self.memo else None
        if text is None:
            self.missing_memos += 1
            return ""
        return self._text(text, line, number)

    def _text(self, data: bytes, line: int, number: int) -> str:
        data = data.rstrip(b" \0")
        try:
            return data.decode(self.encoding)
        except UnicodeDecodeError:
            if len(self.notes) < _MAX_BAD_CELLS:
                values = {"encoding": self.encoding}
                name = self.names(number)
                self.notes.append(Note("cell_bytes", line, name, severity=ERROR, values=values))
            return data.decode(self.encoding, "replace")


def _slice(record: bytes, field: DbfField) -> bytes:
    return record[field.start : field.start + field.length]


def _decodes(texts: list[bytes], encoding: str) -> bool:
    try:
        for text in texts:
            text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _looks_chinese(texts: list[bytes]) -> bool:
    """Whether high bytes stand in pairs, as in GB2312; in Western text they stand alone."""
    high = sum(len(_HIGH.findall(text)) for text in texts)
    pairs = sum(len(_PAIR.findall(text)) for text in texts)
    return pairs * 2 * 3 > high * 2
