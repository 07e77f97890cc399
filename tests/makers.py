"""Makers of tiny made-up releases, and a client without a network."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette

from lookup.candidate import CANONICAL, credential
from lookup.kind_file import load_kind
from lookup.kinds import Kind
from lookup.public.asking import Credentials, Outcome, Ways, find, gate
from lookup.public.live import LiveReleases, View
from lookup.release_file import Envelope, Manifest, digest_of
from lookup.release_writer import ReleaseWriter
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Current, Ended, Pointer, Reference, Upcoming

KINDS = Path(__file__).parent.parent / "data" / "kinds"
KEY = bytes(range(32))
OPENING = datetime(2026, 7, 1, 1, 0, tzinfo=UTC)
TYPED = {"candidate_number": "100000001", "access_code": "ABCD2345"}
RECORD: dict[str, Any] = {
    **TYPED,
    "id_suffix": "12345X",
    "name": "测试甲",
    "middle_school": "示例中学",
    "chinese": 101.5,
    "mathematics": 120,
    "english": "absent",
    "total": 512.5,
    "rank": 321,
    "flag": "normal",
}


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: datetime = OPENING

    def __call__(self) -> datetime:
        return self.now


def make_kind(name: str = "scores") -> Kind:
    return load_kind(KINDS / f"{name}.toml")


def make_release(
    store: EmbeddedStore,
    kind: Kind,
    records: Sequence[Mapping[str, Any]] = (RECORD,),
    key: bytes = KEY,
    release: str = "r1",
    version: int = 1,
    *,
    title: str = "试验发布",
    pre_check: bool = False,
    corrects: str | None = None,
    statistics: Mapping[str, Any] | bytes = b"{}",
) -> Reference:
    """Seal made-up records, second factors among their fields, under every way in."""
    store.prepare()
    entries = len(records) * len(kind.ways)
    manifest = Manifest(
        release, kind.document, title, version, None, len(records), entries,
        "0" * 64, (), "test", "2026-06-30T00:00:00+00:00", pre_check=pre_check, corrects=corrects,
    )  # fmt: skip
    envelope = Envelope(manifest)
    path = store.partial(release)
    with ReleaseWriter(path, key, release, pre_check=pre_check) as writer:
        for record in records:
            shown = {n: v for n, v in record.items() if not kind.field(n).secret}
            ways = [
                credential((n, CANONICAL[kind.field(n).type](record[n])) for n in way.fields)
                for way in kind.ways
                if all(n in record for n in way.fields)
            ]
            writer.add(ways, envelope.around(orjson.dumps(shown)))
        told = statistics if isinstance(statistics, bytes) else orjson.dumps(statistics)
        writer.finish(manifest, told)
    return store.keep(release, digest_of(path))


def move(
    store: EmbeddedStore,
    kind: str = "scores",
    current: Current | None = None,
    upcoming: Upcoming | None = None,
    ended: Ended | None = None,
) -> None:
    """Move a kind's pointer to its next epoch."""
    store.prepare()
    found = store.pointer(kind)
    store.move(Pointer(kind, (found.epoch if found else 0) + 1, current, upcoming, ended))


def open_release(
    store: EmbeddedStore,
    reference: Reference,
    kind: str = "scores",
    key: bytes = KEY,
    opened_at: datetime = OPENING,
    closes_at: datetime | None = None,
) -> None:
    move(store, kind, Current(reference, key, opened_at, closes_at))


def send(app: Starlette, method: str, url: str, **options: Any) -> httpx.Response:
    """One request through the application, without its lifespan."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, url, **options)

    return asyncio.run(run())


def ask(live: LiveReleases, kind: str, fields: Mapping[str, object], now: datetime) -> Outcome:
    """What every way of asking does: the state first, the fields after."""
    view = gate(live, kind, now)
    if not isinstance(view, View):
        return view
    assert view.kind is not None
    credentials = Ways(view.kind).read(fields)
    return find(view, credentials) if isinstance(credentials, Credentials) else credentials
