"""The store contract: releases keep their content, pointers move one at a time."""

import datetime as dt
import hashlib
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from lookup.errors import DamagedError, RefusedError, StorageError
from lookup.release_file import verify_digest
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Pointer, Reference, Upcoming

OPENS = dt.datetime(2026, 6, 28, 10, 0, tzinfo=dt.UTC)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path)
    store.prepare()
    return store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def keep(store: EmbeddedStore, release: str, content: bytes) -> Reference:
    store.partial(release).write_bytes(content)
    return store.keep(release, hashlib.sha256(content).hexdigest())


def test_preparing_twice_changes_nothing(store: EmbeddedStore) -> None:
    reference = keep(store, "scores-1", b"sealed")
    store.prepare()
    assert store.path(reference).read_bytes() == b"sealed"


def test_a_kept_release_is_named_by_its_content_and_read_only(store: EmbeddedStore) -> None:
    reference = keep(store, "scores-1", b"sealed")
    assert reference.file == f"scores-1.{reference.sha256[:16]}.lmdb"
    assert mode(store.path(reference)) == 0o444
    assert mode(store.releases / f"{reference.file}.sha256") == 0o444
    assert not store.partial("scores-1").exists()
    verify_digest(store.path(reference), reference.sha256)


def test_the_digest_beside_a_release_is_for_sha256sum(store: EmbeddedStore) -> None:
    reference = keep(store, "scores-1", b"sealed")
    command = ["/usr/bin/sha256sum", "--check", "--strict", f"{reference.file}.sha256"]
    assert subprocess.run(command, cwd=store.releases, capture_output=True).returncode == 0
    store.path(reference).chmod(0o644)
    store.path(reference).write_bytes(b"changed")
    assert subprocess.run(command, cwd=store.releases, capture_output=True).returncode == 1


def test_other_content_is_another_file(store: EmbeddedStore) -> None:
    first = keep(store, "scores-1", b"sealed")
    second = keep(store, "scores-1", b"sealed anew")
    assert store.path(first).read_bytes() == b"sealed"
    assert store.path(second).read_bytes() == b"sealed anew"


def test_a_release_that_was_not_built_is_not_kept(store: EmbeddedStore) -> None:
    with pytest.raises(StorageError):
        store.keep("scores-1", "0" * 64)
    assert not list(store.releases.glob("*.lmdb"))


def test_a_release_has_a_stamp_until_it_is_gone(store: EmbeddedStore) -> None:
    reference = keep(store, "scores-1", b"sealed")
    found = store.release_stamp(reference)
    assert found == store.release_stamp(reference)
    assert found is not None
    store.path(reference).unlink()
    assert store.release_stamp(reference) is None


def test_there_is_no_pointer_before_the_first(store: EmbeddedStore) -> None:
    assert store.pointer("scores") is None
    assert store.stamps() == {}


def test_without_a_folder_there_are_no_pointers(tmp_path: Path) -> None:
    assert EmbeddedStore(tmp_path / "nowhere").stamps() == {}
    assert EmbeddedStore(tmp_path / "nowhere").pointer("scores") is None


def test_a_moved_pointer_is_read_back(store: EmbeddedStore) -> None:
    pointer = Pointer("scores", 1, upcoming=Upcoming(keep(store, "s", b"sealed"), OPENS))
    store.move(pointer)
    assert store.pointer("scores") == pointer
    assert mode(store.live / "scores.json") == 0o640


@pytest.mark.parametrize("epoch", [-1, 0, 1, 2, 4, 100])
def test_a_stale_or_skipping_epoch_is_refused(store: EmbeddedStore, epoch: int) -> None:
    store.move(Pointer("scores", 1))
    store.move(Pointer("scores", 2))
    with pytest.raises(RefusedError, match="Somebody else moved this live pointer"):
        store.move(Pointer("scores", epoch))
    assert store.pointer("scores") == Pointer("scores", 2)


def test_the_first_pointer_has_epoch_one(store: EmbeddedStore) -> None:
    with pytest.raises(RefusedError):
        store.move(Pointer("scores", 2))
    assert store.pointer("scores") is None


def test_kinds_move_apart(store: EmbeddedStore) -> None:
    store.move(Pointer("scores", 1))
    store.move(Pointer("scores", 2))
    store.move(Pointer("lottery", 1))
    assert store.stamps().keys() == {"scores", "lottery"}


def test_of_many_movers_at_once_exactly_one_wins_each_epoch(store: EmbeddedStore) -> None:
    movers, epochs = 8, 10
    barrier = threading.Barrier(movers)
    outcomes: list[tuple[int, int]] = []
    refusals: list[int] = []

    def run(number: int) -> None:
        mine = EmbeddedStore(store.live.parent)
        for epoch in range(1, epochs + 1):
            reference = Reference(f"r-{number}", "file.lmdb", "0" * 64)
            pointer = Pointer("scores", epoch, upcoming=Upcoming(reference, OPENS))
            barrier.wait()
            try:
                mine.move(pointer)
            except RefusedError:
                refusals.append(epoch)
            else:
                outcomes.append((epoch, number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(movers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(epoch for epoch, _ in outcomes) == list(range(1, epochs + 1))
    assert len(refusals) == (movers - 1) * epochs
    last = store.pointer("scores")
    assert last is not None
    assert last.upcoming is not None
    assert (last.epoch, last.upcoming.reference.release) == (epochs, f"r-{dict(outcomes)[epochs]}")


def test_every_move_gives_another_stamp(store: EmbeddedStore) -> None:
    stamps = set()
    for epoch in range(1, 6):
        store.move(Pointer("scores", epoch))
        stamps.add(store.stamps()["scores"])
    assert len(stamps) == 5


def test_locks_and_partial_files_are_no_pointers(store: EmbeddedStore) -> None:
    store.move(Pointer("scores", 1))
    (store.live / "lottery.json.partial").write_bytes(b"{")
    (store.live / ".admissions.lock").write_bytes(b"")
    (store.live / ".hidden.json").write_bytes(b"{}")
    (store.live / "broadcast.jsonl").write_bytes(b"")
    assert store.stamps().keys() == {"scores"}


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"{}", b"\xff"])
def test_a_damaged_pointer_is_damaged_and_is_not_written_over(
    store: EmbeddedStore, content: bytes
) -> None:
    (store.live / "scores.json").write_bytes(content)
    with pytest.raises(DamagedError):
        store.pointer("scores")
    with pytest.raises(DamagedError):
        store.move(Pointer("scores", 1))
    assert (store.live / "scores.json").read_bytes() == content


def test_the_lock_is_free_again_after_a_refusal(store: EmbeddedStore) -> None:
    with pytest.raises(RefusedError):
        store.move(Pointer("scores", 5))
    store.move(Pointer("scores", 1))
