"""Text tables: CSV, tab or semicolon separated; UTF-8, GB18030 (so GBK), UTF-16.

A file is read twice, both times as a stream: once to learn its encoding, once for its rows.
Memory does not grow with the file or with its longest line.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from lookup.admin.readers.sheets import MAX_COLUMNS
from lookup.admin.readers.tables import Row, Table
from lookup.admin.readers.trouble import Note, Unreadable

FORMAT = "text"
CODECS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030")
CHUNK_BYTES = 1 << 20
MAX_LINE_CHARACTERS = 1 << 16
DELIMITERS = (",", "\t", ";")
HEAD_LINES = 20
"""So many lines tell the delimiter."""

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8_PAIR = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_QUOTED = re.compile(r'"(?:[^"]|"")*(?:"|\Z)')
_HIGH = re.compile(rb"[\x80-\xff]")


def read(file: BinaryIO) -> Iterator[Table | Note | Row]:
    """The one table of a text file. Raises Unreadable where it cannot be read further."""
    encoding = inspect(file)
    found = rows(file, encoding)
    first = next(found, None)
    if first is None:
        raise Unreadable(0, "empty")
    yield Table("", FORMAT, encoding)
    yield first
    yield from found


def inspect(file: BinaryIO) -> str:
    """A file's encoding. Raises Unreadable `encoding`."""
    file.seek(0)
    candidates = _candidates(file.read(4096))
    file.seek(0)
    decoders = {name: codecs.getincrementaldecoder(name)() for name in candidates}
    failures: dict[str, int] = {}
    size = 0
    while chunk := file.read(CHUNK_BYTES):
        for name in list(decoders):
            _feed(decoders, failures, name, chunk, size)
        size += len(chunk)
    for name in list(decoders):
        _feed(decoders, failures, name, b"", size, final=True)
    found = next((name for name in candidates if name in decoders), None)
    if "utf-8" in failures and _mostly_utf8(file):
        raise _wrong_encoding(file, failures["utf-8"])
    if found is None:
        raise _wrong_encoding(file, max(failures.values(), default=0))
    return found


def _candidates(first: bytes) -> tuple[str, ...]:
    """The encodings a file that begins like this may have, the likeliest first."""
    for mark, name in BOMS:
        if first.startswith(mark):
            return (name,)
    # Without a mark, UTF-16 shows by the zero bytes beside its ASCII: commas, digits, breaks.
    even, odd = first[0::2].count(0), first[1::2].count(0)
    if max(even, odd) * 8 > len(first) and min(even, odd) * 16 <= max(even, odd):
        return ("utf-16-le",) if odd > even else ("utf-16-be",)
    return ("utf-8", "gb18030")


def _feed(
    decoders: dict[str, codecs.IncrementalDecoder],
    failures: dict[str, int],
    name: str,
    chunk: bytes,
    size: int,
    *,
    final: bool = False,
) -> None:
    try:
        decoders[name].decode(chunk, final)
    except UnicodeDecodeError as error:
        failures[name] = max(size - (len(error.object) - len(chunk)) + error.start, 0)
        del decoders[name]


def _mostly_utf8(file: BinaryIO) -> bool:
    """Whether a file that is not valid UTF-8 was clearly meant to be.

    One broken byte would otherwise turn a whole file into other characters: nearly any bytes
    are some GB18030. Chinese GBK text is hardly ever valid UTF-8 for two thirds of its bytes.
    """
    file.seek(0)
    high = inside = 0
    while chunk := file.read(CHUNK_BYTES):
        high += len(_HIGH.findall(chunk))
        inside += sum(map(len, _UTF8_PAIR.findall(chunk)))
    return inside * 3 > high * 2


def _wrong_encoding(file: BinaryIO, offset: int) -> Unreadable:
    file.seek(0)
    line = 1
    left = offset
    while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
        line += chunk.count(b"\n")
        left -= len(chunk)
    return Unreadable(line, "encoding")


def _text_lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    """The file's lines with their ends; a line longer than allowed raises Unreadable."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        number = 0
        while line := text.readline(MAX_LINE_CHARACTERS + 1):
            number += 1
            if len(line) > MAX_LINE_CHARACTERS:
                raise Unreadable(number, "line_length", maximum=MAX_LINE_CHARACTERS)
            if "\0" in line:
                raise Unreadable(number, "nul")
            yield line
    finally:
        text.detach()


def delimiter_of(beginning: str) -> str:
    """The delimiter that stands equally often in most of the lines; a comma where none does.

    What stands in quotes delimits nothing. A title above the header may well hold a comma.
    """
    lines = _QUOTED.sub("", beginning).splitlines()
    return max(DELIMITERS, key=lambda delimiter: _regularity(lines, delimiter))


def _regularity(lines: list[str], delimiter: str) -> tuple[int, int]:
    counts = Counter(filter(None, (line.count(delimiter) for line in lines)))
    return max(((often, each) for each, often in counts.items()), default=(0, 0))


def rows(file: BinaryIO, encoding: str) -> Iterator[Row]:
    """The rows of a text table, the header first; blank lines are passed over.

    Raises Unreadable where the file cannot be read further.
    """
    lines = _text_lines(file, encoding)
    head: list[str] = []
    skipped = 0
    rest = lines
    try:
        for line in lines:
            if not head and not line.strip():
                skipped += 1
                continue
            head.append(line)
            if len(head) == HEAD_LINES:
                break
    except Unreadable as error:
        # Said when its line is reached: the rows above it come first.
        rest = _failing(error)
    yield from _parsed(chain(head, rest), delimiter_of("".join(head)), skipped)


def _failing(error: Unreadable) -> Iterator[str]:
    yield from ()
    raise error


def _parsed(lines: Iterator[str], delimiter: str, skipped: int) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = skipped + 1
    try:
        for cells in reader:
            if any(cells):
                if len(cells) > MAX_COLUMNS:
                    raise Unreadable(line, "columns", maximum=MAX_COLUMNS)
                yield Row(line, [*cells], skipped + reader.line_num + 1 - line)
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(line, "quotes", why=str(error)) from error
