"""What a client posts, as fields, or why it is none: JSON to the API, forms to the pages."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect, Request

from lookup.public.answers import MAX_BODY_BYTES
from lookup.public.asking import Invalid

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 16
OVERSIZED = bytes(MAX_BODY_BYTES + 1)
"""Stands for a body beyond the cap, which nobody reads."""
TOO_LARGE = Invalid(None, "too_large")
MEDIA_TYPE = Invalid(None, "media_type")
NOT_OBJECT = Invalid(None, "not_object")
NOT_FORM = Invalid(None, "not_form")


def json_fields(content_type: str, body: bytes) -> Mapping[str, object] | Invalid:
    """The fields of a JSON body, or why there are none."""
    if len(body) > MAX_BODY_BYTES:
        return TOO_LARGE
    if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
        return MEDIA_TYPE
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return NOT_OBJECT
    return document if isinstance(document, dict) else NOT_OBJECT


async def read_body(request: Request) -> bytes:
    """The body, cut one byte above the cap; the rest is never read, and nothing of a body that
    its head says is longer."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        return OVERSIZED
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                break
    except ClientDisconnect:
        return b""
    return bytes(body[: MAX_BODY_BYTES + 1])


def read_form(content_type: str, body: bytes) -> dict[str, str] | Invalid:
    """The fields of a posted form."""
    if len(body) > MAX_BODY_BYTES:
        return TOO_LARGE
    if content_type.partition(";")[0].strip().lower() != FORM:
        return MEDIA_TYPE
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return NOT_FORM
