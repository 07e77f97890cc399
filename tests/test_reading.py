"""Reading through the child: what comes out, what it may not do, every way it can end."""

import hashlib
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from lookup.admin.findings import Finding
from lookup.admin.readers import answers, frames, reading
from lookup.admin.readers.answers import Answers, BadAnswerError
from lookup.admin.readers.tables import Row, Source, Table
from lookup.errors import StorageError
from tests import workbook_makers as make
from tests.workbook_makers import HEADER, ROWS, read_file

ROOT = Path(__file__).parent.parent
CSV = "准考证号,姓名\n010100001,李琪丹\n".encode()
LONG_CSV = CSV + "010100002,欧阳静\n".encode() * 300_000


def file_of(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """Every child that was started."""
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]  # its arguments are handed on
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return started


def is_gone(found: "subprocess.Popen[bytes]") -> bool:
    """Whether neither the process nor its zombie is left."""
    return found.returncode is not None and not Path(f"/proc/{found.pid}").exists()


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.csv", CSV, "text"),
        ("a.xlsx", make.xlsx(), "xlsx"),
        ("a.xls", make.xls(), "xls"),
        ("a.dbf", make.dbf(make.DBF_RECORDS), "dbf"),
        ("a.html", make.html(make.HTML_ROWS), "html"),
        ("a.zip", make.zipped({"b.xlsx": make.xlsx()}), "zip"),
    ],
)
def test_every_format_arrives_after_its_source(
    tmp_path: Path, name: str, content: bytes, form: str
) -> None:
    found = read_file(file_of(tmp_path, name, content))
    assert found.source == Source(name, hashlib.sha256(content).hexdigest(), form)
    assert len(found.tables) == 1
    assert found.tables[0].cells[0][0] == HEADER[0]
    assert not found.rules


def test_content_decides_and_a_name_that_disagrees_is_noted(tmp_path: Path) -> None:
    found = read_file(file_of(tmp_path, "名单.xls", make.html(make.HTML_ROWS)))
    assert found.source is not None
    assert found.source.format == "html"
    assert found.rules == ["wrong_name"]
    assert [len(seen.rows) for seen in found.tables] == [1 + len(ROWS)]


def test_what_is_no_table_ends_in_one_error(tmp_path: Path) -> None:
    found = read_file(file_of(tmp_path, "a.csv", b"%PDF-1.7 ..."))
    assert (found.errors, found.tables) == (["unsupported"], [])


def test_a_memo_file_beside_the_table_is_read(tmp_path: Path) -> None:
    memo = struct.pack(">IHH", 20, 0, 64).ljust(512, b"\0") + struct.pack(">II", 1, 4) + b"memo"
    table = make.dbf([b" " + struct.pack("<I", 8)], [make.DbfColumn("M", "M", 4)], kind=0x30)
    path = file_of(tmp_path, "a.dbf", table)
    assert read_file(path).rules == ["memo_missing"]
    file_of(tmp_path, "A.FPT", memo)
    found = read_file(path)
    assert found.tables[0].cells == [["M"], ["memo"]]
    assert not found.rules


