"""The shared table: what it remembers, whoever writes, and which files it will not use."""

import logging
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lookup.public import shared_table
from lookup.public.shared_table import (
    HEADER_BYTES,
    LONGEST_S,
    MODE,
    SETS,
    SIZE,
    TICKS,
    WAYS,
    SharedTable,
    open_table,
    private_table,
)

NOW = 1_000_000
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live" / "workers" / "fair_use.map"


@pytest.fixture
def table(path: Path) -> Iterator[SharedTable]:
    found = open_table(path)
    assert found.shared
    yield found
    found.close()


# What is remembered


class Remembering(RuleBasedStateMachine):
    """The table against a plain dictionary, while no set overflows."""

    def __init__(self) -> None:
        super().__init__()
        self.table = private_table()
        self.until: dict[bytes, int] = {}
        self.now = NOW

    @rule(ticks=st.integers(0, 10_000))
    def pass_time(self, ticks: int) -> None:
        self.now += ticks

    @rule(
        key=st.sampled_from([b"a", b"b", b"c"]),
        ticks=st.integers(1, 5000),
        most=st.integers(1, 9000),
    )
    def add(self, key: bytes, ticks: int, most: int) -> None:
        self.table.add(self.table.place(key), self.now, ticks, most)
        left = max(0, self.until.get(key, 0) - self.now)
        self.until[key] = self.now + min(left + ticks, most)

    @rule(key=st.sampled_from([b"a", b"b", b"c"]), ticks=st.integers(1, 5000))
    def take(self, key: bytes, ticks: int) -> None:
        free = self.until.get(key, 0) <= self.now
        assert self.table.take(self.table.place(key), self.now, ticks) == free
        if free:
            self.until[key] = self.now + ticks

    @invariant()
    def agrees(self) -> None:
        for key in (b"a", b"b", b"c", b"never"):
            left = max(0, self.until.get(key, 0) - self.now)
            assert self.table.left(self.table.place(key), self.now) == left


TestRemembering = Remembering.TestCase
TestRemembering.settings = settings(max_examples=30, stateful_step_count=20)


def in_one_set(table: SharedTable, count: int) -> list[int]:
    """Places that compete for the same slots."""
    return [7 << 32 | tag for tag in range(1, count + 1)]


def test_a_full_set_gives_up_what_would_be_forgotten_first(table: SharedTable) -> None:
    *old, new = in_one_set(table, WAYS + 1)
    for order, place in enumerate(old):
        table.add(place, NOW, 100 + order * 10 if order != 3 else 50, 10_000)
    table.add(new, NOW, 1000, 10_000)
    assert table.left(new, NOW) == 1000
    assert [table.left(place, NOW) == 0 for place in old] == [order == 3 for order in range(WAYS)]


def test_nothing_is_remembered_longer_than_the_longest(table: SharedTable) -> None:
    table.add(1, NOW, 1 << 40, 1 << 40)
    assert table.take(2, NOW, 1 << 40)
    assert table.left(1, NOW) == table.left(2, NOW) == LONGEST_S * TICKS


@given(st.binary(min_size=64, max_size=64))
def test_whatever_lies_in_the_slots_there_is_room_for_a_key(content: bytes) -> None:
    table = private_table()
    table._memory[HEADER_BYTES : HEADER_BYTES + 64] = content
    table.add(5, NOW, 100, 100)
    assert 0 < table.left(5, NOW) <= LONGEST_S * TICKS


def test_no_key_lies_in_the_file_in_plain(table: SharedTable, path: Path) -> None:
    table.add(table.place(b"number" + b"scores:100000001"), NOW, 100, 100)
    assert b"100000001" not in path.read_bytes()


# Several workers


def add_many(path: Path, times: int, ready: Event) -> None:
    """What a worker does in these tests."""
    table = open_table(path)
    place = table.place(b"one key")
    ready.wait(30)
    for _ in range(times):
        table.add(place, NOW, 1, 1 << 30)


def take_each(path: Path, count: int, ready: Event, won: Callable[[int], None]) -> None:
    """Take every one of these keys, saying how many were got."""
    table = open_table(path)
    ready.wait(30)
    won(sum(table.take(table.place(b"%d" % key), NOW, 1000) for key in range(count)))


def test_another_worker_sees_what_one_writes(table: SharedTable, path: Path) -> None:
    ready = SPAWN.Event()
    worker = SPAWN.Process(target=add_many, args=(path, 3, ready))
    worker.start()
    ready.set()
    worker.join(30)
    assert table.left(table.place(b"one key"), NOW) == 3


