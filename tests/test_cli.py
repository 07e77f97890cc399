"""The command line: exit codes, one sentence for every refusal, nothing interpreted."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from lookup.cli import main
from tests.admin_makers import (
    CHECKOUT,
    HEADER,
    SAMPLES,
    Office,
    as_csv,
    candidate,
    candidates,
    kind_called,
    lookup,
    write_rows,
)

SAMPLE = str(SAMPLES / "scores.csv")


class Done(NamedTuple):
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Here = Callable[..., Done]


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process, exit codes and all: a process costs a second."""
    monkeypatch.setenv("LOOKUP_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LOOKUP_REQUIRED_APPROVALS", "0")
    monkeypatch.chdir(CHECKOUT)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["lookup", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


def refused(here: Here, *arguments: str) -> tuple[int, str]:
    """The exit code and the one sentence of a command that must not succeed."""
    done = here(*arguments)
    assert done.returncode in {1, 2}, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.returncode, done.stderr.strip()


def test_a_batch_goes_the_whole_way(tmp_path: Path) -> None:
    steps = [
        (["batch", "load", "scores", SAMPLE, "--title", "一模"], "200 records, 0 errors"),
        (["batch", "list"], "一模"),
        (["release", "build", "1"], "sealed"),
    ]
    for arguments, said in steps:
        done = lookup(tmp_path, *arguments)
        assert (done.returncode, done.stderr.strip()) == (0, "")
        assert said in done.stdout
    (release,) = json.loads(lookup(tmp_path, "release", "list", "--json").stdout)
    steps = [
        (["release", "verify", release["id"], "--against", SAMPLE], "0 differences"),
        (["release", "schedule", release["id"], "--opens-at", "2999-01-01T10:00"], "+0800"),
        (["release", "withdraw", "scores", "--reason", "错", "--upcoming"], "withdrawn"),
    ]
    for arguments, said in steps:
        done = lookup(tmp_path, *arguments)
        assert (done.returncode, done.stderr.strip()) == (0, "")
        assert said in done.stdout
    again = lookup(tmp_path, "release", "build", "1")
    assert (again.returncode, "withdrawn" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["batch", "load", "horoscopes", SAMPLE], 2, "no kind"),
        (["batch", "load", "../kinds/scores", SAMPLE], 1, "scores"),
        (["batch", "load", "scores", "absent.csv"], 2, "not a file"),
        (["batch", "load", "scores", "tests"], 2, "not a file"),
        (["batch", "load", "scores", SAMPLE, "--map", "nonsense"], 2, "COLUMN=FIELD"),
        (["batch", "load", "scores", SAMPLE, "--map", "=total"], 2, "COLUMN=FIELD"),
        (["batch", "load", "scores", SAMPLE, "--map", "总分=nothing"], 2, "field"),
        (["batch", "load", "scores", SAMPLE, "--map", "没有=total"], 2, "first row"),
        (["batch", "load", "scores", SAMPLE, SAMPLE], 1, "twice"),
        (["batch", "load", "scores", SAMPLE, "--issue-access-codes", SAMPLE], 2, "already"),
        (["batch", "load", "scores", SAMPLE, "--issue-access-codes", "/no/codes"], 1, "not there"),
        (["batch", "show", "7"], 2, "no batch"),
        (["batch", "show", "9" * 30], 2, "no batch"),
        (["batch", "check", "7"], 2, "no batch"),
        (["batch", "findings", "7"], 2, "no batch"),
        (["batch", "diff", "7"], 2, "no batch"),
        (["batch", "history", "7"], 2, "no batch"),
        (["batch", "approve", "7"], 2, "no batch"),
        (["batch", "approve", "7", "--confirm", "x"], 2, "FIELD=ATTRIBUTE"),
        (["batch", "reject", "7", "--reason", ""], 2, "why"),
        (["batch", "inspect", "scores", "absent.csv"], 2, "not a file"),
        (["batch", "correct", "7", "--set", "total=1", "--reason", "x"], 2, "no batch"),
        (["batch", "show", "x"], 2, "valid integer"),
        (["batch", "mend"], 2, "No such command"),
        (["batch", "preview", "7"], 2, "no batch"),
        (["release", "roll-back", "horoscopes"], 2, "no kind"),
        (["release", "close", "horoscopes"], 2, "no kind"),
        (["release", "withdraw", "horoscopes", "--reason", "x"], 2, "no kind"),
        (["audit", "verify", "--head", "zzz"], 2, "64 hex digits"),
        (["audit", "export", "/nonexistent/x.csv"], 2, "no folder"),
        (["kinds", "check", "/nonexistent"], 2, "not a file"),
        (["user", "add", "li", "--role", "king"], 2, "one or more of the roles"),
        (["user", "roles", "li", "--role", "king"], 2, "one or more of the roles"),
        (["admin", "--host", "console.example"], 2, "--certificate"),
        (
            ["batch", "correct", "7", "--identifier", "1", "--set", "=1", "--reason", "x"],
            2,
            "FIELD=VALUE",
        ),
        (["release", "build", "7"], 2, "no batch"),
        (["release", "build", "9" * 30], 2, "no batch"),
        (["release", "open", "nothing"], 2, "no such release"),
        (["release", "verify", "nothing"], 2, "no such release"),
        (["release", "schedule", "nothing", "--opens-at", "tomorrow"], 2, "looks like"),
        (["release", "schedule", "nothing", "--opens-at", "0001-01-01"], 2, "looks like"),
        (["release", "open", "nothing", "--closes-at", "9999-12-31T23:59-14:00"], 2, "looks like"),
        (["release", "close", "scores"], 1, "open"),
        (["release", "roll-back", "scores"], 1, "open"),
        (["release", "withdraw", "scores", "--reason", ""], 2, "why"),
        (["release", "withdraw", "scores", "--reason", "x"], 1, "nothing to withdraw"),
    ],
)
def test_a_refusal_is_one_sentence_and_its_exit_code(
    here: Here, arguments: list[str], code: int, said: str
) -> None:
    found = here(*arguments)
    assert (found.returncode, said in found.stderr) == (code, True), found
    assert (found.stdout, found.stderr.count("\n")) == ("", 1)
    assert len(found.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["batch", "load"],
        ["batch", "show", "x"],
        ["release", "schedule", "x"],
        ["serve", "--port", "0"],
        ["serve", "--sockets", "run", "--port", "8000"],
        ["serve", "--sockets", "run", "--host", "127.0.0.1"],
        ["--data-dir", "nope", "serve"],
        ["batch", "show", "1", "--limit", "x"],
    ],
)
def test_wrong_use_exits_with_2_and_no_traceback(here: Here, arguments: list[str]) -> None:
    done = here(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_batch_with_errors_exits_with_1_and_cannot_be_built(tmp_path: Path, here: Here) -> None:
    path = write_rows(tmp_path / "s.csv", [candidate(1, 总分="x"), candidate(2)])
    done = here("batch", "load", "scores", str(path))
    assert done.returncode == 1
    assert "s.csv" in done.stdout
    assert "must be a mark" in done.stdout
    code, sentence = refused(here, "release", "build", "1")
    assert (code, "1 error " in sentence) == (1, True)
    assert not list(tmp_path.glob("releases/*"))


def test_an_unclear_file_is_inspected_mapped_and_remembered(tmp_path: Path, here: Here) -> None:
    header = ["栏甲", *HEADER[1:]]
    path = str(write_rows(tmp_path / "s.csv", candidates(3), header))
    seen = here("batch", "inspect", "scores", path)
    assert seen.returncode == 0
    assert "栏甲" in seen.stdout
    assert candidate(1)[0] in seen.stdout
    assert here("batch", "load", "scores", path).returncode == 1
    mapped = here("batch", "load", "scores", path, "--map", "#1=candidate_number")
    assert (mapped.returncode, "3 records, 0 errors" in mapped.stdout) == (0, True), mapped.stdout
    again = here("batch", "load", "scores", path)
    assert (again.returncode, "3 records, 0 errors" in again.stdout) == (0, True), again.stdout


def test_a_file_without_a_header_is_read_by_position(tmp_path: Path, here: Here) -> None:
    path = tmp_path / "s.csv"
    path.write_text(as_csv(candidates(3)), encoding="utf-8")
    fields = ["candidate_number", "access_code", "id_suffix", "name", "chinese", "total", "flag"]
    maps = [part for n, f in enumerate(fields, 1) for part in ("--map", f"#{n}={f}")]
    done = here("batch", "load", "scores", str(path), "--header", "0", *maps)
    assert (done.returncode, "3 records, 0 errors" in done.stdout) == (0, True), done.stdout


def test_an_expected_figure_that_is_not_met_is_an_error_until_it_is_mended(here: Here) -> None:
    done = here("batch", "load", "scores", SAMPLE, "--expect", "201")
    assert (done.returncode, "1 error," in done.stdout) == (1, True)
    done = here("batch", "check", "1", "--expect", "200")
    assert (done.returncode, "(checked)" in done.stdout) == (0, True)


def test_findings_are_grouped_counted_and_shown_by_rule(tmp_path: Path, here: Here) -> None:
    rows = [candidate(n, 总分="x") for n in range(1, 8)] + [candidate(9)] * 2
    Office(tmp_path).load(kind_called("scores"), write_rows(tmp_path / "s.csv", rows))
    grouped = here("batch", "findings", "1", "--group").stdout
    assert "must be a mark" in grouped
    assert len(grouped.strip().splitlines()) == 3
    shown = here("batch", "findings", "1", "--rule", "duplicate").stdout
    assert "line 9 of s.csv" in shown
    assert "must be a mark" not in shown


def test_a_difference_names_the_field_and_both_values(tmp_path: Path, here: Here) -> None:
    office = Office(tmp_path)
    office.open(office.made(3).id)
    path = write_rows(tmp_path / "t.csv", [candidate(1, 总分="444"), *candidates(3)[1:]])
    office.load(kind_called("scores"), path)
    done = here("batch", "diff", "2")
    assert "0 added, 0 removed, 1 changed" in done.stdout
    assert "total: 301 → 444" in done.stdout


def test_a_history_says_who_did_what(tmp_path: Path, here: Here) -> None:
    Office(tmp_path).made(3)
    done = here("batch", "history", "1")
    assert "batch.load" in done.stdout
    assert "os:test" in done.stdout


def test_an_approval_that_is_not_field_by_field_lists_what_is_missing(
    tmp_path: Path, here: Here
) -> None:
    Office(tmp_path).load(kind_called("scores"), SAMPLES / "scores.csv")
    done = here("batch", "approve", "1", "--confirm", "total=on_request")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "依申请公开" in done.stdout


def test_a_rejected_batch_cannot_be_checked_or_built(tmp_path: Path, here: Here) -> None:
    Office(tmp_path).load(kind_called("scores"), SAMPLES / "scores.csv")
    assert here("batch", "reject", "1", "--reason", "名单不全").returncode == 0
    assert "名单不全" in here("batch", "show", "1").stdout
    assert refused(here, "batch", "check", "1")[0] == 1
    assert refused(here, "release", "build", "1")[0] == 1


def test_a_release_with_differences_exits_with_1(tmp_path: Path, here: Here) -> None:
    office = Office(tmp_path)
    release = office.made(3)
    path = write_rows(tmp_path / "other.csv", [candidate(1, 总分="1"), *candidates(3)[1:]])
    done = here("release", "verify", release.id, "--against", str(path))
    assert done.returncode == 1
    assert "1 differences" in done.stdout
    assert "other.csv, line 2: different" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["kinds", "list"],
        ["kinds", "show", "scores"],
        ["batch", "list"],
        ["batch", "show", "1"],
        ["batch", "load", "scores", SAMPLE],
        ["batch", "inspect", "scores", SAMPLE],
        ["batch", "check", "1"],
        ["batch", "findings", "1"],
        ["batch", "findings", "1", "--group"],
        ["batch", "diff", "1"],
        ["batch", "history", "1"],
        ["release", "list"],
        ["release", "build", "1"],
        ["release", "verify", "RELEASE"],
        ["release", "open", "RELEASE"],
    ],
)
def test_json_is_json_and_nothing_else(tmp_path: Path, here: Here, arguments: list[str]) -> None:
    release = Office(tmp_path).made(3).id
    arguments = [release if text == "RELEASE" else text for text in arguments]
    done = here(*arguments, "--json")
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert isinstance(json.loads(done.stdout), list | dict)