def test_a_file_that_is_not_there_is_the_disks_failure(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_file(tmp_path / "none.csv")


def test_an_apostrophe_before_digits_is_dropped_and_counted(tmp_path: Path) -> None:
    text = "号,名\n'0211,'李\n'0212,it's\n7,'\n"
    (table,) = read_file(file_of(tmp_path, "a.csv", text.encode())).tables
    assert table.cells[1:] == [["0211", "'李"], ["0212", "it's"], ["7", "'"]]
    (note,) = table.notes
    assert (note.rule, note.column, note.severity) == ("apostrophe", "A", "warning")
    assert note.values == {"count": 2}


def test_rows_come_whole_however_large_they_are(tmp_path: Path) -> None:
    rows = [[str(number), "汉" * 50_000] for number in range(60)]
    content = "\n".join(",".join(row) for row in rows).encode()
    assert read_file(file_of(tmp_path, "a.csv", content)).tables[0].cells == rows


def test_a_large_file_arrives_in_chunks(tmp_path: Path) -> None:
    events = list(reading.read(file_of(tmp_path, "a.csv", LONG_CSV), memory_mb=256, seconds=60))
    chunks = [event for event in events if isinstance(event, list)]
    assert sum(map(len, chunks)) == 300_002
    assert max(map(len, chunks)) == frames.CHUNK_ROWS
    assert chunks[-1][-1] == Row(300_002, ["010100002", "欧阳静"])


def test_a_file_changed_while_it_was_read_is_an_error(tmp_path: Path) -> None:
    path = file_of(tmp_path, "a.csv", LONG_CSV)
    events = reading.read(path, memory_mb=256, seconds=60)
    next(events)
    with path.open("ab") as file:
        file.write(b"1,2\n")
    assert [e.rule for e in events if isinstance(e, Finding)] == ["changed"]


# How a child ends


def test_closing_early_leaves_no_process(
    tmp_path: Path, children: list["subprocess.Popen[bytes]"]
) -> None:
    events = reading.read(file_of(tmp_path, "a.csv", LONG_CSV), memory_mb=256, seconds=60)
    assert isinstance(next(events), Source)
    (started,) = children
    assert not is_gone(started)
    events.close()  # type: ignore[attr-defined]  # an iterator that is a generator
    assert is_gone(started)


def test_reading_to_the_end_leaves_no_process(
    tmp_path: Path, children: list["subprocess.Popen[bytes]"]
) -> None:
    read_file(file_of(tmp_path, "a.csv", CSV))
    assert all(map(is_gone, children))


@pytest.mark.parametrize(
    ("number", "rule"), [(signal.SIGKILL, "memory"), (signal.SIGSEGV, "reader_failed")]
)
def test_a_child_killed_in_mid_file_is_one_error(
    tmp_path: Path, children: list["subprocess.Popen[bytes]"], number: int, rule: str
) -> None:
    events = reading.read(file_of(tmp_path, "a.csv", LONG_CSV), memory_mb=256, seconds=60)
    next(events)
    os.kill(children[0].pid, number)
    last = list(events)[-1]
    assert isinstance(last, Finding)
    assert (last.rule, last.severity) == (rule, "error")
    assert is_gone(children[0])


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets what the child runs in place of the reader."""

    def replace(text: str) -> None:
        prologue = (
            "import os, struct, sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from lookup.admin.readers.limits import limit\n"
            "def say(data): os.write(1, struct.pack('!I', len(data)) + data)\n"
        )
        monkeypatch.setattr(reading, "_PROGRAM", prologue + text)

    return replace


BEGIN = 'say(b\'["source","text"]\'); say(b\'["table","","text","",false,""]\')\n'


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("time.sleep(60)", "too_long"),
        ("os.close(1); time.sleep(60)", "too_long"),
        ("limit(256, 1)\nwhile True: pass", "too_long"),
        ("sys.exit(0)", "reader_failed"),
        ("sys.exit(3)", "reader_failed"),
        ("os.abort()", "reader_failed"),
        (BEGIN + "sys.exit(0)", "reader_failed"),
        (BEGIN + "say(b'[\"end\"]'); sys.exit(1)", "reader_failed"),
        (BEGIN + "say(b'[\"end\"]'); say(b'[\"end\"]')", "reader_failed"),
        (BEGIN + "os.write(1, b'\\xff\\xff\\xff\\xff' + bytes(99))", "reader_failed"),
        (BEGIN + "os.write(1, b'\\0\\0\\0\\x09[1')", "reader_failed"),
        (BEGIN + "say(b'\\x80\\x04pickle'); time.sleep(60)", "reader_failed"),
        ('say(b\'["source","text"]\'); say(b\'["end"]\')', "reader_failed"),
    ],
)
def test_every_bad_ending_is_one_error(
    tmp_path: Path,
    program: Callable[[str], None],
    children: list["subprocess.Popen[bytes]"],
    text: str,
    rule: str,
) -> None:
    program(text)
    seconds = 1 if rule == "too_long" and "limit" not in text else 20
    found = read_file(file_of(tmp_path, "a.csv", CSV), seconds=seconds)
    assert found.source is not None
    assert found.rules == [rule]
    assert all(map(is_gone, children))


def test_what_a_child_says_on_its_standard_error_blocks_nothing(
    tmp_path: Path, program: Callable[[str], None]
) -> None:
    program("sys.stderr.write('x' * 1_000_000)\n" + BEGIN + "say(b'[\"end\"]')")
    assert not read_file(file_of(tmp_path, "a.csv", CSV)).rules


def test_a_child_that_needs_more_memory_than_it_may_is_one_error(tmp_path: Path) -> None:
    cells = '<c t="inlineStr"><is><t>{}</t></is></c>' * 8
    rows = "".join(f"<row>{cells.replace('{}', str(n) * 20)}</row>" for n in range(40_000))
    content = make.raw_xlsx(f"<sheetData>{rows}</sheetData>")
    path = file_of(tmp_path, "a.xlsx", content)
    assert read_file(path, memory_mb=80).rules == ["memory"]
    assert not read_file(path, memory_mb=512).rules


# What a child may not do

_ATTEMPTS = {
    "open a file": "open('/etc/hostname')",
    "write a file": "open('/tmp/lookup-escaped', 'w')",
    "make a socket": "import _socket; _socket.socket()",
    "start a process": "import subprocess; subprocess.run(['/bin/true'])",
    "make a pipe": "os.pipe()",
    "make a larger file": "os.ftruncate(0, 1 << 20)",
    "take memory": "bytearray(1 << 30)",
    "raise its limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
}


@pytest.mark.parametrize("attempt", _ATTEMPTS)
def test_a_limited_process_cannot(attempt: str, tmp_path: Path) -> None:
    program = (
        "import sys, os, signal, resource, _socket, subprocess\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from lookup.admin.readers.limits import limit\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "limit(512, 5)\n"
        f"try: {_ATTEMPTS[attempt]}\n"
        "except (OSError, ValueError, MemoryError): os.write(1, b'refused')\n"
    )
    with file_of(tmp_path, "stdin", b"x").open("r+b") as file:
        done = subprocess.run(
            [sys.executable, "-I", "-c", program], stdin=file, capture_output=True, check=True
        )
    assert done.stdout == b"refused"
    assert not Path("/tmp/lookup-escaped").exists()  # noqa: S108  # what the child tried


def test_a_limited_process_uses_so_much_processor_time_and_no_more() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from lookup.admin.readers.limits import limit\n"
        "limit(512, 1)\n"
        "while True: pass\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], check=False)
    assert done.returncode == -signal.SIGXCPU


def test_a_limited_process_keeps_what_is_open() -> None:
    program = (
        f"import sys, os; sys.path.insert(0, {str(ROOT)!r})\n"
        "from lookup.admin.readers.limits import limit\n"
        "limit(512, 5)\n"
        "os.write(1, os.read(0, 9))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], input=b"still", capture_output=True, check=True
    )
    assert done.stdout == b"still"


def test_a_child_starts_with_little() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import lookup.admin.readers.child\n"
        "print([n for n in ('aiosqlite', 'starlette', 'jinja2', 'cryptography', 'xlrd', 'zipfile',"
        " 'html.parser', 'asyncio') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("form", ["text", "html", "dbf", "xls", "packed"])
def test_after_its_preparation_a_child_opens_nothing(tmp_path: Path, form: str) -> None:
    contents = {
        "text": "号\t名\n1\t李\n".encode("utf-16"),
        "html": make.html(make.HTML_ROWS, '<meta charset="big5">'),
        "dbf": make.dbf(make.DBF_RECORDS),
        "xls": make.xls(),
        "packed": make.zipped({"a.xls": make.xls(), "b.csv": "号,名".encode("gbk")}),
    }
    found = read_file(file_of(tmp_path, "a", contents[form]))
    assert [error for error in found.errors if error != "encoding"] == []


# Nothing a child says is believed

SOURCE_FRAME = [frames.SOURCE, "text"]
TABLE_FRAME = [frames.TABLE, "", "text", "utf-8", False, ""]


def told(*said: object) -> list[object]:
    conversation = Answers("a.csv", "")
    return [event for part in said for event in conversation.events(orjson.dumps(part))]


@pytest.mark.parametrize(
    "said",
    [
        [{}],
        [[]],
        [5],
        [TABLE_FRAME],
        [["end"]],
        [SOURCE_FRAME, SOURCE_FRAME],
        [["source", "virus"]],
        [["source"]],
        [SOURCE_FRAME, ["shout", 1]],
        [SOURCE_FRAME, ["end"]],
        [SOURCE_FRAME, TABLE_FRAME, ["end", 1]],
        [SOURCE_FRAME, ["rows", [1], [["a"]], [1]]],
        [SOURCE_FRAME, ["table", "", "text", "utf-8", 0, ""]],
        [SOURCE_FRAME, ["table", 1, "text", "utf-8", False, ""]],
        [SOURCE_FRAME, ["table", "", "text", "utf-8", False]],
        [SOURCE_FRAME, ["table", "", "text", "utf-8", False, 1]],
        [SOURCE_FRAME, ["table", "", "virus", "utf-8", False, ""]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [1], [["a"]]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [], [], []]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [1, 2], [["a"]], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [True], [["a"]], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [-1], [["a"]], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", ["1"], [["a"]], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [1], ["a"], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [1], [[]], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [1], [[None]], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [1], [[["a"]]], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [1], [[True]], [1]]],
        [SOURCE_FRAME, TABLE_FRAME, ["rows", [1], [["a"] * 501], [1]]],
        [SOURCE_FRAME, ["note", "no_such_rule", 0, "", "error", "", {}]],
        [SOURCE_FRAME, ["note", "columns", 0, "", "error", "", {}]],
        [SOURCE_FRAME, ["note", "empty", 0, "", "fatal", "", {}]],
        [SOURCE_FRAME, ["note", "empty", 0, "", "error", "", {"a": []}]],
        [SOURCE_FRAME, ["note", "empty", "0", "", "error", "", {}]],
        [SOURCE_FRAME, ["note", "empty"]],
    ],
)
def test_what_no_reader_says_is_not_believed(said: list[object]) -> None:
    with pytest.raises(BadAnswerError) as found:
        told(*said)
    assert found.value.rule == "reader_failed"


def test_names_are_shown_on_one_line_and_not_without_end() -> None:
    name = "名单\r\n\x1b[31m" + "长" * 9999
    table = told(SOURCE_FRAME, ["table", name, "text", "", False, name])[1]
    assert isinstance(table, Table)
    assert table.name.startswith("名单[31m长")
    assert len(table.name) == answers.MAX_NAME


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_TEXT_BYTES", "MAX_TABLES", "MAX_NOTES"])
def test_more_than_any_list_holds_is_refused(
    limit: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = make.zipped({f"{name}.xls": CSV * 3 for name in "ab"})
    path = file_of(tmp_path, "a.zip", content)
    assert read_file(path).errors == []
    monkeypatch.setattr(answers, limit, 1)
    assert read_file(path).errors == ["too_large"]
