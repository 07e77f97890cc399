"""The pages in Chromium, at a phone's width, without JavaScript."""

import multiprocessing
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from lookup.public.serving import serve
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import TYPED, make_kind, make_release, open_release

pytestmark = pytest.mark.browser
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(Settings(data_dir=tmp_path), "127.0.0.1", port))
    process.start()
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.join()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        context = browser.new_context(
            viewport={"width": 375, "height": 740}, java_script_enabled=False
        )
        yield context.new_page()
        browser.close()


def visit(page: Page, url: str) -> None:
    """Open a page, waiting for the server to come up: the browser retries, nobody sleeps."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.settimeout(5)
            host, port = url.split("/")[2].split(":")
            if probe.connect_ex((host, int(port))) == 0:
                break
        page.wait_for_timeout(50)
    page.goto(url)


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
    visit(page, f"{site}/?lang={language}")
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
