"""Retention: when its time is over nothing of a release can be opened or read again."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from lookup.admin.batch_file import batch_path
from lookup.admin.people.roles import LOADER, REVIEWER
from lookup.admin.publishing.retention import destroy_due
from lookup.admin.reviewing import reject
from lookup.admin.states import (
    APPROVED,
    CHECKED,
    CLOSED,
    LOADED,
    OPEN,
    REJECTED,
    SUPERSEDED,
    WITHDRAWN,
)
from lookup.errors import RefusedError
from tests.desk_makers import START, Bureau, Clock, person


class Archive(Bureau):
    """A bureau whose releases come to an end."""

    def destroy(self) -> list[str]:
        """Destroy what is due."""
        return self.at_desk(destroy_due)

    def at(self, days: float) -> None:
        """It is so many days after the start."""
        assert isinstance(self.clock, Clock)
        self.clock.now = START + timedelta(days=days)

    def ended(self, state: str, content: str = "content") -> str:
        """A release that came to an end at the start."""
        release = self.ready(content=content)
        self.files(self.release(release).batch)
        self.publish(lambda p: p.open(release))
        if state == CLOSED:
            self.publish(lambda p: p.close("scores"))
        elif state == WITHDRAWN:
            self.publish(lambda p: p.withdraw("scores", "no"))
        elif state == SUPERSEDED:
            other = self.ready(content="other")
            self.publish(lambda p: p.open(other))
        assert self.release(release).state == state
        return release

    def files(self, batch: int) -> None:
        """The batch's file and what it was loaded from."""
        path = batch_path(self.root / "admin" / "batches", batch)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"records")
        folder = self.root / "admin" / "uploads" / str(batch)
        folder.mkdir(parents=True)
        (folder / "a.csv").write_bytes(b"rows")
        self.execute(
            "INSERT INTO job (what, spec, person, state, result, started_at)"
            " VALUES ('load', json_object('folder', ?), 'x', 'done', json_object('batch', ?), '')",
            str(folder),
            batch,
        )

    def left(self, release: str) -> set[str]:
        """What is left of a release."""
        found = self.release(release)
        paths = {
            "key": self.root / "admin" / "keys" / f"{release}.key",
            "file": self.store.path(found.reference),
            "digest": self.store.path(found.reference).with_suffix(".lmdb.sha256"),
            "records": batch_path(self.root / "admin" / "batches", found.batch),
            "uploads": self.root / "admin" / "uploads" / str(found.batch),
        }
        return {name for name, path in paths.items() if path.exists()}


EVERYTHING = {"key", "file", "digest", "records", "uploads"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path, retention_days=30)


@pytest.mark.parametrize("state", [CLOSED, WITHDRAWN, SUPERSEDED])
def test_when_its_time_is_over_everything_of_it_is_destroyed(archive: Archive, state: str) -> None:
    release = archive.ended(state)
    assert archive.left(release) == EVERYTHING
    archive.at(29.9)
    assert archive.destroy() == []
    assert archive.left(release) == EVERYTHING
    archive.at(30)
    assert archive.destroy() == [release]
    assert archive.left(release) == set()
    found = archive.release(release)
    assert (found.state, found.destroyed_at) == (state, archive.clock().isoformat())
    assert archive.got(found.batch).destroyed_at == archive.clock().isoformat()
    line = archive.audit()[-1]
    assert (line.act, line.subject) == ("release.destroy", f"batch {found.batch}")
    assert line.detail == {"releases": [release]}


def test_what_is_destroyed_is_destroyed_once(archive: Archive) -> None:
    archive.ended(CLOSED)
    archive.at(31)
    archive.destroy()
    before = archive.audit()
    assert archive.destroy() == []
    assert archive.audit() == before


def test_what_is_open_or_scheduled_stays_however_old_it_is(archive: Archive) -> None:
    opened = archive.ready()
    archive.publish(lambda p: p.open(opened))
    scheduled = archive.ready("lottery")
    archive.schedule(scheduled, START + timedelta(days=2000))
    archive.at(1000)
    assert archive.destroy() == []
    assert "key" in archive.left(opened) & archive.left(scheduled)


