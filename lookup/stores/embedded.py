"""The store of plain files: sealed releases and live pointers under the data folder."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lookup.documents import NAME
from lookup.durable import PARTIAL, make_folder, publish, storage, write
from lookup.errors import RefusedError
from lookup.release_file import DIGEST_SUFFIX, SUFFIX
from lookup.stores.pointer import Pointer, Reference, decode, encode
from lookup.stores.workers import (
    WorkerReport,
    read_reports,
    remove_report,
    sweep_reports,
    write_report,
)

POINTER_SUFFIX = ".json"
RELEASE_MODE = 0o444
POINTER_MODE = 0o640
"""A live pointer holds the key of what is open: for the publisher and the public service."""

MAX_POINTER_BYTES = 1 << 16
Stamp = tuple[int, int, int, int]
"""Inode, size, modification and change time: another stamp, another content."""


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class EmbeddedStore:
    """`releases/` and `live/` below one folder."""

    def __init__(self, data_dir: Path) -> None:
        self.releases = data_dir / "releases"
        self.live = data_dir / "live"
        self._workers = self.live / "workers"

    def prepare(self) -> None:
        """Make the folders. Raises StorageError."""
        make_folder(self.releases)
        make_folder(self.live)

    # Releases

    def partial(self, release: str) -> Path:
        """Where a release is built before it has its name; no reader looks there."""
        return self.releases / f"{release}{SUFFIX}{PARTIAL}"

    def path(self, reference: Reference) -> Path:
        """Where a release file lies."""
        return self.releases / reference.file

    def sweep(self) -> None:
        """Remove the parts that killed builds left; nobody may be building meanwhile."""
        with storage(self.releases):
            for leftover in self.releases.glob(f"*{PARTIAL}*"):
                if leftover.is_dir():
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink()

    def keep(self, release: str, sha256: str) -> Reference:
        """Give a finished partial file its name, made of the release's id and its content.

        The digest is written beside it first, so a named release always has one.
        """
        file = f"{release}.{sha256[:16]}{SUFFIX}"
        write(self.releases / (file + DIGEST_SUFFIX), f"{sha256}  {file}\n".encode(), RELEASE_MODE)
        publish(self.partial(release), self.releases / file, RELEASE_MODE)
        return Reference(release, file, sha256)

    def forget(self, release: str) -> None:
        """Remove the file of a release that was never noted, and its digest."""
        with storage(self.releases):
            for path in self.releases.glob(f"{release}.*"):
                path.unlink()

    # Pointers

    def stamps(self) -> dict[str, Stamp]:
        """Every kind that has a pointer, with the pointer's stamp."""
        stamps = {}
        try:
            entries = list(os.scandir(self.live))
        except FileNotFoundError:
            return {}
        for entry in entries:
            kind = entry.name.removesuffix(POINTER_SUFFIX)
            # Only plain files: reading anything else might never end.
            if kind != entry.name and NAME.fullmatch(kind) and entry.is_file(follow_symlinks=False):
                # A name may go between listing and looking; then it is simply not there.
                with contextlib.suppress(FileNotFoundError):
                    stamps[kind] = _stamp(entry.stat(follow_symlinks=False))
        return stamps

    def release_stamp(self, reference: Reference) -> Stamp | None:
        """The stamp of a release file, None where it is missing."""
        try:
            found = self.path(reference).stat()
        except OSError:
            return None
        return _stamp(found)

    def pointer(self, kind: str) -> Pointer | None:
        """A kind's live pointer, None before the first. Raises DamagedError, StorageError."""
        path = self.live / f"{kind}{POINTER_SUFFIX}"
        with storage(path):
            try:
                with path.open("rb") as file:
                    content = file.read(MAX_POINTER_BYTES)
            except FileNotFoundError:
                return None
        return decode(content)

    def move(self, pointer: Pointer, replaces: int | None = None) -> None:
        """Put `pointer` in the place of the one with the epoch `replaces`: 0 for none, by
        default the one right before it.

        Raises RefusedError where another has been put there meanwhile, StorageError.
        """
        with self._lock(pointer.kind):
            found = self.pointer(pointer.kind)
            before = pointer.epoch - 1 if replaces is None else replaces
            if before != (found.epoch if found else 0) or pointer.epoch <= before:
                raise RefusedError(
                    "Somebody else moved this live pointer meanwhile: look again, then repeat.",
                    "pointer_moved",
                )
            write(self.live / f"{pointer.kind}{POINTER_SUFFIX}", encode(pointer), POINTER_MODE)

    # Workers

    def report(self, report: WorkerReport) -> None:
        """Put a worker's report in the place of its last one. Raises StorageError."""
        with storage(self._workers):
            write_report(self._workers, report)

    def forget_worker(self, pid: int, now: datetime) -> None:
        """Remove a worker's report, and what those that are gone left. Raises StorageError."""
        with storage(self._workers):
            remove_report(self._workers, pid)
            sweep_reports(self._workers, now)

    def workers(self, now: datetime) -> list[WorkerReport]:
        """The report of every public worker there is, by process id; damaged ones left out."""
        return [report for report in self.reports(now) if not report.ended]

    def reports(self, now: datetime) -> list[WorkerReport]:
        """The same, and for some seconds the last reports of workers that ended."""
        return read_reports(self._workers, now)

    @contextlib.contextmanager
    def _lock(self, kind: str) -> Iterator[None]:
        path = self.live / f".{kind}.lock"
        with storage(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
