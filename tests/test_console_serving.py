"""The console as a process: where it may listen, and what ends a bad connection."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from lookup.admin import serving
from lookup.admin.serving import MAX_HEAD_BYTES, Protocol, is_loopback, serve
from lookup.errors import UsageError
from lookup.settings import Settings
from lookup.sockets import bind
from tests.admin_makers import lookup

ELSEWHERE = "192.0.2.7"


@pytest.mark.parametrize("host", [ELSEWHERE, "::", "console.example"])
def test_passwords_do_not_cross_a_network_unprotected(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="--certificate"):
        serve(Settings(data_dir=tmp_path), host, 8001)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_this_machine_alone_needs_no_certificate(host: str) -> None:
    assert is_loopback(host)


def test_a_certificate_comes_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both"):
        serve(Settings(data_dir=tmp_path), ELSEWHERE, 8001, certificate=tmp_path / "c.pem")


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(UsageError, match=r"c\.pem is not a file"):
        serve(settings, ELSEWHERE, 8001, certificate=certificate, key=key)


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        found = lookup(tmp_path, "admin", "--port", str(port))
    assert found.returncode == 2
    assert "is in use" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_job_that_outlives_a_killed_console_does_not_keep_its_port() -> None:
    # The loop of the console closes no descriptor of its jobs: what is inheritable, they hold.
    with bind("127.0.0.1", 0) as bound:
        assert not bound.get_inheritable()


def test_a_backup_comes_back(tmp_path: Path) -> None:
    assert lookup(tmp_path / "var", "batch", "list").returncode == 0
    made = lookup(tmp_path / "var", "admin", "backup", str(tmp_path / "backup"))
    assert made.returncode == 0, made.stderr
    (folder,) = (tmp_path / "backup").iterdir()
    again = lookup(tmp_path / "again", "admin", "restore", str(folder))
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again" / "admin" / "admin.db").is_file()


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@contextlib.asynccontextmanager
async def served(state: ServerState) -> AsyncIterator[int]:
    """The port of a server of this protocol."""
    config = uvicorn.Config(app=hello, http=Protocol, ws="none", lifespan="off", log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Protocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield port


async def exchange(sent: bytes) -> bytes:
    """What a server of this protocol answers to some bytes until it hangs up."""
    async with served(ServerState()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        try:
            answer = await reader.read()
        except ConnectionResetError:
            answer = b""
        writer.close()
    return answer


def test_a_request_is_answered() -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert b"hello" in asyncio.run(exchange(head))


def test_a_head_that_is_too_long_ends_the_connection() -> None:
    filler = b"GET / HTTP/1.1\r\nX-Filler: " + b"x" * (MAX_HEAD_BYTES + 1)
    answer = asyncio.run(exchange(filler))
    assert b"hello" not in answer


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_head_that_never_ends_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr(serving, "HEAD_S", 0.2)
    answer = asyncio.run(exchange(before + b"GET / HTTP/1.1\r\nHost: x\r\n"))
    assert answer.count(b"hello") == (1 if before else 0)


async def flooded(most: int) -> int:
    """How many of `most` clients and two more a server of this protocol keeps."""
    state = ServerState()
    async with served(state) as port:
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(most + 2)]
        for reader, _ in clients[most:]:
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        kept = len(state.connections)
        for _, writer in clients:
            writer.close()
    return kept


def test_a_flood_of_clients_leaves_the_publisher_its_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 3)
    assert asyncio.run(flooded(3)) == 3


def test_binding_says_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="not an address"):
        bind("no.such.host.invalid", 1)
    with bind("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])
    assert isinstance(taken, socket.socket)
