"""The page on which candidates try, before the hour, whether what they will type is right."""

from dataclasses import replace
from time import perf_counter_ns

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lookup.pages import language_of
from lookup.public.asking import NoPreCheck, Outcome, Refusal, Right, UnknownKind
from lookup.public.handler import Handler
from lookup.public.live import State, View
from lookup.public.site.forms import Failed, Forms, read
from lookup.public.site.frame import NO_STORE, Frame
from lookup.public.tally import Tally

TEMPLATE = "pre_check.html"


class PreChecks:
    """`/KIND/pre-check`. Its tries are counted against the same budgets as lookups."""

    def __init__(self, frame: Frame, handler: Handler, tally: Tally) -> None:
        self._live = frame.live
        self._forms = Forms(frame)
        self._handler = handler
        self._tally = tally

    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route("/{kind}/pre-check", self.form),
            Route("/{kind}/pre-check", self.check, methods=["POST"]),
        ]

    async def form(self, request: Request) -> Response:
        """`GET /KIND/pre-check`: the form; where the kind is open, the way to the lookup."""
        view = self._view(request)
        if isinstance(view, View):
            return self._forms.page(request.scope, TEMPLATE, view, right=False)
        return self._none(request, view)

    async def check(self, request: Request) -> Response:
        """`POST /KIND/pre-check`: whether it is right, and nothing else."""
        view = self._view(request)
        if not isinstance(view, View):
            # A body nobody will look at is not read.
            return self._none(request, view)
        sent = await read(request)
        started = perf_counter_ns()
        outcome = self._handler.pre_check(view.name, sent.fields, sent.network, sent.solution)
        if isinstance(outcome, Right):
            response = self._forms.page(request.scope, TEMPLATE, view, right=True)
        elif isinstance(outcome, Failed):
            response = self._forms.page(request.scope, TEMPLATE, view, outcome, sent, right=False)
        else:
            response = self._none(request, outcome)
        self._tally.count(view.name, outcome, perf_counter_ns() - started)
        return response

    def _view(self, request: Request) -> View | Refusal:
        """The kind with the ways in of the release that is to come, or why there are none."""
        view = self._live.view(request.path_params["kind"], self._live.clock())
        if view is None:
            return UnknownKind()
        if view.pre_check is None:
            return NoPreCheck(view.state is State.OPEN)
        return replace(view, kind=view.pre_check.kind)

    def _none(self, request: Request, outcome: Outcome) -> Response:
        """Nothing to try: the lookup itself where it is open, else words."""
        kind_name = request.path_params["kind"]
        if isinstance(outcome, NoPreCheck) and outcome.opened:
            address = f"/{kind_name}?lang={language_of(request.scope)}"
            return RedirectResponse(address, 303, NO_STORE)
        return self._forms.refusal(request.scope, outcome, kind_name)
