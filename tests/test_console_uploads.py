"""Uploads: streamed to the disk, whole or not at all, under names that harm nobody."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from lookup.admin.console import uploads
from lookup.admin.console.uploads import Upload, arriving, receive, safe_name, sweep
from lookup.admin.jobs import Jobs
from lookup.errors import RefusedError, StorageError, UsageError
from tests.admin_makers import candidates, write_rows
from tests.console_makers import Console

BOUNDARY = "made-up"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


def field(name: str, text: str) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + text.encode() + b"\r\n"


def file(name: str, content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
    return head.encode() + b"Content-Type: text/csv\r\n\r\n" + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def in_parts(body: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def received(folder: Path, body: bytes, size: int = 7) -> Upload:
    return asyncio.run(receive(folder, KIND, in_parts(body, size), lambda upload: None))


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_fields_and_files_arrive_as_they_were_sent(tmp_path: Path, size: int) -> None:
    content = b"a,b\r\n--made-u is no boundary\r\n\x00\xff"
    body = field("title", "中考") + file("成绩.csv", content) + file("成绩.csv", b"") + END
    upload = received(tmp_path, body, size)
    assert upload.get("title") == "中考"
    assert [path.name for path in upload.files] == ["成绩.csv", "成绩.csv"]
    assert [path.read_bytes() for path in upload.files] == [content, b""]
    assert {path.stat().st_mode & 0o777 for path in upload.files} == {0o600}


def test_no_file_chosen_is_no_file(tmp_path: Path) -> None:
    assert received(tmp_path, file("", b"") + END).files == []


def test_an_upload_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield field("title", "t") + file("a.csv", b"x" * 5000)[:-1000]
        raise ClientDisconnect

    with pytest.raises(ClientDisconnect):
        asyncio.run(receive(tmp_path, KIND, cut(), lambda upload: None))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_is_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(path: Path, mode: str) -> BinaryIO:
        path.touch()
        return open("/dev/full", "wb")  # noqa: PTH123  # Path.open is what is replaced

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(StorageError, match="full"):
        received(tmp_path, file("a.csv", b"x" * 50_000) + END, 4096)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        file("a.csv", b"x"),
        b"not a form at all",
        field("title", "x" * 5000) + END,
        b"".join(field(f"f{n}", "") for n in range(60)) + END,
        file("", b"") * 60 + END,
        b"--made-up\r\nContent-Disposition: form-data; name=" + b"x" * 50_000,
    ],
    ids=["no end", "no form", "a long field", "many fields", "many files nobody chose", "a head"],
)
def test_what_is_no_whole_form_leaves_nothing(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(UsageError):
        received(tmp_path, body, 4096)
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_cap_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 1000)
    with pytest.raises(RefusedError, match="512 MB"):
        received(tmp_path, file("a.csv", b"x" * 2000) + END)
    assert list(tmp_path.iterdir()) == []


def test_too_many_files_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="zip"):
        received(tmp_path, file("a.csv", b"x") * 51 + END, 4096)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\成绩\\一中.xls", "一中.xls"),
        ("..", "upload"),
        ("", "upload"),
        (".csv", "csv"),
        ("a\x00b\n.csv", "ab.csv"),
        ("\u202egnp.exe", "gnp.exe"),
        ("成绩.csv", "成绩.csv"),
    ],
)
def test_a_hostile_name_loses_its_teeth(sent: str, kept: str) -> None:
    assert safe_name(sent) == kept


@given(st.text())
def test_any_name_becomes_one_plain_name_of_bounded_length(sent: str) -> None:
    name = safe_name(sent)
    assert name == Path(name).name
    assert name not in ("", ".", "..")
    assert len(name.encode()) <= 140
    assert name.isprintable()
    assert not name.startswith(".")


@given(st.integers(1, 400))
def test_a_long_name_keeps_its_ending(length: int) -> None:
    assert safe_name("分" * length + ".xlsx").endswith(".xlsx")


def test_what_a_killed_console_left_is_swept(tmp_path: Path) -> None:
    body = file("a.csv", b"x") + END
    left, kept = received(tmp_path, body), received(tmp_path, body)
    kept.move(tmp_path / "7")
    sweep(tmp_path)
    assert not left.folder.exists()
    assert [path.read_bytes() for path in kept.files] == [b"x"]


def test_files_before_the_sessions_token_are_refused(console: Console, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "scores.csv", candidates(3))
    files = [("files", (path.name, path.read_bytes()))]
    answer = console.request("POST", "/batches", "wang", data={"kind": "scores"}, files=files)
    assert answer.status_code == 400
    assert list(console.site.uploads.iterdir()) == []
    assert console.jobs() == []


@pytest.mark.parametrize(
    "fields",
    [{"kind": ""}, {"kind": "../secret"}, {"expected": "many"}, {"mapping": "no equals sign"}],
)
def test_a_form_that_says_nonsense_leaves_nothing(
    console: Console, tmp_path: Path, fields: dict[str, str]
) -> None:
    path = write_rows(tmp_path / "scores.csv", candidates(3))
    assert console.upload("wang", path, **fields).status_code in (400, 409)
    assert list(console.site.uploads.iterdir()) == []
    assert console.jobs() == []


def test_a_form_without_files_is_refused(console: Console) -> None:
    assert console.upload("wang").status_code == 400
    assert console.jobs() == []


@pytest.mark.parametrize("name", ["li", "zhao", "qian", "admin"])
def test_only_a_loader_uploads(console: Console, tmp_path: Path, name: str) -> None:
    path = write_rows(tmp_path / "scores.csv", candidates(3))
    assert console.upload(name, path).status_code == 403
    assert console.jobs() == []


def test_a_second_console_leaves_alone_what_arrives_at_the_first(console: Console) -> None:
    folder = console.site.uploads
    named, coming = folder / "7", folder / "0123.partial"
    again = Jobs(console.office.settings, console.clock)
    with arriving(folder):
        for each in (named, coming):
            each.mkdir(parents=True)
        sweep(folder)
        asyncio.run(again.reconcile())
        assert named.exists()
        assert coming.exists()
    sweep(folder)
    asyncio.run(again.reconcile())
    assert not named.exists()
    assert not coming.exists()
