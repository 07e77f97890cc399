"""Documents that change seldom: made once, kept, and not sent again to whoever has them."""

from collections.abc import Callable, Mapping
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

MAX_AGE = "public, max-age=60"


def etag_of(content: bytes) -> str:
    """A strong entity tag."""
    return f'"{blake2b(content, digest_size=16).hexdigest()}"'


def has(request: Request, etag: str) -> bool:
    """Whether the client has this very content (RFC 9110, 13.1.2)."""
    sent = ",".join(request.headers.getlist("if-none-match"))[:1000]
    tags = {tag.strip().removeprefix("W/") for tag in sent.split(",")}
    return etag in tags or sent.strip() == "*"


class Kept:
    """One document, made anew only when what it is made of has changed."""

    def __init__(self, media_type: str, more: Mapping[str, str] | None = None) -> None:
        self._media_type = media_type
        self._more = dict(more or {})
        self._made_of: object = None
        self._content = b""
        self._etag = ""

    def answer(self, request: Request, made_of: object, make: Callable[[], bytes]) -> Response:
        """The document, or that the client has it. `made_of` is all that `make` looks at."""
        if not self._etag or self._made_of != made_of:
            self._content = make()
            self._made_of, self._etag = made_of, etag_of(self._content)
        headers = {"Cache-Control": MAX_AGE, "ETag": self._etag, **self._more}
        if has(request, self._etag):
            return Response(None, 304, headers)
        return Response(self._content, 200, headers, self._media_type)
