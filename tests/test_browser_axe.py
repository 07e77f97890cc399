"""axe finds nothing on any public page, in any language, size and colour scheme."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # no types
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.site_pages import (
    LANGUAGES,
    PAGES,
    SIZES,
    SOON_MS,
    PublicPage,
    chromium,
    open_site,
    show,
)

pytestmark = pytest.mark.browser
RULES = {
    "runOnly": [
        *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"),
    ],
    "resultTypes": ["violations"],
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_site(tmp_path_factory.mktemp("site")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver, chromium(driver) as browser:
        yield browser


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands: the rule and the elements."""
    # Half a megabyte of script: it stays on the page for the next size and scheme.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    run = "async (options) => (await axe.run(options)).violations"
    found: list[dict[str, Any]] = page.evaluate(run, RULES)
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}" for each in found]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("public", PAGES, ids=lambda page: page.name.replace(" ", "-"))
def test_axe_finds_nothing(site: str, browser: Browser, public: PublicPage, language: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(SOON_MS)
    page = context.new_page()
    show(page, site, public, language)
    found = {}
    for name, (width, height) in SIZES.items():
        page.set_viewport_size(ViewportSize(width=width, height=height))
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found[name, scheme] = violations(page)
    context.close()
    assert {key: each for key, each in found.items() if each} == {}


def test_axe_would_find_something(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html><body><img src='x'><p style='color:#bbb'>grey</p></body></html>")
    assert {"image-alt", "html-has-lang", "color-contrast"} <= {
        each.partition(":")[0] for each in violations(page)
    }
    page.close()
