"""The fast path says what the application says, byte for byte, however a request arrives."""

import asyncio
import itertools
import re
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lookup.public.answers import Answer
from lookup.public.app import create_app
from lookup.public.guarded import GuardedProtocol
from lookup.public.handler import Asked
from lookup.public.protocol import LookupProtocol
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import OPENING, TYPED, Clock, make_kind, make_release, open_release
from tests.wire_makers import API, NoFairUse, chunked, config_of, connect, request, settle, talk

JSON = "Content-Type: application/json"
GOOD = request()
MISS = request(orjson.dumps(TYPED | {"access_code": "ZZZZ9999"}))
PAGE = request(method="GET", path="/status.json", body=b"")
LAST = request(headers=[JSON, "Connection: close"])
UPGRADE = request(headers=[JSON, "Connection: upgrade", "Upgrade: websocket"])
BODY = orjson.dumps(TYPED)


class World:
    """One application, and uvicorn's configurations that serve it in either way."""

    def __init__(self, folder: Path) -> None:
        store = EmbeddedStore(folder)
        open_release(store, make_release(store, make_kind()))
        self.clock = Clock()
        self.app: Starlette = create_app(Settings(data_dir=folder), store, self.clock, NoFairUse())
        self.app.state.live.settle()
        self.fast = config_of(self.app)
        self.asgi = config_of(self.app, HttpToolsProtocol)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("data"))
    yield world
    world.app.state.live.close()


@pytest.fixture
def world(served: World) -> World:
    served.clock.now = OPENING
    return served


REQUESTS: dict[str, bytes] = {
    "a record": GOOD,
    "nothing found": MISS,
    "broken JSON": request(b"{"),
    "no object": request(b"[]"),
    "an empty body": request(b""),
    "no length at all": b"POST /api/v1/scores HTTP/1.1\r\nHost: test\r\n\r\n",
    "a number for a text": request(orjson.dumps(TYPED | {"candidate_number": 100000001})),
    "an unknown field": request(orjson.dumps(TYPED | {"more": "x"})),
    "a missing field": request(b'{"candidate_number": "100000001"}'),
    "an unknown kind": request(path="/api/v1/nothing"),
    "a body beyond the cap": request(b" " * 4097),
    "a long body announced": request(b"", length=4097),
    "a long body announced, of no kind": request(b"", length=10**12, path="/api/v1/nothing"),
    "a long body announced by whoever waits for a 100": request(
        b"", headers=[JSON, "Expect: 100-continue"], length=4097
    ),
    "a body at the cap": request(BODY.ljust(4096)),
    "chunks": request(chunked(BODY), headers=[JSON, "Transfer-Encoding: chunked"]),
    "chunks beyond the cap": request(
        chunked(b" " * 5000, 1000), headers=[JSON, "Transfer-Encoding: chunked"]
    ),
    "another content type": request(headers=["Content-Type: text/plain"]),
    "no content type": request(headers=[]),
    "a content type in capitals": request(headers=["CONTENT-TYPE: Application/JSON; charset=x"]),
    "two content types": request(headers=[JSON, "Content-Type: text/plain"]),
    "HTTP/1.0": request(version="1.0"),
    "HTTP/1.0 kept alive": request(version="1.0", headers=[JSON, "Connection: keep-alive"]),
    "the last request": LAST,
    "a connection kept alive": request(headers=[JSON, "Connection: keep-alive"]),
    "whoever waits for a 100": request(headers=[JSON, "Expect: 100-Continue"]),
    "HEAD": request(method="HEAD", body=b""),
    "OPTIONS": request(method="OPTIONS", body=b""),
    "GET of the API": request(method="GET", body=b""),
    "a percent-encoded path": request(path="/api/v1/%73cores"),
    "a percent-encoded slash": request(path="/api/v1/a%2Fb"),
    "a slash too many": request(path="/api/v1/scores/"),
    "no kind": request(path="/api/v1/"),
    "an absolute address": request(path="http://test/api/v1/scores"),
    "a fragment": request(path="/api/v1/scores#x"),
    "English by query": request(b"{", path=f"{API}?lang=en"),
    "English by header": request(b"{", headers=[JSON, "Accept-Language: en"]),
    "Chinese by two headers": request(
        b"{", headers=[JSON, "Accept-Language: zh", "Accept-Language: en"]
    ),
    "a page": PAGE,
    "a form": request(
        b"candidate_number=100000001&access_code=ABCD2345",
        path="/scores",
        headers=["Content-Type: application/x-www-form-urlencoded"],
    ),
    "two in a row": GOOD + MISS,
    "one to each": GOOD + PAGE + MISS,
    "the application first": PAGE + GOOD + PAGE + MISS,
    "the application first, then a long body": PAGE
    + request(b"", length=4097, path="/api/v1/nothing"),
    "the application first, then long chunks": PAGE
    + request(chunked(b" " * 5000, 1000), headers=[JSON, "Transfer-Encoding: chunked"]),
    "more after the last": GOOD + LAST + GOOD,
    "CONNECT": b"CONNECT test:443 HTTP/1.1\r\nHost: test\r\n\r\n",
    "OPTIONS of everything": b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n",
    "HTTP/2 by hand": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n",
    "a null in a header": request(headers=[JSON, "X: \x00"]),
    "a line folded": request(headers=[JSON, "X: a\r\n b"]),
    "a length that is none": request(
        headers=[JSON, "Transfer-Encoding: chunked", "Content-Length: 3"]
    ),
    "a length below zero": b"POST /api/v1/scores HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a path that is no text": b"POST /api/v1/\xff HTTP/1.1\r\nHost: test\r\n\r\n",
    "a kind in Chinese": request(path="/api/v1/%E6%88%90%E7%BB%A9"),
    "nonsense": b"nonsense\r\n\r\n",
    "a header that is none": b"POST /api/v1/scores HTTP/1.1\r\nno header\r\n\r\n",
    "two lengths": request(headers=[JSON, "Content-Length: 5"]),
    "empty lines first": b"\r\n\r\n" + GOOD,
}
WHOLE = {"more after the last"}
"""Where uvicorn itself makes a difference between one piece and many."""


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("early", [False, True], ids=["open", "before the hour"])
def test_both_ways_say_the_same_bytes(world: World, name: str, early: bool) -> None:
    world.clock.now = OPENING - timedelta(hours=1) if early else OPENING
    fast, asgi = (asyncio.run(talk(way, [REQUESTS[name]])) for way in (world.fast, world.asgi))
    assert fast.written == asgi.written
    assert fast.over == asgi.over