def test_a_batch_in_use_by_another_release_stays(archive: Archive) -> None:
    first = archive.ended(CLOSED)
    again = archive.sealed(archive.release(first).batch)
    archive.publish(lambda p: p.open(again))
    archive.at(100)
    assert archive.destroy() == []
    assert archive.left(first) == EVERYTHING
    archive.publish(lambda p: p.close("scores"))
    archive.at(129)
    assert archive.destroy() == []
    archive.at(130)
    assert set(archive.destroy()) == {first, again}


def test_a_release_that_was_sealed_and_never_opened_goes_with_its_batch(archive: Archive) -> None:
    first = archive.ended(CLOSED)
    never = archive.sealed(archive.release(first).batch)
    archive.at(30)
    assert set(archive.destroy()) == {first, never}
    with pytest.raises(RefusedError, match="destroyed"):
        archive.publish(lambda p: p.open(never))


def test_opening_again_ends_the_count(archive: Archive) -> None:
    release = archive.ended(CLOSED)
    archive.at(20)
    archive.publish(lambda p: p.open(release))
    assert archive.release(release).ended_at is None
    archive.at(40)
    assert archive.destroy() == []
    assert archive.release(release).state == OPEN


def test_rolling_back_to_what_was_destroyed_is_refused_in_words(archive: Archive) -> None:
    archive.ended(SUPERSEDED)
    archive.at(30)
    archive.destroy()
    with pytest.raises(RefusedError, match="destroyed after the retention time"):
        archive.publish(lambda p: p.roll_back("scores"))


