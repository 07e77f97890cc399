"""Faults: a kill at every durable step, and a full disk; nothing half is ever whole."""

import hashlib
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lookup.admin.batches import list_batches
from lookup.admin.checking import check
from lookup.admin.correcting import correct
from lookup.admin.publishing.building import build
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.publishing.releases import Release
from lookup.release_file import DIGEST_SUFFIX, SUFFIX
from lookup.stores.pointer import Pointer
from tests.admin_makers import Office, candidates, kind_called, lookup, write_rows

pytestmark = pytest.mark.heavy

MAX_STEPS = 80

KILL = """
import os, shutil, signal
import aiosqlite
left = {step}
def kill():
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
def counted(act):
    def call(*arguments, **options):
        # The spool's own files are removed by folder descriptor, 256 of them.
        if "dir_fd" not in options:
            kill()
        return act(*arguments, **options)
    return call
for name in ("fsync", "replace", "unlink", "fchmod"):
    setattr(os, name, counted(getattr(os, name)))
execute = aiosqlite.Connection.execute
def noted(self, sql, *arguments):
    if sql.startswith(("COMMIT", "INSERT INTO release", "UPDATE")):
        kill()
    return execute(self, sql, *arguments)
aiosqlite.Connection.execute = noted
"""

FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""


def killed_at(root: Path, step: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return lookup(root, *arguments, script=KILL.format(step=step))


def is_whole(path: Path) -> bool:
    digest = path.with_name(path.name + DIGEST_SUFFIX)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest.is_file() and digest.read_text() == f"{found}  {path.name}\n"


def check_house(office: Office, *pointers: Pointer | None) -> None:
    """Every named release file is whole, the pointer is one of these, the database agrees."""
    assert all(map(is_whole, office.store.releases.glob(f"*{SUFFIX}")))
    assert {path.suffix for path in office.store.releases.iterdir() if path.is_file()} <= {
        SUFFIX,
        DIGEST_SUFFIX,
        ".partial",
        ".lock",
    }
    assert office.pointer() in pointers
    for release in office.releases():
        assert is_whole(office.store.path(release.reference))
        office.keys.get(release.id)
    pointer = office.pointer()
    current = pointer.current.reference.release if pointer and pointer.current else None
    opened = [release.id for release in office.releases() if release.state == "open"]
    assert opened == ([current] if current else [])


def kept(root: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for folder in ("releases", "live")
        for path in (root / folder).glob("**/*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_a_build_killed_at_any_step_leaves_nothing_half_and_can_be_run_again(
    tmp_path: Path,
) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    path = write_rows(tmp_path / "s.csv", candidates(5))
    batch = Office(ready).load(kind_called("scores"), path).batch
    for step in range(1, MAX_STEPS):
        root = shutil.copytree(ready, tmp_path / str(step))
        office = Office(root)
        done = killed_at(root, step, "release", "build", str(batch))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        office.store.prepare()
        check_house(office, None)
        before = office.releases()
        if not before:
            release = office.build(batch)
            # What was whole and sealed but known to nobody is gone, and so is its key.
            named = list(office.store.releases.glob(f"*{SUFFIX}"))
            assert named == [office.store.path(release.reference)]
            keys = [path.stem for path in (root / "admin" / "keys").glob("*.key")]
            assert keys == [release.id]
            assert not list(office.store.releases.glob("*.spool"))
            assert not list(office.store.releases.glob("*.partial"))
        check_house(office, None)
        (release,) = office.releases()
        assert office.verify(release, path).differences == 0
    else:
        pytest.fail("the build never completed")
    assert step > 10


Act = Callable[[Publisher], Awaitable[Release]]
ACTS: dict[str, Callable[[str], Act]] = {
    "open": lambda release: lambda p: p.open(release),
    "roll-back": lambda release: lambda p: p.roll_back("scores"),
    "withdraw": lambda release: lambda p: p.withdraw("scores", "x"),
    "close": lambda release: lambda p: p.close("scores"),
}
"""What is done again after a kill; in this process, which costs no start."""


@pytest.mark.parametrize("act", ACTS)
def test_a_move_killed_at_any_step_leaves_the_old_pointer_or_the_new(
    tmp_path: Path, act: str
) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    office = Office(ready)
    first, second = office.made(3), office.made(4)
    office.open(first.id)
    if act != "open":
        office.open(second.id)
    for step in range(1, MAX_STEPS):
        root = shutil.copytree(ready, tmp_path / str(step))
        office = Office(root)
        old = office.pointer()
        assert old is not None
        arguments = {
            "open": ["release", "open", second.id],
            "roll-back": ["release", "roll-back", "scores"],
            "withdraw": ["release", "withdraw", "scores", "--reason", "x"],
            "close": ["release", "close", "scores"],
        }[act]
        done = killed_at(root, step, *arguments)
        found = office.pointer()
        assert found is not None
        assert found == old or found.epoch > old.epoch
        check_house(office, found)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        if found == old:
            office.do(ACTS[act](second.id))
            found = office.pointer()
        assert found is not None
        served = found.current.reference.release if found.current else None
        assert served == {"open": second.id, "roll-back": first.id}.get(act)
        check_house(office, found)
        if act == "open":
            office.do(lambda p: p.roll_back("scores"))
        if act == "withdraw":
            assert office.release(second.id).state == "withdrawn"
    else:
        pytest.fail("the move never completed")
    assert step > 4


def batch_files(root: Path) -> list[str]:
    names = [path.name for path in (root / "admin" / "batches").glob("*")]
    return sorted(name for name in names if not name.endswith(".lock"))


def test_a_load_killed_at_any_step_leaves_a_batch_with_its_file_or_none(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    path = write_rows(tmp_path / "s.csv", candidates(5))
    Office(ready).load(kind_called("scores"), path)
    states = set()
    for step in range(1, MAX_STEPS):
        root = shutil.copytree(ready, tmp_path / str(step))
        office = Office(root)
        done = killed_at(root, step, "batch", "load", "scores", str(path))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        batches = office.at_desk(lambda desk: list_batches(desk.database))
        assert [batch.id for batch in batches] in ([1], [2, 1])
        if len(batches) == 2:
            states.add(batches[0].state)
            assert office.findings(2) == []
            if batches[0].state == "loaded":
                checked = office.at_desk(lambda desk: check(desk, 2))
                assert (checked.state, checked.records) == ("checked", 5)
        again = office.load(kind_called("scores"), path)
        assert (again.batch, again.state) == (len(batches) + 1, "checked")
        # What the kill left under no name is swept, what it left under one is replaced.
        assert batch_files(root) == [f"{number + 1}.db" for number in range(again.batch)]
        for number in range(1, again.batch + 1):
            assert office.verify(office.build(number), path).differences == 0
    else:
        pytest.fail("the load never completed")
    assert step > 6
    assert states == {"loaded"}


def test_a_check_killed_at_any_step_can_be_made_again(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    rows = [*candidates(3), candidates(3)[2]]
    Office(ready).load(kind_called("scores"), write_rows(tmp_path / "s.csv", rows))
    for step in range(1, MAX_STEPS):
        root = shutil.copytree(ready, tmp_path / str(step))
        office = Office(root)
        done = killed_at(root, step, "batch", "check", "1", "--expect", "7")
        if done.returncode == 1:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        batch = office.batch(1)
        assert (batch.state, batch.errors) in {("rejected", 1), ("rejected", 2)}
        again = office.at_desk(lambda desk: check(desk, 1, expected=7))
        assert (again.state, again.errors) == ("rejected", 2)
        assert [found["rule"] for found in office.findings(1)] == ["count", "duplicate"]
    else:
        pytest.fail("the check never completed")
    assert step > 2


def test_a_correction_killed_at_any_step_leaves_the_old_batch_or_both(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    rows = candidates(5)
    Office(ready).load(kind_called("scores"), write_rows(tmp_path / "s.csv", rows))
    before = Office(ready).batch_file(1).read_bytes()
    arguments = ("batch", "correct", "1", "--set", "total=444", "--reason", "x")
    whose = ("--identifier", rows[0][0])
    for step in range(1, MAX_STEPS):
        root = shutil.copytree(ready, tmp_path / str(step))
        office = Office(root)
        done = killed_at(root, step, *arguments, *whose)
        assert office.batch_file(1).read_bytes() == before
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        office.at_desk(lambda desk: correct(desk, 1, rows[0][0], {"total": "444"}, "x"))
        batches = office.at_desk(lambda desk: list_batches(desk.database))
        assert batch_files(root) == [f"{batch.id}.db" for batch in batches[::-1]]
        assert {batch.corrects for batch in batches} == {1, None}
    else:
        pytest.fail("the correction never completed")
    assert step > 6


@pytest.mark.parametrize("limit", [0, 1000, 30_000])
def test_a_full_disk_refuses_a_check_and_a_correction(tmp_path: Path, limit: int) -> None:
    office = Office(tmp_path)
    rows = candidates(400)
    office.load(kind_called("scores"), write_rows(tmp_path / "s.csv", rows))
    before = (office.batch(1), office.batch_file(1).read_bytes())
    script = FULL.format(limit=limit)
    one_sentence(lookup(tmp_path, "batch", "check", "1", "--expect", "7", script=script))
    arguments = ("batch", "correct", "1", "--set", "total=444", "--reason", "x")
    one_sentence(lookup(tmp_path, *arguments, script=script, typed=f"{rows[0][0]}\n"))
    assert (office.batch(1), office.batch_file(1).read_bytes()) == before
    assert batch_files(tmp_path) == ["1.db"]


def test_two_builds_at_once_make_one_release_or_two_versions(tmp_path: Path) -> None:
    office = Office(tmp_path)
    path = write_rows(tmp_path / "s.csv", candidates(50))
    batch = office.load(kind_called("scores"), path).batch

    def again(_: int) -> None:
        done = lookup(tmp_path, "release", "build", str(batch))
        one_sentence(done)
        assert "being built" in done.stderr

    office.at_desk(lambda desk: build(desk, batch, again))
    assert office.build(batch).version == 2
    assert [office.verify(release, path).differences for release in office.releases()] == [0, 0]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of which neither the database nor a release fits below the limit."""
    return write_rows(tmp_path_factory.mktemp("big") / "big.csv", candidates(8000))


def one_sentence(done: "subprocess.CompletedProcess[str]") -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("limit", [0, 1000, 60_000, 300_000, 1_000_000])
def test_a_full_disk_refuses_a_load_and_leaves_what_is_live(
    tmp_path: Path, big: Path, limit: int
) -> None:
    office = Office(tmp_path)
    office.open(office.made(3).id)
    before = kept(tmp_path)
    codes = tmp_path / "codes.csv"
    done = lookup(
        tmp_path,
        *("batch", "load", "scores", str(big), "--issue-access-codes", str(codes)),
        script=FULL.format(limit=limit),
    )
    one_sentence(done)
    assert kept(tmp_path) == before
    assert not list(tmp_path.glob("codes.csv*"))
    assert lookup(tmp_path, "batch", "list").stdout.count("\n") == 2
    assert lookup(tmp_path, "batch", "load", "scores", str(big)).returncode == 0


@pytest.mark.parametrize("limit", [0, 100, 5_000, 20_000, 1_000_000])
def test_a_full_disk_refuses_a_build_and_leaves_what_is_live(
    tmp_path: Path, big: Path, limit: int
) -> None:
    office = Office(tmp_path)
    office.open(office.made(3).id)
    batch = office.load(kind_called("scores"), big).batch
    before = kept(tmp_path)
    script = FULL.format(limit=limit)
    one_sentence(lookup(tmp_path, "release", "build", str(batch), script=script))
    assert kept(tmp_path) == before
    assert len(office.releases()) == 1
    assert not list(office.store.releases.glob("*.spool"))
    assert lookup(tmp_path, "release", "build", str(batch)).returncode == 0
