"""The home page, and the same as a document: every kind and its state."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookup.pages import language_of
from lookup.public.answers import iso
from lookup.public.site.frame import Frame, title_of


class Home:
    """`/` and `/status.json`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/", self.home), Route("/status.json", self.status)]

    async def home(self, request: Request) -> Response:
        """`GET /`: every kind and its state."""
        language = language_of(request.scope)
        kinds = [
            (view, title_of(view, language), self._frame.time(view.opens_at))
            for view in self._frame.views()
        ]
        return self._frame.page(request.scope, "home.html", kinds=kinds)

    async def status(self, request: Request) -> Response:
        """`GET /status.json`: kinds, states, server time; a cache may keep it one second."""
        kinds = [
            {
                "name": view.name,
                "title": {"zh": title_of(view, "zh"), "en": title_of(view, "en")},
                "state": view.state.value,
                "opens_at": iso(view.opens_at) if view.opens_at else None,
            }
            for view in self._frame.views()
        ]
        document = {"kinds": kinds, "server_time": iso(self._frame.live.clock())}
        headers = {"Cache-Control": "public, max-age=1"}
        return Response(orjson.dumps(document), 200, headers, "application/json")
