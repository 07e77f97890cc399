"""What a file is, by its content; its name may only disagree."""

import re
import struct

from lookup.admin.readers.trouble import Note, Unreadable

HEAD_BYTES = 4096
PACKED = "packed"
"""A zip archive: a workbook or an archive of tables, as its directory says."""
MEMOS = {".fpt", ".dbt"}
_SUFFIXES = {
    "text": {".csv", ".tsv", ".txt", ".tab"},
    "xlsx": {".xlsx", ".xlsm"},
    "xls": {".xls"},
    "dbf": {".dbf"},
    "zip": {".zip"},
    "html": {".html", ".htm"},
}
_KNOWN = {suffix for suffixes in _SUFFIXES.values() for suffix in suffixes}

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_BIFF = re.compile(rb"\x09[\x00\x02\x04\x08][\x04\x06\x08\x10]\x00")
_ARCHIVES = (b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b\x08")
_DBF_KINDS = b"\x02\x03\x04\x30\x31\x32\x43\x63\x83\x8b\x8c\x8e\xcb\xf5\xfb"
_DBF_PREFIX_BYTES = 32
_HTML = re.compile(rb"<(!doctype\s+html|html|head|meta|body|table|style)[\s>]", re.I)
_OTHERS = (
    (b"%PDF", "PDF"),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"MIME-Version:", "MHTML"),
    (b"SQLite format 3", "SQLite"),
)


def sniff(head: bytes) -> str:
    """The format of what begins with `head` (HEAD_BYTES of it): a reader's FORMAT, or PACKED.

    Raises Unreadable `unsupported` for what is no table.
    """
    if head.startswith(_OLE) or _BIFF.match(head):
        return "xls"
    if head.startswith(_ZIP):
        return PACKED
    if _is_dbf(head):
        return "dbf"
    # UTF-16 is seen through, a byte order mark and blanks passed over.
    plain = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if head.startswith(_ARCHIVES):
        raise Unreadable(0, "archive")
    for mark, name in _OTHERS:
        if head.startswith(mark) or plain.startswith(mark):
            raise Unreadable(0, "unsupported", format=name)
    if plain.startswith(b"<"):
        if b"urn:schemas-microsoft-com:office:spreadsheet" in plain:
            raise Unreadable(0, "unsupported", format="XML 2003")
        if _HTML.search(plain):
            return "html"
    return "text"


def _is_dbf(head: bytes) -> bool:
    """Whether a file that begins like this is such a table."""
    if len(head) < _DBF_PREFIX_BYTES or head[0] not in _DBF_KINDS or head[2] > 12 or head[3] > 31:
        return False
    header_bytes, record_bytes = struct.unpack_from("<HH", head, 8)
    return header_bytes > _DBF_PREFIX_BYTES and record_bytes > 1 and head[12:14] == b"\0\0"


def is_called_table(suffix: str) -> bool:
    """Whether a name that ends like this promises a table."""
    return suffix.lower() in _KNOWN | MEMOS


def wrong_name(suffix: str, form: str) -> Note | None:
    """A note where a name's suffix (`.xls`) says another format than the content."""
    suffix = suffix.lower()
    if suffix not in _KNOWN or suffix in _SUFFIXES.get(form, ()) or form not in _SUFFIXES:
        return None
    return Note("wrong_name", values={"suffix": suffix, "format": form})
