"""What a service writes to its log, and what it never does."""

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from lookup.logs import WITHHELD
from lookup.stores.embedded import EmbeddedStore
from tests.browser_makers import service
from tests.makers import RECORD, TYPED, make_kind, make_release, open_release

SERVICE = """
import logging, pathlib, socket, sys
from collections.abc import Mapping

import uvicorn

from lookup.logs import configure_logs
from lookup.public import live
from lookup.public.app import create_app
from lookup.settings import Settings

configure_logs()
seen = live.LiveReleases.view


def view(self, name, now):
    if name.startswith("failing"):
        import asyncio
        task = asyncio.get_running_loop().create_task(fail(name))
        del task
        raise ValueError(name)
    return seen(self, name, now)


async def fail(name):
    raise KeyError(name)


live.LiveReleases.view = view
app = create_app(Settings(data_dir=pathlib.Path(sys.argv[1])))
protocol = "lookup.public.protocol:LookupProtocol"
config = uvicorn.Config(app, log_config=None, access_log=False, http=protocol, ws="none")
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[2]))])
"""
"""The public app over a data folder and a listening socket; every request for a kind whose name
begins with `failing` fails with that name in the error, and in a task of its own."""
PROGRAM = """
import asyncio, logging, sys
from lookup.errors import DamagedError
from lookup.logs import configure_logs

configure_logs(json={json})
configure_logs(json={json})
ours, uvicorn = logging.getLogger("lookup.public"), logging.getLogger("uvicorn.error")
"""
MARK = "4711081512"
"""Stands in everything that is sent; no time, process or line number looks like it."""


def said(code: str, *, json: bool = True) -> str:
    """What a program that logs writes to standard error."""
    program = PROGRAM.format(json=json) + code
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def lines(text: str) -> list[dict[str, Any]]:
    """The events of a log; fails where a line is none."""
    return [orjson.loads(line) for line in text.splitlines()]


# Lines


def test_an_event_is_one_line_of_json() -> None:
    (event,) = lines(said("ours.warning('%s workers\\nof %s', 2, 'ours')"))
    assert event.pop("pid") > 0
    assert datetime.fromisoformat(event.pop("time")).utcoffset() is not None
    assert event == {"level": "warning", "logger": "lookup.public", "event": "2 workers"}


def test_at_a_terminal_a_line_is_for_people() -> None:
    text = re.sub("\x1b[^m]*m", "", said("ours.error('the disk is full')", json=False))
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[error +] the disk is full pid=\d+\n", text)


def test_of_an_error_nobody_expected_only_its_type_and_place_are_said() -> None:
    text = said(f"try: raise ValueError('{MARK}')\nexcept ValueError: ours.exception('it failed')")
    (event,) = lines(text)
    assert (event["event"], event["error"]) == ("it failed", "ValueError")
    assert re.fullmatch(r"<string>:\d+", event["at"])
    assert MARK not in text


def test_the_project_s_own_errors_keep_their_sentence() -> None:
    error = "DamagedError('It is damaged: restore it.')"
    (event,) = lines(said(f"ours.error('no release', exc_info={error})"))
    assert (event["error"], event["sentence"]) == ("DamagedError", "It is damaged: restore it.")


def test_other_libraries_words_are_left_out() -> None:
    text = said(f"logging.getLogger('asyncio').error('in f(b\\'{MARK}\\')', exc_info=KeyError(1))")
    (event,) = lines(text)
    assert (event["event"], event["error"]) == (WITHHELD, "KeyError")
    assert MARK not in text


def test_a_traceback_put_into_words_is_left_out() -> None:
    (event,) = lines(said(f"uvicorn.error('Traceback of:\\n  ValueError: {MARK}')"))
    assert event["event"] == "Traceback of:"


def test_a_calm_end_of_uvicorn_is_no_error() -> None:
    said_of = "uvicorn.error('Cancel %s running task(s), timeout graceful shutdown exceeded', {})"
    assert lines(said(said_of.format(0))) == []
    (event,) = lines(said(said_of.format(2)))
    assert event["event"].startswith("Cancel 2 running")


def test_uvicorn_speaks_in_the_same_form_and_keeps_no_access_log() -> None:
    code = (
        "uvicorn.warning('Limit of %d exceeded', 3, extra={'color_message': 'x'})\n"
        f"logging.getLogger('uvicorn.access').info('GET /{MARK}')\n"
        "assert not logging.getLogger('uvicorn.access').hasHandlers()\n"
        "uvicorn.info('Started server process')"
    )
    (event,) = lines(said(code))
    assert (event["event"], event["logger"]) == ("Limit of 3 exceeded", "uvicorn.error")
    assert set(event) == {"time", "level", "logger", "pid", "event"}


