"""Takes the README's pictures of a running demo; `scripts/pictures` says how to call it.

All people in them are made up. The demo is to be a few minutes old at most: the lottery's hour,
which the first picture counts down to, must not have come.
"""

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.browser_makers import ROOT, SOON_MS
from tests.site_pages import chromium

SAMPLE = ROOT / "var" / "demo" / "sample" / "scores.csv"
FOLDER = ROOT / "data" / "pictures"
MOST_BYTES = 150_000
SCALES = (2, 1.5, 1.25, 1)
"""Pixels a point; a picture is taken as fine as it may weigh."""
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1120, "height": 1000}


def before(page: Page, site: str) -> None:
    """The lottery before its hour, with the countdown."""
    page.goto(f"{site}/lottery?lang=zh")
    expect(page.get_by_role("timer")).not_to_be_empty()


def result(page: Page, site: str) -> None:
    """The marks of the sample's first candidate."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    page.goto(f"{site}/scores?lang=en")
    form = page.locator("main form").first
    form.locator("[name=candidate_number]").fill(row["准考证号"])
    form.locator("[name=access_code]").fill(row["查询码"])
    form.locator("button[type=submit]").click()
    expect(page.locator(".headline")).to_be_visible()


def statistics(page: Page, site: str) -> None:
    """The totals of all, as a chart and a table."""
    page.goto(f"{site}/scores/statistics?lang=zh")
    expect(page.locator(".chart svg").first).to_be_visible()


@dataclass(frozen=True)
class Picture:
    """What is shown, on which screen, by day or by night."""

    name: str
    show: Callable[[Page, str], None]
    size: ViewportSize
    scheme: Literal["light", "dark"]

    def image(self, browser: Browser, site: str, scale: float) -> bytes:
        """A PNG of so many pixels a point."""
        context = browser.new_context(
            viewport=self.size, device_scale_factor=scale, color_scheme=self.scheme
        )
        context.set_default_timeout(SOON_MS)
        page = context.new_page()
        self.show(page, site)
        image = page.screenshot(animations="disabled")
        context.close()
        return image


PICTURES = (
    Picture("before", before, PHONE, "light"),
    Picture("result", result, PHONE, "dark"),
    Picture("statistics", statistics, DESKTOP, "light"),
)


def take(site: str, folder: Path) -> None:
    """Write all pictures. Raises RuntimeError where one is too heavy at every scale."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver, chromium(driver) as browser:
        for picture in PICTURES:
            images = (picture.image(browser, site, scale) for scale in SCALES)
            light = next((image for image in images if len(image) <= MOST_BYTES), None)
            if light is None:
                raise RuntimeError(f"{picture.name} is heavier than {MOST_BYTES} bytes")
            (folder / f"{picture.name}.png").write_bytes(light)


if __name__ == "__main__":
    take(sys.argv[1], FOLDER)
