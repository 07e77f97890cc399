"""The service under load while workers are killed, stopped and replaced.

What fails must be a dead worker's own; how long things took is printed, never asserted.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import pytest

from tests.service_makers import Load, Service, ask, publish_one, serving, tell, under_load

pytestmark = pytest.mark.heavy
CLIENTS = 8
KILLS = 6
ANSWERS = 3000
"""Between two blows: about two seconds' worth."""


def blows(
    data: Path, number: signal.Signals, strike: Callable[[Service, Load], Awaitable[None]]
) -> tuple[Load, Load]:
    """Strike the worker at the first of two posts again and again; the load on either one."""
    sockets = data / "run"

    async def run(service: Service) -> tuple[Load, Load]:
        first, second = (sockets / f"worker-{post}.sock" for post in (0, 1))
        async with under_load(first, CLIENTS) as struck, under_load(second, CLIENTS) as spared:
            await struck.more(1)
            for _ in range(KILLS):
                os.kill(service.posts[0], number)
                await strike(service, struck)
                await spared.more(ANSWERS)
        return struck, spared

    with Service(data, "--sockets", str(sockets), "--workers", "2") as service:
        service.ready(2)
        return asyncio.run(run(service))


async def replaced(service: Service, struck: Load) -> None:
    """Wait for the next worker and for what it answers."""
    began = monotonic()
    await asyncio.to_thread(service.says, "ended by signal 9")
    ended = monotonic()
    await asyncio.to_thread(service.ready, 2)
    await struck.more(1)
    tell(f"ended after {ended - began:.2f} s, answered {monotonic() - ended:.2f} s later")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dying_worker_takes_nobody_else_with_it(tmp_path: Path, number: signal.Signals) -> None:
    publish_one(tmp_path)
    struck, spared = blows(tmp_path, number, replaced)
    assert spared.failed == []
    assert struck.refused == spared.refused == 0
    # No connection has more than one request under way.
    assert len(struck.failed) <= KILLS * CLIENTS
    tell(f"{struck.answered + spared.answered:,} answered, {len(struck.failed)} died with workers")


@pytest.mark.parametrize("keep_alive", [True, False])
def test_a_rolling_restart_fails_nobody(tmp_path: Path, keep_alive: bool) -> None:
    publish_one(tmp_path)

    async def run(service: Service, port: int) -> Load:
        async with under_load(port, 2 * CLIENTS, keep_alive=keep_alive) as load:
            for _ in range(3):
                await load.more(ANSWERS)
                began = monotonic()
                await asyncio.to_thread(service.restart)
                tell(f"two workers replaced in {monotonic() - began:.2f} s")
            await load.more(ANSWERS)
        return load

    with serving(tmp_path, 2) as (service, port):
        load = asyncio.run(run(service, port))
        assert (load.failed, load.refused) == ([], 0)
        tell(f"{load.answered:,} answered, none failed")
        assert ask(port).status_code == 200


def test_workers_killed_on_one_port_fail_only_what_they_had_begun(tmp_path: Path) -> None:
    publish_one(tmp_path)

    async def run(service: Service, port: int) -> Load:
        async with under_load(port, 2 * CLIENTS, keep_alive=False) as load:
            for _ in range(KILLS):
                await load.more(ANSWERS // 3)
                os.kill(service.workers[0], signal.SIGKILL)
                await asyncio.to_thread(service.says, "ended by signal 9")
                await asyncio.to_thread(service.ready, 2)
        return load

    with serving(tmp_path, 2) as (service, port):
        load = asyncio.run(run(service, port))
    assert load.refused == 0
    assert len(load.failed) <= KILLS * 2 * CLIENTS
    tell(f"{load.answered:,} answered, {len(load.failed)} died with {KILLS} workers")
