"""Verifying: a release held against the files it should say the same as, row by row."""

import contextlib
import hashlib
import itertools
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import corrected_of, get_batch, secrets_of
from lookup.admin.desk import Desk, Progress, untold
from lookup.admin.findings import ERROR, Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import About, Event, Opened
from lookup.admin.intake.mappings import remembered_reader
from lookup.admin.intake.records import Record, credentials
from lookup.admin.loading import check_files
from lookup.admin.publishing.releases import Release
from lookup.errors import DamagedError, RefusedError
from lookup.release_file import Envelope, Manifest, ReleaseFile, verify_digest
from lookup.sealing import pre_check_key

MAX_SHOWN = 20


@dataclass
class Comparison:
    """Rows compared and how they differ; `shown` names the first places, never values.

    `unreadable` rows break a rule, `missing` are not in the release or have no mark there,
    `different` are there with another record; `unmatched` counts the release's records that no
    row spoke for.
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

    def __init__(self, manifest: Manifest, key: bytes, corrected: frozenset[str]) -> None:
        self.comparison = Comparison()
        self._corrected = corrected
        self._marks_key = pre_check_key(key) if manifest.pre_check else None
        self._kind = manifest.read_kind()
        self._key = key
        self._envelope = Envelope(manifest)
        self._seen = array("Q")

    def records(self, events: Iterable[Event], file: str) -> Iterator[tuple[str, list[Record]]]:
        """The records of a file with their table's name; rows that cannot be read are noted.

        Raises RefusedError where no table of the file could be compared.
        """
        name, opened = file, False
        problem = ""
        for event in events:
            match event:
                case Opened():
                    name = event.name or file
                    opened = opened or event.sure
                case About():
                    name = event.name
                case [Record(), *_]:
                    yield name, event  # type: ignore[misc]  # a list is of one kind
                case [Finding(), *_]:
                    problem = problem or self._note(name, event)  # type: ignore[arg-type]  # the same
        if not opened:
            raise RefusedError(f"{file} cannot be compared: {problem or 'it has no rows'}.")

    def _note(self, name: str, findings: Sequence[Finding]) -> str:
        """Note the rows that could not be read; the first error in words."""
        errors = [finding for finding in findings if finding.severity == ERROR]
        for line in dict.fromkeys(finding.line for finding in errors):
            self.comparison.note("unreadable", f"{name}, line {line}")
        return errors[0].reason() if errors else ""

    def compare(
        self, file: ReleaseFile, name: str, record: Record, secrets: Mapping[str, str]
    ) -> None:
        """Hold one row against the release, by every way in."""
        comparison = self.comparison
        comparison.compared += 1
        corrected = record.identifier in self._corrected
        expected = self._envelope.around(record.body, corrected=corrected)
        ways = list(credentials(self._kind, {**secrets, **record.secrets}))
        found = [self._found(file, credential) for credential in ways]
        if not found or None in found:
            comparison.note("missing", f"{name}, line {record.line}")
        elif found.count(expected) < len(found):
            comparison.note("different", f"{name}, line {record.line}")
        # Only what is there: a row too many must not make up for a row too few.
        self._seen.extend(
            _short_digest(way) for way, body in zip(ways, found, strict=True) if body is not None
        )

    def _found(self, file: ReleaseFile, credential: bytes) -> bytes | None:
        """What is served under a credential, None where nothing is or it is not marked."""
        body = file.find(self._key, credential)
        key = self._marks_key
        marked = body is None or key is None or file.pre_checked(key, credential)
        return body if marked else None

    def finish(self, entries: int) -> Comparison:
        """Count those of the release's entries that no row spoke for."""
        self.comparison.unmatched = max(entries - _distinct(self._seen), 0)
        return self.comparison


async def verify(
    desk: Desk,
    release: Release,
    paths: Sequence[Path] = (),
    choice: Choice | None = None,
    progress: Progress = untold,
) -> Comparison:
    """Check a release's digest and key and, where files are given, every row of them.

    Issued access codes, and which records were corrected, are not in the files; they are taken
    from the batch. Raises DamagedError where the file is not as it was sealed, RefusedError,
    StorageError.
    """
    check_files(paths)
    path = desk.store.path(release.reference)
    verify_digest(path, release.sha256)
    key = desk.keys.get(release.id)
    _check_pointer(desk, release, key)
    batch = await get_batch(desk.database, release.batch)
    with contextlib.closing(ReleaseFile(path)) as file:
        file.statistics(key)
        manifest, entries = file.manifest, file.entries()
        if manifest.pre_check and file.marks(pre_check_key(key)) != entries:
            raise DamagedError(f"{release.id} does not mark its ways in: build the batch again.")
    if not paths:
        return Comparison()
    read = await remembered_reader(
        desk, manifest.read_kind(), choice or Choice(), paths, issued=batch.issued
    )
    async with contextlib.AsyncExitStack() as stack:
        records, corrected = None, frozenset[str]()
        if batch.issued or batch.corrects is not None:
            records_path = batch_path(desk.batches, batch.id)
            records = await stack.enter_async_context(open_batch_file(records_path))
            corrected = await corrected_of(records)
        verifier = _Verifier(manifest, key, corrected)
        for source in paths:
            events = stack.enter_context(contextlib.closing(read(source)))
            for name, chunk in verifier.records(events, source.name):
                issued = {}
                if records is not None and batch.issued:
                    issued = await secrets_of(records, [record.identifier for record in chunk])
                # Opened anew for each chunk: what stays mapped would count as our memory.
                with contextlib.closing(ReleaseFile(path)) as file:
                    for record in chunk:
                        verifier.compare(file, name, record, issued.get(record.identifier, {}))
                progress(verifier.comparison.compared)
    return verifier.finish(entries)


def _check_pointer(desk: Desk, release: Release, key: bytes) -> None:
    pointer = desk.store.pointer(release.kind)
    current = pointer.current if pointer else None
    own = current is not None and current.reference.release == release.id
    if current and own and (current.reference, current.key) != (release.reference, key):
        raise DamagedError("The live pointer names another file or key: open it again.")
