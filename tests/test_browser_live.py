"""The broadcast in Chromium: what is said while the page is there, with a script and without."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from lookup.public.answers import PHRASES
from lookup.public.broadcast import event
from lookup.settings import Settings
from lookup.stores.broadcast import NAME, Broadcast
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.entries import Begin, Board, End, Retract, Text
from tests.broadcast_makers import FIRST, SECOND, after, at, broadcast, round_of, said, school
from tests.browser_makers import DESKTOP, PHONE, SOON_MS
from tests.site_makers import chromium, running
from tests.test_hub import EPOCH

pytestmark = pytest.mark.browser
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOCALES = {"zh": "zh-CN", "en": "en-GB"}


@dataclass
class Office:
    """The site's address, and the file that the office writes."""

    site: str
    folder: Path

    @property
    def file(self) -> Broadcast:
        return Broadcast(self.folder)

    def begin(self) -> None:
        self.file.append(lambda _: broadcast(8))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    store = EmbeddedStore(tmp_path)
    store.prepare()
    with running(Settings(data_dir=tmp_path)) as site:
        yield Office(site, store.live)


@pytest.fixture(scope="module")
def shared() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def browser(shared: Browser) -> Iterator[Browser]:
    """Debian's Chromium, left without a page."""
    yield shared
    for context in shared.contexts:
        context.close()


