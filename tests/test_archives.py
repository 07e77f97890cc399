"""Archives of tables: every member read, every bomb and trick one finding, nothing written."""

import io
import struct
import zipfile
from collections.abc import Iterator

import pytest

from lookup.admin.readers import archive, child, zip_tables
from lookup.admin.readers.sniffing import sniff, wrong_name
from lookup.admin.readers.trouble import Unreadable
from tests import workbook_makers as make
from tests.workbook_makers import HEADER, ROWS, File, gather, zipped

CSV = "准考证号,姓名\n010100001,李琪丹\n".encode()
CELLS = [["准考证号", "姓名"], ["010100001", "李琪丹"]]


def read(content: bytes) -> File:
    child.prepare("packed")
    return gather(zip_tables.read(io.BytesIO(content), child.member))


def test_each_member_is_read_by_its_own_reader_under_its_name() -> None:
    content = zipped(
        {
            "一中/名单.csv": CSV,
            "二中.xlsx": make.xlsx(),
            "三中.xls": make.xls(make.XLS_ROWS, ("旧", make.label(0, 0, "旧"), 1)),
            "四中.dbf": make.dbf(make.DBF_RECORDS),
            "五中.html": make.html(make.HTML_ROWS),
        }
    )
    found = read(content)
    assert [(seen.table.name, seen.table.format) for seen in found.tables] == [
        ("一中/名单.csv", "text"),
        ("二中.xlsx", "xlsx"),
        ("三中.xls/成绩", "xls"),
        ("三中.xls/旧", "xls"),
        ("四中.dbf", "dbf"),
        ("五中.html", "html"),
    ]
    assert found.tables[0].cells == CELLS
    assert found.tables[1].cells == found.tables[2].cells == [HEADER, *ROWS]
    assert [seen.table.hidden for seen in found.tables] == [False] * 3 + [True] + [False] * 2
    assert found.rules == []


def gbk_named(name: str, data: bytes) -> bytes:
    """An archive as a Chinese Windows makes it: names in GBK, no mark that says so."""
    raw = name.encode("gbk")
    held = "x" * len(raw)
    return zipped({held: data}).replace(held.encode(), raw)


def test_member_names_in_gbk_are_read() -> None:
    assert read(gbk_named("第一中学.csv", CSV)).tables[0].table.name == "第一中学.csv"


def test_folders_and_the_litter_of_other_systems_are_no_members() -> None:
    content = zipped(
        {"a/": b"", "a/1.csv": CSV, "__MACOSX/a/._1.csv": b"\0\5\x16\7", "a/.DS_Store": b"\0\0"}
    )
    found = read(content)
    assert [seen.table.name for seen in found.tables] == ["a/1.csv"]
    assert not found.rules


def test_a_memo_file_belongs_to_the_table_of_its_name() -> None:
    memo = struct.pack(">IHH", 20, 0, 64).ljust(512, b"\0") + struct.pack(">II", 1, 4) + b"memo"
    table = make.dbf([b" " + struct.pack("<I", 8)], [make.DbfColumn("M", "M", 4)], kind=0x30)
    found = read(zipped({"A.FPT": memo, "a.dbf": table, "b.dbf": table}))
    assert [seen.cells for seen in found.tables] == [[["M"], ["memo"]], [["M"]]]
    assert found.rules == ["memo_missing"]


def test_a_member_that_cannot_be_read_has_its_finding_and_the_others_are_read() -> None:
    found = read(zipped({"1.csv": b"", "2.pdf": b"%PDF-1.7", "3.csv": CSV, "4.xls": CSV}))
    assert [(seen.table.name, seen.rules) for seen in found.tables] == [
        ("1.csv", ["empty"]),
        ("2.pdf", ["no_table"]),
        ("3.csv", []),
        ("4.xls", ["wrong_name"]),
    ]


@pytest.mark.parametrize(
    ("inner", "rule"),
    [
        (zipped({"1.csv": CSV}), "nested"),
        (b"Rar!\x1a\x07\x00", "archive"),
        (b"\x1f\x8b\x08\x00", "archive"),
    ],
)
def test_archives_inside_archives_are_refused(inner: bytes, rule: str) -> None:
    assert read(zipped({"inner.zip": inner})).errors == [rule]


@pytest.mark.parametrize(
    "name",
    ["../1.csv", "a/../../1.csv", "/etc/passwd", "C:\\1.csv", "..\\1.csv", "\\\\host\\1.csv"],
)
def test_a_name_that_leads_out_of_the_archive_is_refused(name: str) -> None:
    assert read(zipped({"ok.csv": CSV, name: CSV})).errors == ["member_path"]


def test_two_members_of_one_name_are_refused() -> None:
    content = zipped({"1.csv": CSV, "2.csv": CSV}).replace(b"2.csv", b"1.csv")
    assert read(content).errors == ["member_twice"]


