"""The broadcast: as a document, and as events."""

from lookup.public.account import ENDED, NONE, UNDER_WAY
from lookup.public.openapi.parts import JSON, MAYBE_TIME, TIME, WHOLE, parameter, read
from lookup.public.schemas import Schema, text
from lookup.stores.entries import STATES

EVENT_STREAM = "text/event-stream"
NAMED: Schema = {"type": ["string", "null"]}
WORDS: Schema = {
    "type": ["object", "null"],
    "properties": {"zh": text(), "en": NAMED},
    "required": ["zh"],
}


def _listed(**members: Schema) -> Schema:
    item = {"type": "object", "properties": members, "required": list(members)}
    return {"type": "array", "items": item}


DOCUMENT: Schema = {
    "type": "object",
    "properties": {
        "title": WORDS,
        "state": {"enum": [NONE, UNDER_WAY, ENDED]},
        "at": MAYBE_TIME,
        "last": text("^[0-9a-f]{12}-[0-9]+$"),
        "rounds": _listed(
            id=WHOLE, at=TIME, round=text(), state={"enum": [*STATES]},
            candidates=WHOLE, forwarded=WHOLE, plan=WHOLE, admitted=WHOLE,
        ),
        "board": _listed(
            round=text(), code=text(), school=text(), plan=WHOLE, admitted=WHOLE,
            position={"type": ["integer", "null"]}, score={"type": ["number", "null"]},
            full={"type": "boolean"},
        ),
        "account": _listed(id=WHOLE, at=TIME, text=WORDS, round=NAMED),
    },
    "required": ["title", "state", "at", "last", "rounds", "board", "account"],
}  # fmt: skip
"""The broadcast as it stands; the newest words first."""


EVENT: Schema = {
    "type": "object",
    "properties": {"id": text(), "event": text(), "data": text()},
    "required": ["data"],
}
"""One event of the stream; `data` is a line of JSON."""


def _events() -> Schema:
    operation = read("live_events", "broadcast", {EVENT_STREAM: EVENT})
    operation["parameters"] += [
        parameter("after", "query", "after"),
        parameter("Last-Event-ID", "header", "last_event_id"),
    ]
    return operation


BROADCAST: dict[str, Schema] = {
    "/live.json": read("live", "broadcast", {JSON: DOCUMENT}, tagged=True),
    "/live/events": _events(),
}
