"""Nobody waits longer than everybody may, and there is room for whoever comes."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from lookup.public.app import create_app
from lookup.public.connections import LONGEST_S, SWEEP_S, Connections, Wait
from lookup.public.guarded import (
    LINGER_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_RAW_BYTES,
    MAX_REST_BYTES,
)
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import TYPED, Clock, make_kind, make_release, open_release
from tests.wire_makers import (
    API,
    NoFairUse,
    Pipe,
    Turns,
    chunked,
    config_of,
    connect,
    request,
    settle,
)

GOOD = request()
PAGE = request(method="GET", path="/status.json", body=b"")


@dataclass
class Seconds:
    """A steady clock that is moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class Peer:
    """A connection that remembers what it was told."""

    told: list[Wait] = field(default_factory=list)

    def expired(self, wait: Wait) -> None:
        self.told.append(wait)


# The book of waits


@pytest.mark.parametrize("wait", list(LONGEST_S))
def test_a_wait_ends_after_its_time_and_is_told_once(wait: Wait) -> None:
    clock = Seconds()
    connections, peer = Connections(10, clock), Peer()
    connections.begin(peer, wait)
    clock.now += LONGEST_S[wait] - SWEEP_S
    connections.sweep()
    assert peer.told == []
    clock.now += 2 * SWEEP_S
    connections.sweep()
    connections.sweep()
    assert peer.told == [wait]


def test_a_wait_that_begins_anew_has_all_its_time() -> None:
    clock = Seconds()
    connections, peers = Connections(10, clock), [Peer(), Peer()]
    for peer in peers:
        connections.admit(peer)
    clock.now += 10
    connections.begin(peers[0], Wait.IDLE)
    clock.now += 10
    connections.sweep()
    assert [peer.told for peer in peers] == [[], [Wait.IDLE]]


def test_the_one_idle_longest_makes_room() -> None:
    clock = Seconds()
    connections, peers = Connections(2, clock), [Peer(), Peer(), Peer()]
    assert connections.admit(peers[0])
    assert connections.admit(peers[1])
    connections.begin(peers[0], Wait.IDLE)
    assert connections.admit(peers[2])
    assert [peer.told for peer in peers] == [[], [Wait.IDLE], []]
    assert connections.count() == 2


def test_one_that_lingers_goes_before_any_that_is_idle() -> None:
    connections, idle, lingering = Connections(2, Seconds()), Peer(), Peer()
    assert connections.admit(idle)
    assert connections.admit(lingering)
    connections.end(lingering, Wait.IDLE)
    connections.begin(lingering, Wait.LINGER)
    assert connections.admit(Peer())
    assert (idle.told, lingering.told) == ([], [Wait.LINGER])


def test_one_that_only_watches_goes_after_all_that_are_idle_and_before_a_newcomer() -> None:
    connections, viewers, idle = Connections(3, Seconds()), [Peer(), Peer()], Peer()
    for peer in (*viewers, idle):
        assert connections.admit(peer)
    for viewer in viewers:
        connections.end(viewer, Wait.IDLE)
        connections.begin(viewer, Wait.WATCH)
    busy = [Peer(), Peer()]
    for peer in busy:
        assert connections.admit(peer)
        connections.end(peer, Wait.IDLE)
    assert idle.told == [Wait.IDLE]
    assert [viewer.told for viewer in viewers] == [[Wait.WATCH], []]


def test_no_time_runs_out_for_one_that_watches() -> None:
    clock = Seconds()
    connections, viewer = Connections(1, clock), Peer()
    connections.begin(viewer, Wait.WATCH)
    clock.now = 1e9
    connections.sweep()
    assert viewer.told == []


def test_where_all_are_busy_the_newcomer_goes() -> None:
    connections, busy, late = Connections(1, Seconds()), Peer(), Peer()
    assert connections.admit(busy)
    connections.end(busy, Wait.IDLE)
    assert not connections.admit(late)
    connections.forget(busy)
    assert connections.admit(late)
    assert busy.told == []


def test_it_sweeps_by_a_timer_of_the_loop_and_stops() -> None:
    clock, loop = Seconds(), Turns()
    connections, peer = Connections(10, clock), Peer()
    connections.start(loop)  # type: ignore[arg-type]
    for _ in range(2):
        connections.begin(peer, Wait.IDLE)
        clock.now += 16
        loop.turn()
    connections.begin(peer, Wait.IDLE)
    clock.now += 16
    connections.stop()
    loop.turn()
    assert peer.told == [Wait.IDLE, Wait.IDLE]


EVENTS = st.lists(
    st.tuples(st.sampled_from(["begin", "end", "forget", "later"]), st.integers(0, 4),
              st.sampled_from(list(LONGEST_S)), st.floats(0, 10)),
    max_size=60,
)  # fmt: skip


