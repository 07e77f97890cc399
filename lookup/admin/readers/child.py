"""The process that parses: limits itself, reads the file it was handed, tells its parent.

It is started by `reading` with the file as standard input and frames as standard output, and
imports nothing it does not need: a start costs every file.
"""

import codecs
import contextlib
import gc
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple
from typing import BinaryIO

import orjson

from lookup.admin.readers import frames
from lookup.admin.readers.limits import limit
from lookup.admin.readers.sniffing import HEAD_BYTES, PACKED, sniff, wrong_name
from lookup.admin.readers.tables import Cell, Row, Table
from lookup.admin.readers.trouble import Note, Unreadable, letters

Event = Table | Note | Row
_MODULES = {
    "text": "delimited",
    "html": "html_tables",
    "dbf": "dbf",
    "xls": "xls",
    "xlsx": "xlsx",
    "zip": "zip_tables",
}
_PACKAGE = "lookup.admin.readers."
_HEADROOM_BYTES = 16 << 20
_APOSTROPHE = re.compile(r"'(?=\d)")


class Sender:
    """Writes frames; rows wait until a chunk of them is full."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rows: list[Row] = []
        self._apostrophes: dict[int, int] = {}

    def frame(self, *parts: object) -> None:
        """Send one frame. Raises OSError where nobody listens any more."""
        self._write(orjson.dumps(parts))

    def _write(self, content: bytes) -> None:
        data = memoryview(frames.LENGTH.pack(len(content)) + content)
        while data:
            data = data[os.write(self._descriptor, data) :]

    def send(self, events: Iterator[Event]) -> None:
        """Send everything a reader gives, and why it ended early if it did."""
        try:
            for event in events:
                if type(event) is Row:
                    self._rows.append(event)
                    if len(self._rows) >= frames.CHUNK_ROWS:
                        self.flush()
                elif isinstance(event, Table):
                    self.end_table()
                    self.frame(frames.TABLE, *astuple(event))
                elif isinstance(event, Note):
                    self.flush()
                    self.note(event)
        except Unreadable as error:
            self.flush()
            self.note(error.note())
        self.end_table()

    def note(self, note: Note) -> None:
        """Send a note."""
        self.frame(frames.NOTE, *note)

    def end_table(self) -> None:
        """Send the rows that wait, and what was seen in all of the table's rows."""
        self.flush()
        for column, count in sorted(self._apostrophes.items()):
            self.note(Note("apostrophe", column=letters(column), values={"count": count}))
        self._apostrophes.clear()

    def flush(self) -> None:
        """Send the rows that wait."""
        if self._rows:
            rows, self._rows = self._rows, []
            self._send(rows)

    def _send(self, rows: list[Row]) -> None:
        # The encoder crashes where memory runs out; this says so instead.
        bytes(_HEADROOM_BYTES)
        lines, cells, heights = zip(*rows, strict=True)
        content = orjson.dumps((frames.ROWS, lines, cells, heights))
        if b"\"'" in content and self._without_apostrophes(cells):
            content = orjson.dumps((frames.ROWS, lines, cells, heights))
        if len(content) > frames.CHUNK_BYTES and len(rows) > 1:
            middle = len(rows) // 2
            self._send(rows[:middle])
            self._send(rows[middle:])
        else:
            self._write(content)

    def _without_apostrophes(self, cells: tuple[list[Cell], ...]) -> bool:
        """Drop the mark by which a spreadsheet is told that digits are text, and count it."""
        found = False
        for row in cells:
            for column, cell in enumerate(row):
                if isinstance(cell, str) and _APOSTROPHE.match(cell):
                    row[column] = cell[1:]
                    self._apostrophes[column] = self._apostrophes.get(column, 0) + 1
                    found = True
        return found


def prepare(form: str) -> None:
    """Import all that reading a format may need: later no file can be opened."""
    names = _MODULES if form == PACKED else {form: _MODULES[form]}
    for name in names.values():
        module = importlib.import_module(_PACKAGE + name)
        for codec in getattr(module, "CODECS", ()):
            codecs.lookup(codec)


def _module(form: str) -> Callable[..., Iterator[Event]]:
    read: Callable[..., Iterator[Event]] = sys.modules[_PACKAGE + _MODULES[form]].read
    return read


def member(file: BinaryIO, memo: BinaryIO | None) -> tuple[str, Iterator[Event]]:
    """One member of an archive: its format and what it holds."""
    form = format_of(file)
    if form == "zip":
        raise Unreadable(0, "nested")
    return form, _module(form)(file, *_extra(form, memo))


def _extra(form: str, memo: BinaryIO | None) -> tuple[object, ...]:
    return {"dbf": (memo,), "zip": (member,)}.get(form, ())


def format_of(file: BinaryIO) -> str:
    """What a file is. Raises Unreadable."""
    file.seek(0)
    form = sniff(file.read(HEAD_BYTES))
    if form == PACKED:
        return str(sys.modules[f"{_PACKAGE}archive"].packed_format(file))
    return form


def read(file: BinaryIO, memo: BinaryIO | None, suffix: str, sender: Sender) -> None:
    """Send everything a file holds."""
    try:
        form = format_of(file)
    except Unreadable as error:
        sender.frame(frames.SOURCE, "")
        sender.note(error.note())
        return
    sender.frame(frames.SOURCE, form)
    sender.send(_events(file, memo, suffix, form))


def _events(file: BinaryIO, memo: BinaryIO | None, suffix: str, form: str) -> Iterator[Event]:
    """What the reader of a format gives; the name is wrong only if the content is right."""
    events = _module(form)(file, *_extra(form, memo))
    first = next(events, None)
    named = wrong_name(suffix, form)
    if named:
        yield named
    if first is not None:
        yield first
        yield from events


def main(suffix: str, memo: int, memory_mb: int, seconds: int) -> None:
    """Read standard input; `memo` is the descriptor of the memo file, or -1."""
    file = open(0, "rb", closefd=False)  # noqa: SIM115  # open as long as the process is
    beside = open(memo, "rb", closefd=False) if memo >= 0 else None  # noqa: SIM115
    # What is no table is said again below, when it is safe to look closer.
    with contextlib.suppress(Unreadable):
        prepare(sniff(file.read(HEAD_BYTES)))
    # Nothing here makes cycles, and looking for them costs a tenth of the time.
    gc.disable()
    limit(memory_mb, seconds)
    sender = Sender(1)
    try:
        read(file, beside, suffix, sender)
        sender.frame(frames.END)
    except MemoryError:
        os._exit(frames.EXIT_MEMORY)
    except Exception:
        os._exit(frames.EXIT_FAILED)
    os._exit(0)
