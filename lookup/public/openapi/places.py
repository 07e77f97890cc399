"""What is asked with GET at addresses that no kind changes."""

from lookup.public.live import State
from lookup.public.openapi.parts import (
    HTML,
    JSON,
    LABEL,
    MAYBE_TIME,
    PLAIN,
    TIME,
    WHOLE,
    answer,
    read,
)
from lookup.public.schemas import Schema, closed_object, text

RELEASE = closed_object({"version": WHOLE, "opened_at": TIME})
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
                    "state": {"enum": [state.value for state in State]},
                    "opens_at": MAYBE_TIME,
                    "closes_at": MAYBE_TIME,
                    "corrected": {"type": "boolean"},
                    "pre_check": {"type": "boolean"},
                    "tables": {"type": "array", "items": text()},
                    "release": {"anyOf": [RELEASE, {"type": "null"}]},
                },
                "required": [
                    *("name", "title", "state", "opens_at", "closes_at"),
                    *("corrected", "pre_check", "tables", "release"),
                ],
            },
        },
        "server_time": TIME,
    },
    "required": ["kinds", "server_time"],
}
NOT_READY = {"503": answer("not_ready", {PLAIN: text()})}
NO_SITE = {"404": answer("no_site", {HTML: text()})}

PLACES: dict[str, Schema] = {
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
