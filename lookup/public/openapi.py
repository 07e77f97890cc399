"""The OpenAPI 3.1 document: every request a program may make, and every answer it may get.

Made from tables: the problems of lookup.public.answers by status, the fixed addresses, and for
each kind the schemas of lookup.public.schemas. A kind's fields travel in plain in its release
(DESIGN.md, "The sealed release file"), so they may be told before its hour.
"""

from collections.abc import Iterable, Mapping

from lookup import __version__
from lookup.kinds import Kind
from lookup.phrases import LANGUAGES
from lookup.public.answers import CODES, PHRASES, REQUEST_STATUSES, STATUSES
from lookup.public.asking import Invalid
from lookup.public.schemas import (
    Schema,
    both,
    closed_object,
    constant,
    example,
    found,
    question,
    text,
)

JSON, PROBLEM = "application/json", "application/problem+json"
HTML, PLAIN, CSV = "text/html", "text/plain", "text/csv"
WHOLE: Schema = {"type": "integer", "minimum": 0}
TIME = text(format="date-time")
STATES = ["open", "not_open", "closed", "unavailable"]
NOT_LOOKUPS = frozenset({"not_found", "method_not_allowed"})
"""Problems that no lookup is answered with."""


def said(key: str) -> str:
    """A phrase in both languages, Chinese first."""
    return " / ".join(PHRASES.say(key, language) for language in LANGUAGES)


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


# Problems


def _problem(code: str, statuses: Iterable[int], more: Mapping[str, Schema]) -> Schema:
    """The body of a problem; `more` is what it has besides, and need not have."""
    members: dict[str, Schema] = {
        "type": constant("about:blank"),
        "title": text(),
        "status": {"enum": sorted(set(statuses))},
        "detail": text(),
        "code": constant(code),
    }
    title = said(f"problem.{code}.title")
    return {"title": title, **closed_object({**members, **more}, list(members))}


CHALLENGE = closed_object(
    {
        "algorithm": constant("SHA-256"),
        "challenge": text("^[0-9a-f]{64}$"),
        "maxnumber": {"type": "integer", "minimum": 1},
        "salt": text(),
        "signature": text("^[0-9a-f]{64}$"),
        "wait": WHOLE,
    }
)
FLAWS: Schema = {"enum": ["too_early", "used", "invalid"]}
MORE: dict[str, dict[str, Schema]] = {
    "not_open": {"opens_at": TIME},
    "challenge_required": {"challenge": _ref("challenge"), "solution": FLAWS},
}
"""What a problem says besides its code."""
INVALID = CODES[Invalid]


def codes() -> dict[int, list[str]]:
    """The codes a lookup may be answered with, by status."""
    by_status = {status: [INVALID] for status in (*REQUEST_STATUSES.values(), 422)}
    for code, status in STATUSES.items():
        if code not in NOT_LOOKUPS:
            by_status.setdefault(status, []).append(code)
    return dict(sorted(by_status.items()))


def _problems() -> dict[str, Schema]:
    statuses = (*REQUEST_STATUSES.values(), 422)
    schemas = {INVALID: _problem(INVALID, statuses, {"field": text()}), "challenge": CHALLENGE}
    for each in codes().values():
        for code in each:
            if code != INVALID:
                schemas[code] = _problem(code, [STATUSES[code]], MORE.get(code, {}))
    return schemas


# Answers


def _header(schema: Schema, key: str, required: bool = True) -> Schema:
    return {"schema": schema, "required": required, "description": said(f"openapi.header.{key}")}


NO_STORE = {"Cache-Control": _header(text(), "cache_control")}
RETRY_AFTER = {"Retry-After": _header({"type": "integer", "minimum": 0}, "retry_after")}
LANGUAGE = {"Content-Language": _header({"enum": list(LANGUAGES)}, "content_language", False)}
ETAG = {"ETag": _header(text(), "etag")}
WAITS = frozenset({429, 503})
"""The statuses that say when to come back."""


def answer(
    key: str, content: Mapping[str, Schema], headers: Mapping[str, Schema] | None = None
) -> Schema:
    """One response: what it means, what it holds by media type, its headers."""
    response: Schema = {"description": said(f"openapi.answer.{key}")}
    if content:
        response["content"] = {media: {"schema": schema} for media, schema in content.items()}
    return response | ({"headers": dict(headers)} if headers else {})


REFUSED_EARLY = {
    "400": answer("malformed", {PLAIN: text(), HTML: text()}),
    "408": answer("slow", {PLAIN: text()}),
    "413": answer("too_large", {HTML: text()}),
    "414": answer("long_address", {HTML: text()}),
    "431": answer("headers", {PLAIN: text(), HTML: text()}),
    "500": answer("error", {HTML: text()}),
}
"""What may come of any request, whatever its address: from a worker, or from nginx before it."""
BUSY = {"503": answer("busy", {HTML: text()}, RETRY_AFTER)}


