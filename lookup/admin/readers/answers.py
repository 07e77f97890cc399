"""What a child answers, checked: it read a stranger's file and may no longer be our program."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import orjson

from lookup.admin.findings import ERROR, MAX_VALUE_SHOWN, WARNING, Finding
from lookup.admin.readers import frames
from lookup.admin.readers.sheets import MAX_COLUMNS
from lookup.admin.readers.tables import Row, Source, Table

Event = Source | Table | list[Row] | Finding
MAX_ROWS = 5_000_000
MAX_TEXT_BYTES = 4 << 30
MAX_TABLES = 2000
MAX_NOTES = 10_000
MAX_NAME = 400
FORMATS = {"text", "html", "dbf", "xls", "xlsx", "zip", ""}
_CELL_TYPES = {str, int, float}
_row = partial(tuple.__new__, Row)
"""A Row of checked parts: a third of what Row itself costs, for every row of every file."""
_LARGEST_LINE = 1 << 53


class BadAnswerError(Exception):
    """The child said what no reader says, or too much; `rule` is the finding's."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Answers:
    """The conversation with one child, frame by frame."""

    def __init__(self, name: str, sha256: str) -> None:
        self.begun = False
        self.ended = False
        self._source = (name, sha256)
        self._tables = self._rows = self._bytes = self._notes = self._errors = 0

    def events(self, frame: bytes) -> Iterator[Event]:
        """The events of one frame. Raises BadAnswerError."""
        self._bytes += len(frame)
        if self._bytes > MAX_TEXT_BYTES:
            raise BadAnswerError("too_large")
        try:
            parts = orjson.loads(frame)
        except orjson.JSONDecodeError as error:
            raise BadAnswerError("reader_failed") from error
        _require(isinstance(parts, list) and bool(parts) and not self.ended)
        kind, *rest = parts
        _require(self.begun is (kind != frames.SOURCE))
        if kind == frames.ROWS:
            yield self._some_rows(rest)
        elif kind == frames.NOTE:
            yield self._finding(rest)
        elif kind == frames.TABLE:
            yield self._table(rest)
        elif kind == frames.SOURCE:
            yield self._begin(rest)
        else:
            # Nothing read and nothing said would pass in silence for an empty file.
            _require(kind == frames.END and not rest and bool(self._tables or self._errors))
            self.ended = True

    def _begin(self, rest: list[Any]) -> Source:
        _require(len(rest) == 1 and rest[0] in FORMATS)
        self.begun = True
        return Source(*self._source, rest[0])

    def _table(self, rest: list[Any]) -> Table:
        _require(len(rest) == 5 and _are([*rest[:3], rest[4]], str) and isinstance(rest[3], bool))
        name, form, encoding, hidden, title = rest
        _require(form in FORMATS and len(encoding) < MAX_NAME)
        self._tables += 1
        if self._tables > MAX_TABLES:
            raise BadAnswerError("too_large")
        return Table(_label(name), form, encoding, hidden, _label(title))

    def _some_rows(self, rest: list[Any]) -> list[Row]:
        """A chunk of rows, checked as a whole: a loop over its cells would cost more than all."""
        _require(len(rest) == 3 and _are(rest, list) and self._tables > 0)
        lines, rows, heights = rest
        _require(0 < len(lines) == len(rows) == len(heights))
        _require(_are(lines, int) and _are(heights, int) and _are(rows, list))
        _require(min(lines) >= 0 and max(lines) < _LARGEST_LINE and max(map(len, rows)) > 0)
        _require(max(map(len, rows)) <= MAX_COLUMNS)
        _require(set(map(type, chain.from_iterable(rows))) <= _CELL_TYPES)
        self._rows += len(rows)
        if self._rows > MAX_ROWS:
            raise BadAnswerError("too_large")
        return list(map(_row, zip(lines, rows, heights, strict=True)))

    def _finding(self, rest: list[Any]) -> Finding:
        _require(len(rest) == 6)
        rule, line, column, severity, value, values = rest
        _require(_are([rule, column, severity, value], str) and _are([line], int))
        _require(severity in (ERROR, WARNING) and 0 <= line < _LARGEST_LINE)
        _require(isinstance(values, dict) and len(values) < 10)
        _require({type(found) for found in values.values()} <= _CELL_TYPES)
        self._notes += 1
        if self._notes > MAX_NOTES:
            raise BadAnswerError("too_large")
        self._errors += severity == ERROR
        shown = {
            name: _label(found) if isinstance(found, str) else found
            for name, found in values.items()
        }
        finding = Finding(
            rule, line, _label(column), severity, _label(value)[:MAX_VALUE_SHOWN], shown
        )
        try:
            # A sentence without values is said as it stands, gaps and all.
            _require(bool(shown) or "{" not in finding.reason())
            finding.reason()
        except (KeyError, ValueError, IndexError) as error:
            raise BadAnswerError("reader_failed") from error
        return finding


def _require(fact: bool) -> None:
    if not fact:
        raise BadAnswerError("reader_failed")


def _are(values: Sequence[object], kind: type) -> bool:
    return set(map(type, values)) <= {kind}


def _label(text: str) -> str:
    """A name as it may be shown: one line, no control characters, not endless."""
    return "".join(character for character in text if character.isprintable())[:MAX_NAME]
