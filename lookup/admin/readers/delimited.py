"""Text tables: CSV, tab or semicolon separated; UTF-8, GB18030 (so GBK), UTF-16.

A file is read twice, both times as a stream: once to learn its encoding and digest, once
for its rows. Memory does not grow with the file or with its longest line.
"""

import codecs
import csv
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

from lookup.durable import storage

CHUNK_BYTES = 1 << 20
MAX_LINE_CHARACTERS = 1 << 16
MAX_COLUMNS = 500
DELIMITERS = (",", "\t", ";")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8_PAIR = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH = re.compile(rb"[\x80-\xff]")


class Unreadable(Exception):  # noqa: N818  # an outcome of reading, turned into a finding at once
    """The file cannot be read from `line` on; str() says why and what to do."""

    def __init__(self, line: int, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.rule = rule


class Row(NamedTuple):
    """One row: the line it begins on (from 1), its cells as written, how many lines it takes."""

    line: int
    cells: list[str]
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """A text table ready to be read; `stamp` tells whether it is still the one inspected."""

    path: Path
    sha256: str
    encoding: str
    stamp: tuple[int, int, int]


def inspect(path: Path) -> Source:
    """Learn a file's digest and encoding. Raises StorageError, Unreadable."""
    digest = hashlib.sha256()
    size = 0
    with storage(path), path.open("rb") as file:
        first = file.read(4096)
        file.seek(0)
        candidates = _candidates(first)
        decoders = {name: codecs.getincrementaldecoder(name)() for name in candidates}
        failures: dict[str, int] = {}
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
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
        stamp = _stamp(file)
    return Source(path, digest.hexdigest(), found, stamp)


def _stamp(file: IO[Any]) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_mtime_ns, found.st_size


def _candidates(first: bytes) -> tuple[str, ...]:
    """The encodings a file that begins like this may have, the likeliest first."""
    for mark, name in _BOMS:
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
    return Unreadable(
        line,
        "encoding",
        "is neither UTF-8, GB18030 nor UTF-16 from here on: save the file again as UTF-8",
    )


def _text_lines(source: Source) -> Iterator[str]:
    """The file's lines with their ends; a line longer than allowed raises Unreadable."""
    with (
        storage(source.path),
        source.path.open("r", encoding=source.encoding, newline="") as file,
    ):
        number = 0
        while line := file.readline(MAX_LINE_CHARACTERS + 1):
            number += 1
            if len(line) > MAX_LINE_CHARACTERS:
                raise Unreadable(
                    number,
                    "line_length",
                    f"is longer than {MAX_LINE_CHARACTERS} characters: check its line breaks",
                )
            if "\0" in line:
                raise Unreadable(
                    number, "nul", "holds a NUL byte: export the file again, it was cut or damaged"
                )
            yield line
        if _stamp(file) != source.stamp:
            raise Unreadable(0, "changed", "changed while it was read: load it again")


def delimiter_of(header: str) -> str:
    """The delimiter that stands most often in a header line; a comma where none does."""
    return max(DELIMITERS, key=header.count)


def rows(source: Source) -> Iterator[Row]:
    """The rows of a text table, the header first; blank lines are passed over.

    Raises Unreadable where the file cannot be read further, StorageError.
    """
    lines = _text_lines(source)
    first = ""
    skipped = 0
    for first in lines:
        if first.strip():
            break
        skipped += 1
    if not first.strip():
        return
    reader = csv.reader(_chain(first, lines), delimiter=delimiter_of(first), strict=True)
    line = skipped + 1
    try:
        for cells in reader:
            if any(cells):
                if len(cells) > MAX_COLUMNS:
                    raise Unreadable(line, "columns", f"has more than {MAX_COLUMNS} columns")
                yield Row(line, cells, skipped + reader.line_num + 1 - line)
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(
            line, "quotes", f"begins a row that cannot be read ({error}): check its quotes"
        ) from error


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
