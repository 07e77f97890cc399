"""Makers for journeys through the console: a town with people, its two services, browsers."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from lookup.admin.desk import open_desk
from lookup.admin.people.accounts import add_person
from lookup.admin.people.roles import (
    ADMINISTRATOR,
    AUDITOR,
    LOADER,
    PUBLISHER,
    REVIEWER,
    Actor,
    machine_user,
)
from lookup.phrases import read_phrases
from lookup.settings import Settings

ROOT = Path(__file__).parent.parent
PHRASES = read_phrases(ROOT / "lookup" / "admin" / "phrases" / "console.toml")
NAMES = {ADMINISTRATOR: "guan", LOADER: "lin", REVIEWER: "shen", PUBLISHER: "fang", AUDITOR: "ji"}
PASSWORD = "made-up words for a test"
PHONE: ViewportSize = {"width": 375, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOON_MS = 20_000
"""How long work in the background may take before the journey has failed."""


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def service(data_dir: Path, *command: str) -> Iterator[str]:
    """A command of `lookup` that serves, on a port of its own; its address."""
    port = free_port()
    program = [str(Path(sys.executable).with_name("lookup")), "--data-dir", str(data_dir)]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (data_dir / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [*program, *command, "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Return once the port answers; a refused connection returns at once, so look again."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError("the service did not come up")


@dataclass
class Somebody:
    """A person who may sign in, and the codes their authenticator shows."""

    name: str
    secret: str
    _step: int = field(default=0)

    def code(self) -> str:
        """A code that was not used yet: the one of now, once the next, then one every 30 s."""
        now = int(time.time()) // 30
        self._step = max(self._step + 1, now)
        assert self._step <= now + 1, "this person has used up the codes of the moment"
        return pyotp.TOTP(self.secret).generate_otp(self._step)


def register(data_dir: Path) -> dict[str, Somebody]:
    """One person for each role; who they are, by role."""

    async def run() -> dict[str, Somebody]:
        found = {}
        actor = machine_user("test")
        # The first person registers the others.
        for role in sorted(NAMES, key=lambda role: role != ADMINISTRATOR):
            async with open_desk(Settings(data_dir=data_dir), actor) as desk:
                enrolled = await add_person(desk, NAMES[role], PASSWORD, {role})
            found[role] = Somebody(NAMES[role], enrolled.totp)
            actor = Actor(NAMES[ADMINISTRATOR], frozenset({ADMINISTRATOR}))
        return found

    return asyncio.run(run())


@dataclass
class Visitor:
    """Somebody at a browser of their own; `say` is the console's words in their language."""

    page: Page
    console: str
    language: str

    def say(self, key: str, **values: object) -> str:
        """What the console calls something."""
        return PHRASES.say(key, self.language, **values)

    def go(self, path: str) -> None:
        """Open a page of the console."""
        self.page.goto(self.console + path)

    def press(self, key: str) -> None:
        """Press the button called so."""
        self.page.get_by_role("button", name=self.say(key), exact=True).click()

    def follow(self, key: str, **values: object) -> None:
        """Follow the link called so."""
        name = re.compile(f"^{re.escape(self.say(key, **values))}")
        self.page.get_by_role("main").get_by_role("link", name=name).first.click()

    def fill(self, key: str, value: str, within: Locator | None = None) -> None:
        """Fill in the field called so."""
        label = re.compile(f"^{re.escape(self.say(key))}")
        (within or self.page).get_by_label(label).first.fill(value)

    def sees_state(self, state: str) -> None:
        """Wait until the page says that the batch or release is in this state."""
        badge = self.page.locator(".heading .badge")
        expect(badge).to_have_text(self.say(f"state.{state}"), timeout=SOON_MS)

    def sees(self, key: str, **values: object) -> None:
        """Wait until the page says this."""
        main = self.page.get_by_role("main")
        expect(main).to_contain_text(self.say(key, **values), timeout=SOON_MS)

    def sign_in(self, somebody: Somebody) -> None:
        """Sign in with name, password and code."""
        self.go("/")
        self.fill("person.name", somebody.name)
        self.fill("person.password", PASSWORD)
        self.fill("person.code", somebody.code())
        self.press("sign_in.submit")
        expect(self.page.locator(".who")).to_have_text(somebody.name)

    def types(self, *keys: str) -> None:
        """Press keys, once the page listens: then it offers its help."""
        expect(self.page.locator("[data-help]")).to_be_visible()
        for key in keys:
            self.page.keyboard.press(key)

    def prove(self, somebody: Somebody, path: str) -> None:
        """Give password and code once more, on the way to a page."""
        self.go(f"/prove?next={path}")
        self.look("prove")
        self.fill("person.password", PASSWORD)
        self.fill("person.code", somebody.code())
        self.press("prove.submit")
        self.sees("flash.proved")

    def look(self, name: str) -> None:
        """Nothing is wider than a phone; pictures where they are asked for."""
        # Before its stylesheet is there, a digest is one word wider than a phone.
        self.page.wait_for_load_state("load")
        self.page.set_viewport_size(PHONE)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.page.evaluate(wide) <= 0, f"{name} scrolls sideways on a phone"
        if folder := os.environ.get("LOOKUP_PICTURES"):
            for width, size in (("phone", PHONE), ("desktop", DESKTOP)):
                for scheme in ("light", "dark"):
                    self.page.set_viewport_size(size)
                    self.page.emulate_media(color_scheme=scheme)
                    # A frame that is out of sight is not painted: let the whole page be in sight.
                    height = self.page.evaluate("document.documentElement.scrollHeight")
                    self.page.set_viewport_size({"width": size["width"], "height": height})
                    file = f"{folder}/console-{name}-{self.language}-{width}-{scheme}.png"
                    self.page.screenshot(path=file, full_page=True)
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(DESKTOP)


def visitor(browser: Browser, console: str, language: str) -> Visitor:
    """A browser of its own, with no cookies yet."""
    locale = {"en": "en-GB", "zh": "zh-CN"}[language]
    context = browser.new_context(locale=locale, viewport=DESKTOP)
    context.set_default_timeout(SOON_MS)
    return Visitor(context.new_page(), console, language)