@pytest.mark.heavy
def test_of_workers_that_take_at_once_one_at_most_gets_it(path: Path) -> None:
    open_table(path).close()
    ready, results = SPAWN.Event(), SPAWN.SimpleQueue()
    workers = [
        SPAWN.Process(target=take_each, args=(path, 20_000, ready, results.put)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    ready.set()
    got = sum(results.get() for _ in workers)
    for worker in workers:
        worker.join(30)
    assert 0 < got <= 20_000


@pytest.mark.heavy
def test_a_worker_killed_while_it_writes_leaves_a_table_that_works(path: Path) -> None:
    table = open_table(path)
    for _ in range(20):
        ready = SPAWN.Event()
        ready.set()
        worker = SPAWN.Process(target=add_many, args=(path, 1 << 30, ready))
        worker.start()
        before = table.left(table.place(b"one key"), NOW)
        while table.left(table.place(b"one key"), NOW) == before and worker.is_alive():
            pass
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(30)
        # The lock went with it: what is written now is counted exactly.
        left = table.left(table.place(b"one key"), NOW)
        table.add(table.place(b"one key"), NOW, 1, 1 << 30)
        assert table.left(table.place(b"one key"), NOW) == left + 1
    table.close()


HOLDER = """
import sys
from pathlib import Path
from lookup.public.shared_table import open_table
table = open_table(Path(sys.argv[1]))
assert table._lock(table.place(b"one key"))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_that_is_held_keeps_nobody_waiting(table: SharedTable, path: Path) -> None:
    place = table.place(b"one key")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        table.add(place, NOW, 5, 100)
        assert table.left(place, NOW) == 5
        assert not table.take(place, NOW + 50, 100)
        holder.stdin.close()
    assert table.take(place, NOW + 50, 100)


# The file


def test_the_file_is_the_users_alone_and_of_one_size(table: SharedTable, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == MODE == 0o600
    assert path.stat().st_size == SIZE == HEADER_BYTES + SETS * WAYS * 8
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_restarted_worker_finds_what_was_counted(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = open_table(path)
    before.add(before.place(b"key"), NOW, 5, 100)
    keyed = before.key(b"purpose")
    before.close()
    after = open_table(path)
    assert after.left(after.place(b"key"), NOW) == 5
    assert after.key(b"purpose") == keyed != after.key(b"another")
    assert not caplog.records


def shorten(path: Path) -> None:
    os.truncate(path, SIZE - 8)


def lengthen(path: Path) -> None:
    os.truncate(path, SIZE + 8)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)


def another_version(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[15] ^= 3
    path.write_bytes(content)


def open_to_others(path: Path) -> None:
    path.chmod(0o644)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, MODE)


UNFIT = [shorten, lengthen, empty, damage, another_version, open_to_others, link, pipe]


@pytest.mark.parametrize("spoil", UNFIT, ids=lambda spoil: spoil.__name__)
def test_a_file_that_is_none_of_ours_is_made_anew_and_that_is_said(
    path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    before = open_table(path)
    before.add(before.place(b"key"), NOW, 5, 100)
    before.close()
    spoil(path)
    after = open_table(path)
    assert after.shared
    assert after.left(after.place(b"key"), NOW) == 0
    assert path.stat().st_size == SIZE
    (said,) = caplog.records
    assert (said.levelno, "is made anew" in said.getMessage()) == (logging.WARNING, True)


def test_a_file_of_another_start_of_the_machine_is_forgotten(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = open_table(path)
    before.add(before.place(b"key"), NOW, 5, 100)
    monkeypatch.setattr(shared_table, "boot_id", lambda: b"the start after ")
    after = open_table(path)
    assert after.left(after.place(b"key"), NOW) == 0
    assert "has started again" in caplog.text


@pytest.mark.parametrize("where", ["a file in the way", "a folder in the way"])
def test_where_the_file_cannot_be_had_a_worker_starts_with_a_table_of_its_own(
    tmp_path: Path, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "workers" / "fair_use.map"
    if where == "a file in the way":
        path.parent.write_bytes(b"")
    else:
        path.mkdir(parents=True)
    table = open_table(path)
    assert not table.shared
    assert table.take(table.place(b"key"), NOW, 100)
    assert not table.take(table.place(b"key"), NOW, 100)
    assert "counts failures for itself" in caplog.records[-1].getMessage()


def test_a_full_disk_leaves_a_table_of_its_own_and_no_part(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert not open_table(path).shared
    assert list(path.parent.iterdir()) == []


def test_workers_that_start_together_share_one_file(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lookup.public.shared_table import open_table;"
        "print(open_table(Path(sys.argv[1])).key(b'purpose').hex())"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert len({worker.communicate(timeout=60)[0] for worker in workers}) == 1
