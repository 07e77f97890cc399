"""Durable writes: the whole new file or the old one, whatever the disk does."""

import errno
import os
import stat
from pathlib import Path

import pytest

from lookup.durable import PARTIAL, SENTENCES, make_folder, publish, storage, sync_folder, write
from lookup.errors import StorageError


def refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_has_the_content_and_the_mode(tmp_path: Path) -> None:
    write(tmp_path / "live.json", b"one", 0o640)
    assert (tmp_path / "live.json").read_bytes() == b"one"
    assert mode(tmp_path / "live.json") == 0o640


@pytest.mark.parametrize("wanted", [0o400, 0o444, 0o600, 0o640, 0o644, 0o664])
def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, wanted: int) -> None:
    before = os.umask(0o077)
    try:
        write(tmp_path / "file", b"", wanted)
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == wanted


def test_a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "file", b"a long old content", 0o444)
    write(tmp_path / "file", b"new", 0o444)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_reader_who_has_the_old_file_open_keeps_it(tmp_path: Path) -> None:
    write(tmp_path / "file", b"old", 0o444)
    with (tmp_path / "file").open("rb") as reader:
        write(tmp_path / "file", b"new", 0o444)
        assert reader.read() == b"old"


def test_what_a_kill_left_behind_is_written_over(tmp_path: Path) -> None:
    (tmp_path / f"file{PARTIAL}").write_bytes(b"half of something long")
    write(tmp_path / "file", b"whole", 0o640)
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert not (tmp_path / f"file{PARTIAL}").exists()


def test_a_link_planted_at_the_partial_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"untouched")
    (tmp_path / f"file{PARTIAL}").symlink_to(tmp_path / "victim")
    write(tmp_path / "file", b"whole", 0o640)
    assert (tmp_path / "victim").read_bytes() == b"untouched"
    assert not (tmp_path / "file").is_symlink()


@pytest.mark.parametrize("failing", ["fsync", "fchmod", "open", "replace"])
def test_a_full_disk_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    write(tmp_path / "file", b"old", 0o640)

    def full(*_: object, **__: object) -> None:
        raise refuse(errno.ENOSPC)

    owner = Path if failing == "replace" else os
    with monkeypatch.context() as patched:
        patched.setattr(owner, failing, full)
        with pytest.raises(StorageError, match=r"^The disk that holds .* is full: free some"):
            write(tmp_path / "file", b"new", 0o640)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} <= {"file", f"file{PARTIAL}"}
    write(tmp_path / "file", b"new", 0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_fills_while_writing_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "file", b"old", 0o640)
    really_open = os.open

    def open_full(path: str | Path, flags: int, *rest: int) -> int:
        really_open_now = really_open(path, flags, *rest)
        if flags & os.O_CREAT:
            os.close(really_open_now)
            return really_open("/dev/full", os.O_WRONLY)
        return really_open_now

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_full)
        with pytest.raises(StorageError, match="is full"):
            write(tmp_path / "file", b"new", 0o640)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("fsync folder" if folder else "fsync file")
        fsync(descriptor)

    def note_replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write(tmp_path / "file", b"content", 0o640)
    assert steps == ["fsync file", "rename", "fsync folder"]


@pytest.mark.parametrize("number", SENTENCES)
def test_every_known_failure_is_one_sentence_that_names_the_path(number: int) -> None:
    with pytest.raises(StorageError) as caught, storage(Path("/srv/file")):
        raise refuse(number)
    said = str(caught.value)
    assert "/srv/file" in said
    assert said.endswith(".")
    assert "\n" not in said
    assert ": " in said


def test_an_unknown_failure_is_one_sentence_too() -> None:
    sentence = r"^The disk failed on /srv/file: check it \(.+\)\.$"
    with pytest.raises(StorageError, match=sentence), storage(Path("/srv/file")):
        raise refuse(errno.EIO)


def test_other_errors_pass_untouched() -> None:
    with pytest.raises(ValueError, match="mine"), storage(Path("/srv/file")):
        raise ValueError("mine")


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not there: check the path"):
        write(tmp_path / "nowhere" / "file", b"", 0o640)


def test_a_folder_in_the_place_of_the_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(StorageError, match="is a folder"):
        write(tmp_path / "file", b"", 0o640)


def test_publishing_what_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        publish(tmp_path / "missing", tmp_path / "file", 0o444)
    assert not (tmp_path / "file").exists()


def test_folders_are_made_with_their_parents_and_made_once(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b", 0o700)
    make_folder(tmp_path / "a" / "b", 0o755)
    assert mode(tmp_path / "a" / "b") == 0o700
    sync_folder(tmp_path / "a" / "b")


def test_a_file_in_the_place_of_a_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StorageError):
        make_folder(tmp_path / "a")
    with pytest.raises(StorageError, match="not a folder"):
        make_folder(tmp_path / "a" / "b")