def test_an_archive_of_very_many_files_is_refused() -> None:
    names = [f"{number}.csv" for number in range(archive.MAX_MEMBERS + 1)]
    assert not read(zipped(dict.fromkeys(names[:-1], CSV))).rules
    assert read(zipped(dict.fromkeys(names, CSV))).errors == ["too_many_members"]


def claiming(size: int) -> bytes:
    """An archive whose directory claims that its member unpacks to so much."""
    content = bytearray(zipped({"1.csv": CSV}))
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, directory + 24, size)
    return bytes(content)


@pytest.mark.parametrize("size", [archive.MAX_UNPACKED_BYTES + 1, archive.RATIO_FROM_BYTES + 1])
def test_a_bomb_is_refused_by_its_directory(size: int) -> None:
    assert read(claiming(size)).errors == ["zip_bomb"]


def test_a_directory_that_lies_about_a_size_is_found_out() -> None:
    content = zipped({"1.csv": CSV * 1000})
    directory = content.index(b"PK\x01\x02")
    lying = bytearray(content)
    struct.pack_into("<I", lying, directory + 24, len(CSV))
    assert read(bytes(lying)).errors == ["damaged"]


def test_an_entry_that_swallows_the_next_is_damage() -> None:
    content = bytearray(zipped({"1.csv": CSV, "2.csv": CSV}))
    first = content.index(b"PK\x01\x02")
    content[first + 32] = content.index(b"PK\x01\x02", first + 1) - first
    with pytest.raises(Unreadable) as found:
        archive.open_archive(io.BytesIO(bytes(content)))
    assert found.value.rule == "damaged"


def test_a_locked_member_says_so() -> None:
    content = bytearray(zipped({"1.csv": CSV}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert read(bytes(content)).errors == ["password"]


def test_a_packing_nobody_unpacks_here_is_refused() -> None:
    content = zipped({"1.csv": CSV}, zipfile.ZIP_LZMA)
    assert read(content).errors == ["packing"]


def test_a_wrong_checksum_is_damage() -> None:
    content = zipped({"1.csv": CSV}, zipfile.ZIP_STORED).replace(b"010100001", b"010100002")
    assert read(content).errors == ["damaged"]


def test_an_archive_without_its_end_is_damaged() -> None:
    with pytest.raises(Unreadable) as found:
        archive.packed_format(io.BytesIO(zipped({"1.csv": CSV})[:-30]))
    assert found.value.rule == "damaged"


@pytest.mark.parametrize("members", [{}, {"a/": b""}, {"__MACOSX/x": b""}])
def test_an_archive_without_files_is_empty(members: dict[str, bytes]) -> None:
    assert read(zipped(members)).errors == ["empty"]


def _formats() -> Iterator[tuple[bytes, str]]:
    yield make.xls(), "xls"
    yield make.biff([("成绩", make.XLS_ROWS, 0)]), "xls"
    yield make.dbf(make.DBF_RECORDS), "dbf"
    yield make.html(make.HTML_ROWS), "html"
    yield "\ufeff  <!DOCTYPE HTML>\n<html>".encode(), "html"
    yield make.html(make.HTML_ROWS).decode().encode("utf-16"), "html"
    yield zipped({"1.csv": CSV}), "packed"
    yield CSV, "text"
    yield CSV.decode().encode("utf-16"), "text"
    yield b"", "text"
    yield "0\n\n1,2\n".encode("utf-16-le"), "text"
    yield b"<1,2\n3,4\n", "text"
    yield b"\t\x04,", "text"


@pytest.mark.parametrize(("content", "form"), list(_formats()))
def test_the_format_is_what_the_content_says(content: bytes, form: str) -> None:
    assert sniff(content[:4096]) == form


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"\x89PNG\r\n", "PNG"),
        (b"MIME-Version: 1.0\nContent-Type: multipart/related", "MHTML"),
        (b'<?xml?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "XML 2003"),
    ],
)
def test_what_is_no_table_is_named(content: bytes, shown: str) -> None:
    with pytest.raises(Unreadable) as found:
        sniff(content)
    assert found.value.values == {"format": shown}


@pytest.mark.parametrize(
    ("part", "shown"),
    [("xl/workbook.bin", "xlsb"), ("word/document.xml", "docx"), ("content.xml", "ods")],
)
def test_other_programs_documents_are_named(part: str, shown: str) -> None:
    content = zipped({"[Content_Types].xml": b"", "xl/x": b"", part: b""})
    with pytest.raises(Unreadable) as found:
        archive.packed_format(io.BytesIO(content))
    assert found.value.values == {"format": shown}


@pytest.mark.parametrize(
    ("suffix", "form", "wrong"),
    [
        (".xls", "html", True),
        (".csv", "xlsx", True),
        (".XLSX", "xlsx", False),
        (".txt", "text", False),
        (".dat", "dbf", False),
        ("", "xls", False),
    ],
)
def test_a_name_that_says_otherwise_is_noted(suffix: str, form: str, wrong: bool) -> None:
    assert (wrong_name(suffix, form) is not None) is wrong
