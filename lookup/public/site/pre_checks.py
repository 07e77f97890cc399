"""The page on which candidates try, before the hour, whether what they will type is right."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lookup.pages import language_of
from lookup.public.asking import NoPreCheck, Right
from lookup.public.handler import Handler
from lookup.public.live import State, View
from lookup.public.site.forms import Failed, Forms, read
from lookup.public.site.frame import NO_STORE, Frame, title_of

TEMPLATE = "pre_check.html"


class PreChecks:
    """`/KIND/pre-check`. Its tries are counted against the same budgets as lookups."""

    def __init__(self, frame: Frame, handler: Handler) -> None:
        self._frame = frame
        self._live = frame.live
        self._forms = Forms(frame)
        self._handler = handler

    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route("/{kind}/pre-check", self.form),
            Route("/{kind}/pre-check", self.check, methods=["POST"]),
        ]

    async def form(self, request: Request) -> Response:
        """`GET /KIND/pre-check`: the form; when open, the way to the lookup itself."""
        view = self._view(request)
        if view is None or view.pre_check is None:
            return self._none(request, view)
        return self._forms.page(request.scope, TEMPLATE, view, right=False)

    async def check(self, request: Request) -> Response:
        """`POST /KIND/pre-check`: whether it is right, and nothing else."""
        view = self._view(request)
        if view is None or view.pre_check is None:
            return self._none(request, view)
        sent = await read(request)
        outcome = self._handler.pre_check(view.name, sent.fields, sent.network, sent.solution)
        if isinstance(outcome, Right):
            return self._forms.page(request.scope, TEMPLATE, view, right=True)
        if isinstance(outcome, Failed):
            return self._forms.page(request.scope, TEMPLATE, view, outcome, sent, right=False)
        if isinstance(outcome, NoPreCheck):
            return self._none(request, self._view(request))
        return self._forms.refusal(request.scope, outcome, view.name)

    def _view(self, request: Request) -> View | None:
        return self._live.view(request.path_params["kind"], self._live.clock())

    def _none(self, request: Request, view: View | None) -> Response:
        """No pre-check here: the lookup itself where it is open, else words."""
        language = language_of(request.scope)
        if view is None:
            return self._frame.message(request.scope, "unknown_kind", 404)
        if view.state is State.OPEN:
            return RedirectResponse(f"/{view.name}?lang={language}", 303, NO_STORE)
        return self._frame.message(request.scope, "no_pre_check", 404, title_of(view, language))
