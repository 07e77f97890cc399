"""The broadcast: its page, the same as a document, and its events."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookup.pages import language_of
from lookup.phrases import LANGUAGES
from lookup.public.broadcast import RETRY, Hub
from lookup.public.site.frame import Frame
from lookup.public.site.ready import Ready
from lookup.public.tagged import reply
from lookup.public.watching import EVENTS, HEADERS, place
from lookup.stores.entries import School

BLANK = School("", "", 0, 0, None, None, full=False)
"""What the page's script makes new rows of."""
MAX_ASKED = 100


class LiveBroadcast:
    """`/live`, `/live.json` and `/live/events`."""

    def __init__(self, frame: Frame, hub: Hub) -> None:
        self._frame = frame
        self._hub = hub
        self._ready = {
            language: Ready(frame.pages.macros("live_parts.html", language, time=frame.time))
            for language in LANGUAGES
        }
        self._kept: dict[str, Response] = {}

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/live", self.page),
            Route("/live.json", self.document),
            Route(EVENTS.decode(), self.events),
        ]

    async def page(self, request: Request) -> Response:
        """`GET /live`: rounds, board and newest words; `?round=` and `?school=` leave rows out.
        It is a second old at most: its script asks for what came since."""
        wanted = {name: request.query_params.get(name, "")[:MAX_ASKED].strip()
                  for name in ("round", "school")}  # fmt: skip
        language = language_of(request.scope)
        ready = self._ready[language]
        if ready.bring_up(self._hub.account, self._hub.clock()):
            self._kept.pop(language, None)
        if any(wanted.values()):
            return self._render(request, ready, wanted)
        # Everybody reloads at once when much has changed: then all get the same page.
        if language not in self._kept:
            self._kept[language] = self._render(request, ready, wanted)
        return self._kept[language]

    def _render(self, request: Request, ready: Ready, wanted: Mapping[str, str]) -> Response:
        rows, found = ready.rows(wanted)
        return self._frame.page(
            request.scope,
            "live.html",
            account=ready.head,
            there=ready.head.there,
            ready=ready,
            rows=rows,
            found=found,
            wanted=wanted,
            blank=BLANK,
            time=self._frame.time,
            zone=str(self._frame.settings.timezone),
        )

    async def document(self, request: Request) -> Response:
        """`GET /live.json`: the same as a document, with a strong entity tag."""
        headers = {"Cache-Control": "public, max-age=1"}
        return reply(request, self._hub.document(), "application/json", headers)

    async def events(self, request: Request) -> Response:
        """`GET /live/events` where the protocol did not take it: what was missed, and an end.
        Whoever watches comes back for more."""
        asked = request.headers.get("last-event-id", "").encode("latin-1")
        missed = self._hub.missed(place(asked, request.scope["query_string"]))
        response = Response(RETRY + missed)
        response.raw_headers.extend(HEADERS)
        return response