HOSTILE = ["\x1b[31mred\x1b[0m\x07\x9b2J", "[bold red]loud[/][/][link=http://x]y"]
"""What a terminal would obey, and what would be taken for markup; no longer than a value shown."""


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("where", ["cell", "header", "title", "file name", "path"])
def test_hostile_text_is_shown_and_not_interpreted(tmp_path: Path, text: str, where: str) -> None:
    name = text.replace("/", "-") + ".csv" if where == "file name" else "s.csv"
    header = [*HEADER, text] if where == "header" else HEADER
    row = candidate(1, 总分=text if where == "cell" else "1")
    path = tmp_path / name
    path.write_text(as_csv([header, row + ([""] if where == "header" else []), ["x"]]))
    arguments = ["batch", "load", "scores", str(path)]
    arguments += ["--title", text] if where == "title" else []
    if where == "path":
        arguments = ["batch", "load", "scores", text]
    environment = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = lookup(tmp_path, *arguments, environment=environment)
    shown = lookup(tmp_path, "batch", "show", "1", environment=environment)
    printed = done.stdout + done.stderr + shown.stdout + shown.stderr
    assert "Traceback" not in printed
    assert "\x07" not in printed
    assert "\x9b" not in printed
    assert "\x1b[31m" not in printed
    assert "\x1b]8" not in printed
    if text.startswith("[bold") and where != "path":
        assert "[bold red]loud[" in printed


