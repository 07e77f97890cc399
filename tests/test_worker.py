"""What a worker tells its supervisor, and what it takes for a reason to end."""

import asyncio
import multiprocessing
import os
import resource
import signal
import socket
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import uvicorn

from lookup.public.live import LiveReleases
from lookup.public.worker import BEAT, LISTENERS, READY, WorkerServer, listeners, room_for
from lookup.stores.embedded import EmbeddedStore
from tests.makers import Clock


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveReleases]:
    live = LiveReleases(EmbeddedStore(tmp_path), Clock())
    yield live
    live.close()


@pytest.fixture
def beats() -> Iterator[tuple[Connection, Connection]]:
    reading, writing = multiprocessing.Pipe(duplex=False)
    with reading, writing:
        yield reading, writing


@pytest.fixture
def server(live: LiveReleases, beats: tuple[Connection, Connection]) -> WorkerServer:
    async def app(scope: object, receive: object, send: object) -> None: ...

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    server = WorkerServer(config, live, beats[1])
    server.lifespan = config.lifespan_class(config)
    return server


def test_its_loop_beats_and_says_once_that_it_is_ready(
    server: WorkerServer, live: LiveReleases, beats: tuple[Connection, Connection]
) -> None:
    def hear() -> bytes:
        return os.read(beats[0].fileno(), 1)

    async def run() -> bytes:
        await server.startup([])
        heard = await asyncio.to_thread(hear) + await asyncio.to_thread(hear)
        live.settle()
        while READY not in heard:
            heard += await asyncio.to_thread(hear)
        for _ in range(3):
            heard += await asyncio.to_thread(hear)
        return heard

    heard = asyncio.run(run())
    assert heard.startswith(BEAT + BEAT)
    assert heard.count(READY) == 1
    assert set(heard) == set(BEAT + READY)


def test_it_goes_on_when_nobody_reads_what_it_says(
    server: WorkerServer, beats: tuple[Connection, Connection]
) -> None:
    for _ in range(1 << 17):
        server._say(BEAT)
    beats[0].close()
    server._say(BEAT)
    assert not server.should_exit


def test_it_ends_when_it_is_told_to_but_not_by_ctrl_c(server: WorkerServer) -> None:
    server.handle_exit(signal.SIGINT, None)
    assert not server.should_exit
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit


def test_it_is_not_ready_any_more_while_it_ends(server: WorkerServer, live: LiveReleases) -> None:
    async def run() -> None:
        await server.startup([])
        live.settle()
        assert live.ready()
        await server.shutdown([])

    asyncio.run(run())
    assert not live.ready()


class Late:
    """A connection that was accepted while the worker began to end."""

    def __init__(self, told: asyncio.Event) -> None:
        self.told = told

    def shutdown(self) -> None:
        self.told.set()


def test_a_connection_that_came_at_the_last_moment_is_told_too(server: WorkerServer) -> None:
    async def run() -> None:
        await server.startup([])
        told = asyncio.Event()
        ending = asyncio.create_task(server.shutdown([]))
        await asyncio.sleep(0)
        late = Late(told)
        server.server_state.connections.add(late)  # type: ignore[arg-type]  # stands in for one
        await told.wait()
        server.server_state.connections.clear()
        await ending

    asyncio.run(run())


@pytest.mark.parametrize(
    ("soft", "hard", "kept", "soft_then"),
    [
        (1024, 4096, 3000, 3128),
        (1024, 1024, 896, 1024),
        (65536, 65536, 3000, 65536),
        (64, 64, 1, 64),
        (1024, resource.RLIM_INFINITY, 3000, 3128),
    ],
)
def test_connections_leave_files_for_the_pointers(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, kept: int, soft_then: int
) -> None:
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: limits.append(to))
    assert room_for(3000) == kept
    assert limits[-1] == (soft_then, hard)


def test_a_worker_takes_several_newcomers_in_a_turn_of_its_loop() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        listening = listeners([bound])
        assert len(listening) == len({each.fileno() for each in listening}) == LISTENERS
        assert {each.getsockname() for each in listening} == {bound.getsockname()}
        for each in listening:
            each.close()


def test_a_worker_that_begins_lets_the_others_go_on_listening() -> None:
    with socket.socket() as bound, socket.socket(fileno=os.dup(bound.fileno())) as received:
        bound.setblocking(False)
        listening = listeners([received])
        assert not os.get_blocking(bound.fileno())
        for each in listening[1:]:
            each.close()
