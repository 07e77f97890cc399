"""Whether a sealed release is whole, is what was approved, and opens with its key."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lookup.admin.publishing.keys import Keys
from lookup.admin.publishing.releases import Release
from lookup.errors import DamagedError
from lookup.release_file import Manifest, ReleaseFile, verify_digest
from lookup.sealing import fingerprint
from lookup.stores.embedded import EmbeddedStore, Stamp
from lookup.stores.pointer import Current

T = TypeVar("T")
_READERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sealed")
"""Threads of its own: pages that keep the loop's busy must not keep a release from its hour."""
_ONE_AT_A_TIME = threading.Lock()
"""LMDB maps a file once a process: two checks of one file must not meet."""
_verified: dict[str, tuple[Stamp, str]] = {}
"""Release files whose digest this process has found right, with the stamps they had."""


async def aside(work: Callable[[], T]) -> T:
    """Reading that takes a second, away from the loop: the console answers meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(_READERS, work)


def check_digest(store: EmbeddedStore, release: Release, *, anew: bool) -> None:
    """Raise DamagedError unless the file is there and is what was sealed.

    Unless `anew`, a file that has not been touched since the last time is not read again.
    """
    stamp = store.release_stamp(release.reference)
    known = (stamp, release.sha256)
    if anew or stamp is None or _verified.get(release.id) != known:
        verify_digest(store.path(release.reference), release.sha256)
        if stamp is not None:
            _verified[release.id] = (stamp, release.sha256)


def read_manifest(store: EmbeddedStore, keys: Keys, release: Release) -> tuple[bytes, Manifest]:
    """The key and the manifest of a release whose digest is right and whose statistics open.

    Raises DamagedError, RefusedError where the key cannot be read.
    """
    key = keys.get(release.id)
    with _ONE_AT_A_TIME, contextlib.closing(ReleaseFile(store.path(release.reference))) as file:
        file.statistics(key)
        return key, file.manifest


def read_statistics(store: EmbeddedStore, current: Current) -> bytes:
    """The statistics of the release that is open. Raises DamagedError, StorageError."""
    with _ONE_AT_A_TIME, contextlib.closing(ReleaseFile(store.path(current.reference))) as file:
        return file.statistics(current.key)


def check_sealed(
    store: EmbeddedStore, keys: Keys, release: Release, content: str
) -> tuple[bytes, Manifest]:
    """Key and manifest of a whole release that was sealed from the batch with this content hash.

    Raises DamagedError.
    """
    check_digest(store, release, anew=True)
    key, manifest = read_manifest(store, keys, release)
    if manifest.batch != fingerprint(key, content):
        raise DamagedError(
            f"{release.id} was sealed from other content than batch {release.batch} has now:"
            " build that batch again."
        )
    return key, manifest