def test_names_that_are_not_utf_8_are_refused_or_loaded_without_a_traceback(
    tmp_path: Path,
) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    with open(path, "wb") as file:  # noqa: PTH123  # a name of bytes
        file.write((SAMPLES / "scores.csv").read_bytes())
    several: list[list[str | bytes]] = [
        ["batch", "load", "scores", path],
        ["batch", "load", "scores", SAMPLE, "--title", b"\xe9"],
        ["batch", "load", "scores", SAMPLE, "--map", b"\xe9=total"],
        ["release", "open", b"\xe9"],
        ["release", "withdraw", b"\xe9", "--reason", "x"],
    ]
    for arguments in several:
        done = lookup(tmp_path, *arguments)
        assert "Traceback" not in done.stderr, arguments


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_a_database_that_is_none_is_one_sentence_or_made(
    tmp_path: Path, here: Here, content: bytes
) -> None:
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "admin.db").write_bytes(content)
    if content:
        assert refused(here, "batch", "list")[0] == 1
    else:
        assert here("batch", "list").returncode == 0


def test_a_data_folder_that_is_a_file_is_one_sentence(tmp_path: Path, here: Here) -> None:
    (tmp_path / "file").touch()
    assert refused(here, "--data-dir", str(tmp_path / "file"), "batch", "list")[0] == 1


