"""A kind's own page, and its API where the fast path does not answer it."""

from time import perf_counter_ns

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from lookup import record_page
from lookup.pages import language_of
from lookup.public.asking import Found, Outcome, gate
from lookup.public.bodies import read_body
from lookup.public.handler import Asked, Handler
from lookup.public.live import View
from lookup.public.site.forms import Failed, Forms, Sent, network_of_scope, read
from lookup.public.site.frame import Frame, html, own_path, respond
from lookup.public.tally import Tally


class Lookups:
    """`/KIND` and `/api/v1/KIND`."""

    def __init__(self, frame: Frame, handler: Handler, tally: Tally) -> None:
        self._frame = frame
        self._live = frame.live
        self._forms = Forms(frame)
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
            return self._forms.page(request.scope, "form.html", view)
        return self._forms.refusal(request.scope, view, request.path_params["kind"])

    async def result(self, request: Request) -> Response:
        """`POST /KIND`: the record, or the form with what is wrong in words."""
        kind_name = request.path_params["kind"]
        view = gate(self._live, kind_name, self._live.clock())
        outcome: Outcome
        if isinstance(view, View):
            sent = await read(request)
            # Ours is the time from here: what a slow phone takes to send is not.
            started = perf_counter_ns()
            outcome, response = self._lookup(request.scope, view, sent)
        else:
            # A body nobody will look at is not read.
            started = perf_counter_ns()
            outcome, response = view, self._forms.refusal(request.scope, view, kind_name)
        self._tally.count(kind_name, outcome, perf_counter_ns() - started)
        return response

    def _lookup(self, scope: Scope, view: View, sent: Sent) -> tuple[Outcome, Response]:
        outcome = self._handler.outcome(view.name, sent.fields, sent.network, sent.solution)
        if isinstance(outcome, Found):
            return outcome, self._result(scope, outcome)
        if isinstance(outcome, Failed):
            return outcome, self._forms.page(scope, "form.html", view, outcome, sent)
        return outcome, self._forms.refusal(scope, outcome, view.name)

    async def api(self, request: Request) -> Response:
        """`POST /api/v1/KIND`."""
        body, headers = await read_body(request), request.headers
        asked = Asked(
            request.path_params["kind"],
            headers.get("content-type", ""),
            body,
            language_of(request.scope),
            network_of_scope(request.scope),
            headers.get("x-altcha-solution", ""),
        )
        return respond(self._handler.answer(asked))

    def _result(self, scope: Scope, found: Found) -> Response:
        kind, serving = found.view.kind, found.view.serving
        assert kind is not None  # noqa: S101  # a view in which something was found is open
        assert serving is not None  # noqa: S101  # the same
        language = language_of(scope)
        body, opened_at = orjson.loads(found.body), self._frame.words(language)(serving.opened_at)
        path, statistics = own_path(scope), serving.statistics
        today = self._live.clock().astimezone(self._frame.settings.timezone).date()
        page = record_page.render(kind, body, opened_at, language, path, statistics, today)
        return html(page, 200, language)
