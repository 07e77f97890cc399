"""Preflight: what must be right for a release to open at its hour, looked at one by one."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lookup.admin import audit
from lookup.admin.batches import get_batch
from lookup.admin.desk import Desk
from lookup.admin.publishing.heartbeat import alive
from lookup.admin.publishing.releases import Release, get_release
from lookup.admin.publishing.sealed import aside, check_digest, read_manifest
from lookup.admin.reviewing import approved, approvers
from lookup.admin.states import OPEN, SCHEDULED
from lookup.clock import SteadyClock
from lookup.errors import RefusedError, ServiceError
from lookup.release_file import Manifest
from lookup.sealing import fingerprint
from lookup.stores.workers import workers_ready

OK, WAIT, FAILED = "ok", "wait", "failed"
PREFLIGHT_FROM = timedelta(minutes=10)
"""So long before its hour a release is looked at."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing looked at: ok, not yet, or wrong; `values` say how, for a sentence."""

    name: str
    state: str
    values: Mapping[str, str | int | float | ServiceError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Look:
    desk: Desk
    release: Release
    clock: SteadyClock
    now: datetime


Looker = Callable[[_Look], Awaitable[Item]]


async def preflight(desk: Desk, release_id: str, steady: SteadyClock) -> list[Item]:
    """Every item, in the order of `ITEMS`. Raises UsageError where there is no such release."""
    release = await get_release(desk.database, release_id)
    look = _Look(desk, release, steady, steady())
    return [await _safely(name, looker, look) for name, looker in ITEMS.items()]


async def _safely(name: str, looker: Looker, look: _Look) -> Item:
    """A thing that refuses to be looked at is wrong, and the others are looked at all the same."""
    try:
        return await looker(look)
    except RefusedError as error:
        return Item(name, FAILED, {"why": error})


async def _approval(look: _Look) -> Item:
    desk = look.desk
    batch = await get_batch(desk.database, look.release.batch)
    values: dict[str, str | int | float] = {
        "batch": batch.id,
        "state": batch.state,
        "have": len(await approvers(desk.database, batch)),
        "need": desk.settings.required_approvals,
    }
    right = await approved(desk.database, desk.settings, batch)
    return Item("approval", OK if right else FAILED, values)


async def _file(look: _Look) -> Item:
    await aside(lambda: check_digest(look.desk.store, look.release, anew=False))
    return Item("file", OK, {"file": look.release.file, "sha256": look.release.sha256})


async def _opened(look: _Look) -> tuple[bytes, Manifest]:
    """The key and the manifest. Raises DamagedError, RefusedError."""

    def read() -> tuple[bytes, Manifest]:
        # Never before the digest: LMDB must not be handed a damaged file.
        check_digest(look.desk.store, look.release, anew=False)
        return read_manifest(look.desk.store, look.desk.keys, look.release)

    return await aside(read)


async def _key(look: _Look) -> Item:
    await _opened(look)
    return Item("key", OK)


async def _content(look: _Look) -> Item:
    release = look.release
    key, manifest = await _opened(look)
    batch = await get_batch(look.desk.database, release.batch)
    right = (
        manifest.release == release.id
        and manifest.batch == fingerprint(key, batch.sha256)
        and manifest.records == batch.records
    )
    return Item("content", OK if right else FAILED, {"records": manifest.records})


async def _pointer(look: _Look) -> Item:
    pointer = look.desk.store.pointer(look.release.kind)
    parts = (pointer.upcoming, pointer.current) if pointer else ()
    named = any(part and part.reference == look.release.reference for part in parts)
    # What was never scheduled is not missing yet; what was, should be there.
    missing = FAILED if look.release.state in {SCHEDULED, OPEN} else WAIT
    return Item("pointer", OK if named else missing, {"state": look.release.state})


async def _clock(look: _Look) -> Item:
    drift_s = look.clock.drift_s()
    newest = [entry async for entry in audit.entries(look.desk.database, limit=1)]
    behind = bool(newest) and look.now < datetime.fromisoformat(newest[0].at)
    right = look.clock.agree() and not behind
    return Item("clock", OK if right else FAILED, {"drift_s": round(drift_s, 3)})


async def _workers(look: _Look) -> Item:
    reports = look.desk.store.workers(look.now)
    ready, there = workers_ready(reports, look.release.id, look.now)
    values = {"ready": ready, "workers": there}
    if not there:
        return Item("workers", FAILED, values)
    return Item("workers", OK if ready == there else WAIT, values)


async def _publisher(look: _Look) -> Item:
    runs = alive(look.desk.settings.data_dir, look.now)
    return Item("publisher", OK if runs else FAILED)


ITEMS: dict[str, Looker] = {
    "approval": _approval,
    "file": _file,
    "key": _key,
    "content": _content,
    "pointer": _pointer,
    "clock": _clock,
    "workers": _workers,
    "publisher": _publisher,
}
"""What is looked at. Without the publisher or its workers a release can be opened by hand."""

SENTENCES = {
    "approval": "batch {batch} is {state} with {have} of {need} approvals",
    "file": "{file} is as it was sealed",
    "key": "the key opens the file",
    "content": "the file holds the {records} records of its batch",
    "pointer": "the release is {state}",
    "clock": "the clock is {drift_s} s away from the steady one; a clock that was set rightly is"
    " believed after a restart",
    "workers": "{ready} of {workers} public workers are ready",
    "publisher": "the console's publisher opens it; without it: lookup release open --wait",
}


def sentence(item: Item) -> str:
    """What the command line says of an item."""
    if "why" in item.values:
        return str(item.values["why"])
    return SENTENCES[item.name].format_map(item.values)
