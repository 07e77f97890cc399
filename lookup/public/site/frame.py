"""What every page of the public site is made with."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from lookup import record_page
from lookup.pages import Pages, environment, language_of
from lookup.public.answers import CONSTANT, PHRASES, STATUSES, Answer
from lookup.public.live import LiveReleases, View
from lookup.public.site.moments import in_words
from lookup.settings import Settings

TEMPLATES = Path(__file__).parent.parent / "templates"
NO_STORE = {"Cache-Control": "no-store"}
CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed"}


def respond(found: Answer) -> Response:
    """An answer as a response of Starlette's."""
    response = Response(found.body, found.status)
    response.raw_headers.extend(found.headers)
    return response


def html(page: str, status: int, language: str) -> Response:
    """A page that nobody may keep."""
    headers = NO_STORE | {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(page, status, headers, "text/html")


def own_path(scope: Scope) -> str:
    """The path a page links to itself by: never another site's address."""
    return "/" + str(scope["path"]).lstrip("/")


def title_of(view: View, language: str) -> str:
    """A kind's title; where no release of it could be read, that it is a lookup."""
    return view.kind.title.in_language(language) if view.kind else PHRASES.say("kind", language)


class Frame:
    """What is live, and the words and templates to show it with; `on_air` says whether there is
    a broadcast to lead to."""

    def __init__(
        self, settings: Settings, live: LiveReleases, on_air: Callable[[], bool] = lambda: False
    ) -> None:
        self.settings = settings
        self.live = live
        self.on_air = on_air
        self.pages = Pages(environment(TEMPLATES, record_page.TEMPLATES), PHRASES)

    def views(self) -> list[View]:
        """Every kind as it is now."""
        now = self.live.clock()
        views = (self.live.view(name, now) for name in self.live.names())
        return [view for view in views if view is not None]

    def time(self, moment: datetime | None) -> str:
        """A moment as people here write it, '' for none."""
        if moment is None:
            return ""
        return f"{moment.astimezone(self.settings.timezone):%Y-%m-%d %H:%M}"

    def words(self, language: str) -> Callable[[datetime], str]:
        """How moments are said in a sentence, the day with its weekday."""
        return partial(in_words, zone=self.settings.timezone, language=language)

    def page(self, scope: Scope, template: str, status: int = 200, **values: object) -> Response:
        """A template as a response, in the request's language."""
        language, path = language_of(scope), own_path(scope)
        page = self.pages.render(template, language, path, live=self.on_air(), **values)
        return html(page, status, language)

    def message(
        self,
        scope: Scope,
        code: str,
        status: int,
        title: str | None = None,
        opens_at: str = "",
    ) -> Response:
        """A page that says one thing: the problem `code` in words, and when it will be over."""
        values = {"code": code, "title": title, "opens_at": opens_at}
        return self.page(scope, "message.html", status, **values)

    def failure(self, scope: Scope, status: int, headers: Mapping[str, str]) -> Response:
        """404, 405 and 500: a problem below /api/, a page elsewhere."""
        code = CODE_OF_STATUS.get(status, "error")
        if scope["path"].startswith("/api/"):
            response = respond(CONSTANT[code, language_of(scope)])
        else:
            # The path of what is not there is the client's own text: not repeated.
            response = self.message({**scope, "path": "/"}, code, STATUSES[code])
        response.headers.update(headers)
        return response

    async def on_error(self, request: Request, error: Exception) -> Response:
        """Starlette's own refusals, and what nobody caught, in the site's words."""
        if not isinstance(error, HTTPException):
            return self.failure(request.scope, 500, {})
        return self.failure(request.scope, error.status_code, error.headers or {})
