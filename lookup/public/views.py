"""The pages: home, form, result, message; and the small documents beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter_ns

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from lookup import record_page
from lookup.kinds import Kind
from lookup.pages import Pages, environment, language_of
from lookup.public.answers import (
    CODES,
    CONSTANT,
    PHRASES,
    STATUSES,
    Answer,
    iso,
    retry_after_s,
    status_of,
)
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
from lookup.public.live import LiveReleases, View
from lookup.public.tally import Tally
from lookup.settings import Settings

HERE = Path(__file__).parent
NO_STORE = {"Cache-Control": "no-store"}
CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed"}


def _network(scope: Scope) -> bytes:
    real_ip = next((value for name, value in scope["headers"] if name == b"x-real-ip"), None)
    return network_from(scope.get("client"), real_ip)


def respond(found: Answer) -> Response:
    """An answer as a response of Starlette's."""
    response = Response(found.body, found.status)
    response.raw_headers.extend(found.headers)
    return response


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What fair use asks of whoever sent a form: so many seconds, whose failures are the cause,
    and what to send back after them. That is a new challenge (`new`), which may be solved
    before, or the solution that was sent, which is good but came before its turn."""

    seconds: int
    cause: Cause
    altcha: str
    new: bool


class Site:
    """The handlers, with what they need."""

    def __init__(
        self, settings: Settings, live: LiveReleases, handler: Handler, tally: Tally
    ) -> None:
        self._settings = settings
        self._live = live
        self._handler = handler
        self._tally = tally
        self.pages = Pages(environment(HERE / "templates", record_page.TEMPLATES), PHRASES)

    # Pages

    async def home(self, request: Request) -> Response:
        """`GET /`: every kind and its state."""
        language = language_of(request.scope)
        kinds = [
            (view, _title(view, language), self._time(view.opens_at)) for view in self._views()
        ]
        return self._page(request.scope, "home.html", 200, kinds=kinds)

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

    def failure(self, scope: Scope, status: int, headers: Mapping[str, str]) -> Response:
        """404, 405 and 500: a problem below /api/, a page elsewhere."""
        code = CODE_OF_STATUS.get(status, "error")
        if scope["path"].startswith("/api/"):
            response = respond(CONSTANT[code, language_of(scope)])
        else:
            # The path of what is not there is the client's own text: not repeated.
            response = self._message({**scope, "path": "/"}, code, STATUSES[code], None, None)
        response.headers.update(headers)
        return response

    # Documents

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

    async def status(self, request: Request) -> Response:
        """`GET /status.json`: kinds, states, server time; a cache may keep it one second."""
        kinds = [
            {
                "name": view.name,
                "title": {"zh": _title(view, "zh"), "en": _title(view, "en")},
                "state": view.state.value,
                "opens_at": iso(view.opens_at) if view.opens_at else None,
            }
            for view in self._views()
        ]
        document = {"kinds": kinds, "server_time": iso(self._live.clock())}
        headers = {"Cache-Control": "public, max-age=1"}
        return Response(orjson.dumps(document), 200, headers, "application/json")

    async def health(self, request: Request) -> Response:
        """`GET /healthz`: the loop turns."""
        return PlainTextResponse("ok\n", headers=NO_STORE)

    async def ready(self, request: Request) -> Response:
        """`GET /readyz`: the pointers are being followed."""
        if self._live.ready():
            return PlainTextResponse("ok\n", headers=NO_STORE)
        return PlainTextResponse("not ready\n", 503, headers=NO_STORE)

    # Parts

    def _views(self) -> list[View]:
        now = self._live.clock()
        views = (self._live.view(name, now) for name in self._live.names())
        return [view for view in views if view is not None]

    def _time(self, moment: datetime | None) -> str:
        return f"{moment.astimezone(self._settings.timezone):%Y-%m-%d %H:%M}" if moment else ""

    def _page(self, scope: Scope, template: str, status: int, **values: object) -> Response:
        language = language_of(scope)
        return _html(
            self.pages.render(template, language, _path(scope), **values), status, language
        )

    def _form(
        self,
        scope: Scope,
        kind: Kind | None,
        outcome: NoMatch | Invalid | ChallengeRequired | TryLater | None,
        way: str | None,
        held: HeldBack | None = None,
    ) -> Response:
        response = self._page(
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
        body, opened_at = orjson.loads(found.body), self._time(serving.opened_at)
        language = language_of(scope)
        page = record_page.render(kind, body, opened_at, language, _path(scope))
        return _html(page, 200, language)

    def _outcome(self, scope: Scope, outcome: Outcome, kind_name: str) -> Response:
        view = self._live.view(kind_name, self._live.clock())
        title = _title(view, language_of(scope)) if view else None
        opens_at = outcome.opens_at if isinstance(outcome, NotOpen) else None
        status = status_of(outcome)
        response = self._message(scope, CODES[type(outcome)], status, title, opens_at)
        return _with_retry_after(response, outcome)

    def _message(
        self, scope: Scope, code: str, status: int, title: str | None, opens_at: datetime | None
    ) -> Response:
        return self._page(
            scope, "message.html", status, code=code, title=title, opens_at=self._time(opens_at)
        )


def _path(scope: Scope) -> str:
    return "/" + str(scope["path"]).lstrip("/")


def _html(page: str, status: int, language: str) -> Response:
    headers = NO_STORE | {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(page, status, headers, "text/html")


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


def _title(view: View, language: str) -> str:
    return view.kind.title.in_language(language) if view.kind else PHRASES.say("kind", language)


def _way(kind: Kind | None, names: frozenset[str]) -> str | None:
    """The way in whose form was sent, as far as its fields tell."""
    if kind is None or not names:
        return None
    return max(kind.ways, key=lambda way: len(names & set(way.fields))).name


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals in the site's words."""
    site: Site = request.app.state.site
    if not isinstance(error, HTTPException):
        return site.failure(request.scope, 500, {})
    return site.failure(request.scope, error.status_code, error.headers or {})
