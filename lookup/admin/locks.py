"""Locks between processes: files that `flock` holds, released by the kernel after a kill."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lookup.durable import storage
from lookup.errors import RefusedError

LOCK_MODE = 0o600


def _open(path: Path) -> int:
    with storage(path):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, LOCK_MODE)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = _open(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def take(path: Path) -> int | None:
    """A descriptor that holds the lock alone, to be closed or handed to a process; None where
    somebody has it. Raises StorageError."""
    descriptor = _open(path)
    if _alone(descriptor):
        return descriptor
    os.close(descriptor)
    return None


@contextlib.contextmanager
def only_one(path: Path, refusal: RefusedError) -> Iterator[None]:
    """Hold the lock alone. Raises the refusal where somebody has it."""
    with _opened(path) as descriptor:
        if not _alone(descriptor):
            raise refusal
        yield


@contextlib.contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Hold the lock alone, after whoever has it now: for work of a moment, and never on a loop
    that others need. Raises StorageError."""
    with _opened(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def together(path: Path, sweep: Callable[[], None]) -> Iterator[None]:
    """Hold the lock with others; whoever finds nobody there sweeps before anybody else comes."""
    with _opened(path) as descriptor:
        if _alone(descriptor):
            sweep()
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
