"""The release files a worker has mapped: verified first, watched afterwards.

LMDB trusts its file, so nothing is mapped before its digest was checked, and a mapped file
whose bytes were touched is set aside until they are checked again. A file that was unlinked
or replaced under its name stays mapped as it was: the kernel keeps the verified one.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from lookup.errors import DamagedError, RefusedError
from lookup.kinds import Kind
from lookup.release_file import ReleaseFile, verify_digest
from lookup.stores.embedded import EmbeddedStore, Stamp
from lookup.stores.pointer import Reference

RETRY_AFTER = timedelta(seconds=1)
log = logging.getLogger("lookup.public")


@dataclass(slots=True)
class Mapped:
    """A release file, its kind, when it was verified, and whether its bytes were touched since."""

    file: ReleaseFile
    kind: Kind
    stamp: Stamp
    checked_at: datetime
    touched: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One digest to compute. `run` may take seconds and belongs in a thread."""

    reference: Reference
    path: Path
    stamp: Stamp

    def run(self) -> DamagedError | None:
        """The error where the file is not the one referred to."""
        try:
            verify_digest(self.path, self.reference.sha256)
        except DamagedError as error:
            return error
        return None


class Shelf:
    """Mapped files by reference. Not thread-safe: use it from one thread."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._mapped: dict[Reference, Mapped] = {}
        self._checking: set[Reference] = set()
        self._failed: dict[Reference, datetime] = {}

    def get(self, reference: Reference) -> Mapped | None:
        """The mapped file, None while it is not verified."""
        mapped = self._mapped.get(reference)
        return None if mapped is None or mapped.touched else mapped

    def checks(
        self,
        wanted: Iterable[Reference],
        now: datetime,
        again: Mapping[Reference, datetime] = MappingProxyType({}),
    ) -> list[Check]:
        """Let go of everything not wanted; the digests that are to be checked now, those in
        `again` unless they were checked since the time given there."""
        keep = set(wanted)
        for reference in self._mapped.keys() - keep:
            self._mapped.pop(reference).file.close()
        self._failed = {each: at for each, at in self._failed.items() if each in keep}
        found = (
            self._check(reference, now, again.get(reference)) for reference in keep - self._checking
        )
        return [check for check in found if check is not None]

    def _check(self, reference: Reference, now: datetime, since: datetime | None) -> Check | None:
        stamp = self._store.release_stamp(reference)
        mapped = self._mapped.get(reference)
        if mapped is not None:
            mapped.touched |= mapped.file.damaged
            mapped.touched |= stamp is not None and _same_file_changed(mapped.stamp, stamp)
            stale = since is not None and mapped.checked_at < since and stamp == mapped.stamp
            if not mapped.touched and not stale:
                return None
        failed = self._failed.get(reference)
        if failed is not None and abs(now - failed) < RETRY_AFTER:
            return None
        if stamp is None:
            self._fail(reference, "is missing", now)
            return None
        self._checking.add(reference)
        return Check(reference, self._store.path(reference), stamp)

    def adopt(self, check: Check, error: DamagedError | None, now: datetime) -> None:
        """Take in what a check found: map the file, or drop it and say so once."""
        reference = check.reference
        self._checking.discard(reference)
        if error is None and self._store.release_stamp(reference) != check.stamp:
            error = DamagedError(f"{check.path.name} changed while it was read: leave it alone.")
        # Always mapped anew: a transaction that met damage once does not recover.
        self._drop(reference)
        try:
            if error is not None:
                raise error
            self._mapped[reference] = _map(check, now)
            self._failed.pop(reference, None)
        except RefusedError as damage:
            self._fail(reference, str(damage), now)

    def _drop(self, reference: Reference) -> None:
        mapped = self._mapped.pop(reference, None)
        if mapped is not None:
            mapped.file.close()

    def _fail(self, reference: Reference, why: str, now: datetime) -> None:
        if reference not in self._failed:
            log.error("release %s cannot be served: %s", reference.release, why)
        self._failed[reference] = now

    def close(self) -> None:
        """Unmap everything."""
        for reference in list(self._mapped):
            self._drop(reference)


def _same_file_changed(before: Stamp, after: Stamp) -> bool:
    return before[0] == after[0] and before != after


def _map(check: Check, now: datetime) -> Mapped:
    file = ReleaseFile(check.path)
    try:
        if file.manifest.release != check.reference.release:
            raise DamagedError(f"{check.path.name} holds another release: open the right one.")
        return Mapped(file, file.manifest.read_kind(), check.stamp, now)
    except DamagedError:
        file.close()
        raise
