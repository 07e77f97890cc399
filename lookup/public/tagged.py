"""Bodies under strong entity tags: not sent again to whoever has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Body:
    """One answer's bytes and the tag they are known by: other bytes have another."""

    content: bytes
    tag: str


def tagged(content: bytes) -> Body:
    """A body and its strong tag."""
    return Body(content, f'"{blake2b(content, digest_size=16).hexdigest()}"')


def _has(request: Request, tag: str) -> bool:
    """Whether the client has this very content (RFC 9110, 13.1.2)."""
    sent = ",".join(request.headers.getlist("if-none-match"))[:1000]
    tags = {each.strip().removeprefix("W/") for each in sent.split(",")}
    return tag in tags or sent.strip() == "*"


def reply(request: Request, body: Body, media_type: str, headers: Mapping[str, str]) -> Response:
    """A body, or that the client has it; `headers` go with both."""
    headers = {**headers, "ETag": body.tag}
    if _has(request, body.tag):
        return Response(None, 304, headers)
    return Response(body.content, 200, headers, media_type)
