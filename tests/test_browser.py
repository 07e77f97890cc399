"""The pages in Chromium, at a phone's width, without JavaScript."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import TYPED, make_kind, make_release, open_release
from tests.site_makers import chromium, running

pytestmark = pytest.mark.browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    with running(Settings(data_dir=tmp_path)) as found:
        yield found


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        context = browser.new_context(
            viewport={"width": 375, "height": 740}, java_script_enabled=False
        )
        yield context.new_page()


def look(page: Page, name: str) -> None:
    """No horizontal scroll; a picture where one is asked for."""
    if folder := os.environ.get("LOOKUP_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    page.set_viewport_size({"width": 320, "height": 740})
    for element in page.locator("body *:visible").all():
        box = element.bounding_box()
        assert box is None or box["x"] < 0 or box["x"] + box["width"] <= 320.5
    page.set_viewport_size({"width": 375, "height": 740})


@pytest.mark.parametrize(
    ("language", "button", "absent"), [("zh", "查询", "缺考"), ("en", "Look up", "Absent")]
)
def test_a_candidate_sees_the_record(
    site: str, page: Page, language: str, button: str, absent: str
) -> None:
    page.goto(f"{site}/?lang={language}")
    look(page, f"home-{language}")
    page.locator(".kinds .button").click()
    look(page, f"form-{language}")
    form = page.locator("form").first
    form.locator("[name=candidate_number]").fill("999999999")
    form.locator("[name=access_code]").fill(TYPED["access_code"])
    form.get_by_role("button", name=button).click()
    assert page.get_by_role("alert").is_visible()
    look(page, f"no-match-{language}")
    form.locator("[name=candidate_number]").fill(TYPED["candidate_number"])
    form.locator("[name=access_code]").fill(TYPED["access_code"])
    form.get_by_role("button", name=button).click()
    assert page.locator(".headline .first").inner_text().endswith("512.5 / 600")
    assert absent in page.locator("main").inner_text()
    look(page, f"result-{language}")