def test_a_kill_in_between_is_finished_by_the_next_run(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = archive.ended(CLOSED)
    archive.at(30)

    class KilledError(BaseException):
        """As if the process had been killed."""

    def killed(path: Path) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("lookup.admin.publishing.retention._remove_folder", killed)
        with pytest.raises(KilledError):
            archive.destroy()
    assert archive.release(release).destroyed_at is None
    assert archive.destroy() == [release]
    assert archive.left(release) == set()


def test_a_key_is_overwritten_before_it_is_removed(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = archive.ended(CLOSED)
    key = archive.root / "admin" / "keys" / f"{release}.key"
    seen: list[bytes] = []
    unlink = Path.unlink

    def noted(path: Path, missing_ok: bool = False) -> None:
        if path == key:
            seen.append(path.read_bytes())
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", noted)
    archive.at(30)
    archive.destroy()
    assert len(seen) == 1
    assert set(seen[0]) == {0}


def test_only_folders_of_uploads_are_removed(archive: Archive, tmp_path: Path) -> None:
    release = archive.ended(CLOSED)
    other = tmp_path / "precious"
    other.mkdir()
    for named in (str(other), str(tmp_path / "admin" / "uploads"), "/", "..", ""):
        archive.execute(
            "INSERT INTO job (what, spec, person, state, result, started_at)"
            " VALUES ('load', json_object('folder', ?), 'x', 'done', json_object('batch', ?), '')",
            named,
            archive.release(release).batch,
        )
    archive.at(30)
    archive.destroy()
    assert other.is_dir()
    assert (tmp_path / "admin" / "uploads").is_dir()


def test_uploads_are_found_when_the_data_folder_has_another_name(
    archive: Archive, tmp_path: Path
) -> None:
    release = archive.ended(CLOSED)
    sent = tmp_path / "admin" / "uploads" / "7"
    sent.mkdir(parents=True)
    archive.execute(
        "INSERT INTO job (what, spec, person, state, result, started_at)"
        " VALUES ('load', json_object('folder', ?), 'x', 'done', json_object('batch', ?), '')",
        "var/admin/uploads/7",
        archive.release(release).batch,
    )
    archive.at(30)
    archive.destroy()
    assert not sent.exists()


def test_files_that_are_gone_already_are_no_error(archive: Archive) -> None:
    release = archive.ended(CLOSED)
    shutil.rmtree(archive.root / "admin" / "keys")
    archive.store.path(archive.release(release).reference).unlink()
    archive.at(30)
    assert archive.destroy() == [release]


@pytest.mark.parametrize("state", [LOADED, CHECKED, REJECTED, APPROVED])
def test_a_batch_that_no_release_was_made_of_goes_after_its_last_act(
    archive: Archive, state: str
) -> None:
    batch = archive.batch(state=CHECKED if state in (APPROVED, REJECTED) else state)
    archive.files(batch)
    acted = {APPROVED, REJECTED} & {state}
    archive.at(10)
    if state == APPROVED:
        archive.approve(batch)
    elif state == REJECTED:
        archive.at_desk(lambda desk: reject(desk, batch, "no"), person("rev", REVIEWER))
    archive.at(39.9 if acted else 29.9)
    assert archive.destroy() == []
    archive.at(40 if acted else 30)
    assert archive.destroy() == [f"batch {batch}"]
    assert not batch_path(archive.root / "admin" / "batches", batch).exists()
    assert not (archive.root / "admin" / "uploads" / str(batch)).exists()
    found = archive.got(batch)
    assert (found.state, found.destroyed_at) == (state, archive.clock().isoformat())
    assert archive.audit()[-1].subject == f"batch {batch}"
    assert archive.destroy() == []


def test_a_release_that_was_never_opened_goes_with_its_key(archive: Archive) -> None:
    release = archive.ready()
    archive.at(30)
    assert archive.destroy() == [release]
    assert archive.left(release) == set()


def test_a_batch_that_a_correction_replaced_before_it_was_opened_goes(archive: Archive) -> None:
    first = archive.batch()
    second = archive.batch(corrects=first, content="b")
    archive.approve(second)
    opened = archive.sealed(second)
    archive.publish(lambda p: p.open(opened))
    archive.at(30)
    assert archive.destroy() == [f"batch {first}"]


def test_the_reference_that_checks_rely_on_stays_and_those_before_it_go(archive: Archive) -> None:
    older, newer = archive.batch("cut_offs"), archive.batch("cut_offs", content="b")
    archive.approve(older)
    archive.approve(newer)
    rejected = archive.batch("cut_offs", state=REJECTED)
    archive.at(400)
    assert archive.destroy() == [f"batch {older}", f"batch {rejected}"]


def test_an_upload_that_no_batch_came_of_goes_and_one_in_use_stays(archive: Archive) -> None:
    def sent(state: str, name: str, at: timedelta, batch: int | None = None) -> int:
        folder = archive.root / "admin" / "uploads" / name
        folder.mkdir(parents=True, exist_ok=True)
        return archive.execute(
            "INSERT INTO job (what, spec, person, state, result, started_at) VALUES"
            " ('load', json_object('folder', ?), 'x', ?, json_object('batch', ?), ?)",
            str(folder),
            state,
            batch,
            (START + at).isoformat(),
        )

    sent("done", "asked", timedelta(0))
    answered = sent("failed", "asked", timedelta(days=1))
    sent("done", "taken", timedelta(0))
    batch = archive.batch()
    sent("done", "taken", timedelta(0), batch)
    archive.schedule(archive.ready(content="b"), START + timedelta(days=2000))
    sent("queued", "waiting", timedelta(0))
    archive.at(20)
    archive.approve(batch)
    archive.at(30)
    assert archive.destroy() == []
    archive.at(31)
    assert archive.destroy() == [f"job {answered}"]
    left = {folder.name for folder in (archive.root / "admin" / "uploads").iterdir()}
    assert left == {"taken", "waiting"}
    assert archive.acts()[-1] == ("os:test", "upload.destroy")


def test_only_a_publisher_destroys(archive: Archive) -> None:
    archive.ended(CLOSED)
    archive.at(30)
    with pytest.raises(RefusedError, match="role publisher"):
        archive.at_desk(destroy_due, person("clerk", LOADER))
