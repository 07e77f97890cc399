"""The command line's desk: who acts, and that it is really them."""

import getpass
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pyotp
import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner

from lookup.admin.people import passwords
from lookup.admin.people.roles import ADMINISTRATOR, AUDITOR, LOADER, PUBLISHER, REVIEWER
from lookup.cli import app
from lookup.errors import RefusedError, ServiceError, UsageError
from lookup.kind_file import load_named
from lookup.settings import Settings
from tests.desk_makers import KINDS, kind_called

PASSWORD = "seven quiet rivers"
SAMPLE = str(KINDS.parent / "samples" / "scores.csv")


class Said(NamedTuple):
    """What a command printed and how it ended."""

    code: int
    text: str
    error: BaseException | None


class Shell:
    """The command line in this process, over one data folder; codes never come twice."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOOKUP_DATA_DIR", str(root))
        monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))
        self.patch = monkeypatch
        self.root = root
        self.secrets: dict[str, str] = {}
        self.used: dict[str, int] = {}

    def run(self, *arguments: str, lines: tuple[str, ...] = (), name: str = "") -> Said:
        """One command; as a registered person, with their password and a fresh code."""
        typed = [*self.proof(name), *lines] if name in self.secrets else list(lines)
        root = ["--as", name] if name else []
        done = CliRunner().invoke(app, [*root, *arguments], input="".join(f"{t}\n" for t in typed))
        if done.exception and not isinstance(done.exception, (SystemExit, ServiceError)):
            raise done.exception
        return Said(done.exit_code, done.output, done.exception)

    def proof(self, name: str) -> list[str]:
        """A password and a code: what was used before is forgotten by the database, as if time
        had passed."""
        with closing(sqlite3.connect(self.root / "admin" / "admin.db")) as database, database:
            database.execute("UPDATE person SET totp_step = 0")
        return [PASSWORD, pyotp.TOTP(self.secrets[name]).now()]

    def add(self, name: str, *roles: str, by: str = "") -> None:
        """Register somebody."""
        options = [part for role in roles for part in ("--role", role)]
        done = self.run("user", "add", name, *options, "--json", lines=(PASSWORD,), name=by)
        assert done.code == 0, done
        uri = json.loads(done.text)["uri"]
        self.secrets[name] = pyotp.parse_uri(uri).secret


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path, monkeypatch)


@pytest.fixture
def staffed(shell: Shell) -> Shell:
    shell.add("boss", ADMINISTRATOR)
    shell.add("clerk", LOADER, by="boss")
    shell.add("rev", REVIEWER, by="boss")
    shell.add("pub", PUBLISHER, by="boss")
    shell.add("ear", AUDITOR, by="boss")
    return shell


def acts(shell: Shell) -> list[tuple[str, str]]:
    lines = json.loads(shell.run("audit", "list", "--json").text)
    return [(line["person"], line["act"]) for line in reversed(lines)]


def test_while_nobody_is_registered_the_machines_user_does_everything(shell: Shell) -> None:
    assert shell.run("batch", "load", "scores", SAMPLE).code == 0
    assert {who for who, _ in acts(shell)} == {f"os:{getpass.getuser()}"}


def test_a_name_is_refused_while_nobody_is_registered(shell: Shell) -> None:
    assert isinstance(shell.run("release", "close", "scores", name="boss").error, UsageError)


CHANGING = [
    ["batch", "load", "scores", SAMPLE],
    ["batch", "reject", "1", "--reason", "x"],
    ["release", "build", "1"],
    ["release", "schedule", "x", "--opens-at", "2999-01-01T10:00"],
    ["release", "open", "x"],
    ["release", "close", "scores"],
    ["release", "roll-back", "scores"],
    ["release", "withdraw", "scores", "--reason", "x"],
    ["release", "destroy-due"],
    ["user", "add", "other", "--role", "loader"],
    ["user", "roles", "clerk", "--role", "reviewer"],
    ["user", "reset", "clerk"],
    ["user", "disable", "clerk"],
]


@pytest.mark.parametrize("arguments", CHANGING, ids=" ".join)
def test_once_people_are_registered_every_change_needs_a_name_and_its_role(
    staffed: Shell, arguments: list[str]
) -> None:
    before = acts(staffed)
    nameless = staffed.run(*arguments, lines=(PASSWORD,) * 4)
    assert isinstance(nameless.error, UsageError)
    assert "--as NAME" in str(nameless.error)
    wrong = staffed.run(*arguments, name="ear", lines=(PASSWORD,) * 2)
    assert isinstance(wrong.error, RefusedError)
    assert "needs the role" in str(wrong.error)
    assert acts(staffed) == [*before, ("ear", "person.prove")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["batch", "list"],
        ["release", "list"],
        ["user", "list"],
        ["audit", "list"],
        ["audit", "verify"],
        ["kinds", "list"],
    ],
    ids=" ".join,
)
def test_reading_needs_no_name(staffed: Shell, arguments: list[str]) -> None:
    assert staffed.run(*arguments).code == 0


def test_a_wrong_password_or_none_changes_nothing(staffed: Shell) -> None:
    wrong = staffed.run("release", "close", "scores", name="nobody-known", lines=("x", "0"))
    assert "do not belong together" in str(wrong.error)
    short = staffed.run("release", "close", "scores", name="nobody-known")
    assert isinstance(short.error, UsageError)
    assert "standard input" in str(short.error)


def test_the_whole_way_by_four_people_is_in_the_audit_under_their_names(staffed: Shell) -> None:
    assert staffed.run("batch", "load", "scores", SAMPLE, name="clerk").code == 0
    assert "approval is missing" in str(staffed.run("release", "build", "1", name="pub").error)
    kind = load_named(Settings().kinds_dir, "scores")
    confirmed = [
        part for field in kind.fields for part in ("--confirm", f"{field.name}={field.disclosure}")
    ]
    approved = staffed.run("batch", "approve", "1", *confirmed, name="rev")
    assert approved.code == 0, approved
    built = staffed.run("release", "build", "1", "--json", name="pub")
    release = json.loads(built.text)["id"]
    assert staffed.run("release", "open", release, name="pub").code == 0
    assert staffed.run("release", "withdraw", "scores", "--reason", "错", name="pub").code == 0
    done = [(who, act) for who, act in acts(staffed) if not act.startswith("person.")]
    assert [who for who, _ in done][-4:] == ["rev", "pub", "pub", "pub"]
    assert {who for who, _ in done} == {"clerk", "rev", "pub"}
    assert [act for _, act in done][-4:] == [
        "batch.approve",
        "release.build",
        "release.open",
        "release.withdraw",
    ]


def test_preflight_says_what_is_wrong_and_exits_with_1(shell: Shell) -> None:
    shell.patch.setenv("LOOKUP_REQUIRED_APPROVALS", "0")
    shell.run("batch", "load", "scores", SAMPLE)
    release = json.loads(shell.run("release", "build", "1", "--json").text)["id"]
    done = shell.run("release", "preflight", release)
    assert done.code == 1
    assert "0 of 0 public workers" in done.text
    items = json.loads(shell.run("release", "preflight", release, "--json").text)
    assert {item["name"]: item["state"] for item in items}["key"] == "ok"


def test_adding_somebody_shows_a_code_to_scan_and_never_the_password(shell: Shell) -> None:
    done = shell.run("user", "add", "boss", "--role", "administrator", lines=(PASSWORD,))
    assert "otpauth://totp/" in done.text
    assert "▀" in done.text
    assert PASSWORD not in done.text


def test_people_are_listed_with_their_roles_and_nothing_secret(staffed: Shell) -> None:
    staffed.run("user", "disable", "ear", name="boss")
    people = json.loads(staffed.run("user", "list", "--json").text)
    assert [(p["name"], p["roles"]) for p in people][:2] == [
        ("boss", ["administrator"]),
        ("clerk", ["loader"]),
    ]
    assert {key for p in people for key in p} == {"name", "roles", "created_at", "disabled_at"}


def test_the_audit_is_verified_exported_and_its_head_kept(staffed: Shell, tmp_path: Path) -> None:
    head = json.loads(staffed.run("audit", "verify", "--json").text)["head"]
    staffed.run("user", "disable", "ear", name="boss")
    assert staffed.run("audit", "verify", "--head", head).code == 0
    other = staffed.run("audit", "verify", "--head", "f" * 64)
    assert other.code == 1
    assert "not in the chain" in other.text
    target = tmp_path / "audit.csv"
    assert staffed.run("audit", "export", str(target)).code == 0
    assert isinstance(staffed.run("audit", "export", str(target)).error, UsageError)
    assert len(target.read_text("utf-8-sig").splitlines()) == len(acts(staffed)) + 1
    assert target.stat().st_mode & 0o777 == 0o600


def test_nothing_is_due_is_said(shell: Shell) -> None:
    assert "Nothing is due" in shell.run("release", "destroy-due").text
    assert json.loads(shell.run("release", "destroy-due", "--json").text) == []


def test_a_person_replaces_the_password_that_an_administrator_typed(staffed: Shell) -> None:
    done = staffed.run("user", "password", name="clerk", lines=("several other words",))
    assert (done.code, "clerk" in done.text) == (0, True)
    assert acts(staffed)[-1] == ("clerk", "person.password")
    load = ("batch", "load", "scores", SAMPLE)
    assert staffed.run(*load, name="clerk").code == 1
    code = staffed.proof("clerk")[1]
    typed = f"several other words\n{code}\n"
    assert CliRunner().invoke(app, ["--as", "clerk", *load], input=typed).exit_code == 0


def test_a_reviewer_is_shown_all_there_is_to_sign_for_even_when_everything_is_confirmed(
    staffed: Shell,
) -> None:
    staffed.run("batch", "load", "scores", SAMPLE, name="clerk")
    kind = kind_called("scores")
    confirmed = [
        part for field in kind.fields for part in ("--confirm", f"{field.name}={field.disclosure}")
    ]
    unknown = staffed.run("batch", "approve", "1", "--confirm", "moon=withheld")
    assert isinstance(unknown.error, UsageError)
    assert "moon is no field of scores" in str(unknown.error)
    text = staffed.run("batch", "approve", "1", *confirmed, name="rev").text
    for shown in ("200 records", "Against nothing", "1. 010100001 (first)", "rev approved"):
        assert shown in text


def test_a_sampled_page_is_shown_as_text(shell: Shell) -> None:
    shell.run("batch", "load", "scores", SAMPLE)
    every = shell.run("batch", "preview", "1").text
    assert "1. 010100001 (first)" in every
    assert "语文: 93.5 / 120" in every
    assert "36RBEJWN" not in every
    second = shell.run("batch", "preview", "1", "2").text
    assert second in every
    assert second.startswith("2. ")
    assert len(json.loads(shell.run("batch", "preview", "1", "2", "--json").text)) == 1
    assert isinstance(shell.run("batch", "preview", "1", "99").error, UsageError)


def test_a_correction_that_no_longer_adds_up_says_what_and_what_to_do(shell: Shell) -> None:
    shell.run("batch", "load", "scores", SAMPLE)
    change = ("batch", "correct", "1", "--reason", "复核", "--set", "mathematics=77.5")
    done = shell.run(*change, lines=("010100001",))
    assert done.code == 1
    assert "sum" in done.text.lower() or "总分" in done.text
    assert "correct batch 1 again" in done.text
    done = shell.run(*change, "--set", "total=422", "--set", "rank=135", lines=("010100001",))
    assert (done.code, "Next: lookup batch approve 3" in done.text) == (0, True), done
    assert isinstance(shell.run(*change, "--set", "moon=1").error, UsageError)


def test_times_on_the_command_line_are_those_of_the_place_and_nothing_is_python(
    shell: Shell,
) -> None:
    shell.run("batch", "load", "scores", SAMPLE)
    for command in (("batch", "history", "1"), ("audit", "list")):
        text = shell.run(*command).text
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0800", text)
        assert "records: 200" in text
        assert not re.search(r"None|[{}\[\]]", text)


def test_every_difference_that_is_counted_is_told_of(shell: Shell, tmp_path: Path) -> None:
    shell.patch.setenv("LOOKUP_REQUIRED_APPROVALS", "0")
    shell.run("batch", "load", "scores", SAMPLE)
    release = json.loads(shell.run("release", "build", "1", "--json").text)["id"]
    part = tmp_path / "part.csv"
    header, *rows = Path(SAMPLE).read_text("utf-8").splitlines()
    part.write_text("\n".join([header, *(row.replace("正常", "缺考") for row in rows[:40])]))
    done = shell.run("release", "verify", release, "--against", str(part))
    counted, places = re.search(r"([0-9,]+) differences", done.text), done.text.count(": different")
    more, ways = re.search(r"and (\d+) more", done.text), re.search(r"(\d+) ways in", done.text)
    assert done.code == 1
    assert counted
    assert ways
    told = places + int(more[1] if more else 0) + int(ways[1])
    assert told + done.text.count(": unreadable") == int(counted[1].replace(",", ""))
