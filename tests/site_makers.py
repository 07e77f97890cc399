"""Makers for the public site in a browser: a service in a process of its own, and its visitors."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from lookup.public.answers import PHRASES
from lookup.public.app import create_app
from lookup.public.protocol import LookupProtocol
from lookup.sealing import pre_check_key
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Reference, Upcoming
from tests.browser_makers import ARGUMENTS, DESKTOP, PHONE, SOON_MS
from tests.makers import KEY, make_kind, make_release, move, open_release

ZOOMED: ViewportSize = {"width": 320, "height": 256}
"""What 1280 by 1024 leaves at 400 %."""
LEAD = timedelta(seconds=3)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
VISITORS = [("zh", PHONE), ("en", DESKTOP)]


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The service over a data folder, on a loop of its own in this process: another process costs
    a second. Its address answers already."""
    app = create_app(settings)
    config = uvicorn.Config(app, http=LookupProtocol, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@contextlib.contextmanager
def visitor(
    browser: Browser, url: str, size: ViewportSize = PHONE, script: bool = True
) -> Iterator[Page]:
    """Somebody on a page of the site; what breaks the policy or a script ends the test."""
    context: BrowserContext = browser.new_context(viewport=size, java_script_enabled=script)
    context.set_default_timeout(SOON_MS)
    page, problems = context.new_page(), list[str]()
    page.on("console", lambda line: problems.append(line.text) if "Policy" in line.text else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(url)
    yield page
    assert problems == []
    context.close()


def say(key: str, language: str, **values: object) -> str:
    """What the site calls something."""
    return PHRASES.say(key, language, **values)


@dataclass
class Scheduled:
    """A made-up release that is about to open."""

    store: EmbeddedStore
    reference: Reference
    opens_at: datetime

    def title(self, language: str) -> str:
        """What the kind is called."""
        return make_kind().title.in_language(language)

    def move(self, opens_at: datetime) -> None:
        """Schedule it for another hour."""
        self.opens_at = opens_at
        move(self.store, upcoming=Upcoming(self.reference, opens_at, None, pre_check_key(KEY)))

    def open(self) -> None:
        """What the publisher does at the hour, ahead of it by as much as it likes."""
        open_release(self.store, self.reference, opened_at=self.opens_at)


def schedule(folder: Path) -> Scheduled:
    """Scores that open in four days and a bit."""
    store = EmbeddedStore(folder)
    release = Scheduled(store, make_release(store, make_kind(), pre_check=True), datetime.now(UTC))
    release.move(datetime.now(UTC) + timedelta(days=4, hours=3, seconds=30))
    return release


@contextlib.contextmanager
def before_the_hour(
    browser: Browser, folder: Path, path: str, size: ViewportSize, script: bool = True
) -> Iterator[tuple[Page, Scheduled]]:
    """Somebody on a page of a site whose scores open in a moment."""
    release = schedule(folder)
    with (
        running(Settings(data_dir=folder)) as site,
        visitor(browser, f"{site}/readyz", size, script) as page,
    ):
        # The service is up, and knows the release: now the hour may come near.
        release.move(datetime.now(UTC) + LEAD)
        page.goto(f"{site}/readyz")
        page.goto(f"{site}{path}")
        yield page, release
