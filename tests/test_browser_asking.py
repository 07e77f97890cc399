"""The form's script in Chromium: it solves, it waits, it shows that it does, and keeps nothing."""

import dataclasses
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from lookup.public.answers import PHRASES
from lookup.public.fair_use import FairUse, open_fair_use
from lookup.public.network import network_of
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.browser_makers import ARGUMENTS, PHONE, SOON_MS
from tests.makers import TYPED, make_kind, make_release, open_release
from tests.site_makers import running

pytestmark = pytest.mark.browser
LOOPBACK = network_of("127.0.0.1")
ELSEWHERE = network_of("192.0.2.1")
NUMBER = b"scores:100000001"
SOUND = Settings(challenge_numbers=2000, wait_s=2)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    return dataclasses.replace(SOUND, data_dir=tmp_path)


@pytest.fixture
def site(settings: Settings) -> Iterator[str]:
    with running(settings) as found:
        yield found


@pytest.fixture
def fair_use(settings: Settings) -> Iterator[FairUse]:
    """The table that the service uses too."""
    found = open_fair_use(settings)
    yield found
    found.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        arguments = [*ARGUMENTS, "--host-resolver-rules=MAP plain.test 127.0.0.1"]
        found = driver.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE)
    context.set_default_timeout(SOON_MS)
    found = context.new_page()
    problems: list[str] = []
    # A 429 or 503 is a line in the console too; what breaks the policy is another.
    found.on(
        "console",
        lambda line: problems.append(line.text) if "Content Security" in line.text else None,
    )
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.goto(f"{site}/scores?lang=en")
    yield found
    assert problems == []
    context.close()


def say(key: str, language: str = "en") -> str:
    return PHRASES.say(key, language)


def send(page: Page, number: str = TYPED["candidate_number"], language: str = "en") -> None:
    """Fill the first form in and press its button."""
    form = page.locator("form").first
    form.locator("[name=candidate_number]").fill(number)
    form.locator("[name=access_code]").fill(TYPED["access_code"])
    form.get_by_role("button", name=say("form.submit", language)).click()


def sees_the_result(page: Page) -> None:
    expect(page.locator(".headline strong")).to_contain_text("512.5", timeout=SOON_MS)


def look(page: Page, name: str) -> None:
    """Nothing is wider than a phone; pictures where they are asked for."""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0
    if folder := os.environ.get("LOOKUP_PICTURES"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=f"{folder}/{name}-{scheme}.png", full_page=True)


def kept(page: Page) -> object:
    """Whatever a page can keep."""
    return page.evaluate(
        "[localStorage.length, sessionStorage.length, document.cookie, history.state]"
    )


def test_a_result_comes_without_leaving_the_page_and_back_leads_to_the_form(page: Page) -> None:
    page.evaluate("window.stayed = true")
    send(page)
    sees_the_result(page)
    assert page.evaluate("window.stayed")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert kept(page) == [0, 0, "", None]
    page.go_back()
    expect(page.locator("form").first.locator("[name=candidate_number]")).to_have_value("")


def test_what_was_typed_stays_to_be_corrected_and_the_reader_is_led_to_the_notice(
    page: Page,
) -> None:
    send(page, "100000002")
    expect(page.get_by_role("alert")).to_be_focused()
    field = page.locator("form").first.locator("[name=candidate_number]")
    expect(field).to_have_value("100000002")
    send(page, "12")
    expect(page.locator("[aria-invalid]")).to_be_focused()
    send(page)
    sees_the_result(page)


def test_a_challenge_is_solved_without_a_word_from_the_candidate(
    page: Page, fair_use: FairUse
) -> None:
    for _ in range(5):
        fair_use.failed(NUMBER, ELSEWHERE)
    send(page)
    sees_the_result(page)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_at_a_burned_number_the_page_counts_down_and_asks_again(
    page: Page, fair_use: FairUse, language: str
) -> None:
    page.goto(re.sub("lang=..", f"lang={language}", page.url))
    for _ in range(20):
        fair_use.failed(NUMBER, ELSEWHERE)
    send(page, language=language)
    sees_the_result(page)
    page.go_back()
    send(page, language=language)
    waiting = page.get_by_role("status")
    expect(waiting).to_contain_text(say("waiting.later", language))
    expect(waiting.locator("[data-state=later] [data-seconds]")).to_have_text(re.compile("^[12]$"))
    look(page, f"later-{language}")
    sees_the_result(page)


