"""The API's answers: from a request's parts to an outcome, from an outcome to bytes.

A hit is the sealed plaintext as it is. Problems follow RFC 9457; those that never change are
rendered once, when this module is loaded, so equal outcomes are equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from lookup import record_page
from lookup.phrases import LANGUAGES, read_phrases
from lookup.public.asking import (
    Closed,
    Found,
    Invalid,
    NoMatch,
    NotOpen,
    Outcome,
    Unavailable,
    UnknownKind,
    gate,
    look,
)
from lookup.public.live import LiveReleases, View

MAX_BODY_BYTES = 4096
Headers = tuple[tuple[bytes, bytes], ...]
PHRASES = read_phrases(record_page.PHRASES, Path(__file__).parent / "phrases.toml")
NO_STORE = (b"cache-control", b"no-store")
FOUND_HEADERS: Headers = ((b"content-type", b"application/json"), NO_STORE)
PROBLEM_HEADERS: Headers = ((b"content-type", b"application/problem+json"), NO_STORE)
RETRY_AFTER = (b"retry-after", b"5")

STATUSES = {
    "no_match": 404,
    "not_open": 403,
    "closed": 403,
    "unavailable": 503,
    "unknown_kind": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "error": 500,
}
REQUEST_STATUSES = {"too_large": 413, "media_type": 415, "not_object": 400, "not_form": 400}
"""The status of an invalid request by its reason; every other reason is 422."""
CODES: dict[type[Outcome], str] = {
    Found: "found",
    Invalid: "invalid_request",
    NoMatch: "no_match",
    NotOpen: "not_open",
    Closed: "closed",
    Unavailable: "unavailable",
    UnknownKind: "unknown_kind",
}
"""What an outcome is called: a problem's code in the API, and what workers count by."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response, without the headers every response has."""

    status: int
    headers: Headers
    body: bytes


def iso(moment: datetime) -> str:
    """A time as the API writes it: UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _problem(
    code: str, status: int, detail_key: str, language: str, more: Mapping[str, str] | None = None
) -> Answer:
    body = {
        "type": "about:blank",
        "title": PHRASES.say(f"problem.{code}.title", language),
        "status": status,
        "detail": PHRASES.say(detail_key, language),
        "code": code,
        **(more or {}),
    }
    headers: Headers = (*PROBLEM_HEADERS, (b"content-language", language.encode()))
    if status == STATUSES["unavailable"]:
        headers = (*headers, RETRY_AFTER)
    return Answer(status, headers, orjson.dumps(body))


CONSTANT = {
    (code, language): _problem(code, status, f"problem.{code}.detail", language)
    for code, status in STATUSES.items()
    for language in LANGUAGES
}
"""Every problem that says nothing but its code, by code and language."""


def status_of(outcome: Outcome) -> int:
    """The HTTP status of an outcome, the same on pages and in the API."""
    if isinstance(outcome, Found):
        return 200
    if isinstance(outcome, Invalid):
        return REQUEST_STATUSES.get(outcome.reason_key, 422)
    return STATUSES[CODES[type(outcome)]]


def render(outcome: Outcome, language: str) -> Answer:
    """The answer that says an outcome."""
    if isinstance(outcome, Found):
        return Answer(200, FOUND_HEADERS, outcome.body)
    if isinstance(outcome, Invalid):
        more = {"field": outcome.field} if outcome.field else {}
        reason = f"reason.{outcome.reason_key}"
        return _problem(CODES[Invalid], status_of(outcome), reason, language, more)
    code = CODES[type(outcome)]
    if isinstance(outcome, NotOpen):
        more = {"opens_at": iso(outcome.opens_at)}
        return _problem(code, STATUSES[code], f"problem.{code}.detail", language, more)
    return CONSTANT[code, language]


def _fields(content_type: str, body: bytes) -> dict[str, object] | Invalid:
    if len(body) > MAX_BODY_BYTES:
        return Invalid(None, "too_large")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return Invalid(None, "media_type")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Invalid(None, "not_object")
    return document if isinstance(document, dict) else Invalid(None, "not_object")


def decide(live: LiveReleases, kind: str, content_type: str, body: bytes, now: datetime) -> Outcome:
    """What `POST /api/v1/KIND` comes to. `body` may be cut one byte above `MAX_BODY_BYTES`."""
    view = gate(live, kind, now)
    if not isinstance(view, View):
        return view
    fields = _fields(content_type, body)
    return fields if isinstance(fields, Invalid) else look(view, fields)
