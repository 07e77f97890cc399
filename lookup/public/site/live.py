"""The broadcast: its page, the same as a document, and its events."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookup.pages import language_of
from lookup.public.broadcast import RETRY, Hub
from lookup.public.site.frame import Frame
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
        self._kept: dict[str, tuple[str, Response]] = {}

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/live", self.page),
            Route("/live.json", self.document),
            Route(EVENTS.decode(), self.events),
        ]

    async def page(self, request: Request) -> Response:
        """`GET /live`: rounds, board and account; `?round=` and `?school=` leave rows out."""
        wanted = {name: request.query_params.get(name, "")[:MAX_ASKED].strip()
                  for name in ("round", "school")}  # fmt: skip
        if any(wanted.values()):
            return self._render(request, wanted)
        # Everybody reloads at once when much has changed: then all get the same page.
        language, tag = language_of(request.scope), self._hub.document().tag
        kept = self._kept.get(language)
        if kept is None or kept[0] != tag:
            kept = self._kept[language] = tag, self._render(request, wanted)
        return kept[1]

    def _render(self, request: Request, wanted: Mapping[str, str]) -> Response:
        account = self._hub.account
        board = account.board()
        return self._frame.page(
            request.scope,
            "live.html",
            account=account,
            there=account.there,
            board=board,
            shown=[_fits(name, row, wanted) for name, row in board],
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


def _fits(name: str, row: School, wanted: Mapping[str, str]) -> bool:
    school = wanted["school"].casefold()
    in_round = not wanted["round"] or wanted["round"] == name
    return in_round and (school in row.school.casefold() or row.code.casefold().startswith(school))
