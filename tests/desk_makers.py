"""Makers for what follows loading: people, batches as rows, releases sealed from nothing much."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import orjson

from lookup.admin.audit import Entry, oldest_first
from lookup.admin.batches import Batch, get_batch
from lookup.admin.desk import Desk, open_desk
from lookup.admin.people.roles import REVIEWER, Actor, machine_user
from lookup.admin.publishing.keys import Keys
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.publishing.releases import Release, get_release
from lookup.admin.reviewing import Approval, approve
from lookup.candidate import CANONICAL, credential
from lookup.clock import SteadyClock
from lookup.kind_file import load_kind
from lookup.kinds import Kind
from lookup.release_file import Envelope, Manifest, digest_of
from lookup.release_writer import ReleaseWriter
from lookup.sealing import fingerprint, new_key
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Pointer

KINDS = Path(__file__).parent.parent / "data" / "kinds"
START = datetime(2026, 6, 24, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MACHINE = machine_user("test")
RECORD = {"candidate_number": "100000001", "access_code": "ABCD2345", "total": 512}

T = TypeVar("T")


class Clock:
    """The time, as a test sets it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The time now."""
        return self.now


def person(name: str, *roles: str) -> Actor:
    """Somebody with these roles."""
    return Actor(name, frozenset(roles))


def kind_called(name: str) -> Kind:
    """A committed kind."""
    return load_kind(KINDS / f"{name}.toml")


def disclosure_of(kind: Kind) -> dict[str, str]:
    """What a reviewer who agrees with everything confirms."""
    return {field.name: field.disclosure for field in kind.fields}


class Bureau:
    """The admin wing over one data folder; one approval is required unless settings differ."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.settings = Settings(data_dir=root, **settings)
        self.store = EmbeddedStore(root)
        self.keys = Keys(root)
        self.clock: Callable[[], datetime] = Clock()

    def desk(self, actor: Actor = MACHINE) -> AbstractAsyncContextManager[Desk]:
        """A desk with its own connection."""
        return open_desk(self.settings, actor, self.clock)

    def at_desk(self, work: Callable[[Desk], Awaitable[T]], actor: Actor = MACHINE) -> T:
        """What one piece of work at a desk of its own gives."""

        async def run() -> T:
            async with self.desk(actor) as desk:
                return await work(desk)

        return asyncio.run(run())

    def publish(self, act: Callable[[Publisher], Awaitable[T]], actor: Actor = MACHINE) -> T:
        """One act of the publisher."""
        return self.at_desk(lambda desk: act(Publisher(desk)), actor)

    def execute(self, sql: str, *values: Any) -> int:
        """One statement behind everybody's back; the row it made."""

        async def work(desk: Desk) -> int:
            async with desk.database.execute(sql, values) as cursor:
                return cursor.lastrowid or 0

        return self.at_desk(work)

    def batch(
        self,
        kind: str = "scores",
        loader: str = "loader",
        state: str = "checked",
        corrects: int | None = None,
        content: str = "content",
    ) -> int:
        """A batch's row, as if loaded."""
        return self.execute(
            "INSERT INTO batch (kind, title, document, state, loaded_at, loaded_by, records,"
            " errors, warnings, sha256, issued, corrects)"
            " VALUES (?, '测试', ?, ?, ?, ?, 1, 0, 0, ?, 0, ?)",
            kind,
            orjson.dumps(kind_called(kind).document),
            state,
            self.clock().isoformat(),
            loader,
            sha256(content.encode()).hexdigest(),
            corrects,
        )

    def got(self, batch: int) -> Batch:
        """A batch as the database has it."""
        return self.at_desk(lambda desk: get_batch(desk.database, batch))

    def sealed(self, batch: int) -> str:
        """The id of a release sealed from a batch."""
        found = self.got(batch)
        key = new_key()
        release = f"{found.kind.name}-b{batch}-{key.hex()[:8]}"
        manifest = Manifest(
            release, found.kind.document, found.title, 1, None, 1, len(found.kind.ways),
            fingerprint(key, found.sha256), (), "test", START.isoformat(),
        )  # fmt: skip
        self.store.prepare()
        self.keys.keep(release, key)
        path = self.store.partial(release)
        way = found.kind.ways[0]
        typed = {name: CANONICAL[found.kind.field(name).type]("100000001") for name in way.fields}
        with ReleaseWriter(path, key, release) as writer:
            body = Envelope(manifest).around(orjson.dumps(RECORD))
            writer.add([credential(typed.items())], body)
            writer.finish(manifest, b"{}")
        reference = self.store.keep(release, digest_of(path))
        self.execute(
            "INSERT INTO release (id, kind, title, version, batch, file, sha256, built_at,"
            " built_by, state) VALUES (?, ?, '测试', 1, ?, ?, ?, ?, 'loader', 'sealed')",
            release,
            found.kind.name,
            batch,
            reference.file,
            reference.sha256,
            self.clock().isoformat(),
        )
        return release

    def approve(self, batch: int, name: str = "reviewer") -> Approval:
        """Somebody's approval, everything confirmed."""
        confirmed = disclosure_of(self.got(batch).kind)
        reviewer = person(name, REVIEWER)
        return self.at_desk(lambda desk: approve(desk, batch, confirmed), reviewer)

    def ready(self, kind: str = "scores", content: str = "content") -> str:
        """A sealed release of an approved batch."""
        batch = self.batch(kind, content=content)
        self.approve(batch)
        return self.sealed(batch)

    def schedule(self, release: str, opens_at: datetime = START + HOUR, **options: Any) -> Release:
        """Schedule a release."""
        return self.publish(lambda p: p.schedule(release, opens_at, **options))

    def release(self, release: str) -> Release:
        """A release as the database has it."""
        return self.at_desk(lambda desk: get_release(desk.database, release))

    def pointer(self, kind: str = "scores") -> Pointer | None:
        """A kind's live pointer."""
        return self.store.pointer(kind)

    def served(self, kind: str = "scores") -> str | None:
        """The release that is open, by its pointer."""
        pointer = self.pointer(kind)
        return pointer.current.reference.release if pointer and pointer.current else None

    def audit(self) -> list[Entry]:
        """The audit, the oldest line first."""

        async def work(desk: Desk) -> list[Entry]:
            return [entry async for entry in oldest_first(desk.database)]

        return self.at_desk(work)

    def acts(self) -> list[tuple[str, str]]:
        """Who did what, the oldest first."""
        return [(entry.person, entry.act) for entry in self.audit()]


class Hands:
    """A wall clock and a steady one, moved by hand."""

    def __init__(self) -> None:
        self.real_s = 0.0
        self.set_s = 0.0

    def wall(self) -> datetime:
        """The wall clock: what has passed since the start, and what it was set by."""
        return START + timedelta(seconds=self.real_s + self.set_s)

    def boot(self) -> float:
        """Seconds that have passed."""
        return self.real_s

    def clock(self) -> SteadyClock:
        """A steady clock made now."""
        return SteadyClock(self.wall, self.boot)
