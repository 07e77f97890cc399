"""One table for all workers of a machine: what is remembered, and until when.

A mapped file of fixed size. A slot is eight bytes: 32 bits of a key's hash and 32 bits of the
time at which the key is forgotten. A leaky bucket is no more than that (every failure moves
the time on), nor is a place that is taken for a while, or a challenge that is spent. No key is
kept, only its hash under a secret that lies in the file's header.

Why it is safe without a wall between the workers:

- A slot is one aligned 8-byte word, read and written in one move of the processor. Nobody ever
  reads half of one, and a worker that is killed in mid-write has written it or has not.
- What is read before it is written (`add`, `take`) is done under a lock of its eight slots.
  The kernel takes the lock from a process that dies. A lock is tried for some microseconds
  and never waited for: a process that is stopped while it holds one must not stop the others.
  So `add` then writes all the same (of two failures in the same microsecond one may go
  uncounted), and `take` refuses.

Times are handed in, as seconds since the machine started (lookup.clock.boot_s): nobody can set
them, and a file of another start is thrown away. Use a table from one thread.
"""

import contextlib
import fcntl
import hashlib
import logging
import mmap
import os
import secrets
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from lookup.durable import PARTIAL

log = logging.getLogger("lookup.public")

TICKS = 16
"""The table's units of time in a second. 32 bits of them last for eight years."""
WAYS = 8
"""Slots a key may lie in: 64 bytes, what a processor fetches at once."""
SETS = 1 << 16
HEADER_BYTES = 4096
SLOT_BYTES = 8
SIZE = HEADER_BYTES + SETS * WAYS * SLOT_BYTES
LONGEST_S = 30 * 24 * 3600
"""Nothing is remembered for longer; a slot that says so is not one of ours."""
MODE = 0o600
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_MAGIC = b"lookup-fair-use\x01"
_HEADER = struct.Struct("16s16s32s16s")
_CHECK_BYTES = 16
_TAG = 0xFFFFFFFF
_LONGEST = LONGEST_S * TICKS
_TRIES = 30
_read_set = struct.Struct(f"{WAYS}Q").unpack_from
_EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB


def boot_id() -> bytes:
    """16 bytes that this start of the machine has and no other; zeros where nobody says."""
    try:
        return bytes.fromhex(BOOT_ID.read_text("ascii").strip().replace("-", ""))[:16]
    except (OSError, ValueError):
        return bytes(16)


class SharedTable:
    """The table over its memory: `SIZE` bytes that begin with a header.

    `descriptor` is the mapped file's, for its locks; None where the memory is this process's
    own. A key's place is worked out once (`place`) and handed to the other methods. When all
    slots of a place are taken, the key that would be forgotten first is forgotten now.
    """

    def __init__(self, memory: mmap.mmap, descriptor: int | None) -> None:
        self._memory = memory
        self._descriptor = descriptor
        self._words = memoryview(memory).cast("Q")
        self._secret = bytes(_HEADER.unpack_from(memory)[2])

    @property
    def shared(self) -> bool:
        """Whether other workers see what this one writes."""
        return self._descriptor is not None

    def key(self, purpose: bytes) -> bytes:
        """32 secret bytes for a purpose, the same in every worker."""
        return hashlib.blake2b(purpose, key=self._secret, digest_size=32, person=b"key").digest()

    def place(self, key: bytes) -> int:
        """Where a key lies: 64 bits of its keyed hash."""
        digest = hashlib.blake2b(key, key=self._secret, digest_size=8).digest()
        return int.from_bytes(digest, "little")

    def left(self, place: int, now: int) -> int:
        """The ticks until what lies there is forgotten; 0 where nothing does."""
        tag = place & _TAG
        first = HEADER_BYTES + (place >> 32) % SETS * (WAYS * SLOT_BYTES)
        for word in _read_set(self._memory, first):
            if word & _TAG == tag:
                left = (word >> 32) - now
                return left if 0 < left <= _LONGEST else 0
        return 0

    def add(self, place: int, now: int, ticks: int, most: int) -> None:
        """Put off the moment at which this is forgotten, to `most` ticks from now at most."""
        locked = any(self._lock(place) for _ in range(_TRIES))
        try:
            slot, left = self._find(place, now)
            until = now + min(left + ticks, most, _LONGEST)
            self._words[slot] = until << 32 | place & _TAG
        finally:
            if locked:
                self._unlock(place)

    def take(self, place: int, now: int, ticks: int) -> bool:
        """Remember this for so many ticks; false where it is remembered already.

        Of all workers that ask at once, one at most is told true.
        """
        if not self._lock(place):
            return False
        try:
            slot, left = self._find(place, now)
            if left == 0:
                self._words[slot] = now + min(ticks, _LONGEST) << 32 | place & _TAG
            return left == 0
        finally:
            self._unlock(place)

    def close(self) -> None:
        """Let go of the memory and the file."""
        self._words.release()
        self._memory.close()
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _find(self, place: int, now: int) -> tuple[int, int]:
        """The slot a key has, or is to have, and the ticks left of what it has."""
        tag, first = place & _TAG, (place >> 32) % SETS * WAYS
        emptiest, least = 0, _LONGEST + 1
        for way, word in enumerate(_read_set(self._memory, HEADER_BYTES + first * SLOT_BYTES)):
            left = (word >> 32) - now
            if not 0 < left <= _LONGEST:
                left = 0
            if word & _TAG == tag:
                return HEADER_BYTES // SLOT_BYTES + first + way, left
            if left < least:
                emptiest, least = way, left
        return HEADER_BYTES // SLOT_BYTES + first + emptiest, 0

    def _lock(self, place: int) -> bool:
        return self._lockf(_EXCLUSIVE, place)

    def _unlock(self, place: int) -> None:
        self._lockf(fcntl.LOCK_UN, place)

    def _lockf(self, how: int, place: int) -> bool:
        if self._descriptor is None:
            return True
        try:
            fcntl.lockf(self._descriptor, how, 1, HEADER_BYTES + (place >> 32) % SETS)
        except BlockingIOError:
            return False
        except OSError:  # the kernel has no lock left to give: better uncounted than kept out
            return True
        return True


