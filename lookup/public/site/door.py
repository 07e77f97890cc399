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
from lookup.public.answers import PHRASES
from lookup.public.feed import entries, feed
from lookup.public.live import View
from lookup.public.openapi.broadcast import BROADCAST
from lookup.public.openapi.document import document
from lookup.public.openapi.lookups import codes
from lookup.public.openapi.places import PLACES
from lookup.public.openapi.tables import REFUSALS
from lookup.public.schemas import example
from lookup.public.site.frame import Frame
from lookup.public.site.kept import Document
from lookup.public.site.publications import named, publication_of
from lookup.public.sitemap import robots, sitemap

SOMEWHERE = "https://results.example.edu.cn"
"""The site's address in examples, where the operator has not said it."""
SHOWN = sorted(
    {(status, code) for found in (codes(), REFUSALS) for status in found for code in found[status]}
)
"""Every problem, by status."""


class Door:
    """`/api`, `/openapi.json`, `/feed.atom`, `/robots.txt` and `/sitemap.xml`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._site_url = frame.settings.site_url
        self._openapi = Document("application/json")
        self._robots = Document("text/plain")
        self._sitemap = Document("application/xml")
        self._feeds = {
            language: Document(
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
            places=_places(kinds, language_of(request.scope)),
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
            request,
            found,
            lambda: feed(found, self._site_url, language, self._frame.words(language)),
        )

    async def robots_txt(self, request: Request) -> Response:
        """`GET /robots.txt`."""
        return self._robots.answer(request, None, lambda: robots(self._site_url))

    async def sitemap_xml(self, request: Request) -> Response:
        """`GET /sitemap.xml`; 404 where the operator has not said the site's address: it must not
        come from the Host header, which the client writes."""
        if not self._site_url:
            raise HTTPException(404)
        pages = [page for view in self._frame.views() for page in _pages(view)]
        return self._sitemap.answer(request, pages, lambda: sitemap(self._site_url, pages))

    def _kinds(self) -> list[Kind]:
        """The kinds of which a release could be read."""
        return [view.kind for view in self._frame.views() if view.kind is not None]


def _places(kinds: list[Kind], language: str) -> list[tuple[str, str]]:
    """Every address that is asked with GET, and what it gives."""
    found = [
        (f"/{kind.name}/{name}{suffix}", title.in_language(language))
        for kind in kinds
        for name, title in named(kind)
        for suffix in (".json", ".csv")
    ]
    fixed = (BROADCAST | PLACES).items()
    return found + [
        (path, PHRASES.say(f"openapi.{each['operationId']}", language)) for path, each in fixed
    ]


def _pages(view: View) -> list[str]:
    """The pages of a kind, while it is open: the lookup, and its tables."""
    if view.serving is None or view.kind is None:
        return []
    tables = publication_of(view.kind, view.serving).pages()
    return [f"/{view.name}", *(f"/{view.name}/{name}" for name, _ in tables)]
