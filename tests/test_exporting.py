"""Exporting: findings as files, and no cell of them that a spreadsheet would run."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.admin.batch_file import create_batch_file
from lookup.admin.exporting import findings_csv, findings_xlsx
from lookup.admin.finding_store import LOADING, keep_findings
from lookup.admin.findings import Finding
from lookup.csv_text import inert
from tests.admin_makers import Office, candidate, kind_called, lookup, write_rows

RUNS = "=+-@＝＋－＠\t\r\n"
UNSEEN = " \u00a0\u3000'\"‘’“”\ufeff"

PAYLOADS = [
    "=1+1",
    "+SUM(A1)",
    "-2+3",
    "@A1",
    "＝cmd|' /C calc'!A0",
    " =1",
    "'=1",
    '"=1',
    "\t=1",
    "\r=1",
    "\n=1",
    "\u3000＋1",
    "\u00a0@x",
    "' \"=1",
    "\u200b=1",
    "\x01=1",
    "\u202e+1",
    "\u2003@x",
    "\ufe66=1",
    "\ufe63" + "1",
]


@pytest.mark.parametrize("text", PAYLOADS)
def test_what_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "512", "张三", "a=1", "1-2", "'", "x@y", "0.5"])
def test_what_would_not_run_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


@given(st.text(alphabet=st.sampled_from([*RUNS, *UNSEEN, "a", "1", "语"])) | st.text())
def test_no_text_begins_as_a_formula(text: str) -> None:
    shown = inert(text)
    assert shown[:1] not in set(RUNS)
    assert shown in (text, f"'{text}")
    # What came with an apostrophe of its own gets another: the first is the spreadsheet's.
    if text.lstrip(UNSEEN)[:1] in set(RUNS) and text.lstrip(UNSEEN):
        assert shown == f"'{text}"


def with_findings(
    path: Path, texts: list[str], act: Callable[[aiosqlite.Connection], Awaitable[bytes]]
) -> bytes:
    async def work() -> bytes:
        async with create_batch_file(path) as file:
            found = [
                ("=s.csv", Finding("required", n, text, value=text)) for n, text in enumerate(texts)
            ]
            await keep_findings(file, LOADING, found)
            return await act(file)

    return asyncio.run(work())


async def as_csv(file: aiosqlite.Connection) -> bytes:
    return b"".join([part async for part in findings_csv(file)])


async def as_xlsx(file: aiosqlite.Connection) -> bytes:
    target = io.BytesIO()
    await findings_xlsx(file, target)
    return target.getvalue()


def test_a_csv_file_says_every_finding_and_opens_in_excel(tmp_path: Path) -> None:
    content = with_findings(tmp_path / "1.db", PAYLOADS, as_csv)
    assert content.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert header == ["file", "line", "column", "severity", "rule", "value", "reason"]
    assert sorted(row[5] for row in rows) == sorted(f"'{text}" for text in PAYLOADS)
    assert not any(cell[:1] in set(RUNS) for row in rows for cell in row)


def test_every_cell_of_a_workbook_is_text(tmp_path: Path) -> None:
    content = with_findings(tmp_path / "1.db", PAYLOADS, as_xlsx)
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(str(cell.value)[:1] in set(RUNS) for cell in cells)
    assert len(list(sheet.rows)) == len(PAYLOADS) + 1


def test_characters_a_workbook_cannot_hold_do_not_break_it(tmp_path: Path) -> None:
    content = with_findings(tmp_path / "1.db", ["\x00\x0bx", "\ufffe", "\uffff"], as_xlsx)
    assert openpyxl.load_workbook(io.BytesIO(content)).active is not None


def test_more_findings_than_one_part_are_all_written(tmp_path: Path) -> None:
    content = with_findings(tmp_path / "1.db", ["x"] * 4321, as_csv)
    assert len(content.splitlines()) == 4322


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_command_writes_a_private_file_and_never_over_another(
    tmp_path: Path, kind: str
) -> None:
    office = Office(tmp_path)
    path = write_rows(tmp_path / "s.csv", [candidate(1, 总分="=1"), candidate(2)])
    office.load(kind_called("scores"), path)
    target = tmp_path / f"found.{kind}"
    arguments = ("batch", "findings", "1", f"--{kind}", str(target))
    assert lookup(tmp_path, *arguments).returncode == 0
    assert target.stat().st_mode & 0o777 == 0o600
    before = target.read_bytes()
    assert lookup(tmp_path, *arguments).returncode == 2
    assert target.read_bytes() == before