# The file


def open_table(path: Path) -> SharedTable:
    """The table in a file, made anew where the file is missing or is none of this start.

    Never raises: where the file cannot be had, the table is this process's own, and a warning
    says so. A file that is removed while workers run is theirs until they are restarted.
    """
    try:
        with _alone_in(path.parent):
            return _existing(path) or _created(path)
    except OSError as error:
        log.warning(
            "each worker counts failures for itself, since %s cannot be shared (%s):"
            " let the service's user own its folder, then restart",
            path,
            error.strerror or type(error).__name__,
        )
        return private_table()


def private_table() -> SharedTable:
    """A table that no other process sees."""
    memory = mmap.mmap(-1, SIZE)
    memory[: _HEADER.size] = _header(boot_id())
    return SharedTable(memory, None)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Workers start together: one looks and makes the file, the next finds it. Raises OSError.

    A process that is stopped just then keeps nobody from starting for longer than a second.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for attempt in range(101):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == 100:
                    raise
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _existing(path: Path) -> SharedTable | None:
    """The table that lies there; None, and a line in the log, where it must be made anew."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s is made anew: it cannot be opened (%s)", path, error.strerror)
        return None
    try:
        why = _unfit(descriptor)
        if why is None:
            return _mapped(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    log.warning("%s is made anew, and every failure is forgotten: %s", path, why)
    return None


def _unfit(descriptor: int) -> str | None:
    """Why a file is not this start's table; None where it is."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != MODE:
        return "it is no file of this user alone"
    if found.st_size != SIZE:
        return "it has another size"
    header = os.pread(descriptor, _HEADER.size, 0)
    magic, boot, _, check = _HEADER.unpack(header)
    if magic != _MAGIC:
        return "it is of another version"
    if check != _check(header[:-_CHECK_BYTES]):
        return "it is damaged"
    return None if boot == boot_id() else "the machine has started again since"


def _created(path: Path) -> SharedTable:
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    partial.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(partial, flags, MODE)
    try:
        os.fchmod(descriptor, MODE)
        # Blocks that are promised now cannot be missing later, which would kill the worker.
        os.posix_fallocate(descriptor, 0, SIZE)
        os.pwrite(descriptor, _header(boot_id()), 0)
        partial.replace(path)
        return _mapped(descriptor)
    except OSError:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _mapped(descriptor: int) -> SharedTable:
    # A folder whose file system has no locks would refuse everybody later: find out now.
    fcntl.lockf(descriptor, _EXCLUSIVE, 1, 0)
    fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, 0)
    return SharedTable(mmap.mmap(descriptor, SIZE), descriptor)


def _header(boot: bytes) -> bytes:
    fields = struct.pack("16s16s32s", _MAGIC, boot, secrets.token_bytes(32))
    return fields + _check(fields)


def _check(fields: bytes) -> bytes:
    return hashlib.blake2b(fields, digest_size=_CHECK_BYTES).digest()
