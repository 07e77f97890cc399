"""What stands before every page: headers, the origin of posts, errors nobody caught."""

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("lookup.admin")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
)
HEADERS = {
    b"x-content-type-options": b"nosniff",
    # The origin of a post must be told to this site, and to no other.
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    b"cache-control": b"no-store",
}
FRAMED = "/preview/"
"""A path with this in it may stand in a frame of this site; no other in any frame."""


class Headers:
    """Adds the security headers to every response; what a response says itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ancestors = "'self'" if FRAMED in scope["path"] else "'none'"
        policy = CONTENT_SECURITY_POLICY.format(ancestors=ancestors).encode()
        wanted = {**HEADERS, b"content-security-policy": policy}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message.get("headers", ())}
                added = [pair for pair in wanted.items() if pair[0] not in there]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Catcher:
    """Answers 500 for what nobody caught and logs its type only: a message or a traceback could
    hold a candidate's data, and the server would log both."""

    def __init__(
        self, app: ASGIApp, on_error: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        self.app = app
        self.on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if scope["type"] != "http":
                raise
            log.error("a request failed: %s", type(error).__name__)
            if not started:
                response = await self.on_error(Request(scope), error)
                await response(scope, receive, send)


def same_origin(request: Request) -> bool:
    """Whether a post was sent from a page of this site, as far as the browser says."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = request.headers.get("host", "")
    return bool(host) and request.headers.get("origin") in (f"http://{host}", f"https://{host}")
