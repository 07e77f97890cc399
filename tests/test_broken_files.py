"""Files cut short or altered at any byte: they end in findings, never in a crash or in silence."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.admin.readers import child, frames
from lookup.admin.readers.answers import Answers
from tests import workbook_makers as make
from tests.workbook_makers import File, gather

CSV = "准考证号,姓名\n" + "010100001,李琪丹\n" * 20
FILES: dict[str, bytes] = {
    "xlsx": make.xlsx(),
    "xls": make.xls(),
    "dbf": make.dbf(make.DBF_RECORDS),
    "zip": make.zipped({"a.csv": CSV.encode(), "b.dbf": make.dbf(make.DBF_RECORDS)}),
    "html": make.html(make.HTML_ROWS).removesuffix(b"</body></html>"),
    "csv": CSV.encode("gb18030"),
}
CHECKED = ("xlsx", "zip")
"""Formats whose content carries a checksum: in the others a digit may change unseen."""
WHOLE = ("xlsx", "xls", "dbf", "zip", "html")
"""Formats that say where they end: a text table cut at the end of a line is a text table."""


def read(content: bytes, suffix: str) -> File:
    """What the parent would make of a file, without a process."""
    said: list[bytes] = []

    class Kept(child.Sender):
        def _write(self, content: bytes) -> None:
            said.append(content)

    child.prepare("packed")
    sender = Kept(-1)
    child.read(io.BytesIO(content), None, suffix, sender)
    sender.frame(frames.END)
    conversation = Answers("a", "")
    return gather(event for frame in said for event in conversation.events(frame))


def rows(found: File) -> list[object]:
    return [(seen.table.name, seen.rows) for seen in found.tables]


GOOD = {name: rows(read(content, f".{name}")) for name, content in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_good_before_they_are_broken(name: str) -> None:
    found = read(FILES[name], f".{name}")
    assert not found.rules
    assert found.tables


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_a_file_cut_short_says_so(name: str, data: st.DataObject) -> None:
    content = FILES[name]
    found = read(content[: data.draw(st.integers(0, len(content) - 1))], f".{name}")
    if name in WHOLE:
        # So short that nothing is left to know it by, it is a text of another name: a warning.
        assert found.errors or rows(found) == GOOD[name] or "wrong_name" in found.rules
    else:
        assert found.errors or found.tables


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_altered_bytes_are_the_same_rows_or_a_finding(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name])
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] = byte
    found = read(bytes(content), f".{name}")
    assert found.rules or found.tables
    if name in CHECKED:
        assert found.rules or rows(found) == GOOD[name]


@given(
    st.binary(max_size=400),
    st.sampled_from(
        [
            b"",
            b"PK\x03\x04",
            b"PK\x05\x06",
            b"\x03\x7d\x06\x1e",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"\x09\x08\x10\x00",
            b"<table>",
            b"\xff\xfe",
            b"\x30",
        ]
    ),
)
def test_any_bytes_end_in_events(content: bytes, start: bytes) -> None:
    found = read(start + content, "")
    assert found.tables or found.errors
