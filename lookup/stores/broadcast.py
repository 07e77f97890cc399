"""The broadcast as a file, `live/broadcast.jsonl`: one entry a line, appended, never changed.

The office appends and every public worker follows. A line counts once its end is written, so a
kill leaves whole entries and at most a part of a line, which the next append cuts off.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookup.durable import storage, sync_folder
from lookup.errors import DamagedError
from lookup.stores.entries import MAX_LINE_BYTES, Entry, decode, encode

__all__ = ["Broadcast", "Entry", "Fresh", "Tail", "decode", "encode"]

NAME = "broadcast.jsonl"
MODE = 0o640
MAX_READ_BYTES = 1 << 18
"""What is read of the file at once; the next look goes on from there."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a look at the file found: entries that were not there before. `anew` where another
    file has taken the place of the one before, which is over; `damaged` lines were left out."""

    entries: tuple[Entry, ...] = ()
    anew: bool = False
    damaged: int = 0


NOTHING = Fresh()


class Broadcast:
    """The broadcast of a folder (`live/` of the data folder)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME

    def tail(self) -> "Tail":
        """A reader of its own, at the beginning."""
        return Tail(self._path)

    def entries(self) -> tuple[Entry, ...]:
        """Every entry there is; damaged lines are left out. Raises StorageError."""
        tail, found = self.tail(), list[Entry]()
        while not tail.at_end():
            found += tail.read().entries
        return tuple(found)

    def append(self, make: Callable[[int], Sequence[Entry]]) -> tuple[Entry, ...]:
        """Add what `make` returns when it is told the last id there is (0 for none), and return
        it; nobody else appends meanwhile. All of it is added, or nothing.

        Raises RefusedError where an entry is beyond a limit, DamagedError where the last line
        is no entry, StorageError; ValueError where the ids do not go on from the last one.
        """
        with self._lock():
            with storage(self._path):
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, MODE)
            try:
                end, last = self._end(descriptor)
                entries = tuple(make(last))
                if [entry.id for entry in entries] != [*range(last + 1, last + 1 + len(entries))]:
                    raise ValueError("the ids of a broadcast go on one by one")
                content = b"".join(encode(entry) + b"\n" for entry in entries)
                with storage(self._path):
                    self._put(descriptor, end, content)
            finally:
                os.close(descriptor)
        return entries

    def _end(self, descriptor: int) -> tuple[int, int]:
        """Where the last whole line ends, and its id; both 0 before the first."""
        with storage(self._path):
            size = os.fstat(descriptor).st_size
            start = max(0, size - 2 * (MAX_LINE_BYTES + 1))
            block = os.pread(descriptor, size - start, start)
        end = block.rfind(b"\n") + 1
        if end == 0 and start == 0:
            return 0, 0
        begin = block.rfind(b"\n", 0, max(0, end - 1)) + 1
        # Where neither end is in sight the line is too long to be one, and `decode` says so.
        return start + end, decode(block[begin : end - 1] if end else block).id

    def _put(self, descriptor: int, end: int, content: bytes) -> None:
        os.ftruncate(descriptor, end)
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(descriptor, content[written:], end + written)
            if end == 0:
                # Whatever the mask says: the public service reads it by its group.
                os.fchmod(descriptor, MODE)
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, end)
            raise
        if end == 0:
            sync_folder(self._folder)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        path = self._folder / ".broadcast.lock"
        with storage(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


Sight = tuple[int, int, int, int]
"""Device, inode, size and time of change: the same sight, nothing new."""
ABSENT: Sight = (0, 0, 0, 0)


class Tail:
    """Follows the file. It keeps its place by the last line it read, so that a file that was
    replaced, shortened or written anew is noticed and read from its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: Sight | None = None
        self._offset = 0
        self._line = b""

    def at_end(self) -> bool:
        """Whether the file is as it was when all of it was read: one look, nothing opened.
        Raises StorageError."""
        with storage(self._path):
            return self._sight() == self._seen

    def read(self) -> Fresh:
        """What is there beyond the last look, `MAX_READ_BYTES` of it at most. Raises
        StorageError."""
        with storage(self._path):
            sight = self._sight()
            if sight == self._seen:
                return NOTHING
            if sight == ABSENT:
                return self._nothing_there()
            # A name may lead to something else by now; then opening it must not wait.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                return self._go_on(descriptor, sight)
            finally:
                os.close(descriptor)

    def _sight(self) -> Sight:
        try:
            found = self._path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return ABSENT
        if not stat.S_ISREG(found.st_mode):
            return ABSENT
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _nothing_there(self) -> Fresh:
        self._seen, anew = ABSENT, self._offset > 0
        self._offset, self._line = 0, b""
        return Fresh(anew=anew)

    def _go_on(self, descriptor: int, sight: Sight) -> Fresh:
        before = os.pread(descriptor, len(self._line), self._offset - len(self._line))
        anew = before != self._line
        if anew:
            self._offset, self._line = 0, b""
        block = os.pread(descriptor, MAX_READ_BYTES, self._offset)
        end = block.rfind(b"\n") + 1
        if end == 0 and len(block) > MAX_LINE_BYTES:
            # No line is that long: its end, when it comes, is one damaged line more.
            end = len(block)
        lines = block[:end].removesuffix(b"\n").split(b"\n") if end else []
        if lines:
            self._line = block[end - len(lines[-1]) - 1 : end]
            self._offset += end
        if self._offset + len(block) - end >= sight[2]:
            self._seen = sight
        entries, damaged = _decoded(lines)
        return Fresh(entries, anew, damaged)


def _decoded(lines: Sequence[bytes]) -> tuple[tuple[Entry, ...], int]:
    entries, damaged = [], 0
    for line in lines:
        try:
            entries.append(decode(line))
        except DamagedError:
            damaged += 1
    return tuple(entries), damaged
