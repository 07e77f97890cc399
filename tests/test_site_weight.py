"""The site is light, keeps to itself, and needs no exception from its own security policy."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

from lookup.pages import CONTENT_SECURITY_POLICY
from tests.service_makers import tell
from tests.site_pages import LANGUAGES, PAGES, SOON_MS, PublicPage, chromium, open_site, show

FLOOR = Path(__file__).parent.parent / "lookup"
TEMPLATES = sorted((FLOOR / "templates").glob("*.html")) + sorted(
    (FLOOR / "public" / "templates").glob("*.html")
)
MOST_BYTES = 30_000
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}
"""What Lighthouse and the browsers' own tools call slow 4G: 150 ms, 1.6 Mbit/s."""
INLINE = {
    "a style": re.compile(r"<style|\sstyle\s*="),
    "a script": re.compile(r"<script(?![^>]*\ssrc=)"),
    "an event attribute": re.compile(r"<[a-z][^>]*\son[a-z]+\s*="),
    "a script address": re.compile(r"javascript:", re.IGNORECASE),
    "another site": re.compile(r"\b(?:src|href|action)\s*=\s*[\"']?(?:https?:)?//"),
}
DOCUMENTED = {403, 404}
"""A link may lead to what is not open; no other refusal."""
browser_test = pytest.mark.browser


@pytest.mark.parametrize("what", INLINE)
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.name))
def test_a_template_holds_nothing_the_policy_forbids(path: Path, what: str) -> None:
    assert not INLINE[what].search(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "name", ["cookie", "localStorage", "sessionStorage", "indexedDB", "caches"]
)
def test_no_script_stores_anything(name: str) -> None:
    for path in sorted((FLOOR / "static").glob("*.js")):
        assert not re.search(rf"\b{name}\b", path.read_text("utf-8")), path.name


@pytest.mark.parametrize("path", sorted((FLOOR / "static").glob("*.js")), ids=lambda p: str(p.name))
def test_a_script_is_strict(path: Path) -> None:
    assert '"use strict"' in path.read_text("utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_site(tmp_path_factory.mktemp("site")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver, chromium(driver) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(SOON_MS)
    yield context.new_page()
    context.close()


def weighed(page: Page) -> dict[str, int]:
    """Bytes of every answer from now on, heads and all, as the browser's network counts them."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    names: dict[str, str] = {}
    sizes: Counter[str] = Counter()

    def begun(event: dict[str, Any]) -> None:
        names[event["requestId"]] = urlsplit(event["request"]["url"]).path

    def ended(event: dict[str, Any]) -> None:
        sizes[names[event["requestId"]]] += int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", begun)
    session.on("Network.loadingFinished", ended)
    return sizes


@browser_test
def test_home_is_30_kilobytes_at_most_over_the_wire(site: str, page: Page) -> None:
    sizes = weighed(page)
    page.goto(f"{site}/?lang=zh")
    page.wait_for_load_state("networkidle")
    tell(f"home: {sum(sizes.values())} bytes over the wire: {dict(sizes)}")
    assert {"/", "/static/site.css"} <= sizes.keys()
    assert sum(sizes.values()) <= MOST_BYTES


@browser_test
def test_the_first_render_on_slow_4g_is_told(site: str, page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW_4G)
    page.goto(f"{site}/?lang=zh")
    painted = page.evaluate(
        "new Promise(tell => new PerformanceObserver(list => tell(list.getEntries()[0].startTime))"
        ".observe({type: 'paint', buffered: true}))"
    )
    tell(f"home: first render on slow 4G after {painted:.0f} ms")
    assert painted > 0


@browser_test
@pytest.mark.parametrize("public", PAGES, ids=lambda page: page.name.replace(" ", "-"))
def test_a_page_asks_nobody_else_and_breaks_no_rule(
    site: str, page: Page, public: PublicPage
) -> None:
    said: list[str] = []
    elsewhere: list[str] = []
    pages: list[Response] = []

    def hear(message: ConsoleMessage) -> None:
        # That a page says 404 is no fault of the page.
        if message.type in ("error", "warning") and "the server responded" not in message.text:
            said.append(message.text)

    def look(response: Response) -> None:
        if not response.url.startswith(site + "/"):
            elsewhere.append(response.url)
        if response.headers.get("content-type", "").startswith("text/html"):
            pages.append(response)

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("response", look)
    show(page, site, public, "zh")
    page.wait_for_load_state("networkidle")
    assert (elsewhere, said) == ([], [])
    assert pages[-1].status == public.status
    for each in pages:
        assert each.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def links(page: Page, site: str) -> set[str]:
    """The addresses a page links to on its own site."""
    found = page.evaluate(
        "Array.from(document.querySelectorAll('a[href], link[href], script[src], img[src]'),"
        " each => each.getAttribute('href') || each.getAttribute('src'))"
    )
    whole = {urljoin(page.url, each) for each in found}
    assert all(each.startswith(site + "/") for each in whole), "a link leads elsewhere"
    return whole


@browser_test
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_leads_somewhere(site: str, page: Page, language: str) -> None:
    asked: dict[str, int] = {}
    for public in PAGES:
        show(page, site, public, language)
        ids = set(page.evaluate("Array.from(document.querySelectorAll('[id]'), each => each.id)"))
        for link in links(page, site):
            address, fragment = urldefrag(link)
            if fragment and address == urldefrag(page.url)[0]:
                assert fragment in ids, f"{public.name}: nothing is called #{fragment}"
            if address not in asked:
                asked[address] = page.request.get(address).status
    allowed = {200} | DOCUMENTED
    assert {address: status for address, status in asked.items() if status not in allowed} == {}
    known = {page.path for page in PAGES if page.status in DOCUMENTED}
    refused = {urlsplit(each).path for each, status in asked.items() if status != 200}
    assert refused <= known


@browser_test
def test_no_page_with_a_result_may_be_listed_by_a_search_engine(site: str, page: Page) -> None:
    for public in PAGES:
        if public.typed:
            show(page, site, public, "zh")
            assert page.locator("meta[name=robots]").get_attribute("content") == "noindex"
