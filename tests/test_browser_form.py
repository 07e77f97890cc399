"""The form in Chromium: its ways in as tabs, its errors, by keyboard, and without the script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import RECORD, TYPED, make_kind, make_release, open_release
from tests.site_makers import VISITORS, WIDER, ZOOMED, chromium, running, say, schedule, visitor

pytestmark = pytest.mark.browser
WAYS = {
    language: [way.label.in_language(language) for way in make_kind().ways]
    for language in ("zh", "en")
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    store = EmbeddedStore(folder)
    open_release(store, make_release(store, make_kind()))
    with running(Settings(data_dir=folder)) as found:
        yield found


def sees_the_result(page: Page) -> None:
    expect(page.locator(".headline strong")).to_contain_text("512.5")


@pytest.mark.parametrize(("language", "size"), VISITORS)
def test_ways_in_are_tabs_and_the_one_used_stays_open(
    site: str, browser: Browser, language: str, size: ViewportSize
) -> None:
    with visitor(browser, f"{site}/scores?lang={language}", size) as page:
        first, second = (page.get_by_role("tab", name=name) for name in WAYS[language])
        expect(first).to_have_attribute("aria-selected", "true")
        second.click()
        panel = page.get_by_role("tabpanel", name=WAYS[language][1])
        expect(page.get_by_role("tabpanel")).to_have_count(1)
        panel.locator("[name=candidate_number]").fill(TYPED["candidate_number"])
        panel.locator("[name=id_suffix]").fill("12")
        panel.get_by_role("button", name=say("form.submit", language)).click()
        wrong = page.locator("[aria-invalid]")
        expect(wrong).to_be_focused()
        expect(wrong).to_have_accessible_description(
            f"{hint('id_suffix', language)} {say('reason.id_suffix', language)}"
        )
        expect(second).to_have_attribute("aria-selected", "true")
        page.get_by_role("alert").get_by_role("link").click()
        expect(wrong).to_be_focused()
        expect(wrong).to_have_value("12")
        wrong.fill(str(RECORD["id_suffix"]).lower())
        panel.get_by_role("button", name=say("form.submit", language)).click()
        sees_the_result(page)


def hint(field: str, language: str) -> str:
    """What the form says under a field's label."""
    found = make_kind().field(field).hint
    assert found is not None
    return found.in_language(language)


@pytest.mark.parametrize(("language", "size"), VISITORS)
def test_everything_can_be_done_by_keyboard(
    site: str, browser: Browser, language: str, size: ViewportSize
) -> None:
    with visitor(browser, f"{site}/scores?lang={language}", size) as page:
        keys = page.keyboard
        expect(page.get_by_role("tab")).to_have_count(2)
        keys.press("Tab")
        expect(page.get_by_role("link", name=say("site.skip", language))).to_be_focused()
        keys.press("Enter")
        keys.press("Tab")
        expect(page.get_by_role("tab", name=WAYS[language][0])).to_be_focused()
        for key, there in (("ArrowRight", 1), ("ArrowRight", 0), ("End", 1), ("Home", 0)):
            keys.press(key)
            expect(page.get_by_role("tab", name=WAYS[language][there])).to_be_focused()
            shown = page.get_by_role("tabpanel", name=WAYS[language][there])
            expect(shown).to_be_visible()
        keys.press("Tab")
        keys.type("１００ ０００ ００１")
        keys.press("Tab")
        keys.type("abcd-2345")
        keys.press("Enter")
        sees_the_result(page)
        expect(page.locator("h1")).to_be_focused()


@pytest.mark.parametrize(("language", "size"), VISITORS)
def test_without_a_script_every_way_in_is_there_and_nothing_typed_comes_back(
    site: str, browser: Browser, language: str, size: ViewportSize
) -> None:
    with visitor(browser, f"{site}/scores?lang={language}", size, script=False) as page:
        expect(page.get_by_role("tab")).to_have_count(0)
        for name in WAYS[language]:
            expect(page.get_by_role("heading", name=name)).to_be_visible()
        second = page.locator("form").nth(1)
        second.locator("[name=candidate_number]").fill("12")
        second.locator("[name=id_suffix]").fill("12345X")
        second.get_by_role("button").click()
        expect(page.locator("[aria-invalid]")).to_be_focused()
        expect(page.locator("[aria-invalid]")).to_have_id("id_suffix-candidate_number")
        said = page.get_by_role("alert")
        expect(said).to_contain_text(say("reason.length", language))
        assert "12345X" not in page.content()
        link = said.get_by_role("link")
        expect(link).to_have_attribute("href", "#id_suffix-candidate_number")
        for name in (TYPED["candidate_number"], "12345X"):
            page.keyboard.type(name)
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        sees_the_result(page)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_form_scrolls_sideways_at_400_percent(
    site: str, browser: Browser, language: str
) -> None:
    with visitor(browser, f"{site}/scores?lang={language}", ZOOMED) as page:
        assert page.evaluate(WIDER) <= 0
        form = page.locator("form").first
        form.locator("[name=candidate_number]").fill("12")
        form.locator("[name=access_code]").fill("12")
        form.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.evaluate(WIDER) <= 0


def test_pictures_say_where_each_field_stands_and_nothing_to_a_reader(
    site: str, browser: Browser
) -> None:
    with visitor(browser, f"{site}/scores", script=False) as page:
        pictures = page.locator("svg.picture")
        expect(pictures).to_have_count(page.locator("input[type=text]").count())
        for picture in pictures.all():
            expect(picture).to_have_attribute("aria-hidden", "true")
            expect(picture.locator(".found")).to_have_count(1)


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize(("language", "size"), VISITORS)
def test_days_before_a_candidate_learns_that_number_and_code_are_right(
    tmp_path: Path, browser: Browser, language: str, size: ViewportSize, script: bool
) -> None:
    schedule(tmp_path)
    with (
        running(Settings(data_dir=tmp_path)) as early,
        visitor(browser, f"{early}/?lang={language}", size, script) as page,
    ):
        page.get_by_role("link", name=say("pre_check.title", language)).click()
        for code, key in (("ZZZZ9999", "no_match.title"), (TYPED["access_code"], "right.detail")):
            form = page.locator("form").first
            form.locator("[name=candidate_number]").fill(TYPED["candidate_number"])
            form.locator("[name=access_code]").fill(code)
            form.get_by_role("button").click()
            expect(page.get_by_role("main")).to_contain_text(say(f"pre_check.{key}", language))
            assert page.evaluate(WIDER) <= 0
        expect(page.get_by_role("main")).not_to_contain_text(str(RECORD["name"]))
