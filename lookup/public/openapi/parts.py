"""What operations are made of: answers, headers, parameters, and what may come of any request."""

from collections.abc import Mapping

from lookup.phrases import LANGUAGES
from lookup.public.answers import PHRASES
from lookup.public.schemas import Schema, closed_object, text

JSON, PROBLEM = "application/json", "application/problem+json"
HTML, PLAIN, CSV = "text/html", "text/plain", "text/csv"
WHOLE: Schema = {"type": "integer", "minimum": 0}
TIME = text(format="date-time")
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
LABEL = closed_object({"zh": text(), "en": text()})


def said(key: str) -> str:
    """A phrase in both languages, Chinese first."""
    return " / ".join(PHRASES.say(key, language) for language in LANGUAGES)


def ref(name: str) -> Schema:
    """A schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def header(schema: Schema, key: str, required: bool = True) -> Schema:
    """A response's header."""
    return {"schema": schema, "required": required, "description": said(f"openapi.header.{key}")}


CACHE = {"Cache-Control": header(text(), "cache_control")}
RETRY_AFTER = {"Retry-After": header(WHOLE, "retry_after")}
LANGUAGE = {"Content-Language": header({"enum": list(LANGUAGES)}, "content_language", False)}
ETAG = {"ETag": header(text(), "etag")}


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


def parameter(name: str, where: str, key: str) -> Schema:
    """A text that a request may carry, and need not."""
    description = said(f"openapi.parameter.{key}")
    return {"name": name, "in": where, "schema": text(), "description": description}


LANG = [
    parameter("lang", "query", "lang"),
    parameter("Accept-Language", "header", "accept_language"),
]
IF_NONE_MATCH = parameter("If-None-Match", "header", "if_none_match")


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
    headers = CACHE | (ETAG if tagged else {}) | (LANGUAGE if translated else {})
    kept = {"304": answer("same", {}, ETAG)} if tagged else {}
    answers = {"200": answer(operation, content, headers), **kept, **REFUSED_EARLY, **BUSY}
    return {
        "operationId": operation,
        "tags": [tag],
        "summary": said(f"openapi.{operation}"),
        "parameters": [*(LANG if translated else []), *([IF_NONE_MATCH] if tagged else [])],
        "responses": dict(sorted({**answers, **(more or {})}.items())),
    }