def test_without_a_secure_context_the_page_waits_instead_of_working(
    page: Page, fair_use: FairUse
) -> None:
    for _ in range(5):
        fair_use.failed(NUMBER, ELSEWHERE)
    page.goto(page.url.replace("127.0.0.1", "plain.test"))
    assert not page.evaluate("window.isSecureContext")
    send(page)
    expect(page.get_by_role("status")).to_contain_text(say("waiting.patience"))
    expect(page.get_by_role("status")).to_contain_text(say("waiting.plain"))
    look(page, "plain")
    sees_the_result(page)


def refuse(times: int, heading: str = "") -> Callable[[Route], None]:
    """Answer so many posts as an overloaded service does, then let them through."""
    left = [times]

    def handle(route: Route) -> None:
        if route.request.method == "POST" and left[0] > 0:
            left[0] -= 1
            route.fulfill(
                status=503,
                headers={"Retry-After": "1", "Content-Type": "text/html"},
                body=f"<!doctype html><meta charset=utf-8><main><h1>{heading}</h1></main>",
            )
        else:
            route.continue_()

    return handle


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_busy_service_is_asked_again_by_itself(page: Page, language: str) -> None:
    page.goto(re.sub("lang=..", f"lang={language}", page.url))
    heading = say("problem.busy.title", language)
    page.route("**/scores*", refuse(2, heading))
    send(page, language=language)
    expect(page.get_by_role("status")).to_contain_text(heading)
    expect(page.get_by_role("status")).to_contain_text(say("waiting.keep", language))
    expect(page.locator("form").first.get_by_role("button")).to_be_disabled()
    look(page, f"busy-{language}")
    sees_the_result(page)


def test_a_front_that_answers_for_the_service_is_asked_again(page: Page) -> None:
    page.route("**/scores*", lambda route: route.fulfill(status=502, body="Bad Gateway"), times=1)
    send(page)
    expect(page.get_by_role("status")).to_contain_text(say("waiting.busy"))
    sees_the_result(page)


def test_what_the_script_cannot_do_the_form_does(page: Page) -> None:
    page.evaluate("() => { show = () => { throw new Error('made up'); }; }")
    send(page)
    sees_the_result(page)


def test_a_lost_connection_is_tried_again(page: Page) -> None:
    page.route("**/scores*", lambda route: route.abort(), times=1)
    send(page)
    expect(page.get_by_role("status")).to_contain_text(say("waiting.offline"))
    sees_the_result(page)


@pytest.mark.parametrize("mistyped", ["100000002", "12"])
def test_the_last_verdict_is_out_of_sight_while_the_next_is_waited_for(
    page: Page, mistyped: str
) -> None:
    send(page, mistyped)
    verdict = page.locator("main [role=alert], main .wrong")
    expect(verdict.first).to_be_visible()
    page.route("**/scores*", refuse(1000, say("waiting.busy")))
    send(page)
    expect(page.get_by_role("status")).to_contain_text(say("waiting.busy"))
    for said in verdict.all():
        expect(said).to_be_hidden()
    page.get_by_role("button", name=say("waiting.stop")).click()
    for said in verdict.all():
        expect(said).to_be_visible()


def test_whoever_does_not_want_to_wait_stops_it(page: Page) -> None:
    page.route("**/scores*", refuse(1000))
    send(page)
    page.get_by_role("button", name=say("waiting.stop")).click()
    expect(page.get_by_role("status")).to_be_hidden()
    button = page.locator("form").first.get_by_role("button", name=say("form.submit"))
    expect(button).to_be_focused()
    page.unroute("**/scores*")
    send(page)
    sees_the_result(page)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_a_script_the_page_says_how_long_to_wait_and_then_lets_one_in(
    browser: Browser, page: Page, fair_use: FairUse, language: str
) -> None:
    for _ in range(5):
        fair_use.failed(NUMBER, ELSEWHERE)
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    plain = context.new_page()
    plain.goto(re.sub("lang=..", f"lang={language}", page.url))
    send(plain, language=language)
    expect(plain.get_by_role("alert")).to_contain_text(
        PHRASES.say("held.title", language, seconds=SOUND.wait_s)
    )
    if folder := os.environ.get("LOOKUP_PICTURES"):
        plain.screenshot(path=f"{folder}/held-{language}.png", full_page=True)
    # Of the clock's own kind: the service's, not the browser's.
    plain.wait_for_timeout(SOUND.wait_s * 1000)
    send(plain, language=language)
    sees_the_result(plain)
    context.close()
