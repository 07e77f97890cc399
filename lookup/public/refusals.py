"""What is said without thinking: refusals made ready when the process starts.

`busy` comes with several `Retry-After`s, so that those who were refused together do not come
back together. A page that is refused waits, shows that it does, and asks again by itself.
"""

from dataclasses import replace
from itertools import cycle

from lookup.pages import Pages
from lookup.phrases import LANGUAGES
from lookup.public.answers import CONSTANT, PHRASES, Answer, Headers, render
from lookup.public.asking import Invalid
from lookup.public.wire import CLOSE

RETRY_AFTER_S = range(2, 10)
API = b"/api/"
EXEMPT = (b"/healthz", b"/readyz", b"/static/")
"""Never refused for overload: a balancer's question, and what a page needs besides itself."""


class Refusals:
    """The refusals, by whether it is the API that was asked, and in which language."""

    def __init__(self, pages: Pages) -> None:
        self._busy = {
            (api, language): cycle([_busy(pages, api, language, s) for s in RETRY_AFTER_S])
            for api in (True, False)
            for language in LANGUAGES
        }
        self._too_large = {
            (api, language): _too_large(pages, api, language)
            for api in (True, False)
            for language in LANGUAGES
        }

    def busy(self, path: bytes, language: str) -> Answer:
        """503: come back in some seconds, not all in the same one."""
        # In turn: evener than chance, and a twelfth of what a refusal costs cheaper.
        return next(self._busy[path.startswith(API), language])

    def too_large(self, path: bytes, language: str) -> Answer:
        """413: more than any form of ours holds. The connection ends with it."""
        return self._too_large[path.startswith(API), language]


def _busy(pages: Pages, api: bool, language: str, seconds: int) -> Answer:
    problem = CONSTANT["busy", language]
    retry_after = (b"retry-after", b"%d" % seconds)
    if api:
        others = tuple(header for header in problem.headers if header[0] != b"retry-after")
        return replace(problem, headers=(*others, retry_after))
    page = pages.render("busy.html", language, "/", seconds=seconds)
    return _page(page, problem.status, language, (retry_after,))


def _too_large(pages: Pages, api: bool, language: str) -> Answer:
    problem = render(Invalid(None, "too_large"), language)
    if api:
        return replace(problem, headers=(*problem.headers, CLOSE))
    title = PHRASES.say("problem.invalid_request.title", language)
    detail = PHRASES.say("reason.too_large", language)
    page = pages.render("refusal.html", language, "/", title=title, detail=detail)
    return _page(page, problem.status, language, (CLOSE,))


def _page(page: str, status: int, language: str, more: Headers = ()) -> Answer:
    headers: Headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-language", language.encode()),
        (b"vary", b"Accept-Language"),
        *more,
    )
    return Answer(status, headers, page.encode())
