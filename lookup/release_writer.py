"""Writing a sealed release file: what is in it and where, lookup.release_file says."""

import contextlib
import shutil
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import lmdb
import orjson

from lookup.durable import storage
from lookup.errors import RefusedError, StorageError
from lookup.release_file import MANIFEST, NUMBER, STATISTICS, Manifest
from lookup.sealing import (
    LOCATOR_BYTES,
    PUBLIC,
    Marks,
    locate,
    marks_under,
    pad,
    pre_check_key,
    seal,
)
from lookup.spool import Spool

_SIZE_BYTES = 4
_ENTRIES, _MARKS = "entries", "marks"
_ENTRY_BUFFER, _MARK_BUFFER = 1 << 16, 1 << 12


@contextlib.contextmanager
def _lmdb_storage(path: Path) -> Iterator[None]:
    """Turn LMDB's failures while writing into a StorageError."""
    try:
        with storage(path):
            yield
    except lmdb.Error as error:
        raise StorageError(
            f"The disk would not take {path}: free some space and build again."
        ) from error


class ReleaseWriter:
    """Writes a new release file at `path`, a name no reader looks at.

    Use as a context manager: `add` every record, then `finish` once. Leaving without
    `finish`, by an error or a kill, leaves no file that could be taken for a release.
    """

    def __init__(self, path: Path, key: bytes, release: str, *, pre_check: bool = False) -> None:
        self._path = path
        self._key = key
        self._release = release.encode()
        self.entries = 0
        self._bytes = 0
        self._marks = marks_under(pre_check_key(key)) if pre_check else None
        self._folder = path.with_name(path.name + ".spool")
        self._spools: dict[str, Spool] = {}
        with storage(path):
            shutil.rmtree(self._folder, ignore_errors=True)
            path.unlink(missing_ok=True)
            self._folder.mkdir(mode=0o700)
            try:
                self._spools[_ENTRIES] = Spool(self._folder / _ENTRIES, _ENTRY_BUFFER)
                if pre_check:
                    self._spools[_MARKS] = Spool(self._folder / _MARKS, _MARK_BUFFER)
            except OSError:
                self._give_up()
                raise

    def _give_up(self) -> None:
        for spool in self._spools.values():
            spool.give_up()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_up()
        if error is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def add(self, credentials: Iterable[bytes], body: bytes) -> None:
        """Seal one response body under every credential that opens it, and mark those."""
        for credential in credentials:
            locator, record_key = locate(self._key, credential)
            self._keep(locator, seal(record_key, locator, self._release, body))
            if self._marks is not None:
                self._put(_MARKS, self._marks.of(credential))

    def _keep(self, locator: bytes, sealed: bytes) -> None:
        size = len(sealed).to_bytes(_SIZE_BYTES, "big")
        self._put(_ENTRIES, locator + size + sealed)
        self.entries += 1
        self._bytes += len(sealed)

    def _put(self, spool: str, content: bytes) -> None:
        try:
            self._spools[spool].add(content)
        except OSError:
            with storage(self._path):
                raise

    def finish(self, manifest: Manifest, statistics: bytes) -> None:
        """Write the file. Raises RefusedError for equal credentials, StorageError."""
        locator, document_key = locate(self._key, STATISTICS, PUBLIC)
        self._keep(locator, seal(document_key, locator, self._release, pad(statistics)))
        # Sparse until written: room for every entry on a page of its own and the tree above.
        map_size = 64 * 1024 * 1024 + 4 * self._bytes + 8192 * self.entries
        with (
            _lmdb_storage(self._path),
            lmdb.open(
                str(self._path),
                map_size=map_size,
                subdir=False,
                lock=False,
                sync=False,
                metasync=False,
                mode=0o600,
            ) as environment,
        ):
            for bucket in self._spools[_ENTRIES].buckets():
                with environment.begin(write=True) as transaction:
                    _append(transaction, sorted(_entries(bucket)))
            with environment.begin(write=True) as transaction:
                if self._marks is not None:
                    _put_marks(transaction, self._marks, self._spools[_MARKS])
                transaction.put(MANIFEST, orjson.dumps(asdict(manifest)))
            environment.sync(True)


def _entries(bucket: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The locators and sealed bytes of a spooled bucket."""
    at = 0
    while at < len(bucket):
        start = at + LOCATOR_BYTES + _SIZE_BYTES
        size = int.from_bytes(bucket[at + LOCATOR_BYTES : start], "big")
        yield bucket[at : at + LOCATOR_BYTES], bucket[start : start + size]
        at = start + size


def _append(transaction: lmdb.Transaction, entries: list[tuple[bytes, bytes]]) -> None:
    for locator, sealed in entries:
        if not transaction.put(locator, sealed, overwrite=False):
            raise RefusedError(
                "Two records answer to the same credentials: load the batch again without them."
            )


def _put_marks(transaction: lmdb.Transaction, marks: Marks, spool: Spool) -> None:
    """One value a bucket, the empty ones too: so it is known how many there are."""
    for locator, bucket in zip(marks.buckets, spool.buckets(), strict=True):
        transaction.put(locator, _sorted(bucket))


def _sorted(bucket: bytes) -> bytes:
    """A bucket's marks, ascending."""
    return array(NUMBER, sorted(array(NUMBER, bucket))).tobytes()
