"""Answers as bytes on the wire: the same, and in the same order, as the ASGI way sends them.

uvicorn's own headers (the date) come first, then the response's, then the security headers.
"""

from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from lookup.pages import SECURITY_HEADERS
from lookup.public.answers import Answer, Headers

CLOSE = (b"connection", b"close")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _block(headers: Headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


@lru_cache(maxsize=256)
def _tail(headers: Headers, keep_alive: bool) -> bytes:
    """Everything between the length and the body."""
    ending = () if keep_alive or CLOSE in headers else (CLOSE,)
    return _block((*headers, *SECURITY_HEADERS, *ending)) + b"\r\n"


@lru_cache(maxsize=1024)
def _start(status: int, shared: bytes, length: int) -> bytes:
    """Everything up to the length; `shared` changes with the date, once a second."""
    return b"%b%bcontent-length: %d\r\n" % (STATUS_LINE[status], shared, length)


def application(answer: Answer) -> ASGIApp:
    """An application that knows one answer only."""

    async def say(scope: Scope, receive: Receive, send: Send) -> None:
        length = (b"content-length", b"%d" % len(answer.body))
        headers = [length, *answer.headers, *SECURITY_HEADERS]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    return say


class Wire:
    """Writes answers with the headers all answers of a server share."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._of = state.default_headers
        self._shared = _block(tuple(self._of))
        self._last: Headers = ()
        self._last_kept = True
        self._last_tail = _tail((), True)

    def _headers(self) -> bytes:
        # uvicorn puts a new list there once a second.
        if self._of is not self._state.default_headers:
            self._of = self._state.default_headers
            self._shared = _block(tuple(self._of))
        return self._shared

    def answer(self, answer: Answer, keep_alive: bool) -> bytes:
        """A whole response; it ends the connection where it says so itself."""
        body, headers = answer.body, answer.headers
        shared = self._shared if self._of is self._state.default_headers else self._headers()
        # Most answers have the very headers of the last one.
        if headers is not self._last or keep_alive is not self._last_kept:
            self._last, self._last_kept = headers, keep_alive
            self._last_tail = _tail(headers, keep_alive)
        return _start(answer.status, shared, len(body)) + self._last_tail + body

    def head(self, answer: Answer, keep_alive: bool) -> bytes:
        """The same response to HEAD: all but its body."""
        start = _start(answer.status, self._headers(), len(answer.body))
        return start + _tail(answer.headers, keep_alive)

    def opening(self, answer: Answer) -> bytes:
        """The head of a response without a length: the connection's end is its own."""
        return STATUS_LINE[answer.status] + self._headers() + _tail(answer.headers, False)

    def plain(self, status: int, text: bytes) -> bytes:
        """A refusal of what is no proper request, as uvicorn words its own; the last words."""
        return b"".join(
            (
                STATUS_LINE[status],
                self._headers(),
                b"content-type: text/plain; charset=utf-8\r\n",
                b"content-length: %d\r\nconnection: close\r\n\r\n" % len(text),
                text,
            )
        )
