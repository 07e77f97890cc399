"""The sealed release file: one LMDB file with a plain manifest and sealed entries.

Layout of the only database: `manifest` → JSON; every other key is a 16-byte locator of
lookup.sealing → ciphertext. A file is written once, by `ReleaseWriter`, and never changed;
readers map it read-only without a lock file. LMDB trusts its file, so nothing opens one
before `verify_digest` has passed.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import lmdb
import orjson

from lookup.durable import storage
from lookup.errors import DamagedError, RefusedError, StorageError
from lookup.kinds import Kind, read_kind
from lookup.sealing import LOCATOR_BYTES, PUBLIC, locate, pad, seal, unseal

FORMAT = 1
SUFFIX = ".lmdb"
DIGEST_SUFFIX = ".sha256"
STATISTICS = b"statistics"
_MANIFEST = b"manifest"
_BUCKETS = 256
_SIZE_BYTES = 4


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release says of itself in plain: nothing about any candidate.

    `sources` are fingerprints (lookup.sealing) of the files the batch was loaded from, `batch`
    that of the batch's content, `approvals` those of who signed for it and when;
    `required_approvals` is how many people the office asked for, 0 where nobody had to sign.
    Times are ISO 8601 in UTC.
    """

    release: str
    kind: Mapping[str, Any]
    title: str
    version: int
    supersedes: str | None
    records: int
    entries: int
    batch: str
    sources: tuple[str, ...]
    builder: str
    created_at: str
    approvals: tuple[str, ...] = ()
    required_approvals: int = 0
    format: int = FORMAT

    def with_entries(self, entries: int) -> "Manifest":
        """The same manifest once it is known how many entries the records made."""
        return replace(self, entries=entries)

    def read_kind(self) -> Kind:
        """The kind that travels in the release. Raises DamagedError where it makes no sense."""
        try:
            return read_kind(self.kind)
        except ValueError as error:
            raise DamagedError("The release's kind cannot be read: build it again.") from error


class Envelope:
    """The ready response body around a record, the same for every record of a release."""

    def __init__(self, manifest: Manifest) -> None:
        release = {
            "id": manifest.release,
            "version": manifest.version,
            "title": manifest.title,
        }
        head = orjson.dumps({"kind": manifest.kind["name"], "release": release})
        self._head = head[:-1] + b',"record":'

    def around(self, record: bytes) -> bytes:
        """The body that serves `record`, a JSON object, padded as it will be sealed."""
        return pad(self._head + record + b"}")


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


