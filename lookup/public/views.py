"""The pages: home, form, result, message; and the small documents beside them."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from time import perf_counter_ns
from urllib.parse import parse_qsl

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from lookup import record_page
from lookup.kinds import Kind
from lookup.pages import Pages, environment, language_of
from lookup.public.answers import (
    CODES,
    CONSTANT,
    MAX_BODY_BYTES,
    PHRASES,
    STATUSES,
    Answer,
    decide,
    iso,
    render,
    status_of,
)
from lookup.public.asking import (
    Found,
    Invalid,
    NoMatch,
    NotOpen,
    Outcome,
    Refusal,
    gate,
    look,
)
from lookup.public.live import LiveReleases, View
from lookup.public.tally import Tally
from lookup.settings import Settings

MAX_FIELDS = 16
FORM = "application/x-www-form-urlencoded"
HERE = Path(__file__).parent
NO_STORE = {"Cache-Control": "no-store"}
CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed"}


async def read_body(request: Request) -> bytes:
    """The body, cut one byte above the cap; the rest is never read."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                break
    except ClientDisconnect:
        return b""
    return bytes(body[: MAX_BODY_BYTES + 1])


def read_form(content_type: str, body: bytes) -> Mapping[str, str] | Invalid:
    """The fields of a posted form."""
    if len(body) > MAX_BODY_BYTES:
        return Invalid(None, "too_large")
    if content_type.partition(";")[0].strip().lower() != FORM:
        return Invalid(None, "media_type")
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return Invalid(None, "not_form")


def respond(found: Answer) -> Response:
    """An answer as a response of Starlette's."""
    response = Response(found.body, found.status)
    response.raw_headers.extend(found.headers)
    return response


class Site:
    """The handlers, with what they need."""

    def __init__(self, settings: Settings, live: LiveReleases, tally: Tally) -> None:
        self._settings = settings
        self._live = live
        self._tally = tally
        self._pages = Pages(environment(HERE / "templates", record_page.TEMPLATES), PHRASES)

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
            return self._form(request.scope, view.kind, None, None, 200)
        return self._outcome(request.scope, view, request.path_params["kind"])

    async def result(self, request: Request) -> Response:
        """`POST /KIND`: the record, or the form with what is wrong in words."""
        kind_name = request.path_params["kind"]
        view, body = gate(self._live, kind_name, self._live.clock()), b""
        if isinstance(view, View):
            body = await read_body(request)
            # Reading may have taken long: the state is looked at again, for this moment.
            view = gate(self._live, kind_name, self._live.clock())
        # Ours is the time from here: what a slow phone takes to send is not.
        started = perf_counter_ns()
        outcome, response = self._lookup(request, kind_name, view, body)
        self._tally.count(kind_name, outcome, perf_counter_ns() - started)
        return response

    def _lookup(
        self, request: Request, kind_name: str, view: View | Refusal, body: bytes
    ) -> tuple[Outcome, Response]:
        if not isinstance(view, View):
            return view, self._outcome(request.scope, view, kind_name)
        fields = read_form(request.headers.get("content-type", ""), body)
        outcome = fields if isinstance(fields, Invalid) else look(view, fields)
        if isinstance(outcome, Found):
            return outcome, self._result(request.scope, outcome)
        if isinstance(outcome, Invalid | NoMatch):
            names = frozenset() if isinstance(fields, Invalid) else frozenset(fields)
            way = _way(view.kind, names)
            status = status_of(outcome)
            return outcome, self._form(request.scope, view.kind, outcome, way, status)
        return outcome, self._outcome(request.scope, outcome, kind_name)

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
        body = await read_body(request)
        started = perf_counter_ns()
        kind, content_type = request.path_params["kind"], request.headers.get("content-type", "")
        outcome = decide(self._live, kind, content_type, body, self._live.clock())
        response = respond(render(outcome, language_of(request.scope)))
        self._tally.count(kind, outcome, perf_counter_ns() - started)
        return response

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
            self._pages.render(template, language, _path(scope), **values), status, language
        )

    def _form(
        self,
        scope: Scope,
        kind: Kind | None,
        outcome: NoMatch | Invalid | None,
        way: str | None,
        status: int,
    ) -> Response:
        return self._page(
            scope,
            "form.html",
            status,
            kind=kind,
            no_match=isinstance(outcome, NoMatch),
            invalid=outcome if isinstance(outcome, Invalid) else None,
            way_used=way,
        )

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
        if status == STATUSES["unavailable"]:
            response.headers["Retry-After"] = "5"
        return response

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
