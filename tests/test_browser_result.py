"""A result in Chromium: on a phone and a desk, in both languages, without a script, on paper."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect, sync_playwright

from lookup.pages import CONTENT_SECURITY_POLICY
from lookup.phrases import read_phrases
from lookup.record_page import PHRASES, STATIC, render
from lookup.stores.embedded import EmbeddedStore
from tests.browser_makers import ARGUMENTS, DESKTOP, PHONE, service
from tests.makers import TYPED, make_kind, make_release, open_release
from tests.record_makers import FULLEST, RELEASE, SCORES, statistics

pytestmark = pytest.mark.browser
SITE = "https://results.test"
NARROW: ViewportSize = {"width": 320, "height": 640}
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SAY = read_phrases(PHRASES).say
PAGES = re.compile(rb"/Type\s*/Page\b(?!s)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield launched
        launched.close()


def opened(
    browser: Browser,
    kind: str,
    language: str = "zh",
    size: ViewportSize = PHONE,
    script: bool = True,
    corrected: bool = False,
    **record: Any,
) -> Page:
    """The page of the fullest record of a kind, under the site's own policy and no network."""
    body = {"record": {**FULLEST[kind], **record}, "release": RELEASE, "corrected": corrected}
    html = render(make_kind(kind), body, "2026-07-01 09:00", language, "/x", statistics(kind))
    policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/static/")[2]
        if name == route.request.url:
            route.fulfill(body=html, content_type="text/html; charset=utf-8", headers=policy)
        else:
            route.fulfill(path=STATIC / name)

    context = browser.new_context(viewport=size, java_script_enabled=script)
    page = context.new_page()
    page.route("**/*", answer)
    page.goto(f"{SITE}/{kind}")
    return page


@pytest.mark.parametrize("kind", FULLEST)
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_the_one_thing_looked_for_is_in_sight_at_once(
    browser: Browser, kind: str, language: str, size: ViewportSize, script: bool
) -> None:
    page = opened(browser, kind, language, size, script)
    strong = page.locator(".headline strong")
    box = strong.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < size["height"] / 2
    sizes = "e => parseFloat(getComputedStyle(e).fontSize)"
    assert strong.evaluate(sizes) > 1.5 * page.locator("h1").evaluate(sizes)
    for act in ("print", "share"):
        assert page.locator(f"[data-act={act}]").is_visible() == script
    page.context.close()


@pytest.mark.parametrize("kind", FULLEST)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_fullest_record_is_one_page_of_paper(
    browser: Browser, kind: str, language: str
) -> None:
    page = opened(browser, kind, language, DESKTOP, corrected=True)
    assert len(PAGES.findall(page.pdf(format="A4"))) == 1
    page.emulate_media(media="print")
    assert page.locator(".paper").inner_text() == SAY("site.title", language)
    assert page.locator("button:visible, a:visible").count() == 0
    page.context.close()


def test_bars_are_printed_even_where_backgrounds_are_not(browser: Browser) -> None:
    page = opened(browser, "scores", size=DESKTOP)
    page.emulate_media(media="print")
    fills = [
        page.locator(f".bar .{part}").first.evaluate("e => getComputedStyle(e).fill")
        for part in ("whole", "part")
    ]
    assert fills == ["rgb(204, 204, 204)", "rgb(0, 0, 0)"]
    assert page.locator(".bar").first.evaluate("e => e.tagName") == "svg"
    page.context.close()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("letters", ["实验", "W"])
def test_long_names_and_many_preferences_stay_within_a_small_phone(
    browser: Browser, language: str, letters: str
) -> None:
    school = (letters * 60)[:60]
    rows = [{"round": "第一批", "school": school, "result": "below_line"}] * 30
    page = opened(
        browser, "admissions", language, NARROW, school=school, middle_school=school,
        name=school[:40], preferences=rows,
    )  # fmt: skip
    assert page.evaluate(WIDE) <= 0
    for cell in page.locator("dd, td").all():
        box = cell.bounding_box()
        assert box is None or box["x"] + box["width"] <= NARROW["width"] + 0.5
        assert cell.evaluate("e => e.scrollWidth <= e.clientWidth + 1 || !e.clientWidth")
    page.context.close()


def test_what_is_shared_is_the_site_and_never_the_result(browser: Browser) -> None:
    page = opened(browser, "scores")
    page.evaluate("navigator.share = async (data) => { window.shared = data; }")
    page.locator("[data-act=share]").click()
    shared = page.evaluate("window.shared")
    assert shared == {"title": SAY("site.title", "zh"), "url": f"{SITE}/"}
    page.context.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_without_a_share_sheet_the_address_is_copied_or_shown(
    browser: Browser, allowed: bool
) -> None:
    page = opened(browser, "scores", "en")
    copy = "window.copied = text" if allowed else "throw new Error()"
    page.evaluate(
        f"""() => {{
          Object.defineProperty(navigator, "share", {{ value: undefined }});
          Object.defineProperty(navigator, "clipboard", {{ value: {{
            writeText: async (text) => {{ {copy}; }} }} }});
        }}"""
    )
    page.locator("[data-act=share]").click()
    phrase = SAY("result.copied" if allowed else "result.address", "en")
    expect(page.locator(".acts [role=status]")).to_have_text(f"{phrase} {SITE}/")
    assert page.evaluate("window.copied") == (f"{SITE}/" if allowed else None)
    page.context.close()


def test_the_button_prints(browser: Browser) -> None:
    page = opened(browser, "lottery")
    page.evaluate("window.print = () => { window.printed = true; }")
    page.locator("[data-act=print]").click()
    assert page.evaluate("window.printed") is True
    page.context.close()


def test_a_result_that_comes_into_the_form_s_page_looks_and_acts_the_same(
    browser: Browser, tmp_path: Path
) -> None:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind(), [{**SCORES, **TYPED}]))
    with service(tmp_path, "serve") as site:
        page = browser.new_context(viewport=PHONE).new_page()
        page.goto(f"{site}/scores")
        form = page.locator("form").first
        for name, value in TYPED.items():
            form.locator(f"[name={name}]").fill(value)
        form.locator("button").click()
        expect(page.locator(".headline strong")).to_have_text("553.5")
        expect(page.locator("[data-act=share]")).to_be_visible()
        assert page.locator(".bar").first.evaluate("e => e.clientHeight") > 0
        assert page.url == f"{site}/scores"
        page.context.close()
