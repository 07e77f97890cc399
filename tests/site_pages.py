"""A made-up site as the public sees it, and the list of all its pages.

The town of data/samples has scores, a lottery and admissions, all open and with statistics; of
two more kinds one is scheduled and one is over; and there is a broadcast. Whoever adds a page adds
one line to `PAGES`.
"""

import contextlib
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, expect

from lookup.kinds import read_kind
from lookup.sealing import pre_check_key
from lookup.stores.broadcast import Broadcast
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Current, Ended, Reference, Upcoming
from tests.admin_makers import SAMPLES, Office, kind_called
from tests.broadcast_makers import broadcast
from tests.browser_makers import ARGUMENTS
from tests.makers import KEY, make_kind, make_release, move
from tests.service_makers import HOST, serving

OPEN = ("scores", "lottery", "admissions")
LONG_AGO = datetime(2020, 7, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2099, 7, 1, 1, tzinfo=UTC)
LANGUAGES = ("zh", "en")
SIZES = {"phone": (375, 740), "desktop": (1280, 800)}
SOON_MS = 15_000


@dataclass(frozen=True)
class PublicPage:
    """One page: its address; its status, where it is no 200; and, where it is the answer to a
    form, what is typed and a part of the page that only the answer has."""

    name: str
    path: str
    status: int = 200
    typed: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""


def rows(kind: str) -> list[dict[str, str]]:
    """The lines of a sample."""
    with (SAMPLES / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def typed(kind: str, row: int = 0) -> dict[str, str]:
    """What the candidate of a line types, by the kind's first way in."""
    made, line = make_kind(kind), rows(kind)[row]
    return {name: line[made.field(name).label.zh] for name in made.ways[0].fields}


def _wrong(kind: str) -> dict[str, str]:
    return typed(kind) | {"access_code": "ZZZZ9999"}


PAGES = (
    PublicPage("home", "/"),
    *(PublicPage(f"{kind} form", f"/{kind}") for kind in OPEN),
    *(
        PublicPage(f"{kind} result", f"/{kind}", 200, typed(kind), "main .headline, main dl")
        for kind in OPEN
    ),
    PublicPage("no match", "/scores", 404, _wrong("scores"), "main [role=alert]"),
    PublicPage("a form with a mistake", "/scores", 422, _wrong("scores") | {"access_code": "A"},
               "main [aria-invalid=true]"),
    PublicPage("score tables", "/scores/statistics"),
    PublicPage("table of schools", "/lottery/schools"),
    PublicPage("broadcast", "/live"),
    PublicPage("scheduled", "/mock", 403),
    PublicPage("pre-check", "/mock/pre-check"),
    PublicPage("over", "/trial", 403),
    PublicPage("not there", "/nothing/here", 404),
    PublicPage("api", "/api"),
)  # fmt: skip
"""Every public page."""


def _empty(store: EmbeddedStore, name: str, title: str, english: str) -> Reference:
    """A release without records of one more kind, like scores."""
    titled = {"name": name, "title": {"zh": title, "en": english}}
    kind = read_kind({**make_kind().document, **titled})
    return make_release(store, kind, [], KEY, f"{name}-v1", pre_check=True)


def publish(folder: Path) -> EmbeddedStore:
    """A data folder with the whole made-up site in it."""
    office = Office(folder)
    for name in OPEN:
        release = office.build(office.load(kind_called(name), SAMPLES / f"{name}.csv").batch)
        key = office.keys.get(release.id)
        move(office.store, name, Current(release.reference, key, LONG_AGO))
    store = office.store
    scheduled = _empty(store, "mock", "模拟考试", "Mock exam")
    move(store, "mock", upcoming=Upcoming(scheduled, FAR_AHEAD, None, pre_check_key(KEY)))
    over = _empty(store, "trial", "摸底考试", "Trial exam")
    move(store, "trial", ended=Ended(over, LONG_AGO, False))
    Broadcast(store.live).append(lambda _: broadcast())
    return store


@contextlib.contextmanager
def open_site(folder: Path) -> Iterator[str]:
    """The site on a port of the loopback, served as operators serve it; its address."""
    publish(folder)
    with serving(folder, 1) as (_, port):
        yield f"http://{HOST}:{port}"


@contextlib.contextmanager
def chromium(driver: Playwright) -> Iterator[Browser]:
    """Debian's Chromium."""
    browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
    yield browser
    browser.close()


def show(page: Page, site: str, public: PublicPage, language: str) -> None:
    """Open a page as a visitor gets there."""
    page.goto(f"{site}{public.path}?lang={language}")
    if public.typed:
        code = page.locator("main form").filter(has=page.locator("[name=access_code]")).first
        for name, value in public.typed.items():
            code.locator(f"[name={name}]").fill(value)
        code.locator("button[type=submit]").click()
        expect(page.locator(public.answer).first).to_be_visible(timeout=SOON_MS)
    page.wait_for_load_state("load")