def test_a_line_that_cannot_be_made_is_not_shown_in_pieces() -> None:
    assert said(f"ours.error('%d workers', '{MARK}')") == ""


# A live service


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind(), [RECORD]))
    return store


@contextlib.contextmanager
def serving(store: EmbeddedStore, log: Path) -> Iterator[tuple[str, int]]:
    """A service with its log in a file, for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("wb") as file:
        number = listening.fileno()
        service = subprocess.Popen(
            [sys.executable, "-c", SERVICE, str(store.live.parent), str(number)],
            pass_fds=[number],
            stdout=file,
            stderr=file,
        )
        try:
            yield listening.getsockname()
        finally:
            service.terminate()
            service.wait()


def post(path: str, body: bytes, *headers: str) -> bytes:
    head = (f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*head, "Connection: close", "", "")).encode() + body


JSON = "Content-Type: application/json"
KNOWN = orjson.dumps({name: TYPED[name] for name in ("candidate_number", "access_code")})
HOSTILE = {
    "right": post("/api/v1/scores", KNOWN, JSON),
    "wrong": post("/api/v1/scores", KNOWN.replace(b"ABCD", b"ZZZZ"), JSON, f"X-Real-IP: {MARK}"),
    "no json": post("/api/v1/scores", b'{"candidate_number": ' + MARK.encode(), JSON),
    "field": post("/api/v1/scores", b'{"' + MARK.encode() + b'": 1}', JSON),
    "form": post("/scores", b"candidate_number=" + MARK.encode()),
    "kind": post(f"/api/v1/k{MARK}", KNOWN, JSON),
    "query": post(f"/api/v1/scores?number={MARK}", KNOWN, JSON),
    "failing": post(f"/api/v1/failing{MARK}", KNOWN, JSON),
    "failing page": post(f"/failing{MARK}", KNOWN, JSON),
    "host": f"GET / HTTP/1.1\r\nHost: {MARK}\r\nConnection: close\r\n\r\n".encode(),
    "path": f"GET /{MARK}/../%00 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode(),
    "method": f"{MARK} / HTTP/1.1\r\n\r\n".encode(),
    "header": f"GET / HTTP/1.1\r\n{MARK}\r\n\r\n".encode(),
    "length": f"POST / HTTP/1.1\r\nContent-Length: -{MARK}\r\n\r\n".encode(),
    "chunk": f"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx{MARK}\r\n".encode(),
    "upgrade": (
        f"GET /{MARK} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, close\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Key: {MARK}\r\n\r\n"
    ).encode(),
    "cut": post(f"/api/v1/scores?{MARK}", KNOWN, JSON)[:-10],
}


SECRETS = (MARK, *TYPED.values(), str(RECORD["name"]))


def answer(address: tuple[str, int], request: bytes) -> bytes:
    """What comes back for raw bytes, after which the client sends nothing more."""
    with socket.create_connection(address) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(1 << 16):
                found += part
    return found


def test_nothing_that_a_client_sent_is_in_the_log_of_lookup_serve(store: EmbeddedStore) -> None:
    folder = store.live.parent
    with service(folder, "serve", "--workers", "2") as site:
        port = int(site.rpartition(":")[2])
        answers = {n: answer(("127.0.0.1", port), request) for n, request in HOSTILE.items()}
    assert b" 200 " in answers["right"].partition(b"\r\n")[0]
    text = (folder / "serve.log").read_text("utf-8")
    assert {event["logger"] for event in lines(text)} == {"lookup.public"}
    assert not [secret for secret in SECRETS if secret in text]


def test_a_failure_tells_its_type_and_nothing_that_a_client_sent(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with serving(store, log) as address:
        answers = {name: answer(address, request) for name, request in HOSTILE.items()}
    assert b" 200 " in answers["right"].partition(b"\r\n")[0]
    assert b" 500 " in answers["failing"].partition(b"\r\n")[0]
    text = log.read_text("utf-8")
    assert not [secret for secret in SECRETS if secret in text]
    events = lines(text)
    assert {"lookup.public", "asyncio"} == {event["logger"] for event in events}
    failed = [event["event"] for event in events if event["logger"] == "lookup.public"]
    assert failed == ["a request failed: ValueError"] * 2
    assert not [event for event in events if "Invalid HTTP" in event["event"]]
