"""What a posted form holds."""

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from starlette.requests import ClientDisconnect, Request

from lookup.admin.refusals import misused
from lookup.clock import read_time

MAX_BYTES = 1 << 16
MAX_FIELDS = 1000
FORM_S = 30
"""A form is short: whoever needs longer holds a connection that others need."""
URLENCODED = "application/x-www-form-urlencoded"
_PATH = re.compile(r"/(?!/)[A-Za-z0-9/_.\-?=&]*")


class Form:
    """The fields of a form; a field that was not sent is empty."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    def get(self, name: str) -> str:
        """The last text of a field."""
        return self._fields.get(name, [""])[-1]

    def all(self, name: str) -> list[str]:
        """Every text of a field."""
        return list(self._fields.get(name, ()))

    def pairs(self) -> list[tuple[str, str]]:
        """Every field with each of its texts."""
        return [(name, text) for name, texts in self._fields.items() for text in texts]

    def starting(self, prefix: str) -> dict[str, str]:
        """The fields whose names start with `prefix`, without it."""
        return {
            name[len(prefix) :]: texts[-1]
            for name, texts in self._fields.items()
            if name.startswith(prefix)
        }


async def read_form(request: Request) -> Form:
    """The posted fields. Raises UsageError where they are not a form, or too much of one."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != URLENCODED:
        raise misused("broken_form")
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise misused("broken_form")
        text = body.decode("ascii")
        return Form(parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except (ClientDisconnect, TimeoutError, ValueError) as error:
        raise misused("broken_form") from error


def own_path(text: str) -> str:
    """A path of this site as a form or a query names it; '/' for anything else."""
    return text if _PATH.fullmatch(text) else "/"


def moment(text: str, zone: ZoneInfo) -> datetime:
    """A time of a `datetime-local` input, in the zone of the settings; one that names its own
    offset keeps it. Raises UsageError."""
    try:
        return read_time(text, zone)
    except ValueError as error:
        raise misused("no_time") from error


def whole_number(text: str) -> int | None:
    """A number of a form, None where it was left empty. Raises UsageError."""
    text = text.strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise misused("no_number")
    return int(text)
