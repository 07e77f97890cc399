"""Zip archives: the directory is judged before anything is unpacked; nothing is ever written.

Workbooks (.xlsx) are zip archives too and are opened here.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from lookup.admin.readers.trouble import Unreadable

MAX_MEMBERS = 200
MAX_PARTS = 5000
"""A workbook holds a part for every picture in it."""
MAX_UNPACKED_BYTES = 1 << 30
MAX_RATIO = 100
RATIO_FROM_BYTES = 100 << 20
"""Smaller members may be packed as tightly as they like: a blank sheet shrinks very far."""
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_END, _END_BYTES, _ZIP64 = b"PK\x05\x06", 22 + (1 << 16), 0xFFFF
"""The end of the directory tells how many entries it has, this number where they are more."""
_ENCRYPTED = 1
_UTF8 = 1 << 11
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)


_CONTENTS = "[content_types].xml"
_SHEETS = re.compile("xl/")
_UNSUPPORTED = (
    ("xl/workbook.bin", "xlsb"),
    ("word/document.xml", "docx"),
    ("ppt/presentation.xml", "pptx"),
    ("content.xml", "ods"),
)


@contextmanager
def damage() -> Iterator[None]:
    """Turn what the library says of a broken archive into Unreadable `damaged`."""
    try:
        yield
    except _DAMAGED as error:
        raise Unreadable(0, "damaged") from error


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open an archive and read its directory. Raises Unreadable `damaged`."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _END_BYTES, 0))
    tail = file.read()
    file.seek(0)
    with damage():
        archive = zipfile.ZipFile(file)
    # A damaged length lets one entry swallow the next; the library does not count them.
    end = tail.rfind(_END)
    count = int.from_bytes(tail[end + 10 : end + 12], "little")
    if end < 0 or count not in (len(archive.infolist()), _ZIP64):
        raise Unreadable(0, "damaged")
    return archive


def check_directory(archive: zipfile.ZipFile, most: int = MAX_MEMBERS) -> None:
    """Raise Unreadable where an archive is a bomb, a trick, or locked."""
    members = archive.infolist()
    if len(members) > most:
        raise Unreadable(0, "too_many_members", maximum=most, count=len(members))
    seen = set()
    total = 0
    for member in members:
        name = name_of(member)
        total += member.file_size
        if member.flag_bits & _ENCRYPTED:
            raise Unreadable(0, "password")
        if _leads_out(name) or _leads_out(member.orig_filename):
            raise Unreadable(0, "member_path", member=name[:80])
        if name in seen:
            raise Unreadable(0, "member_twice", member=name[:80])
        seen.add(name)
        tight = member.file_size > MAX_RATIO * max(member.compress_size, 1)
        if total > MAX_UNPACKED_BYTES or (member.file_size > RATIO_FROM_BYTES and tight):
            raise Unreadable(0, "zip_bomb", maximum=MAX_UNPACKED_BYTES >> 20)
        if member.compress_type not in _METHODS:
            raise Unreadable(0, "packing", member=name[:80])


def _leads_out(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or ":" in parts[0] or "\0" in name


def name_of(member: zipfile.ZipInfo) -> str:
    """A member's name: UTF-8 where it says so, else as a Chinese Windows would write it."""
    if member.flag_bits & _UTF8:
        return member.filename
    try:
        raw = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename


def packed_format(file: BinaryIO) -> str:
    """What an archive is: a workbook or a zip of tables. Raises Unreadable."""
    with open_archive(file) as archive:
        names = {member.filename.replace("\\", "/").lower() for member in archive.infolist()}
    marked = _CONTENTS in names or "mimetype" in names
    for part, form in _UNSUPPORTED:
        if marked and part in names:
            raise Unreadable(0, "unsupported", format=form)
    return "xlsx" if _CONTENTS in names and any(map(_SHEETS.match, names)) else "zip"


def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    """A member as a file; what is read of it may raise what `damage` turns."""
    with damage():
        return cast(BinaryIO, archive.open(member))
