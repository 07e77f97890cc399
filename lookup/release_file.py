"""The sealed release file: one LMDB file with a plain manifest and sealed entries.

Layout of the only database: `manifest` → JSON; every other key is a 16-byte locator of
lookup.sealing → ciphertext, or, where the manifest says `pre_check`, one of 256 locators → the
marks that begin with one byte, sorted: 8 bytes each, numbers with the least byte first.

A file is written once, by lookup.release_writer, and never changed; readers map it read-only
without a lock file. LMDB trusts its file, so nothing opens one before `verify_digest` has
passed.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import lmdb
import orjson

from lookup.durable import storage
from lookup.errors import DamagedError, RefusedError, StorageError
from lookup.kinds import Kind, read_kind
from lookup.sealing import MARK_BYTES, PUBLIC, Marks, locate, marks_under, pad, unseal
from lookup.spool import BUCKETS

FORMAT = 1
SUFFIX = ".lmdb"
DIGEST_SUFFIX = ".sha256"
STATISTICS = b"statistics"
MANIFEST = b"manifest"
NUMBER: Final = "Q"
"""A mark as arrays and views of memory read it: least byte first on every machine we know."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release says of itself in plain: nothing about any candidate.

    `sources` are fingerprints (lookup.sealing) of the files the batch was loaded from, `batch`
    that of the batch's content, `approvals` those of who signed for it and when;
    `required_approvals` is how many people the office asked for, 0 where nobody had to sign.
    `corrects` is the release of the same title that was open when this one was built;
    `pre_check` says that there are marks. Files from before these two lack them. Times are
    ISO 8601 in UTC.
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
    pre_check: bool = False
    corrects: str | None = None
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
    """The ready response body around a record, the same for every record of a release but that
    a corrected one says so."""

    def __init__(self, manifest: Manifest) -> None:
        release = {
            "id": manifest.release,
            "version": manifest.version,
            "title": manifest.title,
        }
        head = orjson.dumps({"kind": manifest.kind["name"], "release": release})
        self._head = head[:-1] + b',"record":'

    def around(self, record: bytes, *, corrected: bool = False) -> bytes:
        """The body that serves `record`, a JSON object, padded as it will be sealed."""
        return pad(self._head + record + (b',"corrected":true}' if corrected else b"}"))


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
            # Buckets are looked into where they lie: to copy one costs more than to search it.
            self._views = self._environment.begin(buffers=True)
            content = self._transaction.get(MANIFEST)
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

    def pre_checked(self, key: bytes, credential: bytes) -> bool:
        """Whether a credential opens one of the records; says nothing of what they say.

        `key` is the pre-check key. Raises DamagedError where it is not this file's.
        """
        marks = marks_under(key)
        mark = marks.of(credential)
        bucket = self._bucket(marks, mark[0])
        number = int.from_bytes(mark, "little")
        at = bisect_left(bucket, number)
        return at < len(bucket) and bucket[at] == number

    def marks(self, key: bytes) -> int:
        """How many credentials are marked. Raises DamagedError as `pre_checked` does."""
        marks = marks_under(key)
        return sum(len(self._bucket(marks, number)) for number in range(BUCKETS))

    def _bucket(self, marks: Marks, number: int) -> Sequence[int]:
        """The marks that begin with this byte, as ascending numbers; use it before anything else
        of the file."""
        try:
            found = self._views.get(marks.buckets[number])
        except lmdb.Error as error:
            self.damaged = True
            raise DamagedError(f"{self.path.name} was damaged: copy it again.") from error
        if found is None:
            raise DamagedError(f"{self.path.name} has no marks under this key: schedule it again.")
        if len(found) % MARK_BYTES:
            self.damaged = True
            raise DamagedError(f"{self.path.name} was damaged: copy it again.")
        # Python casts no view of nothing.
        return memoryview(found).cast(NUMBER) if len(found) else ()

    def entries(self) -> int:
        """How many records the file holds, counted over all ways in."""
        others = 2 + (BUCKETS if self.manifest.pre_check else 0)
        return int(self._environment.stat()["entries"]) - others

    def _open(self, locator: bytes, entry_key: bytes) -> bytes | None:
        sealed = self._transaction.get(locator)
        if sealed is None:
            return None
        return unseal(entry_key, locator, self._release, bytes(sealed))

    def close(self) -> None:
        """Unmap the file; nothing may be asked after."""
        self._views.abort()
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
