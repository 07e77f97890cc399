"""A raw ASGI application that hashes, finds and unseals, and does nothing else.

`granian --interface asgi loadtest.bench.comparators.sealed_app:app`; the release file is named
by `BENCH_RELEASE`. What of a server's speed is the server's shows beside it.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from loadtest.bench.town import KEY
from lookup.candidate import CANONICAL, credential
from lookup.release_file import ReleaseFile

Message = dict[str, Any]
FILE = ReleaseFile(Path(os.environ["BENCH_RELEASE"]))
HEADERS = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
TYPES = {"candidate_number": CANONICAL["code"], "access_code": CANONICAL["access_code"]}


def _found(body: bytes) -> tuple[int, bytes]:
    fields = orjson.loads(body)
    typed = [(name, canonical(fields[name])) for name, canonical in TYPES.items()]
    record = FILE.find(KEY, credential(typed))
    return (404, b'{"code":"no_match"}') if record is None else (200, record)


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        return
    status, answer = 200, b"ok\n"
    if scope["method"] == "POST":
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        status, answer = _found(body)
    headers = [*HEADERS, (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
