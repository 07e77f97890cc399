"""A connection that watches the broadcast, whatever its client does."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from lookup.pages import SECURITY_HEADERS
from lookup.public.app import create_app
from lookup.public.broadcast import MAX_UNREAD_BYTES, RESET, RETRY
from lookup.public.connections import LONGEST_S
from lookup.public.guarded import LINGER_BYTES
from lookup.public.protocol import LookupProtocol
from lookup.public.watching import place
from lookup.settings import Settings
from lookup.stores.broadcast import Broadcast
from lookup.stores.embedded import EmbeddedStore
from tests.broadcast_makers import after, broadcast, said
from tests.makers import Clock, make_kind, make_release, open_release
from tests.test_hub import EPOCH, ids, since
from tests.wire_makers import NoFairUse, Pipe, config_of, connect, request, settle


def watch(query: str = "", method: str = "GET", version: str = "1.1", *headers: str) -> bytes:
    return request(b"", f"/live/events{query}", method, version, headers)


class World:
    """An application with a broadcast under way, and whoever connects to it."""

    def __init__(self, folder: Path) -> None:
        store = EmbeddedStore(folder)
        open_release(store, make_release(store, make_kind()))
        self.file = Broadcast(store.live)
        self.file.append(lambda _: broadcast())
        self.app: Starlette = create_app(Settings(data_dir=folder), store, Clock(), NoFairUse())
        self.app.state.live.settle()
        self.service = self.app.state.service
        self.hub = self.service.hub
        self.hub.catch_up()
        self.seconds = 0.0
        self.service.connections._clock = lambda: self.seconds
        self.config = config_of(self.app)

    def tell(self, count: int = 1) -> None:
        """Something is said, and everybody told."""
        self.file.append(after(*[said("一")] * count))
        self.hub._not_before = 0.0
        self.hub.turn(asyncio.get_running_loop())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.app.state.live.close()


Conversation = Callable[[LookupProtocol, Pipe], Awaitable[None]]


def talk(world: World, *chunks: bytes, then: Conversation | None = None, **how: Any) -> Pipe:
    """Send the chunks, then do the rest; the pipe as it is in the end."""

    async def run() -> Pipe:
        protocol, pipe = connect(world.config, **how)
        for chunk in chunks:
            protocol.data_received(chunk)
            await settle(protocol)
        if then is not None:
            await then(protocol, pipe)
            await settle(protocol)
        return pipe

    return asyncio.run(run())


def test_the_head_comes_first_and_says_what_all_answers_say(world: World) -> None:
    head, _, body = talk(world, watch()).written.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert b"content-type: text/event-stream; charset=utf-8" in lines
    assert b"cache-control: no-store" in lines
    assert b"x-accel-buffering: no" in lines
    assert b"connection: close" in lines
    assert all(b"%b: %b" % header in lines for header in SECURITY_HEADERS)
    assert b"content-length" not in head
    assert body == RETRY


def test_what_is_said_later_comes_in_one_write(world: World) -> None:
    async def later(_: LookupProtocol, pipe: Pipe) -> None:
        before = pipe.writes
        world.tell(2)
        assert pipe.writes == before + 1

    assert ids(talk(world, watch(), then=later).written) == [8, 9]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (watch(f"?after={EPOCH}-5"), [6, 7]),
        (watch(f"?after={EPOCH}-7"), []),
        (watch("", "GET", "1.1", f"Last-Event-ID: {EPOCH}-6"), [7]),
        (watch(f"?after={EPOCH}-2", "GET", "1.1", f"Last-Event-ID: {EPOCH}-6"), [7]),
        (watch(f"?after={EPOCH}-5", "GET", "1.1", "Last-Event-ID: none"), [6, 7]),
        (watch(f"?after={EPOCH}-5&after={EPOCH}-6"), [7]),
        (watch("?after=-1"), []),
        (watch("", "GET", "1.0"), []),
        (watch(f"?after={EPOCH}-6", "GET", "1.0", "Connection: keep-alive"), [7]),
        (request(b"x", f"/live/events?after={EPOCH}-6", "GET", "1.1", ["Content-Length: 1"]), [7]),
    ],
)
def test_whoever_comes_back_is_told_what_was_missed(
    world: World, asked: bytes, expected: list[int]
) -> None:
    pipe = talk(world, asked)
    assert ids(pipe.written) == expected
    assert not pipe.closed
    assert world.hub.count() == 1


def test_whoever_is_too_far_behind_is_told_to_begin_anew(world: World) -> None:
    assert talk(world, watch(f"?after={EPOCH}-900")).written.endswith(RETRY + RESET)


def test_a_place_is_a_number_of_some_digits() -> None:
    asked = b"after=%b-3" % EPOCH.encode()
    assert place(b"%b-12" % EPOCH.encode(), asked) == since(12)
    assert place(None, asked + b"&x=4") == since(3)
    assert place(b"", b"") is None
    # A number alone is of a broadcast that nobody knows.
    assert place(None, b"after=3") == ("", 3)
    for odd in (b"1e3", b"+1", "１".encode(), b"1" * 11, b"\xff"):
        assert place(odd, b"after=" + odd) is None


def test_a_head_alone_ends_the_connection(world: World) -> None:
    pipe = talk(world, watch(method="HEAD"))
    assert pipe.written.startswith(b"HTTP/1.1 200 OK")
    assert pipe.written.endswith(b"connection: close\r\n\r\n")
    assert pipe.ended
    assert world.hub.count() == 0


def test_what_is_sent_after_it_is_not_answered(world: World) -> None:
    pipe = talk(world, watch() + request(), request(method="GET", path="/status.json", body=b""))
    assert pipe.written.count(b"HTTP/1.1") == 1
    assert not pipe.closed


def test_answers_before_it_come_before_it(world: World) -> None:
    pipe = talk(world, request() + watch(f"?after={EPOCH}-6"))
    assert pipe.written.startswith(b"HTTP/1.1 200 OK")
    assert b'"record"' in pipe.written.split(b"HTTP/1.1")[1]
    assert ids(pipe.written.split(b"HTTP/1.1")[2]) == [7]


def test_behind_a_page_it_gets_what_was_missed_and_an_end(world: World) -> None:
    page = request(method="GET", path="/status.json", body=b"")
    pipe = talk(world, page + watch(f"?after={EPOCH}-6"))
    assert ids(pipe.written) == [7]
    assert b"content-length: %d" % len(RETRY + world.hub.missed(since(6))) in pipe.written
    assert world.hub.count() == 0


def test_whoever_sends_without_end_is_cut_off(world: World) -> None:
    pipe = talk(world, watch(), *[b"x" * 4096] * (LINGER_BYTES // 4096 + 1))
    assert pipe.aborted
    assert world.hub.count() == 0


def test_no_wait_runs_out_while_somebody_watches(world: World) -> None:
    async def later(_: LookupProtocol, pipe: Pipe) -> None:
        for longest_s in LONGEST_S.values():
            world.seconds += longest_s + 1
            world.service.connections.sweep()
        assert not pipe.closed
        assert world.service.connections.count() == 1

    talk(world, watch(), then=later)


@pytest.mark.parametrize("unread", [0, 1])
def test_whoever_watches_makes_room_for_somebody_who_asks(world: World, unread: int) -> None:
    world.service.connections._limit = 1

    async def later(_: LookupProtocol, pipe: Pipe) -> None:
        pipe.unread = unread
        protocol, other = connect(world.config)
        assert (pipe.aborted, pipe.closed) == (bool(unread), True)
        assert world.hub.count() == 0
        protocol.data_received(request())
        await settle(protocol)
        assert other.written.startswith(b"HTTP/1.1 200")

    retry = talk(world, watch(), then=later).written.rpartition(b"retry: ")[2]
    assert unread or 1000 <= int(retry) <= 10_000


def test_whoever_leaves_is_written_to_no_more(world: World) -> None:
    async def later(protocol: LookupProtocol, pipe: Pipe) -> None:
        pipe.close()
        protocol.connection_lost(None)
        world.tell()

    assert ids(talk(world, watch(), then=later).written) == []
    assert world.hub.count() == 0
    assert world.service.connections.count() == 0


def test_whoever_reads_nothing_is_closed(world: World) -> None:
    async def later(_: LookupProtocol, pipe: Pipe) -> None:
        pipe.unread = MAX_UNREAD_BYTES
        world.tell()
        assert not pipe.closed
        pipe.unread += 1
        world.tell()
        assert pipe.aborted

    assert ids(talk(world, watch(), then=later).written) == [8]
    assert world.hub.count() == 0
    assert world.service.tally.http_refused() == {"too_slow": 1}


def test_a_worker_that_ends_sends_everybody_away_not_all_back_at_once(world: World) -> None:
    async def later(protocol: LookupProtocol, pipe: Pipe) -> None:
        protocol.shutdown()
        assert pipe.ended
        world.tell()

    last = talk(world, watch(), then=later).written.rpartition(b"retry: ")[2]
    assert 1000 <= int(last) <= 10_000
    assert world.hub.count() == 0


def test_whoever_comes_while_the_worker_ends_is_sent_away(world: World) -> None:
    async def later(protocol: LookupProtocol, pipe: Pipe) -> None:
        protocol.shutdown()
        protocol.data_received(watch())

    pipe = talk(world, then=later)
    assert b"\r\n\r\nretry: " in pipe.written
    assert pipe.ended
    assert world.hub.count() == 0


def test_beyond_the_cap_they_are_refused_so_that_their_pages_ask_now_and_then(
    world: World,
) -> None:
    world.hub.places = 1

    async def later(_: LookupProtocol, pipe: Pipe) -> None:
        protocol, other = connect(world.config)
        protocol.data_received(watch())
        await settle(protocol)
        assert other.written.startswith(b"HTTP/1.1 503")
        assert not other.closed

    talk(world, watch(), then=later)
    assert world.service.tally.busy == 1


def test_overload_refuses_whoever_wants_to_watch(world: World) -> None:
    world.service.admission.shedding = True
    assert talk(world, watch()).written.startswith(b"HTTP/1.1 503")
    assert world.hub.count() == 0


@pytest.mark.parametrize("path", ["/live", "/live?school=1", "/live.json", "/live/events"])
def test_while_any_are_refused_lookups_are_served_before_whoever_watches(
    world: World, path: str
) -> None:
    world.service.admission.shedding = True
    looks, asks = request(b"", path, "GET"), request()
    written = talk(world, looks + asks).written
    assert [status[:3] for status in written.split(b"HTTP/1.1 ")[1:]] == [b"503", b"200"]
    assert talk(world, request(b"", "/", "GET")).written.startswith(b"HTTP/1.1 200")


def test_behind_a_proxy_each_viewer_has_the_network_it_says(world: World) -> None:
    world.hub.places = 20

    async def later(_: LookupProtocol, pipe: Pipe) -> None:
        for number, status in enumerate((b"200", b"200", b"503")):
            protocol, other = connect(world.config, peer="unix")
            protocol.data_received(watch("", "GET", "1.1", f"X-Real-IP: 192.0.2.{number}"))
            await settle(protocol)
            assert other.written.startswith(b"HTTP/1.1 " + status)
        protocol.data_received(watch("", "GET", "1.1", "X-Real-IP: 198.51.100.1"))
        await settle(protocol)
        assert other.written.split(b"HTTP/1.1 ")[2][:3] == b"200"

    talk(world, then=later)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (watch(method="POST"), 405),
        (watch(method="OPTIONS"), 405),
        (request(b"", "/live/events/", "GET"), 404),
        (request(b"", "/live/%65vents?after=6", "GET"), 200),
    ],
)
def test_anything_else_is_the_applications(world: World, asked: bytes, status: int) -> None:
    pipe = talk(world, asked)
    assert pipe.written.startswith(b"HTTP/1.1 %d" % status)
    assert b"content-length" in pipe.written
    assert world.hub.count() == 0
