"""Before, at and after the hour in Chromium, with and without the script."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request, ViewportSize, expect

from lookup.settings import Settings
from tests.browser_makers import DESKTOP, PHONE, SOON_MS
from tests.makers import TYPED
from tests.site_makers import (
    VISITORS,
    WIDER,
    ZOOMED,
    before_the_hour,
    chromium,
    running,
    say,
    schedule,
    visitor,
)

pytestmark = pytest.mark.browser
AN_HOUR_SLOW = """
const [now, origin] = [Date.now, performance.timeOrigin];
Date.now = () => now() - 3600e3;
Object.defineProperty(performance, "timeOrigin", { value: origin - 3600e3 });
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def note(asked: list[datetime], request: Request) -> None:
    """When the service was asked for its state; a browser fetches the icon when it likes."""
    if request.url.endswith("/status.json"):
        asked.append(datetime.now(UTC))


@pytest.mark.parametrize(("language", "size"), VISITORS)
def test_a_page_that_was_there_before_the_hour_opens_itself(
    tmp_path: Path, browser: Browser, language: str, size: ViewportSize
) -> None:
    path = f"/?lang={language}"
    with before_the_hour(browser, tmp_path, path, size) as (page, release):
        asked: list[datetime] = []
        page.on("request", lambda request: note(asked, request))
        page.evaluate("window.stayed = true")
        expect(page.get_by_role("timer")).to_have_text(re.compile(r"00:00:0[0-3]"))
        page.locator(".language").focus()
        release.open()
        button = page.locator(".kinds .button")
        expect(button).to_be_visible(timeout=SOON_MS)
        expect(page.locator(".badge")).to_have_text(say("state.open", language))
        words = say("countdown.open", language, title=release.title(language))
        expect(page.get_by_role("status")).to_have_text(words)
        expect(page.locator(".language")).to_be_focused()
        # This release came without statistics: nothing leads there.
        expect(page.locator("[data-table], .links")).to_have_count(0)
        assert page.evaluate("window.stayed")
        assert asked, "the page opened by itself without asking anybody"
        assert min(asked) >= release.opens_at
        button.click()
        expect(page.locator("form").first).to_be_visible()


@pytest.mark.parametrize(("language", "size"), VISITORS)
def test_a_form_that_is_waited_for_comes_without_fetching_a_page(
    tmp_path: Path, browser: Browser, language: str, size: ViewportSize
) -> None:
    path = f"/scores?lang={language}"
    with before_the_hour(browser, tmp_path, path, size) as (page, release):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
        expect(page.locator("form")).to_have_count(0)
        release.open()
        form = page.locator("form").first
        expect(form).to_be_visible(timeout=SOON_MS)
        expect(page.get_by_role("tab")).to_have_count(2)
        form.locator("[name=candidate_number]").fill(TYPED["candidate_number"])
        form.locator("[name=access_code]").fill(TYPED["access_code"])
        form.get_by_role("button", name=say("form.submit", language)).click()
        expect(page.locator(".headline strong")).to_contain_text("512.5")
        fetched = {each for each in asked if each.startswith("GET")}
        # A browser fetches the icon when it likes.
        assert {each.rpartition("/")[2] for each in fetched} - {"icon.svg"} == {"status.json"}


@pytest.mark.parametrize(
    ("path", "language", "size"), [("/", "zh", PHONE), ("/scores", "en", DESKTOP)]
)
def test_without_a_script_the_page_says_the_hour_and_comes_back_after_it(
    tmp_path: Path, browser: Browser, path: str, language: str, size: ViewportSize
) -> None:
    path = f"{path}?lang={language}"
    with before_the_hour(browser, tmp_path, path, size, script=False) as (page, release):
        expect(page.locator(".badge")).to_have_text(say("state.not_open", language))
        expect(page.locator("main time")).to_be_visible()
        expect(page.get_by_role("timer")).to_be_hidden()
        release.open()
        opened = page.locator(".kinds .button, form button").first
        expect(opened).to_be_visible(timeout=2 * SOON_MS)


def test_the_countdown_goes_by_the_service_s_clock_not_by_the_visitor_s(
    tmp_path: Path, browser: Browser
) -> None:
    schedule(tmp_path)
    with (
        running(Settings(data_dir=tmp_path)) as site,
        visitor(browser, f"{site}/healthz") as page,
    ):
        page.add_init_script(AN_HOUR_SLOW)
        page.goto(f"{site}/?lang=en")
        expect(page.get_by_role("timer")).to_have_text(re.compile(r"^4 days 0(3|2:59):"))


@pytest.mark.parametrize("path", ["/", "/scores"])
def test_an_hour_that_was_moved_is_said_anew(tmp_path: Path, browser: Browser, path: str) -> None:
    with before_the_hour(browser, tmp_path, f"{path}?lang=en", PHONE) as (page, release):
        expect(page.get_by_role("timer")).to_have_text(re.compile("^00:00"))
        release.move(datetime.now(UTC) + timedelta(days=2, minutes=1))
        timer = page.get_by_role("timer")
        expect(timer).to_have_text(re.compile("^2 days 00:0"), timeout=SOON_MS)


def test_nothing_scrolls_sideways_at_400_percent_or_in_large_type(
    tmp_path: Path, browser: Browser
) -> None:
    schedule(tmp_path)
    with (
        running(Settings(data_dir=tmp_path)) as site,
        visitor(browser, f"{site}/healthz") as page,
    ):
        for path in ("/", "/scores", "/nothing"):
            for language in ("zh", "en"):
                page.set_viewport_size(ZOOMED)
                page.goto(f"{site}{path}?lang={language}")
                assert page.evaluate(WIDER) <= 0, (path, language)
                page.set_viewport_size(PHONE)
                page.evaluate("document.documentElement.style.fontSize = '200%'")
                assert page.evaluate(WIDER) <= 0, (path, language)