@pytest.mark.parametrize("name", sorted(REQUESTS.keys() - WHOLE))
@pytest.mark.parametrize("patient", [False, True])
def test_single_bytes_say_the_same(world: World, name: str, patient: bool) -> None:
    whole = asyncio.run(talk(world.fast, [REQUESTS[name]]))
    single = [REQUESTS[name][at : at + 1] for at in range(len(REQUESTS[name]))]
    assert asyncio.run(talk(world.fast, single, patient)) == whole


NAMES = st.lists(st.sampled_from(sorted(REQUESTS.keys() - WHOLE)), min_size=1, max_size=5)


@given(NAMES, st.lists(st.integers(0, 4000), max_size=8), st.booleans())
@example(["a body at the cap"] * 3, [294], False)
@hypothesis_settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_requests_split_anywhere_say_the_same(
    world: World, names: list[str], cuts: list[int], patient: bool
) -> None:
    stream = b"".join(REQUESTS[name] for name in names)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[one:two] for one, two in itertools.pairwise(places)]
    whole = asyncio.run(talk(world.fast, [stream], True))
    assert asyncio.run(talk(world.fast, chunks, patient)) == whole


@pytest.mark.parametrize("peer", [("192.0.2.1", 4711), "unix"])
def test_both_ways_ask_the_same(
    world: World, peer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, seen = world.app.state.service.handler, list[Asked]()
    answer = handler.answer

    def remember(asked: Asked) -> Answer:
        seen.append(asked)
        return answer(asked)  # type: ignore[no-any-return]

    async def run(way: uvicorn.Config) -> None:
        protocol, _ = connect(way, peer=peer)
        for address, solution in (("198.51.100.9", "a"), ("203.0.113.9", "b"), ("", "\u00e9")):
            more = [JSON, f"X-Real-IP: {address}", f"X-Altcha-Solution: {solution}"]
            protocol.data_received(request(headers=more, path=f"{API}?lang=en"))
            await settle(protocol)

    monkeypatch.setattr(handler, "answer", remember)
    for way in (world.fast, world.asgi):
        asyncio.run(run(way))
    assert seen[:3] == seen[3:]
    assert len({asked.network for asked in seen}) == (3 if peer == "unix" else 1)
    assert seen[0].solution == "a"


def test_nonsense_takes_no_answer_from_what_came_before(world: World) -> None:
    for before in (GOOD, PAGE, PAGE + GOOD):
        said = asyncio.run(talk(world.fast, [before + b"\x00nonsense\r\n\r\n"]))
        found = re.findall(rb"HTTP/1.1 (\d+)", said.written)
        assert found == [b"200"] * before.count(b" HTTP/1.1") + [b"400"]
        assert said.over


def test_a_record_is_said_in_one_write(world: World) -> None:
    async def run() -> tuple[int, int]:
        protocol, pipe = connect(world.fast)
        protocol.data_received(GOOD)
        await settle(protocol)
        return pipe.writes, protocol.server_state.total_requests

    assert asyncio.run(run()) == (1, 1)


def test_requests_are_counted_alike(world: World) -> None:
    def counted(way: uvicorn.Config) -> tuple[int, int]:
        tally = world.app.state.tally
        before = tally.requests, tally.counts()["scores"].hits
        asyncio.run(talk(way, [GOOD + MISS + PAGE]))
        return tally.requests - before[0], tally.counts()["scores"].hits - before[1]

    asyncio.run(talk(world.fast, [GOOD]))
    assert counted(world.fast) == counted(world.asgi) == (3, 1)


def test_a_failure_says_and_logs_its_type_only(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("personal-4711")

    monkeypatch.setattr(world.app.state.live, "view", fail)
    fast, asgi = (asyncio.run(talk(way, [GOOD + GOOD])) for way in (world.fast, world.asgi))
    assert fast == asgi
    assert (fast.status, fast.over) == (500, False)
    assert "RuntimeError" in caplog.text
    assert "4711" not in caplog.text


def test_malformed_requests_are_counted_and_not_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    before = world.app.state.tally.http_refused().get("malformed", 0)
    for each in (REQUESTS["nonsense"], REQUESTS["a header that is none"], UPGRADE):
        asyncio.run(talk(world.fast, [each]))
    assert world.app.state.tally.http_refused()["malformed"] == before + 2
    assert not caplog.records


@pytest.mark.parametrize("size", [1, 50, 4096])
def test_nothing_behind_an_upgrade_is_taken_for_a_request(world: World, size: int) -> None:
    smuggled = UPGRADE.removesuffix(BODY).replace(b"%d" % len(BODY), b"%d" % len(GOOD)) + GOOD
    chunks = [smuggled[at : at + size] for at in range(0, len(smuggled), size)]
    said = asyncio.run(talk(world.fast, chunks))
    assert said.written.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in said.written
    assert said.over


def test_whoever_leaves_before_the_answers_is_no_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        protocol, pipe = connect(world.fast)
        protocol.data_received(PAGE * 3)
        pipe.close()
        protocol.connection_lost(None)
        await settle(protocol)

    before = world.app.state.tally.failures
    asyncio.run(run())
    assert world.app.state.tally.failures == before
    assert not caplog.records


# Overload


class Full:
    """Admission that admits nobody, or only so many tasks."""

    def __init__(self, shedding: bool) -> None:
        self.shedding = shedding

    def admits(self, tasks: int) -> bool:
        return False


@pytest.fixture
def full(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(world.app.state.service, "admission", Full(shedding=True))
    return world


@pytest.mark.parametrize(("path", "kind"), [(API, b"problem+json"), ("/scores", b"text/html")])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_refusal_for_overload_keeps_the_connection(
    full: World, path: str, kind: bytes, language: str
) -> None:
    once = request(path=f"{path}?lang={language}")
    said = asyncio.run(talk(full.fast, [once + once[:-5], once[-5:]]))
    heads = re.findall(rb"HTTP/1.1 503 .*?\r\n\r\n", said.written, re.DOTALL)
    assert len(heads) == 2
    assert not said.over
    assert kind in heads[0]
    assert b"content-language: " + language.encode() in heads[0]
    assert 2 <= int(re.findall(rb"retry-after: (\d+)", heads[0])[0]) <= 9
    assert b"content-security-policy: " in heads[0]


def test_those_refused_together_do_not_come_back_together(full: World) -> None:
    said = asyncio.run(talk(full.fast, [GOOD * 100]))
    assert len(set(re.findall(rb"retry-after: (\d+)", said.written))) > 3


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_a_balancer_asks_is_never_refused(full: World, path: str) -> None:
    said = asyncio.run(talk(full.fast, [request(method="GET", path=path, body=b"")]))
    assert b"busy" not in said.written
    assert said.status == 200


def test_a_refusal_waits_for_the_answers_before_it(full: World) -> None:
    health = request(method="GET", path="/healthz", body=b"")
    said = asyncio.run(talk(full.fast, [health + GOOD + health]))
    assert re.findall(rb"HTTP/1.1 (\d+)", said.written) == [b"200", b"503", b"200"]


def test_a_refusal_of_head_has_no_body(full: World) -> None:
    said = asyncio.run(talk(full.fast, [request(method="HEAD", path="/", body=b"")]))
    assert said.status == 503
    assert said.written.endswith(b"\r\n\r\n")


def test_whoever_waits_for_a_100_is_refused_and_let_go(full: World) -> None:
    said = asyncio.run(talk(full.fast, [REQUESTS["whoever waits for a 100"]]))
    assert (said.status, said.over) == (503, True)
    assert b"100 Continue" not in said.written


def test_a_long_body_of_a_refused_request_ends_the_connection(full: World) -> None:
    long = request(chunked(b" " * 5000, 1000), headers=[JSON, "Transfer-Encoding: chunked"])
    said = asyncio.run(talk(full.fast, [long]))
    assert (said.status, said.over) == (503, True)


# Whoever changes uvicorn


def test_every_connection_begins_as_uvicorn_begins_one_and_shares_nothing_that_changes(
    world: World,
) -> None:
    async def begin() -> list[Any]:
        state, shared = ServerState(), world.app.state.service.shared()
        loop = asyncio.get_running_loop()
        return [
            HttpToolsProtocol(world.fast, state, {}, loop),
            LookupProtocol(world.fast, state, shared, loop),
            LookupProtocol(world.fast, state, shared, loop),
        ]

    usual, first, second = map(vars, asyncio.run(begin()))
    assert usual.keys() <= first.keys() == second.keys()
    own = {name for name in first if first[name] is not second[name]}
    assert own == {"parser", "pipeline"}
    changeable = {n for n in first if isinstance(first[n], list | dict | set | deque)} - own
    assert changeable == {"app_state", "connections", "tasks", "found"}


OVERRIDDEN = {
    "__init__", "connection_made", "connection_lost", "data_received", "pause_writing",
    "resume_writing", "on_response_complete", "shutdown", "on_message_begin", "on_header",
    "on_headers_complete", "on_body", "on_message_complete", "_start_asgi_task",
}  # fmt: skip
USED = {
    "parser", "pipeline", "cycle", "flow", "transport", "app", "url",
    "headers", "expect_100_continue", "server_state", "tasks", "client", "loop", "connections",
    "server", "scheme", "app_state",
}  # fmt: skip


def test_uvicorn_is_the_one_this_was_written_against() -> None:
    assert uvicorn.__version__ == "0.54.0", (
        "uvicorn moved: read its httptools_impl.py again. GuardedProtocol and LookupProtocol "
        f"override {sorted(OVERRIDDEN)} of HttpToolsProtocol and use {sorted(USED)}; they leave "
        "out its keep-alive timer (on_response_complete) and its scope until an application "
        "needs one (on_message_begin); one connection runs its constructor for all, and what its "
        "connection_made finds out is asked for later (start_application). wire.Wire repeats the "
        "order of its headers. Then change the version here."
    )
    own: dict[str, Any] = {**vars(GuardedProtocol), **vars(LookupProtocol)}
    assert {name for name in own if hasattr(HttpToolsProtocol, name)} - OVERRIDDEN <= {
        "__module__", "__doc__", "__dict__", "__weakref__",
    }  # fmt: skip
