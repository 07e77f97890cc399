"""Verifying: a release held against the files it should say the same as, row by row."""

import contextlib
import hashlib
import itertools
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiosqlite

from lookup.admin.batches import get_batch, secrets_of
from lookup.admin.columns import map_columns
from lookup.admin.keys import Keys
from lookup.admin.loading import CHUNK_ROWS, check_files
from lookup.admin.readers.delimited import Unreadable, inspect, rows
from lookup.admin.records import Record, RecordReader, credentials
from lookup.admin.releases import Release
from lookup.errors import DamagedError, RefusedError
from lookup.release_file import Envelope, Manifest, ReleaseFile, verify_digest
from lookup.stores.embedded import EmbeddedStore

MAX_SHOWN = 20


@dataclass
class Comparison:
    """Rows compared and how they differ; `shown` names the first places, never values.

    `unreadable` rows break a rule, `missing` are not in the release, `different` are there
    with another record; `unmatched` counts the release's records that no row spoke for.
    """

    compared: int = 0
    unreadable: int = 0
    missing: int = 0
    different: int = 0
    unmatched: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def differences(self) -> int:
        """All of them; 0 means the release says what the files say."""
        return self.unreadable + self.missing + self.different + self.unmatched

    def note(self, what: str, place: str) -> None:
        """Count one difference at a place."""
        setattr(self, what, getattr(self, what) + 1)
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(f"{place}: {what}")


def _short_digest(credential: bytes) -> int:
    """64 bits that stand for a credential: enough to count distinct ones by the million."""
    return int.from_bytes(hashlib.blake2b(credential, digest_size=8).digest(), "big")


def _distinct(numbers: Sequence[int]) -> int:
    return sum(1 for _ in itertools.groupby(sorted(numbers)))


class _Verifier:
    """One release and what was found of it so far."""

    def __init__(self, manifest: Manifest, key: bytes, issued: bool) -> None:
        self.kind = manifest.read_kind()
        self.comparison = Comparison()
        self.issued = issued
        self._key = key
        self._envelope = Envelope(manifest)
        self._seen = array("Q")

    def records(self, path: Path, overrides: Mapping[str, str]) -> Iterator[list[Record]]:
        """A file's records, some at a time; rows that cannot be read are noted."""
        try:
            lines = rows(inspect(path))
            header = next(lines, None)
            if header is None:
                raise RefusedError(f"{path.name} is empty: name the file the batch came from.")
            supplied = frozenset({"access_code"}) if self.issued else frozenset[str]()
            columns = map_columns(self.kind, header.cells, overrides, supplied)
            if columns.twice:
                raise RefusedError(f"{path.name} has two columns for one field: use --map.")
            if columns.missing:
                names = ", ".join(missing.name for missing in columns.missing)
                raise RefusedError(f"{path.name} has no column for {names}: use --map.")
            reader = RecordReader(self.kind, columns)
            while part := list(itertools.islice(lines, CHUNK_ROWS)):
                chunk = []
                for row in part:
                    record = reader.read(row)
                    if isinstance(record, Record):
                        chunk.append(record)
                    else:
                        self.comparison.note("unreadable", f"{path.name}, line {row.line}")
                yield chunk
        except Unreadable as error:
            self.comparison.note("unreadable", f"{path.name}, line {error.line}")

    def compare(
        self, file: ReleaseFile, path: Path, record: Record, secrets: Mapping[str, str]
    ) -> None:
        """Hold one row against the release, by every way in."""
        comparison = self.comparison
        comparison.compared += 1
        place = f"{path.name}, line {record.line}"
        expected = self._envelope.around(record.body)
        ways = list(credentials(self.kind, {**secrets, **record.secrets}))
        found = [file.find(self._key, credential) for credential in ways]
        if not found or None in found:
            comparison.note("missing", place)
        elif any(body != expected for body in found):
            comparison.note("different", place)
        # Only what is there: a row too many must not make up for a row too few.
        self._seen.extend(
            _short_digest(way) for way, body in zip(ways, found, strict=True) if body is not None
        )

    def finish(self, entries: int) -> Comparison:
        """Count those of the release's entries that no row spoke for."""
        self.comparison.unmatched = max(entries - _distinct(self._seen), 0)
        return self.comparison


async def verify(
    database: aiosqlite.Connection,
    store: EmbeddedStore,
    keys: Keys,
    release: Release,
    paths: Sequence[Path] = (),
    overrides: Mapping[str, str] | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Comparison:
    """Check a release's digest and key and, where files are given, every row of them.

    Issued access codes are not in the files; they are taken from the batch. Raises
    DamagedError where the file is not as it was sealed, RefusedError, StorageError.
    """
    check_files(paths)
    path = store.path(release.reference)
    verify_digest(path, release.sha256)
    key = keys.get(release.id)
    pointer = store.pointer(release.kind)
    current = pointer.current if pointer else None
    own = current is not None and current.reference.release == release.id
    if current and own and (current.reference, current.key) != (release.reference, key):
        raise DamagedError("The live pointer names another file or key: open it again.")
    batch = await get_batch(database, release.batch)
    with contextlib.closing(ReleaseFile(path)) as file:
        file.statistics(key)
        manifest, entries = file.manifest, file.entries()
    if not paths:
        return Comparison()
    verifier = _Verifier(manifest, key, batch.issued)
    for source in paths:
        for chunk in verifier.records(source, overrides or {}):
            issued: dict[str, dict[str, str]] = {}
            if batch.issued:
                identifiers = (record.identifier for record in chunk)
                issued = await secrets_of(database, batch.id, identifiers)
            # Opened anew for each chunk: what stays mapped would count as our memory.
            with contextlib.closing(ReleaseFile(path)) as file:
                for record in chunk:
                    secrets = issued.get(record.identifier, {})
                    verifier.compare(file, source, record, secrets)
            progress(verifier.comparison.compared)
    return verifier.finish(entries)