@given(EVENTS)
def test_whoever_is_told_has_waited_and_nobody_is_forgotten(
    events: list[tuple[str, int, Wait, float]],
) -> None:
    clock, peers = Seconds(), [Peer() for _ in range(5)]
    connections, since = Connections(10, clock), dict[tuple[int, Wait], float]()
    for event, number, wait, seconds in events:
        if event == "begin":
            connections.begin(peers[number], wait)
            since[number, wait] = clock.now
        elif event == "end":
            connections.end(peers[number], wait)
            since.pop((number, wait), None)
        elif event == "forget":
            connections.forget(peers[number])
            since = {key: at for key, at in since.items() if key[0] != number}
        else:
            clock.now += seconds
            connections.sweep()
            over = {key for key, at in since.items() if clock.now - at >= LONGEST_S[key[1]]}
            assert {(n, told) for n, peer in enumerate(peers) for told in peer.told} == over
            since = {key: at for key, at in since.items() if key not in over}
            for peer in peers:
                peer.told.clear()


# Connections to the service


@dataclass
class World:
    """The service with a clock of its own for waits."""

    config: uvicorn.Config
    clock: Seconds
    connections: Connections

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.connections.sweep()

    def refused(self, reason: str) -> int:
        return int(self.config.loaded_app.state.tally.http_refused().get(reason, 0))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[uvicorn.Config]:
    folder: Path = tmp_path_factory.mktemp("data")
    store = EmbeddedStore(folder)
    open_release(store, make_release(store, make_kind()))
    app = create_app(Settings(data_dir=folder), store, Clock(), NoFairUse())
    app.state.live.settle()
    yield config_of(app)
    app.state.live.close()


@pytest.fixture
def world(served: uvicorn.Config) -> World:
    clock = Seconds()
    connections = Connections(3, clock)
    served.loaded_app.state.service.connections = connections
    return World(served, clock, connections)


async def sent(world: World, *chunks: bytes, room: int | None = None) -> tuple[Any, Pipe]:
    protocol, pipe = connect(world.config, room)
    for chunk in chunks:
        protocol.data_received(chunk)
    await settle(protocol)
    return protocol, pipe


async def heard(pipe: Pipe) -> None:
    """Send no more while nothing is read."""
    for _ in range(10_000):
        if pipe.closed or not pipe.reading_paused:
            return
        await asyncio.sleep(0)


def test_a_request_that_takes_too_long_is_ended(world: World) -> None:
    async def run() -> None:
        for start in (b"P", GOOD[:20], GOOD[:-1], PAGE[:-2], GOOD + GOOD[:-1]):
            protocol, pipe = await sent(world, start)
            world.wait(4.9)
            assert b" 408 " not in pipe.written
            world.wait(0.2)
            assert b" 408 " in pipe.written
            assert pipe.ended
            world.wait(1.1)
            assert pipe.closed
            protocol.connection_lost(None)

    before = world.refused("too_slow")
    asyncio.run(run())
    assert world.connections.count() == 0
    assert world.refused("too_slow") == before + 5


def test_a_trickle_buys_no_time(world: World) -> None:
    async def run() -> None:
        protocol, pipe = await sent(world, GOOD[:5])
        for at in range(5, 11):
            world.wait(1)
            if not pipe.ended:
                protocol.data_received(GOOD[at : at + 1])
        assert pipe.ended

    asyncio.run(run())


@pytest.mark.parametrize("before", [b"", GOOD, PAGE, b"\r\n", GOOD + b"\r\n"])
def test_an_idle_connection_is_closed_in_silence(world: World, before: bytes) -> None:
    async def run() -> None:
        _, pipe = await sent(world, before)
        said = pipe.written
        world.wait(14.9)
        assert not pipe.closed
        world.wait(0.2)
        assert (pipe.closed, pipe.written) == (True, said)

    asyncio.run(run())


def test_each_answer_gives_the_idle_their_time_again(world: World) -> None:
    async def run() -> None:
        protocol, pipe = await sent(world, GOOD)
        for chunk in (GOOD, PAGE, GOOD):
            world.wait(10)
            protocol.data_received(chunk)
            await settle(protocol)
        assert not pipe.closed
        assert pipe.written.count(b" 200 OK") == 4

    asyncio.run(run())


@pytest.mark.parametrize("one", [GOOD, PAGE])
def test_whoever_does_not_read_is_not_read_from_and_then_cut(world: World, one: bytes) -> None:
    async def run() -> None:
        protocol, pipe = await sent(world, one * 2000, room=100)
        assert pipe.reading_paused
        # What one slice of input made, and not what all of it would.
        assert len(pipe.written) + len(protocol.out) < 100_000
        world.wait(4.9)
        assert not pipe.closed
        world.wait(0.2)
        assert pipe.aborted

    asyncio.run(run())


