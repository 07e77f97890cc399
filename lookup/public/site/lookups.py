"""A kind's own pages, and its API where the fast path does not answer it."""

from dataclasses import dataclass
from time import perf_counter_ns

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from lookup import record_page
from lookup.kinds import Kind
from lookup.pages import language_of
from lookup.public.answers import CODES, retry_after_s, status_of
from lookup.public.asking import (
    ChallengeRequired,
    Found,
    Invalid,
    NoMatch,
    NotOpen,
    Outcome,
    Refusal,
    TryLater,
    gate,
)
from lookup.public.bodies import TOO_LARGE, read_body, read_form
from lookup.public.challenge import encode
from lookup.public.fair_use import Cause
from lookup.public.handler import Asked, Handler, network_from
from lookup.public.live import View
from lookup.public.site.frame import Frame, html, own_path, respond, title_of
from lookup.public.tally import Tally


def _network(scope: Scope) -> bytes:
    real_ip = next((value for name, value in scope["headers"] if name == b"x-real-ip"), None)
    return network_from(scope.get("client"), real_ip)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What fair use asks of whoever sent a form: so many seconds, whose failures are the cause,
    and what to send back after them. That is a new challenge (`new`), which may be solved
    before, or the solution that was sent, which is good but came before its turn."""

    seconds: int
    cause: Cause
    altcha: str
    new: bool


class Lookups:
    """`/KIND` and `/api/v1/KIND`."""

    def __init__(self, frame: Frame, handler: Handler, tally: Tally) -> None:
        self._frame = frame
        self._live = frame.live
        self._handler = handler
        self._tally = tally

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/v1/{kind}", self.api, methods=["POST"]),
            Route("/{kind}", self.form),
            Route("/{kind}", self.result, methods=["POST"]),
        ]

    async def form(self, request: Request) -> Response:
        """`GET /KIND`: the ways in, or why there is nothing to ask."""
        view = gate(self._live, request.path_params["kind"], self._live.clock())
        if isinstance(view, View):
            return self._form(request.scope, view.kind, None, None)
        return self._outcome(request.scope, view, request.path_params["kind"])

    async def result(self, request: Request) -> Response:
        """`POST /KIND`: the record, or the form with what is wrong in words."""
        kind_name = request.path_params["kind"]
        view = gate(self._live, kind_name, self._live.clock())
        # A body nobody will look at is not read.
        body = await read_body(request) if isinstance(view, View) else b""
        # Ours is the time from here: what a slow phone takes to send is not.
        started = perf_counter_ns()
        outcome, response = self._lookup(request, kind_name, view, body)
        self._tally.count(kind_name, outcome, perf_counter_ns() - started)
        return response

    def _lookup(
        self, request: Request, kind_name: str, view: View | Refusal, body: bytes
    ) -> tuple[Outcome, Response]:
        scope = request.scope
        if not isinstance(view, View):
            return view, self._outcome(scope, view, kind_name)
        fields = read_form(request.headers.get("content-type", ""), body)
        solution = "" if isinstance(fields, Invalid) else fields.pop("altcha", "")
        outcome = self._handler.outcome(kind_name, fields, _network(scope), solution)
        if isinstance(outcome, Found):
            return outcome, self._result(scope, outcome)
        if not isinstance(outcome, Invalid | NoMatch | ChallengeRequired | TryLater):
            return outcome, self._outcome(scope, outcome, kind_name)
        names = frozenset() if isinstance(fields, Invalid) else frozenset(fields)
        way, held = _way(view.kind, names), _held(outcome, solution)
        response = self._form(scope, view.kind, outcome, way, held)
        if fields is TOO_LARGE:
            response.headers["Connection"] = "close"
        return outcome, response

    async def api(self, request: Request) -> Response:
        """`POST /api/v1/KIND`."""
        body, headers = await read_body(request), request.headers
        asked = Asked(
            request.path_params["kind"],
            headers.get("content-type", ""),
            body,
            language_of(request.scope),
            _network(request.scope),
            headers.get("x-altcha-solution", ""),
        )
        return respond(self._handler.answer(asked))

    # Parts

    def _form(
        self,
        scope: Scope,
        kind: Kind | None,
        outcome: NoMatch | Invalid | ChallengeRequired | TryLater | None,
        way: str | None,
        held: HeldBack | None = None,
    ) -> Response:
        response = self._frame.page(
            scope,
            "form.html",
            200 if outcome is None else status_of(outcome),
            kind=kind,
            no_match=isinstance(outcome, NoMatch),
            invalid=outcome if isinstance(outcome, Invalid) else None,
            held=held,
            way_used=way,
        )
        return _with_retry_after(response, outcome)

    def _result(self, scope: Scope, found: Found) -> Response:
        kind, serving = found.view.kind, found.view.serving
        assert kind is not None  # noqa: S101  # a view in which something was found is open
        assert serving is not None  # noqa: S101  # the same
        body, opened_at = orjson.loads(found.body), self._frame.time(serving.opened_at)
        language = language_of(scope)
        page = record_page.render(kind, body, opened_at, language, own_path(scope))
        return html(page, 200, language)

    def _outcome(self, scope: Scope, outcome: Outcome, kind_name: str) -> Response:
        view = self._live.view(kind_name, self._live.clock())
        title = title_of(view, language_of(scope)) if view else None
        opens_at = outcome.opens_at if isinstance(outcome, NotOpen) else None
        status = status_of(outcome)
        response = self._frame.message(scope, CODES[type(outcome)], status, title, opens_at)
        return _with_retry_after(response, outcome)


def _with_retry_after(response: Response, outcome: Outcome | None) -> Response:
    seconds = None if outcome is None else retry_after_s(outcome)
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def _held(outcome: Outcome, solution: str) -> HeldBack | None:
    if isinstance(outcome, TryLater):
        return HeldBack(outcome.seconds, outcome.cause, solution, new=False)
    if isinstance(outcome, ChallengeRequired):
        wait_s, altcha = int(outcome.challenge["wait"]), encode(outcome.challenge)
        return HeldBack(wait_s, outcome.cause, altcha, new=True)
    return None


def _way(kind: Kind | None, names: frozenset[str]) -> str | None:
    """The way in whose form was sent, as far as its fields tell."""
    if kind is None or not names:
        return None
    return max(kind.ways, key=lambda way: len(names & set(way.fields))).name
