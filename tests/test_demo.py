"""The demo: a made-up city published by made-up people, and never over somebody's own folder."""

import asyncio
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from rich.console import Console

from lookup.admin.batches import list_batches
from lookup.admin.desk import Desk, open_desk
from lookup.admin.on_air import Listener
from lookup.admin.people import passwords
from lookup.admin.people.roles import NOBODY
from lookup.admin.people.signing_in import sign_in
from lookup.admin.publishing.releases import list_releases
from lookup.demo import broadcast
from lookup.demo.people import actor, codes, register
from lookup.demo.publication import EARLIER, MISTAKES, TITLES, leave_work, publish
from lookup.demo.running import Addresses, demo_codes, run_demo
from lookup.errors import RefusedError, UsageError
from lookup.sample import write_sample
from lookup.settings import Settings


def test_every_kind_is_published_by_its_people_and_work_is_left_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))
    settings = Settings(data_dir=tmp_path / "var")
    files = write_sample(tmp_path / "sample", candidates=30, families=30)
    earlier = write_sample(tmp_path / "earlier", candidates=3, families=30, seed=2014)

    async def run() -> None:
        password = await register(settings)
        await publish(settings, files, earlier, Console(quiet=True))
        await leave_work(settings, files)
        async with open_desk(settings, NOBODY) as desk:
            await found(desk)
            for one in await codes(desk):
                assert (await sign_in(desk, one.name, password, one.code)).roles == {one.role}

    async def found(desk: Desk) -> None:
        releases = await list_releases(desk.database)
        assert {release.kind for release in releases} == {"scores", "lottery", "admissions"}
        states = {release.title: release.state for release in releases}
        assert states == {
            TITLES["scores"]: "open",
            TITLES["admissions"]: "open",
            TITLES["lottery"]: "scheduled",
            EARLIER: "closed",
        }
        correction, messy, *others = await list_batches(desk.database)
        assert (correction.state, correction.corrects is not None) == ("checked", True)
        assert (messy.state, messy.errors) == ("rejected", len(MISTAKES))
        assert {batch.state for batch in others} == {"approved"}

    asyncio.run(run())


def test_the_demos_broadcast_tells_every_round_and_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))
    settings = Settings(data_dir=tmp_path / "var")
    files = write_sample(tmp_path / "sample", candidates=2400, families=30)
    earlier = write_sample(tmp_path / "earlier", candidates=3, families=30, seed=2014)
    rounds = broadcast.rounds_in(files.school_plans)
    listener = Listener(settings.data_dir / "live")
    seen: list[tuple[bool, dict[str, str]]] = []

    async def sleep(seconds: float) -> None:
        if seconds == broadcast.REST_S:
            air = listener.look()
            seen.append((air.running, {told.round: told.state for told in air.rounds.values()}))
            if len(seen) == 2:
                raise asyncio.CancelledError

    async def run() -> None:
        await register(settings)
        await publish(settings, files, earlier, Console(quiet=True))
        async with open_desk(settings, actor("duty")) as desk:
            await broadcast.begin(desk, rounds)
        waiting = {told.state for told in listener.look().rounds.values()}
        assert waiting == {"waiting"}
        await broadcast.run(settings, files.school_plans, sleep)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert seen == [(False, dict.fromkeys(("提前批", "第一批", "第二批"), "done"))] * 2


def test_a_folder_that_the_demo_did_not_make_is_never_cleared(tmp_path: Path) -> None:
    own = tmp_path / "demo" / "own.txt"
    own.parent.mkdir()
    own.touch()
    with pytest.raises(RefusedError, match="not made by the demo"):
        run_demo(Settings(data_dir=tmp_path), Console(), Addresses("127.0.0.1", 0, 0, 1), 3, 3)
    assert own.exists()


def test_without_a_demo_there_are_no_codes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="scripts/demo"):
        demo_codes(Settings(data_dir=tmp_path))
