"""The developer's door: the API in words and as a document, the feed, what robots are told."""

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookup.kinds import Kind
from lookup.pages import language_of
from lookup.phrases import LANGUAGES
from lookup.public import examples
from lookup.public.feed import entries, feed
from lookup.public.openapi.document import document, operations
from lookup.public.openapi.lookups import codes
from lookup.public.schemas import example
from lookup.public.site.frame import Frame
from lookup.public.site.kept import Kept
from lookup.public.sitemap import robots, sitemap

SOMEWHERE = "https://results.example.edu.cn"
"""The site's address in examples, where the operator has not said it."""
SHOWN = tuple((status, code) for status, each in codes().items() for code in each)
"""Every problem, by status."""


class Door:
    """`/api`, `/openapi.json`, `/feed.atom`, `/robots.txt` and `/sitemap.xml`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._site_url = frame.settings.site_url
        self._openapi = Kept("application/json")
        self._robots = Kept("text/plain")
        self._sitemap = Kept("application/xml")
        self._feeds = {
            language: Kept(
                "application/atom+xml",
                {"Content-Language": language, "Vary": "Accept-Language"},
            )
            for language in LANGUAGES
        }

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api", self.api),
            Route("/openapi.json", self.openapi_json),
            Route("/feed.atom", self.feed_atom),
            Route("/robots.txt", self.robots_txt),
            Route("/sitemap.xml", self.sitemap_xml),
        ]

    async def api(self, request: Request) -> Response:
        """`GET /api`: how a program asks, with examples."""
        kinds = self._kinds()
        url, fields = f"{self._site_url or SOMEWHERE}/api/v1/", {}
        if kinds:
            url, fields = url + kinds[0].name, example(kinds[0], kinds[0].ways[0])
        return self._frame.page(
            request.scope,
            "api.html",
            kinds=kinds,
            codes=SHOWN,
            places=_places(kinds),
            curl=examples.curl(url, fields),
            python=examples.python(url, fields),
        )

    async def openapi_json(self, request: Request) -> Response:
        """`GET /openapi.json`: the same as a document."""
        kinds = self._kinds()
        return self._openapi.answer(
            request, kinds, lambda: orjson.dumps(document(kinds, self._site_url))
        )

    async def feed_atom(self, request: Request) -> Response:
        """`GET /feed.atom`: openings and corrections."""
        language, found = language_of(request.scope), entries(self._frame.views())
        return self._feeds[language].answer(
            request, found, lambda: feed(found, self._site_url, language)
        )

    async def robots_txt(self, request: Request) -> Response:
        """`GET /robots.txt`."""
        return self._robots.answer(request, None, lambda: robots(self._site_url))

    async def sitemap_xml(self, request: Request) -> Response:
        """`GET /sitemap.xml`; 404 where the operator has not said the site's address: it must not
        come from the Host header, which the client writes."""
        if not self._site_url:
            raise HTTPException(404)
        names = [view.name for view in self._frame.views() if view.serving is not None]
        return self._sitemap.answer(request, names, lambda: sitemap(self._site_url, names))

    def _kinds(self) -> list[Kind]:
        """The kinds of which a release could be read."""
        return [view.kind for view in self._frame.views() if view.kind is not None]


def _places(kinds: list[Kind]) -> list[tuple[str, str]]:
    """Every address that is asked with GET, and the name of what it gives."""
    found = operations(kinds).items()
    return [(path, each["get"]["operationId"]) for path, each in found if "get" in each]
