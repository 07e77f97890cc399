"""The public statistics of what is open: a page a table, and the same as `.json` and `.csv`.

Whoever may see them is asked first and at every request: before the hour, and after a closing or
a withdrawal, they are as gone as the records. What a cache was given meanwhile it may show for
`MAX_AGE_S` longer. That is harmless where a lookup would not be: nothing in a table is about
anybody, and nothing is given out before the hour that could be kept until then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from lookup.page_rules import STATISTICS
from lookup.pages import language_of
from lookup.public.answers import CODES, CONSTANT, render, retry_after_s, status_of
from lookup.public.asking import NotOpen, Refusal, gate
from lookup.public.live import View
from lookup.public.site.frame import Frame, respond, title_of
from lookup.public.site.kept import Recent
from lookup.public.site.publications import AS_OF, Publication, publication_of
from lookup.public.site.sheets import Table, make_sheet, searched
from lookup.public.site.table_files import as_csv, as_json
from lookup.public.site.table_pages import Print, Wish
from lookup.public.tagged import Body, reply, tagged
from lookup.statistics.groups import GROUPS

MAX_AGE_S = 60
KEPT_SHEETS = 64
KEPT_BYTES = 4_000_000
HTML, JSON, CSV = "html", "json", "csv"
Place = tuple[str, str]
"""A page's name and the form it is asked for in."""
MEDIA = {HTML: "text/html", JSON: "application/json", CSV: "text/csv"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A page or file of one publication: its tables, the one it shows first."""

    publication: Publication
    name: str
    form: str
    tables: Sequence[Table]
    wish: Wish
    live: bool = False
    """Whether a page leads to the broadcast."""

    @property
    def key(self) -> tuple[object, ...]:
        """Where this is the same, so is the answer."""
        table = self.tables[0]
        shown = (table["type"], table["name"], len(self.tables))
        return (self.publication.key, *shown, self.form, self.wish, self.live)


class Tables:
    """`/KIND/statistics` and `/KIND/NAME` for each table of groups, with `.json` and `.csv`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._live = frame.live
        self._prints: Recent[Print] = Recent(KEPT_SHEETS)
        self._bodies: Recent[Body] = Recent(KEPT_BYTES, lambda body: len(body.content))

    def routes(self) -> list[Route]:
        """Where they are. The last is of any two names: it goes after all other pages."""
        return [
            Route("/{kind}/{name}.json", self.json),
            Route("/{kind}/{name}.csv", self.csv),
            Route("/{kind}/{name}", self.html),
        ]

    async def html(self, request: Request) -> Response:
        """`GET /KIND/NAME`: the table as a page."""
        return self._answer(request, HTML)

    async def json(self, request: Request) -> Response:
        """`GET /KIND/NAME.json`: the tables as data, the same in every language."""
        return self._answer(request, JSON)

    async def csv(self, request: Request) -> Response:
        """`GET /KIND/NAME.csv`: one table for a spreadsheet."""
        return self._answer(request, CSV)

    def _answer(self, request: Request, form: str) -> Response:
        scope, now = request.scope, self._live.clock()
        kind_name, name = request.path_params["kind"], request.path_params["name"]
        view = gate(self._live, kind_name, now)
        if not isinstance(view, View):
            return self._refused(scope, view, kind_name, form)
        assert view.kind is not None  # noqa: S101  # the gate lets no other through
        assert view.serving is not None  # noqa: S101  # the same
        publication = publication_of(view.kind, view.serving)
        query, language = request.query_params, language_of(scope)
        asked = self._asked(query, language, publication, (name, form))
        if not asked.tables:
            return self._missing(scope, form)
        body = self._body(asked)
        headers = {
            "Cache-Control": f"public, max-age={self._max_age_s(kind_name, now)}",
            "Last-Modified": format_datetime(publication.opened_at.astimezone(UTC), usegmt=True),
            **_form_headers(asked),
        }
        return reply(request, body, MEDIA[form], headers)

    def _asked(
        self, query: QueryParams, language: str, publication: Publication, place: Place
    ) -> Asked:
        """What a query asks for; whatever makes no sense in it is ignored."""
        name, form = place
        tables = publication.tables(name, query.get("field", ""))
        if not tables:
            return Asked(publication, name, form, (), Wish(language))
        table = tables[0]
        if form == JSON:
            # The same in every language, and all of a page's tables unless one is named.
            one = query.get("field") == table["name"]
            return Asked(publication, name, form, tables[:1] if one else tables, Wish(""))
        wish = Wish(language)
        if form == HTML and table["type"] == GROUPS:
            sort = query.get("sort", "")
            known = sort in self._print(publication, table, language).sheet.names()
            descending = known and query.get("order") == "desc"
            q = searched(query.get("q", ""))
            wish = Wish(language, sort if known else "", descending, q)
        live = form == HTML and self._frame.on_air()
        return Asked(publication, name, form, tables[:1], wish, live)

    def _max_age_s(self, kind_name: str, now: datetime) -> int:
        """How long others may keep an answer: never past a closing that is already known."""
        changes_at = self._live.changes_at(kind_name, now)
        most = timedelta(seconds=MAX_AGE_S)
        return int(min(most, changes_at - now if changes_at else most).total_seconds())

    def _body(self, asked: Asked) -> Body:
        def make() -> Body:
            return tagged(self._made(asked))

        # What somebody typed is without end: nothing made of it is kept.
        return make() if asked.wish.q else self._bodies.get(asked.key, make)

    def _made(self, asked: Asked) -> bytes:
        publication, language = asked.publication, asked.wish.language
        if asked.form == JSON:
            return as_json(publication, asked.tables)
        printed = self._print(publication, asked.tables[0], language)
        if asked.form == CSV:
            return as_csv(publication.kind, printed.sheet, language)
        path = f"/{publication.kind.name}/{asked.name}"
        return printed.page(path, asked.wish, **self._about(asked)).encode()

    def _print(self, publication: Publication, table: Table, language: str) -> Print:
        def make() -> Print:
            title = publication.manifest.title
            sheet = make_sheet(publication.kind, publication.document, title, table)
            return Print(self._frame.pages, publication.kind, sheet, language)

        return self._prints.get((publication.key, table["type"], table["name"], language), make)

    def _about(self, asked: Asked) -> dict[str, object]:
        """What a page says of its release, and where else it leads."""
        publication, wish = asked.publication, asked.wish
        return {
            "kind": publication.kind,
            "release": publication.manifest,
            "opened_at": self._frame.words(wish.language)(publication.opened_at),
            "live": asked.live,
            "as_of": publication.document.get(AS_OF),
            "others": publication.links(wish.language),
            "field_query": f"&field={asked.tables[0]['name']}" if asked.name == STATISTICS else "",
        }

    def _refused(self, scope: Scope, outcome: Refusal, kind_name: str, form: str) -> Response:
        """Why there is nothing to see, in the form that was asked for."""
        language = language_of(scope)
        if form != HTML:
            return respond(render(outcome, language))
        view = self._live.view(kind_name, self._live.clock())
        title = title_of(view, language) if view else None
        status, opens_at = status_of(outcome), ""
        if isinstance(outcome, NotOpen):
            opens_at = self._frame.words(language)(outcome.opens_at)
        # The path of what is not there is the client's own text: not repeated.
        home = {**scope, "path": "/"}
        page = self._frame.message(home, CODES[type(outcome)], status, title, opens_at)
        if (seconds := retry_after_s(outcome)) is not None:
            page.headers["Retry-After"] = str(seconds)
        return page

    def _missing(self, scope: Scope, form: str) -> Response:
        if form != HTML:
            return respond(CONSTANT["not_found", language_of(scope)])
        return self._frame.failure(scope, 404, {})


def _form_headers(asked: Asked) -> Mapping[str, str]:
    """What depends on whether it is a page, data or a table for spreadsheets."""
    if asked.form == JSON:
        return {}
    headers = {"Content-Language": asked.wish.language, "Vary": "Accept-Language"}
    if asked.form == CSV:
        manifest, name = asked.publication.manifest, asked.tables[0]["name"]
        file = f"{asked.publication.kind.name}-{name}-v{manifest.version}.csv"
        headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return headers
