"""Text tables: every encoding an office sends, and every way a file can be broken."""

import codecs
import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.admin.readers.delimited import MAX_LINE_CHARACTERS, inspect, rows
from lookup.admin.readers.sheets import MAX_COLUMNS
from lookup.admin.readers.tables import Row
from lookup.admin.readers.trouble import Unreadable
from tests.admin_makers import CHECKOUT, as_csv

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "gb18030": b"",
    "gbk": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


def read(content: bytes) -> list[Row]:
    file = io.BytesIO(content)
    return list(rows(file, inspect(file)))


def refused(content: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as found:
        read(content)
    return found.value


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_recognised(encoding: str) -> None:
    text = "准考证号,姓名\r\n010100001,李琪丹\r\n"
    found = read(ENCODINGS[encoding] + text.encode(encoding))
    assert found == [Row(1, ["准考证号", "姓名"]), Row(2, ["010100001", "李琪丹"])]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_shows_by_its_zero_bytes(encoding: str) -> None:
    text = "准考证号,姓名,总分\r\n" + "010100001,李琪丹,422.5\r\n" * 3
    assert read(text.encode(encoding))[1].cells == ["010100001", "李琪丹", "422.5"]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_delimiters_and_line_ends_in_any_pair(delimiter: str, ending: str) -> None:
    content = ending.join(delimiter.join(row) for row in ("ab", "12", "34"))
    expected = [Row(1, ["a", "b"]), Row(2, ["1", "2"]), Row(3, ["3", "4"])]
    assert read(content.encode()) == expected
    assert read((content + ending).encode()) == expected


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_line_numbers_stay_right_after_breaks_in_cells_and_blank_lines(ending: str) -> None:
    lines = ["", "a,b", '1,"x', 'y"', "", "2,z"]
    found = read(ending.join(lines).encode())
    assert [row.line for row in found] == [2, 3, 6]
    assert found[1].cells == ["1", f"x{ending}y"]


@pytest.mark.parametrize("content", [b"", b"\n\n\r\n", b"  \n\t\n", codecs.BOM_UTF8])
def test_a_file_without_text_has_no_rows(content: bytes) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    ("content", "rule", "line"),
    [
        (b"a,b\n1,\x002\n", "nul", 2),
        (b"a,b\n1,2\n" + b"x" * (MAX_LINE_CHARACTERS + 1), "line_length", 3),
        (b'a,b\n1,"2\n3,4\n', "quotes", 2),
        (b'a,b\n1,"2"3\n', "quotes", 2),
        (b"a" + b",a" * MAX_COLUMNS, "columns", 1),
        ("姓名\n李琪丹\n".encode() * 9 + b"\xff\n", "encoding", 19),
        ("姓名,学校\n李琪丹,学校\n".encode() * 9 + b"\xe6\n", "encoding", 19),
        ("姓名,学校\n李琪丹".encode()[:-1], "encoding", 2),
        (b"nom,ville\nJos\xe9,Paris\n", "encoding", 2),
        (codecs.BOM_UTF16_LE + "姓名\n李".encode("utf-16-le") + b"\x00", "encoding", 2),
        (codecs.BOM_UTF16_BE + "姓名\n李".encode("utf-16-be") + b"\xd8\x00", "encoding", 2),
    ],
)
def test_a_broken_file_is_refused_at_its_line(content: bytes, rule: str, line: int) -> None:
    found = refused(content)
    assert (found.rule, found.line) == (rule, line)


def test_one_broken_byte_does_not_turn_utf_8_into_other_characters() -> None:
    text = "准考证号,姓名\n" + "010100001,李琪丹\n" * 50
    content = bytearray(text.encode())
    content[len(content) // 2 : len(content) // 2] = b"\xb0\xa1"
    assert refused(bytes(content)).rule == "encoding"


def test_a_line_of_exactly_the_longest_length_is_read() -> None:
    assert len(read(b"x" * MAX_LINE_CHARACTERS)) == 1


def test_memory_does_not_grow_with_the_longest_line(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * 1_000_000)
    script = (
        "import sys; from pathlib import Path\n"
        "from lookup.admin.readers.delimited import *\n"
        "file = open(sys.argv[1], 'rb')\n"
        "try: list(rows(file, inspect(file)))\n"
        "except Unreadable as error: print(error.rule)\n"
        # Not ru_maxrss: a child begins with what its parent had at the fork.
        "status = Path('/proc/self/status').read_text()\n"
        "print(status.split('VmHWM:')[1].split()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    rule, peak_kib = done.stdout.split()
    assert rule == "line_length"
    assert int(peak_kib) < 200 * 1024


def test_the_rows_above_a_broken_line_are_read() -> None:
    file = io.BytesIO(b"a,b\n1,2\n3,\x00\n")
    found = rows(file, inspect(file))
    assert [next(found).cells, next(found).cells] == [["a", "b"], ["1", "2"]]
    with pytest.raises(Unreadable):
        next(found)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("2026年成绩表，全市,共两页\n准考证号\t姓名\n01\t李\n02\t张\n", 2),
        ("号;分\n1;7,5\n2;8,5\n", 2),
        ('号,评语\n1,"a;b;c;d"\n2,"a;b;c;d"\n', 2),
        ("只有一列\n甲\n", 1),
    ],
)
def test_the_delimiter_is_what_stands_equally_often_in_most_lines(text: str, width: int) -> None:
    assert len(read(text.encode())[-1].cells) == width


CELLS = st.text(
    st.one_of(
        st.sampled_from("0123456789,;\t\"' \r\n=张三李四·"),
        st.characters(min_codepoint=0x20, max_codepoint=0xD7FF, exclude_categories=["Cc"]),
        st.characters(min_codepoint=0x10000, max_codepoint=0x2FFFF, exclude_categories=["Cn"]),
    ),
    max_size=12,
)
WIDTH = 3
TABLES = st.lists(st.lists(CELLS, min_size=WIDTH, max_size=WIDTH), max_size=8)


@given(table=TABLES, encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]))
def test_whatever_csv_wrote_comes_back_exactly(table: list[list[str]], encoding: str) -> None:
    # A header long enough in Chinese that GB18030 cannot be taken for broken UTF-8.
    header = ["准考证号码", "考生姓名", "毕业学校名称"]
    text = as_csv([header, *table])
    found = read(text.encode(encoding))
    assert [row.cells for row in found] == [header, *(row for row in table if any(row))]


@given(st.lists(st.from_regex(r"\A0[0-9]{8}\Z"), min_size=1, max_size=20))
def test_leading_zeros_survive(numbers: list[str]) -> None:
    text = as_csv([["准考证号"], *([number] for number in numbers)])
    found = read(text.encode("gbk"))
    assert [row.cells[0] for row in found[1:]] == numbers
