"""The home page, and the same as a document: every kind and its state."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookup.kinds import Label
from lookup.pages import language_of
from lookup.public.answers import iso
from lookup.public.live import State, View
from lookup.public.site.frame import Frame, title_of
from lookup.public.site.moments import Return
from lookup.public.site.publications import named, publication_of

ORDER = [State.OPEN, State.NOT_OPEN, State.UNAVAILABLE, State.CLOSED]


class Home:
    """`/` and `/status.json`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._return = Return()

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/", self.home), Route("/status.json", self.status)]

    async def home(self, request: Request) -> Response:
        """`GET /`: every kind and its state, what is open and what opens first at the head."""
        language, now = language_of(request.scope), self._frame.live.clock()
        views = sorted(self._frame.views(), key=_rank)
        return self._frame.page(
            request.scope,
            "home.html",
            kinds=[(view, title_of(view, language), _links(view)) for view in views],
            now=now,
            again_s=self._return.after_s((view.opens_at for view in views), now),
            words=self._frame.words(language),
        )

    async def status(self, request: Request) -> Response:
        """`GET /status.json`: kinds, states, server time; a cache may keep it one second."""
        kinds = [_state(view) for view in self._frame.views()]
        document = {"kinds": kinds, "server_time": iso(self._frame.live.clock())}
        headers = {"Cache-Control": "public, max-age=1"}
        return Response(orjson.dumps(document), 200, headers, "application/json")


def _rank(view: View) -> tuple[int, str, str]:
    return ORDER.index(view.state), iso(view.opens_at) if view.opens_at else "", view.name


def _links(view: View) -> list[tuple[str, Label]]:
    """The pages of what a release tells of everybody, with their titles: of an open one those
    there are, of another those that its kind may have."""
    if view.kind is None:
        return []
    return publication_of(view.kind, view.serving).pages() if view.serving else named(view.kind)


def _state(view: View) -> dict[str, object]:
    """A kind as `/status.json` says it; what does not apply is null."""
    release = None
    if view.serving is not None:
        version, opened_at = view.serving.manifest.version, view.serving.opened_at
        release = {"version": version, "opened_at": iso(opened_at)}
    return {
        "name": view.name,
        "title": {"zh": title_of(view, "zh"), "en": title_of(view, "en")},
        "state": view.state.value,
        "opens_at": iso(view.opens_at) if view.opens_at else None,
        "closes_at": iso(view.closes_at) if view.closes_at else None,
        "corrected": view.corrected,
        "pre_check": view.pre_check is not None,
        "tables": [name for name, _ in _links(view)] if view.serving else [],
        "release": release,
    }
