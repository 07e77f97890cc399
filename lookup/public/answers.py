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
    ChallengeRequired,
    Closed,
    Found,
    Invalid,
    NoMatch,
    NoPreCheck,
    NotOpen,
    Outcome,
    Right,
    TryLater,
    Unavailable,
    UnknownKind,
)

MAX_BODY_BYTES = 4096
Headers = tuple[tuple[bytes, bytes], ...]
PHRASES = read_phrases(record_page.PHRASES, *(Path(__file__).parent / "phrases").glob("*.toml"))
NO_STORE = (b"cache-control", b"no-store")
FOUND_HEADERS: Headers = ((b"content-type", b"application/json"), NO_STORE)
PROBLEM_HEADERS: Headers = ((b"content-type", b"application/problem+json"), NO_STORE)
RETRY_AFTER_S = 5
"""When to come back to what answers 503."""

STATUSES = {
    "no_match": 404,
    "not_open": 403,
    "closed": 403,
    "no_pre_check": 404,
    "unavailable": 503,
    "busy": 503,
    "challenge_required": 429,
    "try_later": 429,
    "unknown_kind": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "error": 500,
}
REQUEST_STATUSES = {"too_large": 413, "media_type": 415, "not_object": 400, "not_form": 400}
"""The status of an invalid request by its reason; every other reason is 422."""
CODES: dict[type[Outcome], str] = {
    Found: "found",
    Right: "pre_checked",
    Invalid: "invalid_request",
    NoMatch: "no_match",
    NotOpen: "not_open",
    Closed: "closed",
    NoPreCheck: "no_pre_check",
    Unavailable: "unavailable",
    ChallengeRequired: "challenge_required",
    TryLater: "try_later",
    UnknownKind: "unknown_kind",
}
"""What an outcome is called: a problem's code in the API, and what workers count by."""


@dataclass(slots=True)
class Answer:
    """A whole response, without the headers every response has."""

    status: int
    headers: Headers
    body: bytes


def iso(moment: datetime) -> str:
    """A time as the API writes it: UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _problem(
    code: str,
    status: int,
    detail_key: str,
    language: str,
    more: Mapping[str, object] | None = None,
    retry_after_s: int | None = None,
) -> Answer:
    values = {} if retry_after_s is None else {"seconds": retry_after_s}
    body = {
        "type": "about:blank",
        "title": PHRASES.say(f"problem.{code}.title", language),
        "status": status,
        "detail": PHRASES.say(detail_key, language, **values),
        "code": code,
        **(more or {}),
    }
    headers: Headers = (*PROBLEM_HEADERS, (b"content-language", language.encode()))
    if retry_after_s is not None:
        headers = (*headers, (b"retry-after", b"%d" % retry_after_s))
    return Answer(status, headers, orjson.dumps(body))


CONSTANT = {
    (code, language): _problem(
        code,
        status,
        f"problem.{code}.detail",
        language,
        retry_after_s=RETRY_AFTER_S if status == STATUSES["unavailable"] else None,
    )
    for code, status in STATUSES.items()
    for language in LANGUAGES
    if status != STATUSES["try_later"]
}
"""Every problem that says nothing but its code, by code and language."""


def retry_after_s(outcome: Outcome) -> int | None:
    """The seconds after which asking once more may help, where that is known."""
    if isinstance(outcome, ChallengeRequired):
        return int(outcome.challenge["wait"])
    if isinstance(outcome, TryLater):
        return outcome.seconds
    return RETRY_AFTER_S if isinstance(outcome, Unavailable) else None


def status_of(outcome: Outcome) -> int:
    """The HTTP status of an outcome, the same on pages and in the API."""
    if isinstance(outcome, Found | Right):
        return 200
    if isinstance(outcome, Invalid):
        return REQUEST_STATUSES.get(outcome.reason_key, 422)
    return STATUSES[CODES[type(outcome)]]


def render(outcome: Outcome, language: str) -> Answer:
    """The answer that says an outcome."""
    if isinstance(outcome, Found):
        return Answer(200, FOUND_HEADERS, outcome.body)
    if isinstance(outcome, Invalid):
        field = {"field": outcome.field} if outcome.field else {}
        reason = f"reason.{outcome.reason_key}"
        return _problem(CODES[Invalid], status_of(outcome), reason, language, field)
    code, more = CODES[type(outcome)], _more(outcome)
    if more is None:
        return CONSTANT[code, language]
    held = f".{outcome.cause}" if isinstance(outcome, ChallengeRequired | TryLater) else ""
    key, wait_s = f"problem.{code}.detail{held}", retry_after_s(outcome)
    return _problem(code, STATUSES[code], key, language, more, wait_s)


def _more(outcome: Outcome) -> Mapping[str, object] | None:
    """What a problem says besides its code; None where it always says the same."""
    if isinstance(outcome, NotOpen):
        return {"opens_at": iso(outcome.opens_at)}
    if isinstance(outcome, ChallengeRequired):
        flaw = {"solution": outcome.flaw} if outcome.flaw else {}
        return {"challenge": outcome.challenge, **flaw}
    return {} if isinstance(outcome, TryLater) else None
