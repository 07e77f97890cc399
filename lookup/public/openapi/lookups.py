"""`POST /api/v1/KIND`: what is asked, the record, and every problem."""

from collections.abc import Iterable, Mapping

from lookup.kinds import Kind
from lookup.public.answers import CODES, REQUEST_STATUSES, STATUSES
from lookup.public.asking import Invalid
from lookup.public.openapi.parts import (
    CACHE,
    JSON,
    LANG,
    LANGUAGE,
    PLAIN,
    PROBLEM,
    REFUSED_EARLY,
    RETRY_AFTER,
    TIME,
    WHOLE,
    answer,
    parameter,
    ref,
    said,
)
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

NOT_LOOKUPS = frozenset({"not_found", "method_not_allowed", "no_pre_check"})
"""Problems that no lookup is answered with."""

SOLUTION = parameter("X-Altcha-Solution", "header", "solution")
INVALID = CODES[Invalid]
MALFORMED = (*REQUEST_STATUSES.values(), 422)
"""The statuses of a request that is not right, as a worker words it."""
OPTIONAL = frozenset({"field", "solution"})
"""What a problem has only now and then."""
WAITS = frozenset({429, 503})
"""The statuses that say when to come back."""


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
    "challenge_required": {"challenge": ref("challenge"), "solution": FLAWS},
}
"""What a problem says besides its code."""


def _problem(code: str, statuses: Iterable[int], more: Mapping[str, Schema]) -> Schema:
    """The body of a problem; `more` is what it has besides."""
    members: dict[str, Schema] = {
        "type": constant("about:blank"),
        "title": text(),
        "status": {"enum": sorted(set(statuses))},
        "detail": text(),
        "code": constant(code),
    }
    title = said(f"problem.{code}.title")
    required = [name for name in {**members, **more} if name not in OPTIONAL]
    return {"title": title, **closed_object({**members, **more}, required)}


def codes() -> dict[int, list[str]]:
    """The codes a lookup may be answered with, by status."""
    by_status = {status: [INVALID] for status in MALFORMED}
    for code, status in STATUSES.items():
        if code not in NOT_LOOKUPS:
            by_status.setdefault(status, []).append(code)
    return dict(sorted(by_status.items()))


def problems() -> dict[str, Schema]:
    """The schema of every problem by its code."""
    invalid = _problem(INVALID, (*MALFORMED, 431), {"field": text()})
    schemas = {INVALID: invalid, "challenge": CHALLENGE}
    for each in (*codes().values(), ["not_found"]):
        for code in each:
            if code != INVALID:
                schemas[code] = _problem(code, [STATUSES[code]], MORE.get(code, {}))
    return schemas


def _lookup_answers(kind: Kind) -> Schema:
    answers = {"200": answer("found", {JSON: ref(f"{kind.name}.found")}, CACHE)}
    for status, each in codes().items():
        schema = ref(each[0]) if len(each) == 1 else {"oneOf": [ref(code) for code in each]}
        headers = CACHE | LANGUAGE | (RETRY_AFTER if status in WAITS else {})
        answers[str(status)] = answer("problem", {PROBLEM: schema}, headers)
    answers["400"]["content"][PLAIN] = {"schema": text()}
    # A worker says it in plain words, nginx in front of it as a problem.
    answers["431"] = answer("headers", {PLAIN: text(), PROBLEM: ref(INVALID)})
    return dict(sorted({**REFUSED_EARLY, **answers}.items()))


def lookup(kind: Kind) -> Schema:
    """The operation that looks one record of a kind up."""
    examples = {
        way.name: {"summary": both(way.label), "value": example(kind, way)} for way in kind.ways
    }
    body = {JSON: {"schema": ref(f"{kind.name}.question"), "examples": examples}}
    return {
        "operationId": f"lookup_{kind.name}",
        "tags": ["lookup"],
        "summary": both(kind.title),
        "description": both(kind.about),
        "parameters": [*LANG, SOLUTION],
        "requestBody": {"required": True, "content": body},
        "responses": _lookup_answers(kind),
    }


def schemas(kinds: Iterable[Kind]) -> dict[str, Schema]:
    """The schemas that lookups refer to, by name."""
    named = problems()
    for kind in kinds:
        named[f"{kind.name}.question"] = question(kind)
        named[f"{kind.name}.found"] = found(kind)
    return named
