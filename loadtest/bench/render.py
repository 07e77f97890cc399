"""`scripts/bench render`: the home page's first render on a slow phone, and what it weighs.

`lookup serve` on loopback, Debian's Chromium with a network of 150 ms and 1.6 Mbit/s (what
browsers' own tools call slow 4G) and a processor four times slower, nothing cached. Needs
`scripts/set-up test`: the browser is driven by Playwright.
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from loadtest.bench.figures import percentile
from loadtest.bench.servers import lookup_service
from loadtest.bench.service import HOST
from loadtest.bench.tables import show
from loadtest.bench.town import KIND, linked, town
from lookup.stores.pointer import Pointer

SIZE = 100
TIMES = 15
TARGET_MS, TARGET_BYTES = 1000.0, 30_000
SLOWER = 4
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}
PHONE = {"width": 375, "height": 740}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PAINTED = (
    "new Promise(tell => new PerformanceObserver(list => tell("
    "list.getEntriesByName('first-contentful-paint')[0].startTime))"
    ".observe({type: 'paint', buffered: true}))"
)


def _visit(browser: Any, url: str) -> tuple[float, int]:
    """One visit by somebody new: ms until the first content is painted, bytes received."""
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    network = context.new_cdp_session(page)
    sizes: Counter[str] = Counter()

    def ended(event: dict[str, Any]) -> None:
        sizes["bytes"] += int(event["encodedDataLength"])

    network.on("Network.loadingFinished", ended)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", SLOW_4G)
    network.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(url)
    painted_ms = float(page.evaluate(PAINTED))
    page.wait_for_load_state("networkidle")
    context.close()
    return painted_ms, sizes["bytes"]


def bench_render(folder: Path, times: int = TIMES) -> dict[str, Any]:
    """Measure and print. SystemExit where there is no browser to drive."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise SystemExit("Playwright is missing: run scripts/set-up test first.") from error
    home = folder / "render"
    store, current = linked(town(folder, SIZE), home)
    store.move(Pointer(KIND, 1, current))
    with lookup_service(home) as service, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        url = f"http://{HOST}:{service.port}/"
        _visit(browser, url)
        found = [_visit(browser, url) for _ in range(times)]
        browser.close()
    shutil.rmtree(home)
    painted = [ms for ms, _ in found]
    figures = {
        "median_ms": round(percentile(painted, 0.5)),
        "slowest_ms": round(max(painted)),
        "bytes": max(size for _, size in found),
        "to_reach_ms": TARGET_MS,
        "to_reach_bytes": TARGET_BYTES,
    }
    show(
        ("page", "visits", "median ms", "slowest ms", "bytes"),
        [["home", str(times), *(str(figures[n]) for n in ("median_ms", "slowest_ms", "bytes"))]],
        f"First content on slow 4G, processor {SLOWER} times slower; to reach: {TARGET_MS:.0f} ms"
        f" and {TARGET_BYTES} bytes.",
    )
    return figures
