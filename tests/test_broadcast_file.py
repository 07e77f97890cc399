"""The broadcast's file: appended whole or not at all, and followed as it grows."""

import datetime as dt
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import DamagedError, RefusedError, StorageError
from lookup.stores.broadcast import MAX_READ_BYTES, NAME, NOTHING, Broadcast, Tail
from lookup.stores.entries import MAX_LINE_BYTES, MAX_TEXT, Entry, Text, Words, encode

AT = dt.datetime(2026, 7, 10, 9, 0, tzinfo=dt.UTC)


def words(count: int, text: str = "第一批开始") -> Callable[[int], Sequence[Entry]]:
    """That many entries, going on from the last id."""

    def make(last: int) -> Sequence[Entry]:
        return [Words(last + n, AT, Text(text), None) for n in range(1, count + 1)]

    return make


def ids(entries: Sequence[Entry]) -> list[int]:
    return [entry.id for entry in entries]


def test_entries_are_numbered_from_one_on_and_kept(tmp_path: Path) -> None:
    broadcast = Broadcast(tmp_path)
    assert broadcast.entries() == ()
    first, second = broadcast.append(words(2)), broadcast.append(words(1))
    assert ids(broadcast.entries()) == [1, 2, 3]
    assert broadcast.entries() == first + second


def test_the_public_side_may_read_the_file_by_its_group(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Broadcast(tmp_path).append(words(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o640


def test_ids_that_do_not_go_on_are_not_written(tmp_path: Path) -> None:
    broadcast = Broadcast(tmp_path)
    broadcast.append(words(1))
    with pytest.raises(ValueError, match="one by one"):
        broadcast.append(lambda last: [Words(last + 2, AT, Text("一"), None)])
    assert ids(broadcast.entries()) == [1]


def test_one_entry_beyond_a_limit_keeps_the_others_out(tmp_path: Path) -> None:
    broadcast = Broadcast(tmp_path)
    with pytest.raises(RefusedError):
        broadcast.append(lambda last: [*words(2)(last), *words(1, "一\n")(last + 2)])
    assert broadcast.entries() == ()


def test_those_who_append_at_once_take_turns(tmp_path: Path) -> None:
    def append() -> None:
        for _ in range(5):
            Broadcast(tmp_path).append(words(2))

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(Broadcast(tmp_path).entries()) == list(range(1, 41))


def test_what_a_full_disk_took_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast = Broadcast(tmp_path)
    broadcast.append(words(1))
    size = (tmp_path / NAME).stat().st_size

    def fails(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(StorageError, match="full"):
            broadcast.append(words(3))
    assert (tmp_path / NAME).stat().st_size == size
    assert ids(broadcast.append(words(1))) == [2]


@given(cut=st.integers(0, 2000), count=st.integers(1, 3))
def test_after_a_kill_anywhere_whole_lines_stay_and_the_next_append_goes_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("live")
    broadcast, path = Broadcast(folder), folder / NAME
    before = broadcast.append(words(5))
    content = path.read_bytes()[: min(cut, path.stat().st_size)]
    path.write_bytes(content)
    whole = content.count(b"\n")
    assert broadcast.entries() == before[:whole]
    added = broadcast.append(words(count))
    assert broadcast.entries() == before[:whole] + added
    assert ids(broadcast.entries()) == list(range(1, whole + count + 1))


@given(st.lists(st.integers(0, 400), max_size=8))
def test_whoever_follows_finds_every_entry_once_however_the_file_grows(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("live")
    path, tail = folder / NAME, Tail(folder / NAME)
    entries = words(6)(0)
    content = b"".join(encode(entry) + b"\n" for entry in entries)
    found: list[Entry] = []
    place = 0
    for step in [*steps, len(content)]:
        with path.open("ab") as file:
            file.write(content[place : place + step])
        place += step
        found += tail.read().entries
    assert found == entries
    assert tail.at_end()
    assert tail.read() is NOTHING


@pytest.mark.parametrize("damaged", [b"{}\n", b"\n", b"x" * (3 * MAX_LINE_BYTES)])
def test_nothing_is_appended_to_a_line_that_is_none(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / NAME).write_bytes(damaged)
    with pytest.raises(DamagedError):
        Broadcast(tmp_path).append(words(1))
    assert (tmp_path / NAME).read_bytes() == damaged


@pytest.mark.parametrize("damaged", [b"{}\n", b"\r\n", b"x" * (2 * MAX_READ_BYTES) + b"\n"])
def test_a_damaged_line_hides_no_other(tmp_path: Path, damaged: bytes) -> None:
    Broadcast(tmp_path).append(words(1))
    with (tmp_path / NAME).open("ab") as file:
        file.write(damaged + encode(words(2)(0)[1]) + b"\n")
    tail, found, left_out = Tail(tmp_path / NAME), list[Entry](), 0
    while not tail.at_end():
        fresh = tail.read()
        found += fresh.entries
        left_out += fresh.damaged
    assert ids(found) == [1, 2]
    assert left_out >= 1


def test_a_long_broadcast_is_read_in_parts(tmp_path: Path) -> None:
    written = Broadcast(tmp_path).append(words(400, "长" * MAX_TEXT))
    tail = Tail(tmp_path / NAME)
    first = tail.read().entries
    assert 0 < len(first) < len(written)
    assert not tail.at_end()
    assert Broadcast(tmp_path).entries() == written


def shorter(path: Path) -> None:
    path.write_bytes(b"".join(encode(entry) + b"\n" for entry in words(1)(0)))


def of_the_same_size(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace("始".encode(), "末".encode()))


def longer(path: Path) -> None:
    path.write_bytes(b"".join(encode(entry) + b"\n" for entry in words(9, "重新开始直播")(0)))


def replaced(path: Path) -> None:
    path.unlink()
    longer(path)


@pytest.mark.parametrize("change", [shorter, of_the_same_size, longer, replaced])
def test_a_file_that_took_the_place_of_another_is_read_from_its_beginning(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    Broadcast(tmp_path).append(words(3))
    path = tmp_path / NAME
    tail = Tail(path)
    assert ids(tail.read().entries) == [1, 2, 3]
    change(path)
    os.utime(path, ns=(1, 1))  # a clock too coarse to tell the two apart would hide the change
    fresh = tail.read()
    assert fresh.anew
    assert fresh.entries == Broadcast(tmp_path).entries()


def test_a_file_that_is_gone_is_over_and_said_so_once(tmp_path: Path) -> None:
    Broadcast(tmp_path).append(words(1))
    tail = Tail(tmp_path / NAME)
    tail.read()
    (tmp_path / NAME).unlink()
    assert tail.read().anew
    assert tail.read() is NOTHING


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)
    assert Broadcast(tmp_path).entries() == ()