def test_a_damaged_pointer_is_one_sentence(tmp_path: Path, here: Here) -> None:
    office = Office(tmp_path)
    release = office.made(3)
    (office.store.live / "scores.json").write_text("{")
    code, sentence = refused(here, "release", "open", release.id)
    assert (code, "pointer" in sentence) == (1, True)


@pytest.mark.parametrize(
    ("variable", "value"), [("LOOKUP_TIMEZONE", "Mars/Olympus"), ("LOOKUP_FAILURE_BUDGET", "-1")]
)
def test_a_setting_that_cannot_be_read_is_wrong_use(
    here: Here, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    done = here("batch", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert variable in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kinds_file_is_checked_by_line(tmp_path: Path, here: Here) -> None:
    good = str(SAMPLES.parent / "kinds" / "scores.toml")
    assert here("kinds", "check", good).returncode == 0
    bad = tmp_path / "bad.toml"
    bad.write_text("format = 2\n")
    done = here("kinds", "check", str(bad))
    assert done.returncode == 1
    assert "bad.toml, line 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_crash_writes_no_memory_to_the_disk(tmp_path: Path) -> None:
    shown = "import atexit, resource\n"
    shown += "atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_CORE)))\n"
    found = lookup(tmp_path, "version", script=shown)
    assert found.stdout.endswith("(0, 0)\n")


def test_a_finding_that_asks_is_followed_by_the_options_that_answer(
    tmp_path: Path, here: Here
) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(3), ["甲", *HEADER[1:]])
    for arguments in (("batch", "load", "scores", str(path)), ("batch", "findings", "1")):
        said = here(*arguments).stdout
        assert "--map COLUMN=FIELD" in said
        assert "candidate_number 准考证号" in said
        assert "--header" not in said
    assert "--map" in here("batch", "inspect", "scores", str(path)).stdout


@pytest.mark.parametrize("options", [("--header", "3"), ("--header", "99"), ("--sheet", "x")])
def test_a_header_or_sheet_that_is_none_is_one_sentence(
    tmp_path: Path, here: Here, options: tuple[str, str]
) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(5))
    done = here("batch", "load", "scores", str(path), *options)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "0 records, 1 error, 0 warnings." in done.stdout
    assert "Risk" not in done.stdout


def test_a_finding_of_a_whole_file_has_no_line(tmp_path: Path, here: Here) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(5))
    here("batch", "load", "scores", str(path), "--sheet", "x")
    assert "line 0" not in here("batch", "findings", "1", "--group").stdout
    target = tmp_path / "found.csv"
    here("batch", "findings", "1", "--csv", str(target))
    assert target.read_text("utf-8-sig").splitlines()[1].startswith("s.csv,,,error,sheet_absent,,")
