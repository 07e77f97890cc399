"""Archives of tables (.zip): each member read by its own reader, memo files with their .dbf."""

import posixpath
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from lookup.admin.readers import archive as packing
from lookup.admin.readers.sniffing import MEMOS, is_called_table, wrong_name
from lookup.admin.readers.tables import Row, Table
from lookup.admin.readers.trouble import ERROR, Note, Unreadable

FORMAT = "zip"
_IGNORED = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}
_OF_ANY_NAME = {"archive", "nested", "password"}
"""What stops a member is said of it, whatever its name promises."""
MAX_NAME = 80
Event = Table | Note | Row
Reader = Callable[[BinaryIO, BinaryIO | None], tuple[str, Iterator[Event]]]


def read(file: BinaryIO, reader: Reader) -> Iterator[Event]:
    """The tables of every member, by name; `reader` reads one. Raises Unreadable."""
    with packing.open_archive(file) as archive:
        packing.check_directory(archive)
        members = {
            packing.name_of(member): member
            for member in archive.infolist()
            if not member.is_dir() and not _IGNORED.intersection(packing.name_of(member).split("/"))
        }
        memos = _memos(members)
        mains = {name: member for name, member in members.items() if member not in memos.values()}
        if not mains:
            raise Unreadable(0, "empty")
        for name, member in mains.items():
            yield from _member(archive, name, member, memos.get(name), reader)


def _memos(members: dict[str, zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Memo files by the name of the table they belong to."""
    stems = {posixpath.splitext(name)[0].lower(): name for name in members if _is(name, {".dbf"})}
    found = {}
    for name, member in members.items():
        stem = posixpath.splitext(name)[0].lower()
        if _is(name, MEMOS) and stem in stems:
            found[stems[stem]] = member
    return found


def _is(name: str, suffixes: set[str]) -> bool:
    return posixpath.splitext(name)[1].lower() in suffixes


def _member(
    archive: zipfile.ZipFile,
    name: str,
    member: zipfile.ZipInfo,
    memo: zipfile.ZipInfo | None,
    reader: Reader,
) -> Iterator[Event]:
    """What a member holds. Notes follow a table, if need be one without rows: they are its."""
    waiting: list[Note] = []
    named = False
    form = ""
    try:
        with packing.damage(), packing.open_member(archive, member) as file:
            form, events = _begin(archive, file, memo, reader)
            waiting += filter(None, [wrong_name(posixpath.splitext(name)[1], form)])
            for event in events:
                if isinstance(event, Note) and not named:
                    waiting.append(event)
                    continue
                if isinstance(event, Table):
                    named = True
                    event = replace(event, name=f"{name}/{event.name}" if event.name else name)
                yield event
                yield from waiting
                waiting.clear()
    except Unreadable as error:
        # Of what holds no table, only why is of interest.
        waiting = [error.note() if named else _why(name, error)]
    if waiting:
        if not named:
            yield Table(name, form)
        yield from waiting


def _why(name: str, error: Unreadable) -> Note:
    """Why a member was not read: a letter beside the tables is no damaged table."""
    stem, suffix = posixpath.splitext(posixpath.basename(name))
    if error.rule in _OF_ANY_NAME or is_called_table(suffix):
        return error.note()
    return Note("no_table", severity=ERROR, values={"member": f"{stem}{suffix}"[:MAX_NAME]})


def _begin(
    archive: zipfile.ZipFile, file: BinaryIO, memo: zipfile.ZipInfo | None, reader: Reader
) -> tuple[str, Iterator[Event]]:
    if memo is None:
        return reader(file, None)
    with packing.open_member(archive, memo) as beside:
        return reader(file, beside)