class _Spool:
    """Sealed entries on their way to the file, parted by the locator's first byte.

    LMDB is smallest and fastest when keys arrive in order; sorting bucket by bucket needs
    memory for one bucket only, whatever the size of the batch.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700)
        self._files: list[BinaryIO] = []
        try:
            for number in range(_BUCKETS):
                self._files.append((folder / f"{number:02x}").open("wb", buffering=1 << 16))
        except OSError:
            self.remove()
            raise

    def add(self, locator: bytes, sealed: bytes) -> None:
        size = len(sealed).to_bytes(_SIZE_BYTES, "big")
        self._files[locator[0]].write(locator + size + sealed)

    def buckets(self) -> Iterator[list[tuple[bytes, bytes]]]:
        """Every bucket's entries, all in ascending order of locator."""
        self.close()
        for number in range(_BUCKETS):
            yield sorted(self._entries((self._folder / f"{number:02x}").read_bytes()))

    @staticmethod
    def _entries(content: bytes) -> Iterator[tuple[bytes, bytes]]:
        at = 0
        while at < len(content):
            start = at + LOCATOR_BYTES + _SIZE_BYTES
            size = int.from_bytes(content[at + LOCATOR_BYTES : start], "big")
            yield content[at : at + LOCATOR_BYTES], content[start : start + size]
            at = start + size

    def close(self) -> None:
        for file in self._files:
            file.close()

    def remove(self) -> None:
        for file in self._files:
            # What could not be flushed to a full disk is of no use to anybody.
            with contextlib.suppress(OSError):
                file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class ReleaseWriter:
    """Writes a new release file at `path`, a name no reader looks at.

    Use as a context manager: `add` every record, then `finish` once. Leaving without
    `finish`, by an error or a kill, leaves no file that could be taken for a release.
    """

    def __init__(self, path: Path, key: bytes, release: str) -> None:
        self._path = path
        self._key = key
        self._release = release.encode()
        self.entries = 0
        self._bytes = 0
        spool = path.with_name(path.name + ".spool")
        with storage(path):
            shutil.rmtree(spool, ignore_errors=True)
            path.unlink(missing_ok=True)
            self._spool = _Spool(spool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spool.remove()
        if error is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def add(self, credentials: Iterable[bytes], body: bytes) -> None:
        """Seal one response body under every credential that opens it."""
        for credential in credentials:
            locator, record_key = locate(self._key, credential)
            self._keep(locator, seal(record_key, locator, self._release, body))

    def _keep(self, locator: bytes, sealed: bytes) -> None:
        try:
            self._spool.add(locator, sealed)
        except OSError:
            with storage(self._path):
                raise
        self.entries += 1
        self._bytes += len(sealed)

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
            for bucket in self._spool.buckets():
                with environment.begin(write=True) as transaction:
                    _append(transaction, bucket)
            with environment.begin(write=True) as transaction:
                transaction.put(_MANIFEST, orjson.dumps(asdict(manifest)))
            environment.sync(True)


def _append(transaction: lmdb.Transaction, entries: list[tuple[bytes, bytes]]) -> None:
    for locator, sealed in entries:
        if not transaction.put(locator, sealed, overwrite=False):
            raise RefusedError(
                "Two records answer to the same credentials: load the batch again without them."
            )


class ReleaseFile:
    """A release file, mapped for reading; it finds nothing without the release key.

    Open only a file whose digest has been checked. Raises DamagedError where it is not a
    release file of this format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = False
        try:
            self._environment = lmdb.open(
                str(path), readonly=True, lock=False, subdir=False, max_readers=1
            )
            self._transaction = self._environment.begin(buffers=False)
            content = self._transaction.get(_MANIFEST)
            document = orjson.loads(content or b"")
            if document.get("format") != FORMAT:
                raise DamagedError(f"{path.name} is of another format: build it again.")
            document["sources"] = tuple(document["sources"])
            document["approvals"] = tuple(document["approvals"])
            self.manifest = Manifest(**document)
            self._release = self.manifest.release.encode()
        except lmdb.Error as error:
            # LMDB maps a file once a process; a second map would not be safe.
            if "already open" in str(error):
                raise RefusedError(
                    f"{path.name} is open in this process: close it first."
                ) from error
            raise DamagedError(f"{path.name} is not a release file: copy it again.") from error
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError) as error:
            raise DamagedError(f"{path.name} is not a release file: copy it again.") from error

    def find(self, key: bytes, credential: bytes) -> bytes | None:
        """The padded response body a credential opens under `key`, or None.

        Raises DamagedError where there is an entry that does not open; then `damaged` is true
        from there on, and the file should be verified and mapped anew.
        """
        try:
            return self._open(*locate(key, credential))
        except (DamagedError, lmdb.Error) as error:
            self.damaged = True
            raise DamagedError(f"{self.path.name} was damaged: copy it again.") from error

    def statistics(self, key: bytes) -> bytes:
        """The public statistics, JSON. Raises DamagedError where `key` is not this file's."""
        body = self._open(*locate(key, STATISTICS, PUBLIC))
        if body is None:
            raise DamagedError(f"The key does not open {self.path.name}: open the right release.")
        return body

    def entries(self) -> int:
        """How many records the file holds, counted over all ways in."""
        return int(self._environment.stat()["entries"]) - 2

    def _open(self, locator: bytes, entry_key: bytes) -> bytes | None:
        sealed = self._transaction.get(locator)
        if sealed is None:
            return None
        return unseal(entry_key, locator, self._release, bytes(sealed))

    def close(self) -> None:
        """Unmap the file; `find` must not be called after."""
        self._transaction.abort()
        self._environment.close()


def digest_of(path: Path) -> str:
    """SHA-256 of the whole file, hexadecimal. Raises StorageError."""
    with storage(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_digest(path: Path, sha256: str) -> None:
    """Raise DamagedError unless the file is there and has this digest, byte for byte."""
    try:
        found = digest_of(path)
    except StorageError as error:
        raise DamagedError(f"{path.name} cannot be read: copy the release file again.") from error
    if found != sha256:
        raise DamagedError(f"{path.name} is not as it was sealed (digest differs): copy it again.")
