"""Workbooks of Excel 2007 and later (.xlsx), read by our own scan of their XML.

One pass tells everything: values, formulas, what is hidden and merged. A library beside it
would read the same XML twice, and the fast ones allocate a sheet by its corners, so that two
cells can ask for hundreds of gigabytes.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from lookup.admin.readers.archive import MAX_PARTS, check_directory, open_archive, open_member
from lookup.admin.readers.markup import Handlers, parse, unescape
from lookup.admin.readers.numbers import PLAIN, style_of
from lookup.admin.readers.sheets import Sheet, tables
from lookup.admin.readers.tables import Row, Table
from lookup.admin.readers.trouble import Note, Unreadable
from lookup.admin.readers.xlsx_sheet import TRUE, read_sheet

FORMAT = "xlsx"


@dataclass
class Workbook:
    """What a workbook says outside its sheets."""

    epoch_1904: bool = False
    sheets: list[tuple[str, str, bool]] = field(default_factory=list)
    """Name, relation and whether hidden."""
    strings: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Relation:
    kind: str
    target: str


class _Parts:
    """The parts of a workbook by their path, however it is spelled."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self._members = {
            member.filename.replace("\\", "/").lower(): member for member in archive.infolist()
        }

    def parse(self, path: str, handlers: Handlers) -> None:
        """Parse a part. Raises Unreadable; a part that is not there is `damaged`."""
        with self.open(path) as file:
            parse(file, handlers)

    def open(self, path: str) -> BinaryIO:
        member = self._members.get(path.lower())
        if member is None:
            raise Unreadable(0, "damaged")
        return open_member(self.archive, member)

    def relations(self, part: str) -> dict[str, _Relation]:
        """What a part refers to, by id; a part may refer to nothing."""
        folder, name = posixpath.split(part)
        path = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, _Relation] = {}

        def relation(attributes: dict[str, str]) -> None:
            target = attributes.get("Target", "").replace("\\", "/")
            inside = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            kind = attributes.get("Type", "").rpartition("/")[2]
            found[attributes.get("Id", "")] = _Relation(kind, inside)

        if path.lower() in self._members:
            handlers = Handlers()
            handlers.starts["Relationship"] = relation
            self.parse(path, handlers)
        return found


def read(file: BinaryIO) -> Iterator[Table | Note | Row]:
    """The sheets of a workbook. Raises Unreadable."""
    with open_archive(file) as archive:
        check_directory(archive, MAX_PARTS)
        parts = _Parts(archive)
        start = next(
            (r.target for r in parts.relations("").values() if r.kind == "officeDocument"),
            "xl/workbook.xml",
        )
        relations = parts.relations(start)
        workbook = _workbook(parts, start)
        for relation in relations.values():
            if relation.kind == "sharedStrings":
                workbook.strings = _strings(parts, relation.target)
            elif relation.kind == "styles":
                workbook.styles = _styles(parts, relation.target)
        yield from tables(_sheets(parts, workbook, relations), FORMAT)


def _sheets(parts: _Parts, workbook: Workbook, relations: dict[str, _Relation]) -> Iterator[Sheet]:
    for name, reference, hidden in workbook.sheets:
        relation = relations.get(reference)
        if relation is None:
            raise Unreadable(0, "damaged")
        if relation.kind != "worksheet":
            continue
        sheet = Sheet(name, hidden)
        with parts.open(relation.target) as file:
            read_sheet(file, sheet, workbook.strings, workbook.styles, workbook.epoch_1904)
        yield sheet


def _workbook(parts: _Parts, path: str) -> Workbook:
    workbook = Workbook()

    def properties(attributes: dict[str, str]) -> None:
        workbook.epoch_1904 = attributes.get("date1904", "") in TRUE

    def sheet(attributes: dict[str, str]) -> None:
        reference = next((v for k, v in attributes.items() if k.endswith(":id")), "")
        hidden = attributes.get("state", "visible") != "visible"
        workbook.sheets.append((attributes.get("name", ""), reference, hidden))

    handlers = Handlers()
    handlers.starts |= {"workbookPr": properties, "sheet": sheet}
    parts.parse(path, handlers)
    return workbook


def _strings(parts: _Parts, path: str) -> list[str]:
    """The texts that cells refer to by number; how to pronounce them is left out."""
    strings: list[str] = []
    pieces: list[str] = []
    spoken = False

    def item(_: dict[str, str]) -> None:
        nonlocal spoken
        pieces.clear()
        spoken = False

    def phonetic(_: dict[str, str]) -> None:
        nonlocal spoken
        spoken = True

    def said(_: str) -> None:
        nonlocal spoken
        spoken = False

    def text(data: str) -> None:
        if not spoken:
            pieces.append(data)

    handlers = Handlers()
    handlers.starts |= {"si": item, "rPh": phonetic, "t": handlers.take}
    handlers.ends |= {
        "t": text,
        "rPh": said,
        "si": lambda _: strings.append(unescape("".join(pieces))),
    }
    parts.parse(path, handlers)
    return strings


def _styles(parts: _Parts, path: str) -> list[str]:
    """What each cell style makes of a number."""
    codes: dict[int, str] = {}
    styles: list[str] = []
    inside = False

    def code(attributes: dict[str, str]) -> None:
        codes[_whole(attributes.get("numFmtId"))] = attributes.get("formatCode", "")

    def begin(_: dict[str, str]) -> None:
        nonlocal inside
        inside = True

    def finish(_: str) -> None:
        nonlocal inside
        inside = False

    def style(attributes: dict[str, str]) -> None:
        if inside:
            key = _whole(attributes.get("numFmtId"))
            styles.append(style_of(key, codes.get(key)))

    handlers = Handlers()
    handlers.starts |= {"numFmt": code, "cellXfs": begin, "xf": style}
    handlers.ends["cellXfs"] = finish
    parts.parse(path, handlers)
    return styles if any(style != PLAIN for style in styles) else []


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