def context_of(
    browser: Browser, language: str = "zh", script: bool = True, phone: bool = False
) -> BrowserContext:
    context = browser.new_context(
        locale=LOCALES[language],
        viewport=PHONE if phone else DESKTOP,
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    context.set_default_timeout(SOON_MS)
    return context


def open_page(office: Office, context: BrowserContext) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(f"{office.site}/live")
    return page


def connected(page: Page, state: str = "live") -> None:
    """Wait until the page says how it hears of what is said."""
    expect(page.locator(f"[data-connection={state}]")).to_be_visible(timeout=SOON_MS)


def headed(page: Page, words: str) -> None:
    heading = page.get_by_role("heading", level=1, name=words, exact=True)
    expect(heading).to_be_visible(timeout=SOON_MS)


def heard(site: str, last: int) -> None:
    """Wait until the service has heard of an entry."""
    with httpx.Client(trust_env=False, timeout=SOON_MS / 1000) as client:
        while int(client.get(f"{site}/live.json").json()["last"].split("-")[1]) < last:
            pass


def cell(page: Page, code: str, column: str) -> str:
    return page.locator(f"tr[data-code='{code}'] [data-f={column}]").inner_text()


def newest(page: Page, words: str) -> None:
    expect(page.locator(".account li p").first).to_have_text(words, timeout=SOON_MS)


def look(page: Page, name: str) -> None:
    """Nothing is wider than its screen, also at 400 %; pictures where they are asked for."""
    size = page.viewport_size
    assert size is not None
    if folder := os.environ.get("LOOKUP_PICTURES"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=f"{folder}/live-{name}-{scheme}.png", full_page=True)
    for width in (size["width"], 320):
        page.set_viewport_size({"width": width, "height": size["height"]})
        assert page.evaluate(WIDE) <= 0
    page.set_viewport_size(size)


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_said_while_the_page_is_there_appears_in_place(
    office: Office, browser: Browser, language: str, phone: bool
) -> None:
    office.begin()
    page = open_page(office, context_of(browser, language, phone=phone))
    connected(page)
    look(page, f"{language}-{'phone' if phone else 'desktop'}")
    page.evaluate("window.stayed = true")
    full, left = (PHRASES.say(f"live.{key}", language) for key in ("full", "open"))
    row = page.locator("tr[data-code='0002']")
    expect(row.locator(".places .badge:visible")).to_contain_text(left)
    office.file.append(
        after(
            lambda id_: Board(id_, at(id_), FIRST, (school(1, 120), school(30, 5))),
            lambda id_: round_of(id_, admitted=4567),
            lambda id_: round_of(id_, SECOND, "under_way", 1),
            said("云汉中学录满。", "Yunhan is full."),
        )
    )
    newest(page, {"zh": "云汉中学录满。", "en": "Yunhan is full."}[language])
    assert cell(page, "0002", "admitted") == "120"
    expect(row.locator(".places .badge:visible")).to_contain_text(full)
    assert cell(page, "0031", "admitted") == "5"
    cards = page.locator(".round")
    expect(cards.first.locator("[data-f=admitted]")).to_have_text("4,567")
    expect(cards.first.locator("progress")).to_have_js_property("value", 4567)
    under_way = PHRASES.say("live.round.under_way", language)
    expect(cards.nth(1).locator(".badge[data-state]:visible")).to_contain_text(under_way)
    expect(page.locator(".announced")).not_to_be_empty()
    assert page.evaluate("window.stayed")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_without_a_script_the_page_is_whole_and_says_how_to_go_on(
    office: Office, browser: Browser, language: str
) -> None:
    office.begin()
    page = open_page(office, context_of(browser, language, script=False, phone=True))
    look(page, f"{language}-plain")
    expect(page.get_by_role("link", name=PHRASES.say("live.refresh", language))).to_be_visible()
    assert page.locator(".board tbody tr:visible").count() == 8
    assert page.locator(".tools:visible").count() == 0
    page.get_by_label(PHRASES.say("live.filter.school", language)).fill("云汉")
    page.get_by_role("button", name=PHRASES.say("live.filter.submit", language)).click()
    expect(page.locator(".board tbody tr:visible")).to_have_count(2)
    office.file.append(after(said("又有消息")))
    heard(office.site, 8)
    # The page may be a second old.
    while page.locator(".account li p").first.inner_text() != "又有消息":
        page.get_by_role("link", name=PHRASES.say("live.refresh", language)).click()


def test_without_a_broadcast_the_page_waits_calmly_and_begins_by_itself(
    office: Office, browser: Browser
) -> None:
    page = open_page(office, context_of(browser))
    connected(page)
    look(page, "none")
    headed(page, "现在没有直播")
    office.begin()
    headed(page, "2026年高级中等学校录取直播")
    expect(page.locator(".board tbody tr:visible")).to_have_count(8)
    expect(page.locator("[data-standing=under_way]")).to_be_visible()
    newest(page, "北辰外国语学校计划已录满。")
    office.file.append(after(lambda id_: End(id_, at(60))))
    expect(page.locator("[data-standing=ended]")).to_be_visible()
    office.file.append(after(lambda id_: Begin(id_, at(90), Text("补录直播"))))
    headed(page, "补录直播")
    expect(page.locator(".board tbody tr")).to_have_count(0)


def test_what_nobody_knows_is_not_said_to_be_none(office: Office, browser: Browser) -> None:
    office.begin()
    page = open_page(office, context_of(browser))
    connected(page)
    office.file.append(
        after(
            lambda id_: Board(id_, at(9), FIRST, (replace(school(1, 5), plan=0),)),
            lambda id_: replace(round_of(id_), candidates=0, plan=0),
            said("到此"),
        )
    )
    newest(page, "到此")
    assert cell(page, "0002", "plan") == "–"
    expect(page.locator("tr[data-code='0002'] .places .badge:visible")).to_have_count(0)
    card = page.locator(".round").first
    expect(card.locator("[data-f=plan]")).to_have_text("–")
    expect(card.locator("[data-f=candidates]")).to_be_hidden()


def test_words_that_are_taken_back_go(office: Office, browser: Browser) -> None:
    office.begin()
    page = open_page(office, context_of(browser))
    connected(page)
    office.file.append(after(lambda id_: Retract(id_, at(9), 7)))
    newest(page, "第一批投档过半。")


SEEN = """
window.seen = [];
window.EventSource = class extends EventSource {
  constructor(url) {
    super(url);
    this.addEventListener("words", (event) => window.seen.push(event.lastEventId));
  }
};
"""
"""Notes every event that comes, also what the page would leave out."""


def test_whoever_was_cut_off_goes_on_from_the_last_event(office: Office, browser: Browser) -> None:
    office.begin()
    context = context_of(browser)
    context.add_init_script(SEEN)
    cut_off: list[str] = []

    def cut_off_once(route: Route) -> None:
        """The first answer ends after one of two events; the browser comes back by itself."""
        if cut_off:
            route.continue_()
            return
        cut_off.append(route.request.url)
        first, second = office.file.append(after(said("第八条"), said("第九条")))
        heard(office.site, second.id)
        body = b"retry: 10\n\n" + event(first, f"{EPOCH}-{first.id}")
        route.fulfill(body=body, content_type="text/event-stream")

    context.route(re.compile("/live/events"), cut_off_once)
    page = open_page(office, context)
    newest(page, "第九条")
    expect(page.locator(".account li p").nth(1)).to_have_text("第八条")
    assert cut_off == [f"{office.site}/live/events?after={EPOCH}-7"]
    assert page.evaluate("window.seen") == [f"{EPOCH}-8", f"{EPOCH}-9"]


def test_where_events_are_refused_the_page_asks_now_and_then(
    office: Office, browser: Browser
) -> None:
    office.begin()
    context = context_of(browser)
    context.route(re.compile("/live/events"), lambda route: route.fulfill(status=503))
    page = context.new_page()
    page.clock.install()
    page.goto(f"{office.site}/live")
    connected(page, "polling")
    office.file.append(
        after(said("又有消息"), lambda id_: Board(id_, at(9), FIRST, (school(0, 7),)))
    )
    page.clock.run_for(16_000)
    newest(page, "又有消息")
    assert cell(page, "0001", "admitted") == "7"
    context.unroute(re.compile("/live/events"))
    for _ in range(6):
        page.clock.run_for(16_000)
        page.wait_for_load_state("networkidle")
    connected(page)


def test_updates_can_be_paused_and_are_caught_up_with(office: Office, browser: Browser) -> None:
    office.begin()
    page = open_page(office, context_of(browser))
    connected(page)
    page.get_by_role("button", name="暂停更新").press("Enter")
    connected(page, "paused")
    office.file.append(after(said("又有消息")))
    # Another page has heard of it; this one keeps still.
    other = open_page(office, context_of(browser))
    newest(other, "又有消息")
    newest(page, "北辰外国语学校计划已录满。")
    page.get_by_role("button", name="继续更新").press("Enter")
    newest(page, "又有消息")
    connected(page)


def test_the_board_is_filtered_as_one_types_and_stays_so(office: Office, browser: Browser) -> None:
    office.begin()
    page = open_page(office, context_of(browser))
    connected(page)
    page.get_by_label("学校名称或代码").fill("云汉")
    expect(page.locator(".board tbody tr:visible")).to_have_count(2)
    office.file.append(
        after(
            lambda id_: Board(id_, at(9), SECOND, (school(1, 3), school(2, 4))), said("第二批开始")
        )
    )
    newest(page, "第二批开始")
    expect(page.locator(".board tbody tr:visible")).to_have_count(3)
    page.get_by_label("批次", exact=True).select_option(SECOND)
    expect(page.locator(".board tbody tr:visible")).to_have_count(1)
    page.get_by_label("学校名称或代码").fill("没有")
    expect(page.get_by_text("没有符合条件的学校。")).to_be_visible()


def test_a_file_that_was_replaced_begins_the_page_anew(office: Office, browser: Browser) -> None:
    office.begin()
    page = open_page(office, context_of(browser))
    connected(page)
    (office.folder / NAME).unlink()
    headed(page, "现在没有直播")
