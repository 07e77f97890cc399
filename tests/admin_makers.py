"""Makers for the admin wing: made-up files, a settable clock, an office that does one act."""

import asyncio
import csv
import io
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, findings, get_batch
from lookup.admin.desk import Desk, open_desk
from lookup.admin.loading import Loaded, load
from lookup.admin.people.roles import Actor, machine_user
from lookup.admin.publishing.building import build
from lookup.admin.publishing.keys import Keys
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.publishing.releases import Release, get_release, list_releases, reconcile
from lookup.admin.publishing.verifying import Comparison, verify
from lookup.candidate import access_code
from lookup.kind_file import load_kind
from lookup.kinds import Kind
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Pointer

CHECKOUT = Path(__file__).parent.parent
KINDS = CHECKOUT / "data" / "kinds"
SAMPLES = CHECKOUT / "data" / "samples"
THPT = CHECKOUT / "tests" / "kinds" / "thpt.toml"
START = datetime(2026, 6, 24, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEADER = ["准考证号", "查询码", "身份证号后六位", "姓名", "语文", "总分", "考试情况"]

TESTER = machine_user("test")
"""Whoever the tests are: the machine's own user, who may do everything."""

T = TypeVar("T")


def kind_called(name: str) -> Kind:
    """A committed kind."""
    return load_kind(KINDS / f"{name}.toml")


class Clock:
    """The time, as a test sets it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The time now."""
        return self.now


def candidate(number: int, **changes: str) -> list[str]:
    """One made-up row under `HEADER`; `changes` by column name."""
    row = {
        "准考证号": f"{10_000_000 + number:09d}",
        "查询码": access_code(number * 7_919_000_003 % 32**8),
        "身份证号后六位": f"{number * 37 % 100_000:05d}X",
        "姓名": f"测试{chr(0x4E00 + number)}",
        "语文": str(60 + number % 50),
        "总分": str(300 + number % 200),
        "考试情况": "正常",
    }
    return list((row | changes).values())


def candidates(count: int) -> list[list[str]]:
    """That many made-up rows under `HEADER`."""
    return [candidate(number) for number in range(1, count + 1)]


def as_csv(rows: Iterable[Sequence[str]], **options: Any) -> str:
    """Rows as the csv module writes them."""
    text = io.StringIO(newline="")
    csv.writer(text, **options).writerows(rows)
    return text.getvalue()


def write_rows(path: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    """A file of these rows under a header, UTF-8."""
    path.write_text(as_csv([header, *rows]), encoding="utf-8", newline="")
    return path


class Office:
    """The admin wing over one data folder; every act has a desk of its own.

    No approval is needed unless `settings` say so: what is tested is mostly something else.
    """

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.settings = Settings(data_dir=root, **{"required_approvals": 0, **settings})
        self.store = EmbeddedStore(root)
        self.keys = Keys(root)
        self.clock = Clock()

    def desk(self, actor: Actor = TESTER) -> AbstractAsyncContextManager[Desk]:
        """A desk with its own connection."""
        return open_desk(self.settings, actor, self.clock)

    def at_desk(self, work: Callable[[Desk], Awaitable[T]], actor: Actor = TESTER) -> T:
        """What one piece of work at a desk of its own gives."""

        async def run() -> T:
            async with self.desk(actor) as desk:
                return await work(desk)

        return asyncio.run(run())

    def do(self, act: Callable[[Publisher], Awaitable[T]], actor: Actor = TESTER) -> T:
        """One act of the publisher."""
        return self.at_desk(lambda desk: act(Publisher(desk)), actor)

    def load(
        self, kind: Kind, *paths: Path, title: str = "测试", actor: Actor = TESTER, **options: Any
    ) -> Loaded:
        """Load files as one batch and check it."""
        return self.at_desk(lambda desk: load(desk, kind, paths, title=title, **options), actor)

    def build(self, batch: int, actor: Actor = TESTER) -> Release:
        """Build a release of a batch."""
        return self.at_desk(lambda desk: build(desk, batch), actor)

    def batch(self, batch: int) -> Batch:
        """A batch as the database has it."""
        return self.at_desk(lambda desk: get_batch(desk.database, batch))

    def batch_file(self, batch: int) -> Path:
        """Where a batch's records and findings lie."""
        return batch_path(self.root / "admin" / "batches", batch)

    def made(self, count: int = 12, title: str = "测试") -> Release:
        """A sealed release of made-up scores."""
        path = write_rows(self.root / f"scores-{count}.csv", candidates(count))
        return self.build(self.load(kind_called("scores"), path, title=title).batch)

    def open(self, release: str, **options: Any) -> Release:
        """Open a release."""
        return self.do(lambda p: p.open(release, **options))

    def schedule(self, release: str, opens_at: datetime) -> Release:
        """Schedule a release."""
        return self.do(lambda p: p.schedule(release, opens_at))

    def release(self, release: str) -> Release:
        """A release as the database has it, after reconciling."""

        async def work(desk: Desk) -> Release:
            await reconcile(desk)
            return await get_release(desk.database, release)

        return self.at_desk(work)

    def releases(self) -> list[Release]:
        """All releases, reconciled."""

        async def work(desk: Desk) -> list[Release]:
            await reconcile(desk)
            return await list_releases(desk.database)

        return self.at_desk(work)

    def findings(self, batch: int) -> list[dict[str, Any]]:
        """A batch's findings."""

        async def work() -> list[dict[str, Any]]:
            async with open_batch_file(self.batch_file(batch)) as file:
                return await findings(file, 1000)

        return asyncio.run(work())

    def verify(self, release: Release, *paths: Path) -> Comparison:
        """Hold a release against files."""
        return self.at_desk(lambda desk: verify(desk, release, paths))

    def pointer(self, kind: str = "scores") -> Pointer | None:
        """A kind's live pointer."""
        return self.store.pointer(kind)

    def public_bytes(self) -> dict[str, bytes]:
        """Everything the public side could read, by file name."""
        files = [*self.store.releases.glob("**/*"), *self.store.live.glob("**/*")]
        return {path.name: path.read_bytes() for path in files if path.is_file()}


def holds_key(content: bytes, key: bytes) -> bool:
    """Whether bytes hold a key, raw or in hexadecimal."""
    return key in content or key.hex().encode() in content.lower()


def lookup(
    root: Path,
    *arguments: str | bytes,
    script: str = "",
    environment: Mapping[str, str] | None = None,
    typed: str = "",
) -> "subprocess.CompletedProcess[str]":
    """The command line in a process of its own; `script` runs before it, `typed` is its input."""
    return subprocess.run(
        [sys.executable, "-c", f"{script}\nfrom lookup.cli import main; main()", *arguments],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "LOOKUP_DATA_DIR": str(root),
            "LOOKUP_REQUIRED_APPROVALS": "0",
            "COLUMNS": "200",
            **(environment or {}),
        },
        capture_output=True,
        input=typed,
        text=True,
        check=False,
        timeout=120,
    )
