"""Writes that survive a crash: temporary name, fsync, rename, fsync of the folder.

A reader sees the whole new file or the old one, never a part. Whatever is left behind by a
kill carries the suffix `PARTIAL`, and nothing reads such a name.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from lookup.errors import StorageError

PARTIAL = ".partial"

SENTENCES = {
    errno.ENOSPC: "The disk that holds {path} is full: free some space and run this again.",
    errno.EDQUOT: "The disk quota for {path} is used up: free some space and run this again.",
    errno.EFBIG: "{path} grew past the largest file allowed here: raise the limit and try again.",
    errno.EROFS: "The disk that holds {path} is read-only: remount it for writing and try again.",
    errno.EACCES: "There is no permission to use {path}: run this as the user who owns it.",
    errno.EPERM: "There is no permission to use {path}: run this as the user who owns it.",
    errno.ENOENT: "{path} is not there: check the path.",
    errno.EISDIR: "{path} is a folder: name a file.",
    errno.ENOTDIR: "{path} runs through something that is not a folder: check the path.",
}


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn an `OSError` about `path` into a `StorageError` of one sentence."""
    try:
        yield
    except OSError as error:
        sentence = SENTENCES.get(error.errno or 0, "The disk failed on {path}: check it ({why}).")
        raise StorageError(sentence.format(path=path, why=error.strerror)) from error


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Make `path` and its parents if they are missing; `mode` is for `path` itself."""
    with storage(path):
        if not path.is_dir():
            path.mkdir(mode=mode, parents=True, exist_ok=True)
            sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(partial: Path, final: Path, mode: int) -> None:
    """Give a finished file its name: set `mode`, fsync it, rename it, fsync the folder.

    Raises StorageError; until the rename nothing named `final` has changed.
    """
    with storage(final):
        descriptor = os.open(partial, os.O_RDONLY)
        try:
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        partial.replace(final)
        sync_folder(final.parent)


def write(final: Path, content: bytes, mode: int) -> None:
    """Write `content` as the whole of `final`, or change nothing. Raises StorageError."""
    partial = final.with_name(final.name + PARTIAL)
    with storage(final):
        try:
            partial.unlink(missing_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
    try:
        publish(partial, final, mode)
    except StorageError:
        # What is left may hold a key: it must not lie about under a second name.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
