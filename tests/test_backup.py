"""Backup: taken while others work, whole or refused, and what comes back serves."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest

from lookup.admin import broadcasting
from lookup.admin.backup import LIST, back_up, check_backup, restore
from lookup.admin.people.roles import Actor
from lookup.errors import DamagedError, RefusedError, UsageError
from lookup.public.app import create_app
from lookup.settings import Settings
from tests.admin_makers import HEADER, Office, candidate, candidates, kind_called, write_rows
from tests.makers import send

SCORES = kind_called("scores")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    root = tmp_path / "var"
    root.mkdir()
    office = Office(root)
    office.open(office.made(9).id)
    return office


def taken(office: Office, folder: Path) -> Path:
    return office.at_desk(lambda desk: back_up(desk, folder))


def restored(source: Path, target: Path) -> Office:
    asyncio.run(restore(source, target))
    office = Office(target)
    office.clock.now = Office(target).clock.now
    return office


def test_what_comes_back_is_the_same_and_serves(office: Office, tmp_path: Path) -> None:
    copy = restored(taken(office, tmp_path / "backup"), tmp_path / "again")
    assert copy.releases() == office.releases()
    assert copy.batch(1) == office.batch(1)
    assert copy.pointer() == office.pointer()
    (release,) = copy.releases()
    assert copy.verify(release, office.root / "scores-9.csv").differences == 0
    row = dict(zip(HEADER, candidate(1), strict=True))
    typed = {"candidate_number": row["准考证号"], "access_code": row["查询码"]}
    app = create_app(Settings(data_dir=copy.root), copy.store, copy.clock)
    app.state.live.settle()
    answer = send(app, "POST", "/api/v1/scores", json=typed)
    app.state.live.close()
    assert (answer.status_code, answer.json()["record"]["total"]) == (200, int(row["总分"]))


def test_what_comes_back_can_be_worked_with(office: Office, tmp_path: Path) -> None:
    copy = restored(taken(office, tmp_path / "backup"), tmp_path / "again")
    second = copy.made(12)
    assert (second.batch, second.version) == (2, 2)
    assert copy.open(second.id).state == "open"


def test_the_broadcast_comes_back_and_goes_on(office: Office, tmp_path: Path) -> None:
    office.at_desk(lambda desk: broadcasting.begin(desk, broadcasting.text("试验直播")))
    copy = restored(taken(office, tmp_path / "backup"), tmp_path / "again")
    assert copy.at_desk(lambda desk: broadcasting.post(desk, broadcasting.text("继续"))) == 2


def test_any_machine_can_check_a_backup(office: Office, tmp_path: Path) -> None:
    folder = taken(office, tmp_path / "backup")
    done = subprocess.run(
        ["/usr/bin/sha256sum", "--check", "--quiet", LIST], cwd=folder, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_backup_is_named_by_its_time_and_private(office: Office, tmp_path: Path) -> None:
    folder = taken(office, tmp_path / "backup")
    assert folder == tmp_path / "backup" / "20260624T020000Z"
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {
        path.relative_to(folder).as_posix().split("/")[0]: path.stat().st_mode & 0o777
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert modes["admin"] == 0o600
    assert modes["releases"] == 0o444
    assert list(folder.parent.iterdir()) == [folder]
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup"]


def test_the_audit_says_that_a_backup_was_taken_and_by_whom(office: Office, tmp_path: Path) -> None:
    folder = taken(office, tmp_path / "backup")
    with contextlib.closing(sqlite3.connect(office.root / "admin" / "admin.db")) as database:
        sql = "SELECT person, act, after FROM audit ORDER BY id DESC LIMIT 1"
        line = database.execute(sql).fetchone()
    assert line[:2] == ("os:test", "database.back_up")
    assert len(line[2]) == 64
    assert folder.is_dir()


def test_a_backup_is_whole_while_others_write(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(40))
    ended = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        other = Office(office.root)
        try:
            while not ended.is_set():
                other.build(other.load(SCORES, path).batch)
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=work)
    writer.start()
    try:
        folders = [taken(office, tmp_path / f"backup{number}") for number in range(4)]
    finally:
        ended.set()
        writer.join()
    assert not failures
    for number, folder in enumerate(folders):
        copy = restored(folder, tmp_path / f"again{number}")
        for release in copy.releases():
            assert copy.verify(release).differences == 0
            assert copy.batch(release.batch).state == "checked"
        assert copy.made(3).id


@pytest.mark.parametrize("role", ["loader", "publisher", "auditor"])
def test_only_an_administrator_takes_one(office: Office, tmp_path: Path, role: str) -> None:
    actor = Actor("somebody", frozenset({role}))
    with pytest.raises(RefusedError, match="administrator"):
        office.at_desk(lambda desk: back_up(desk, tmp_path / "backup"), actor)
    assert list(tmp_path.glob("backup*")) == []


def test_a_backup_inside_the_data_folder_is_refused(office: Office) -> None:
    with pytest.raises(UsageError, match="inside"):
        taken(office, office.root / "backup")


def test_a_backup_that_fails_leaves_nothing(office: Office, tmp_path: Path) -> None:
    office.store.live.joinpath("scores.json").unlink()
    os.mkfifo(office.store.live / "other.json")
    (office.store.live / "other.json").unlink()
    (tmp_path / "blocked").write_text("a file")
    with pytest.raises(RefusedError):
        taken(office, tmp_path / "blocked" / "backup")
    assert list(tmp_path.glob("**/*.partial")) == []


def test_what_a_killed_backup_left_is_removed_by_the_next(office: Office, tmp_path: Path) -> None:
    place = tmp_path / "backup"
    left = place / "20260101T000000Z.partial"
    (left / "admin").mkdir(parents=True)
    other = place / "other.partial"
    other.mkdir()
    held = place / "20260101T000001Z.partial"
    held.mkdir()
    descriptor = os.open(held, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    taken(office, place)
    os.close(descriptor)
    assert sorted(place.glob("*.partial")) == [held, other]


def damage(folder: Path, how: str) -> None:
    release = next(folder.glob("releases/*.lmdb"))
    if how == "changed":
        release.chmod(0o644)
        content = bytearray(release.read_bytes())
        content[100] ^= 1
        release.write_bytes(content)
    elif how == "missing":
        release.unlink()
    elif how == "linked":
        outside = folder.with_name("outside")
        (folder / "admin" / "admin.db").rename(outside)
        (folder / "admin" / "admin.db").symlink_to(outside)
    elif how == "emptied":
        for name in ("admin", "live", "releases"):
            shutil.rmtree(folder / name)
        (folder / LIST).write_text("")
    else:
        (folder / "live" / "more.json").write_text("{}")


@pytest.mark.parametrize("how", ["changed", "missing", "more", "linked", "emptied"])
def test_a_backup_that_is_not_whole_is_not_restored(
    office: Office, tmp_path: Path, how: str
) -> None:
    folder = taken(office, tmp_path / "backup")
    damage(folder, how)
    with pytest.raises(DamagedError):
        check_backup(folder)
    with pytest.raises(DamagedError):
        restored(folder, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_nothing_is_restored_over_something(office: Office, tmp_path: Path) -> None:
    folder = taken(office, tmp_path / "backup")
    before = sorted(path.name for path in office.root.rglob("*"))
    with pytest.raises(RefusedError, match="not empty"):
        restored(folder, office.root)
    assert sorted(path.name for path in office.root.rglob("*")) == before
    (tmp_path / "empty").mkdir()
    assert restored(folder, tmp_path / "empty").releases()


def test_a_folder_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no backup"):
        restored(tmp_path, tmp_path / "again")


def test_a_copied_backup_is_as_good(office: Office, tmp_path: Path) -> None:
    folder = shutil.copytree(taken(office, tmp_path / "backup"), tmp_path / "elsewhere")
    assert restored(folder, tmp_path / "again").releases() == office.releases()


def test_what_lost_its_modes_on_the_way_is_private_again(office: Office, tmp_path: Path) -> None:
    folder = taken(office, tmp_path / "backup")
    for path in folder.rglob("*"):
        path.chmod(0o777)
    copy = restored(folder, tmp_path / "again")
    modes = {
        path.relative_to(copy.root).as_posix().split("/")[0]: path.stat().st_mode & 0o777
        for path in copy.root.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    assert modes == {"admin": 0o600, "releases": 0o444, "live": 0o640}
