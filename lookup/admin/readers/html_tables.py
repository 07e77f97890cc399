"""HTML tables, which many school systems write and call .xls."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import BinaryIO

from lookup.admin.readers.delimited import BOMS
from lookup.admin.readers.sheets import MAX_COLUMNS, Merge, Sheet, tables
from lookup.admin.readers.tables import Row, Table
from lookup.admin.readers.trouble import ERROR, Note, Unreadable

FORMAT = "html"
CODECS = ("utf-8", "utf-8-sig", "utf-16", "gb18030", "big5", "cp1252")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_-]{1,40})""", re.I)
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_HIDDEN = re.compile(r"display\s*:\s*none", re.I)
_NAMED = {
    **dict.fromkeys(("utf-8", "utf8"), "utf-8"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80", "gb18030", "cp936"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs"), "big5"),
    **dict.fromkeys(("windows-1252", "iso-8859-1", "cp1252"), "cp1252"),
}
_BREAKS = {"br", "p", "div", "li"}
_SILENT = {"script", "style", "title"}
_HEAD_BYTES = 8192
_MAX_SPAN = 1 << 16
_FEED = 1 << 16


def read(file: BinaryIO) -> Iterator[Table | Note | Row]:
    """The tables of a page. Raises Unreadable."""
    file.seek(0)
    text, encoding = _decode(file.read())
    parser = _Parser()
    for start in range(0, len(text), _FEED):
        parser.feed(text[start : start + _FEED])
    parser.close()
    open_at_end = bool(parser.open)
    parser.finish()
    yield from tables(iter(parser.sheets), FORMAT, encoding)
    if open_at_end:
        yield Note("cut_off", severity=ERROR)


def _decode(content: bytes) -> tuple[str, str]:
    """The page's text and encoding: by its mark, by what it declares, by what its bytes are."""
    for mark, name in BOMS:
        if content.startswith(mark):
            return _strictly(content, (name,))
    found = _CHARSET.search(content[:_HEAD_BYTES])
    named = _NAMED.get(found[1].decode().lower()) if found else None
    return _strictly(content, tuple(dict.fromkeys(filter(None, (named, "utf-8", "gb18030")))))


def _strictly(content: bytes, candidates: tuple[str, ...]) -> tuple[str, str]:
    for name in candidates:
        try:
            return content.decode(name), name
        except UnicodeDecodeError as error:
            last = error.start
    raise Unreadable(content.count(b"\n", 0, last) + 1, "encoding")


class _Open:
    """A table that is being read; rows are counted from 1."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.row = 0
        self.column = 0
        self.held: dict[int, int] = {}
        """Columns that a cell of a row above still covers, and up to which row."""
        self.cell: list[str] | None = None
        self.span = (1, 1)
        self.columns = 0


class _Parser(HTMLParser):
    """Collects the tables of a page; a table inside a table is one of its own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sheets: list[Sheet] = []
        self.open: list[_Open] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins; nobody closes cells and rows reliably."""
        if tag in _SILENT:
            self.silent += 1
        elif tag == "table":
            sheet = Sheet(str(len(self.sheets) + 1))
            self.sheets.append(sheet)
            self.open.append(_Open(sheet))
        elif self.open:
            self._inside(tag, {name: value or "" for name, value in attrs})

    def _inside(self, tag: str, attributes: dict[str, str]) -> None:
        table = self.open[-1]
        hidden = bool(_HIDDEN.search(attributes.get("style", "")) or "hidden" in attributes)
        if tag == "tr":
            self._end_cell()
            table.row += 1
            table.column = 0
            if hidden:
                table.sheet.hidden_rows.append(table.row)
        elif tag in ("td", "th"):
            self._end_cell()
            if not table.row:
                table.row = 1
            while table.held.get(table.column, 0) >= table.row:
                table.column += 1
            table.cell = []
            table.span = (_whole(attributes.get("rowspan")), _whole(attributes.get("colspan")))
            if hidden:
                table.sheet.hidden_columns.add(table.column)
        elif tag == "col":
            span = _whole(attributes.get("span"))
            if hidden:
                columns = range(table.columns, min(table.columns + span, MAX_COLUMNS))
                table.sheet.hidden_columns.update(columns)
            table.columns += span
        elif tag in _BREAKS and table.cell:
            table.cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        if tag in _SILENT:
            self.silent = max(self.silent - 1, 0)
        elif self.open and tag in ("td", "th", "tr"):
            self._end_cell()
        elif self.open and tag == "table":
            self._end_cell()
            self.open.pop()

    def handle_data(self, data: str) -> None:
        """Text: only what stands in a cell counts."""
        if self.open and not self.silent and self.open[-1].cell is not None:
            self.open[-1].cell.append(_SPACE.sub(" ", data))

    def finish(self) -> None:
        """The page is over."""
        while self.open:
            self._end_cell()
            self.open.pop()

    def _end_cell(self) -> None:
        table = self.open[-1]
        if table.cell is None:
            return
        text = "".join(table.cell)
        text = "\n".join(filter(None, (_SPACE.sub(" ", line).strip() for line in text.split("\n"))))
        down, across = table.span
        right = min(table.column + across, MAX_COLUMNS) - 1
        table.sheet.put(table.row, table.column, text)
        if down > 1 or across > 1:
            bottom = table.row + down - 1
            table.sheet.merges.append(Merge(table.row, table.column, bottom, right))
            for column in range(table.column, right + 1):
                table.held[column] = bottom
        table.column = max(right, table.column) + 1
        table.cell = None


def _whole(text: str | None) -> int:
    digits = (text or "").strip()
    return min(max(int(digits), 1), _MAX_SPAN) if digits.isascii() and digits.isdigit() else 1