@pytest.mark.parametrize("one", [GOOD, PAGE])
def test_whoever_reads_at_last_gets_every_answer(world: World, one: bytes) -> None:
    async def run() -> None:
        protocol, pipe = await sent(world, one * 500, room=100)
        pipe.drain()
        for _ in range(600):
            await settle(protocol)
        assert pipe.written.count(b"HTTP/1.1 200 OK") == 500
        assert not pipe.reading_paused

    asyncio.run(run())


def test_input_is_never_kept_without_bound(world: World) -> None:
    async def run() -> None:
        protocol, pipe = await sent(world, GOOD * 100, room=100)
        for _ in range(1 + MAX_REST_BYTES // len(GOOD)):
            if not pipe.closed:
                protocol.data_received(GOOD)
        assert pipe.aborted

    asyncio.run(run())


def test_above_the_limit_the_one_idle_longest_is_closed(world: World) -> None:
    async def run() -> None:
        pipes = [(await sent(world, GOOD))[1] for _ in range(4)]
        assert [pipe.closed for pipe in pipes] == [True, False, False, False]

    asyncio.run(run())


def test_one_that_makes_room_and_does_not_read_is_cut(world: World) -> None:
    async def run() -> None:
        _, pipe = await sent(world, GOOD, room=100)
        for _ in range(3):
            await sent(world, GOOD)
        assert pipe.aborted

    asyncio.run(run())


def test_where_all_are_at_work_a_newcomer_is_refused(world: World) -> None:
    async def run() -> None:
        pipes = [(await sent(world, GOOD[:9]))[1] for _ in range(4)]
        assert [pipe.closed for pipe in pipes] == [False, False, False, True]

    asyncio.run(run())


# Caps


def test_whoever_asks_thousands_of_times_at_once_keeps_nobody_else_waiting(world: World) -> None:
    async def run() -> None:
        protocol, greedy = connect(world.config)
        protocol.data_received(GOOD * 5000)
        _, pipe = await sent(world, GOOD)
        assert pipe.written.count(b" 200 OK") == 1
        assert greedy.written.count(b" 200 OK") < 200
        await heard(greedy)
        await settle(protocol)
        assert greedy.written.count(b" 200 OK") == 5000

    asyncio.run(run())


def head(size: int, count: int) -> bytes:
    """A request whose head, without names and line ends, is padded to a size."""
    fixed = sum(len(name) + len(value) + 4 for name, value in [("host", "test")]) + len(API)
    each, rest = divmod(size - fixed - 8 * count, count)
    lines = [f"X{n:03d}: " + "x" * (each + (rest if n == 0 else 0)) for n in range(count)]
    return "\r\n".join([f"POST {API} HTTP/1.1", "Host: test", *lines, "", ""]).encode()


@pytest.mark.parametrize("step", [1, 1000, 4096, 1 << 20])
@pytest.mark.parametrize(
    ("size", "count", "status"),
    [
        (MAX_HEAD_BYTES, 8, b"415"),
        (MAX_HEAD_BYTES + 1, 8, b"431"),
        (4000, MAX_HEADERS - 1, b"415"),
        (4000, MAX_HEADERS, b"431"),
    ],
)
def test_a_head_is_refused_above_its_cap_however_it_comes(
    world: World, size: int, count: int, status: bytes, step: int
) -> None:
    whole = head(size, count)

    async def run() -> Pipe:
        chunks = [whole[at : at + step] for at in range(0, len(whole), step)]
        return (await sent(world, *chunks))[1]

    pipe = asyncio.run(run())
    assert pipe.written[9:12] == status
    assert pipe.ended == (status == b"431")


ENDLESS = {
    "a header's value": b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000_000,
    "a header's name": b"GET / HTTP/1.1\r\n" + b"x" * 20_000_000,
    "a path": b"GET /" + b"x" * 20_000_000,
    "headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3_000_000,
    "white space": b"GET / HTTP/1.1\r\nX:" + b" " * 20_000_000,
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("step", [1400, 1 << 18])
def test_what_never_ends_is_refused_early(world: World, name: str, step: int) -> None:
    async def run() -> tuple[Pipe, int]:
        protocol, pipe = connect(world.config)
        at = 0
        while at < len(ENDLESS[name]) and not pipe.closed:
            protocol.data_received(ENDLESS[name][at : at + step])
            at += step
            await heard(pipe)
        return pipe, at

    pipe, taken = asyncio.run(run())
    assert pipe.written[9:12] == b"431"
    assert pipe.closed
    assert taken <= 2 * MAX_HEAD_BYTES + LINGER_BYTES + 2 * step


CHUNKS = request(b"", headers=["Transfer-Encoding: chunked"]) + b"2\r\n{}\r\n"
ENDLESS_BODIES = {
    "a trailer's value": CHUNKS + b"0\r\nX: " + b"x" * 20_000_000,
    "trailers": CHUNKS + b"0\r\n" + b"X: y\r\n" * 3_000_000,
    "a chunk's extension": CHUNKS + b"2;" + b"x" * 20_000_000,
}


@pytest.mark.parametrize("name", ENDLESS_BODIES)
@pytest.mark.parametrize("step", [1400, 1 << 18])
def test_what_never_ends_behind_a_body_is_refused_early(world: World, name: str, step: int) -> None:
    async def run() -> tuple[Pipe, int]:
        protocol, pipe = connect(world.config)
        at = 0
        while at < len(ENDLESS_BODIES[name]) and not pipe.closed:
            protocol.data_received(ENDLESS_BODIES[name][at : at + step])
            at += step
            await heard(pipe)
        return pipe, at

    pipe, taken = asyncio.run(run())
    assert pipe.written[9:12] == b"400"
    assert pipe.closed
    assert taken <= MAX_RAW_BYTES + LINGER_BYTES + 2 * step


def test_a_body_in_chunks_of_one_byte_with_a_trailer_is_taken(world: World) -> None:
    async def run() -> Any:
        body = orjson.dumps(TYPED).ljust(4096)
        chunks = chunked(body, 1).removesuffix(b"\r\n") + b"X-Altcha-Solution: none\r\n\r\n"
        headers = ["Content-Type: application/json", "Transfer-Encoding: chunked"]
        return await sent(world, request(chunks, headers=headers))

    protocol, pipe = asyncio.run(run())
    assert pipe.written[9:12] == b"200"
    assert not [name for name, _ in protocol.headers if name == b"x-altcha-solution"]


FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", [API, "/scores", "/", "/nothing"])
def test_a_long_body_is_refused_at_once_by_its_announcement(world: World, path: str) -> None:
    async def run() -> Pipe:
        return (await sent(world, request(b"", path, headers=[FORM], length=4097)))[1]

    pipe = asyncio.run(run())
    assert pipe.written[9:12] == b"413"
    assert b"connection: close" in pipe.written
    assert pipe.ended


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [(API, "POST", b"413"), ("/scores", "POST", b"413"), ("/status.json", "GET", b"200")],
)
def test_a_long_body_in_chunks_ends_the_connection(
    world: World, path: str, method: str, status: bytes
) -> None:
    headers = [FORM, "Transfer-Encoding: chunked"]

    async def run() -> Pipe:
        whole = request(chunked(b"x" * 100_000, 1000), path, method, headers=headers)
        protocol, pipe = connect(world.config)
        protocol.data_received(whole[:20_000])
        await settle(protocol)
        return pipe

    pipe = asyncio.run(run())
    assert pipe.written[9:12] == status
    assert pipe.ended or pipe.closed


def test_a_refusal_is_followed_by_no_more_than_a_little_patience(world: World) -> None:
    async def run() -> None:
        protocol, pipe = connect(world.config)
        protocol.data_received(b"nonsense\r\n\r\n")
        assert (pipe.ended, pipe.closed) == (True, False)
        for _ in range(1 + LINGER_BYTES // 4096):
            protocol.data_received(b"x" * 4096)
        assert pipe.aborted

    asyncio.run(run())


# The end


def test_whoever_is_idle_at_the_end_may_ask_once_more(world: World) -> None:
    async def run() -> None:
        for one in (GOOD, PAGE):
            protocol, pipe = await sent(world, GOOD)
            protocol.shutdown()
            assert not pipe.closed
            protocol.data_received(one + one)
            await settle(protocol)
            assert pipe.written.count(b"HTTP/1.1 200") == 2
            assert pipe.written.count(b"connection: close") == 1
            assert pipe.closed or pipe.ended

    asyncio.run(run())


def test_whoever_stays_silent_at_the_end_is_closed_soon(world: World) -> None:
    async def run() -> None:
        for before in (b"", GOOD, PAGE):
            protocol, pipe = await sent(world, before)
            protocol.shutdown()
            world.wait(1.9)
            assert not pipe.closed
            world.wait(0.2)
            assert pipe.closed

    asyncio.run(run())


def test_what_was_begun_at_the_end_is_answered(world: World) -> None:
    async def run() -> None:
        for one in (GOOD, PAGE):
            protocol, pipe = await sent(world, one[:-4])
            protocol.shutdown()
            world.wait(3)
            protocol.data_received(one[-4:])
            await settle(protocol)
            assert b"connection: close" in pipe.written
            assert pipe.written.startswith(b"HTTP/1.1 200 OK")
            assert pipe.closed or pipe.ended

    asyncio.run(run())