def _lookup_answers(kind: Kind) -> Schema:
    answers = {"200": answer("found", {JSON: _ref(f"{kind.name}.found")}, NO_STORE)}
    for status, each in codes().items():
        schema = _ref(each[0]) if len(each) == 1 else {"oneOf": [_ref(code) for code in each]}
        headers = NO_STORE | LANGUAGE | (RETRY_AFTER if status in WAITS else {})
        answers[str(status)] = answer("problem", {PROBLEM: schema}, headers)
    answers["400"]["content"][PLAIN] = {"schema": text()}
    return dict(sorted({**REFUSED_EARLY, **answers}.items()))


# Requests


def _parameter(name: str, where: str, key: str) -> Schema:
    description = said(f"openapi.parameter.{key}")
    return {"name": name, "in": where, "schema": text(), "description": description}


LANG = [
    _parameter("lang", "query", "lang"),
    _parameter("Accept-Language", "header", "accept_language"),
]
IF_NONE_MATCH = _parameter("If-None-Match", "header", "if_none_match")
SOLUTION = _parameter("X-Altcha-Solution", "header", "solution")


def _lookup(kind: Kind) -> Schema:
    examples = {
        way.name: {"summary": both(way.label), "value": example(kind, way)} for way in kind.ways
    }
    body = {JSON: {"schema": _ref(f"{kind.name}.question"), "examples": examples}}
    return {
        "operationId": f"lookup_{kind.name}",
        "tags": ["lookup"],
        "summary": both(kind.title),
        "description": both(kind.about),
        "parameters": [*LANG, SOLUTION],
        "requestBody": {"required": True, "content": body},
        "responses": _lookup_answers(kind),
    }


def read(
    operation: str,
    tag: str,
    content: Mapping[str, Schema],
    *,
    tagged: bool = False,
    translated: bool = False,
    more: Mapping[str, Schema] | None = None,
) -> Schema:
    """A GET of something public. `tagged` has a strong ETag, `translated` a language."""
    headers = NO_STORE | (ETAG if tagged else {}) | (LANGUAGE if translated else {})
    kept = {"304": answer("same", {}, ETAG)} if tagged else {}
    answers = {"200": answer(operation, content, headers), **kept, **REFUSED_EARLY, **BUSY}
    return {
        "operationId": operation,
        "tags": [tag],
        "summary": said(f"openapi.{operation}"),
        "parameters": [*(LANG if translated else []), *([IF_NONE_MATCH] if tagged else [])],
        "responses": dict(sorted({**answers, **(more or {})}.items())),
    }


LABEL = closed_object({"zh": text(), "en": text()})
STATUS = {
    "type": "object",
    "properties": {
        "kinds": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": text(),
                    "title": LABEL,
                    "state": {"enum": STATES},
                    "opens_at": {"type": ["string", "null"], "format": "date-time"},
                },
                "required": ["name", "title", "state", "opens_at"],
            },
        },
        "server_time": TIME,
    },
    "required": ["kinds", "server_time"],
}
NOT_READY = {"503": answer("not_ready", {PLAIN: text()})}
NO_SITE = {"404": answer("no_site", {HTML: text()})}
PATHS: dict[str, Schema] = {
    "/status.json": read("status", "state", {JSON: STATUS}),
    "/feed.atom": read(
        "feed", "state", {"application/atom+xml": text()}, tagged=True, translated=True
    ),
    "/openapi.json": read("openapi", "site", {JSON: {"type": "object"}}, tagged=True),
    "/robots.txt": read("robots", "site", {PLAIN: text()}, tagged=True),
    "/sitemap.xml": read("sitemap", "site", {"application/xml": text()}, tagged=True, more=NO_SITE),
    "/healthz": read("healthz", "operations", {PLAIN: text()}),
    "/readyz": read("readyz", "operations", {PLAIN: text()}, more=NOT_READY),
}
"""What is asked with GET, at addresses that no kind changes."""
TAGS = ("lookup", "state", "site", "operations")


def document(kinds: Iterable[Kind], site_url: str) -> Schema:
    """The whole document over the kinds that have a live pointer; `site_url` may be empty."""
    known = list(kinds)
    schemas = _problems()
    for kind in known:
        schemas[f"{kind.name}.question"] = question(kind)
        schemas[f"{kind.name}.found"] = found(kind)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": said("site.title"),
            "version": __version__,
            "description": said("openapi.description"),
        },
        "servers": [{"url": site_url or "/"}],
        "tags": [{"name": tag, "description": said(f"openapi.tag.{tag}")} for tag in TAGS],
        "paths": {
            **{f"/api/v1/{kind.name}": {"post": _lookup(kind)} for kind in known},
            **{path: {"get": operation} for path, operation in PATHS.items()},
        },
        "components": {"schemas": schemas},
    }
