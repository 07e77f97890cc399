"""The public statistics in Chromium: with and without a script, on a phone and on paper."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import make_kind
from tests.site_makers import chromium, running
from tests.table_makers import kind_with_schools, publish, schools_document, scores_document

pytestmark = pytest.mark.browser
SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 375, "height": 740},
    "desktop": {"width": 1280, "height": 800},
}
NARROW: ViewportSize = {"width": 320, "height": 640}
PAGES = {
    "total": "/scores/statistics",
    "flag": "/scores/statistics?field=flag",
    "schools": "/admissions/schools",
}
SCROLLS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("statistics")
    store = EmbeddedStore(folder)
    publish(store, make_kind(), scores_document(2))
    publish(store, kind_with_schools(), schools_document(1))
    with running(Settings(data_dir=folder)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on a desktop, with a script."""
    context = browser.new_context(viewport=SIZES["desktop"])
    yield context.new_page()
    context.close()


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A page on a phone, without."""
    context = browser.new_context(viewport=SIZES["phone"], java_script_enabled=False)
    yield context.new_page()
    context.close()


def schools(page: Page) -> list[str]:
    """The schools that are in sight, in order."""
    return page.locator("tbody tr:not([hidden]) th").all_inner_texts()


def status(page: Page) -> str:
    return page.locator("[data-status]").inner_text()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", PAGES)
def test_the_table_scrolls_in_its_own_box_and_the_page_does_not(
    site: str, page: Page, name: str, language: str
) -> None:
    joint = "&" if "?" in PAGES[name] else "?"
    page.goto(f"{site}{PAGES[name]}{joint}lang={language}")
    for size in (*SIZES.values(), NARROW):
        page.set_viewport_size(size)
        assert page.evaluate(SCROLLS) <= 0
    if folder := os.environ.get("LOOKUP_PICTURES"):
        for width, size in SIZES.items():
            for scheme in ("light", "dark"):
                page.set_viewport_size(size)
                page.emulate_media(color_scheme=scheme)
                file = f"{folder}/statistics-{name}-{language}-{width}-{scheme}.png"
                page.screenshot(path=file, full_page=True)


def test_the_box_is_reached_and_scrolled_by_keyboard(site: str, page: Page) -> None:
    page.goto(f"{site}/scores/statistics?lang=en")
    page.set_viewport_size(NARROW)
    box = page.get_by_role("region", name="Total: score table")
    page.locator("#mark").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(box).to_be_focused()
    oldest, lowest = page.get_by_role("columnheader", name="2024"), page.locator("tbody tr").last
    expect(oldest).not_to_be_in_viewport()
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    expect(oldest).to_be_in_viewport()
    expect(lowest).not_to_be_in_viewport()
    page.keyboard.press("End")
    expect(lowest).to_be_in_viewport()


def test_schools_are_sorted_without_a_script(site: str, plain: Page) -> None:
    plain.goto(f"{site}/admissions/schools?lang=en")
    before = schools(plain)
    plain.get_by_role("link", name="Sort by Cut-off line 2026").click()
    expect(plain.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    plain.get_by_role("link", name="Sort by Cut-off line 2026").click()
    expect(plain.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    after = schools(plain)
    assert sorted(after) == sorted(before)
    # Its line is withheld, so it is at the end either way.
    assert after[-1] == "育才第1中学"


def test_schools_are_found_without_a_script_and_stay_sorted(site: str, plain: Page) -> None:
    plain.goto(f"{site}/admissions/schools?lang=zh&sort=plan&order=desc")
    plain.get_by_label("查找").fill("文澜")
    plain.get_by_role("button", name="查找").click()
    assert schools(plain) == ["文澜第2中学", "文澜第3中学", "文澜第1中学"]
    assert "显示 3 行，共 24 行" in status(plain)
    assert plain.get_by_label("查找").input_value() == "文澜"


def test_a_script_sorts_as_the_server_does_and_asks_it_nothing(site: str, page: Page) -> None:
    page.goto(f"{site}/admissions/schools?lang=en")
    asked: list[str] = []
    # A browser fetches the icon when it likes.
    page.on("request", lambda each: asked.extend({each.url} - {f"{site}/static/icon.svg"}))
    for label in ("Cut-off line 2026", "Cut-off line 2026", "Admitting school", "School code"):
        page.get_by_role("link", name=f"Sort by {label}", exact=True).click()
        sorted_here, address = schools(page), page.url
        assert label in status(page)
        assert asked == []
        page.reload()
        asked.clear()
        assert page.url == address
        assert schools(page) == sorted_here


def test_a_script_searches_while_somebody_types(site: str, page: Page) -> None:
    page.goto(f"{site}/admissions/schools?lang=en")
    page.get_by_label("Find", exact=True).press_sequentially("１０３")
    assert schools(page) == ["文澜第1中学"]
    assert status(page) == "Showing 1 of 24 rows"
    page.get_by_label("Find", exact=True).fill("nowhere")
    assert schools(page) == []
    assert "No row matches" in status(page)
    page.get_by_label("Find", exact=True).fill("")
    assert len(schools(page)) == 24


def test_what_was_searched_for_before_the_script_came_can_be_brought_back(
    site: str, page: Page
) -> None:
    page.goto(f"{site}/admissions/schools?lang=en&q=103")
    assert len(schools(page)) == 1
    page.get_by_label("Find", exact=True).fill("")
    assert len(schools(page)) == 24


def test_a_score_is_found_in_its_table_and_kept_nowhere(site: str, page: Page) -> None:
    page.goto(f"{site}/scores/statistics?lang=en&field=sport")
    said = page.locator("[data-find] [role=status]")
    for typed in ("２９.5", "29.5"):
        page.get_by_label("Type a score").fill(typed)
        page.keyboard.press("Enter")
        row = page.locator("tr.here")
        expect(row.locator("th")).to_have_text("29.5")
        count = row.locator("td").nth(0).inner_text()
        reached = row.locator("td").nth(1).inner_text()
        assert said.inner_text() == f"29.5: {count} people; {reached} have 29.5 or more."
    for typed, words in (
        ("31", "The full mark is 30: please type a score from 0 to 30."),
        ("-1", "The full mark is 30: please type a score from 0 to 30."),
        ("x", "Please type a number, such as 85 or 85.5."),
        ("", "Please type a number, such as 85 or 85.5."),
        ("29.6", "The table has no such score."),
    ):
        page.get_by_label("Type a score").fill(typed)
        page.keyboard.press("Enter")
        assert said.inner_text() == words
    assert "29.5" not in page.url
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_what_needs_a_script_is_not_there_without_one(site: str, plain: Page) -> None:
    plain.goto(f"{site}/scores/statistics?lang=en")
    assert not plain.locator("[data-find]").is_visible()


def test_the_choice_of_table_outlives_a_change_of_language(site: str, plain: Page) -> None:
    plain.goto(f"{site}/scores/statistics?lang=zh&field=sport")
    plain.get_by_role("link", name="English").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Physical education: score table")


def test_the_chart_has_a_name_a_description_and_every_year(site: str, plain: Page) -> None:
    plain.goto(f"{site}/scores/statistics?lang=en")
    chart = plain.get_by_role("img", name="How Total scores are spread")
    expect(chart).to_be_visible()
    assert "full mark of 600" in (plain.locator("#chart-desc").text_content() or "")
    assert plain.locator(".legend li").count() == 5


def test_on_paper_the_whole_table_is_there(site: str, page: Page) -> None:
    page.goto(f"{site}/scores/statistics?lang=zh&field=sport")
    page.emulate_media(media="print")
    box = page.locator(".scroll")
    assert box.evaluate("box => box.scrollHeight - box.clientHeight") <= 1
