"""The release day: what the public workers do this second, in tiles, charts and a table."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from lookup.admin.console.site import Site, Visit
from lookup.admin.console.times import countdown
from lookup.admin.desk import Desk
from lookup.admin.publishing.releases import list_releases
from lookup.errors import ServiceError
from lookup.stores.embedded import EmbeddedStore

log = logging.getLogger("lookup.admin")

SECTION = "release_day"
EVERY_S = 1.0
RATES = ("requests", "hits", "misses", "refusals")
LATENCIES = ("p50", "p90", "p99")
CHARTS = (("rate", RATES), ("latency", LATENCIES))
REFUSED = ("challenge_required", "try_later", "busy")
"""The refusals that say how hard the site is pressed, by the code of the problem."""
TILES = (*RATES, *REFUSED, "failures", *LATENCIES)
SECONDS_SHOWN = 30


async def follow(site: Site) -> None:
    """Take in the workers' reports once a second, until cancelled."""
    store = EmbeddedStore(site.settings.data_dir)
    while True:
        now = site.clock()
        try:
            site.day.feed(await asyncio.to_thread(store.workers, now), now)
        except Exception as error:  # a disk that fails for a moment must not end the page
            log.error("the workers' reports could not be read: %s", type(error).__name__)
        await asyncio.sleep(EVERY_S)


def _document(visit: Visit) -> dict[str, Any]:
    document = visit.site.day.document()
    values = document["latency"]["minute"] | dict.fromkeys(REFUSED, 0.0)
    values |= document["refused"] | document["rates"]
    document["tiles"] = {name: _shown(values[name]) for name in TILES}
    off_s = document["clock_off_s"]
    document["clock_text"] = visit.say("day.clock", off_s=off_s) if off_s else ""
    for worker in document["workers"]:
        worker["state_text"] = visit.say(f"worker.{worker['state']}")
    document["time"] = visit.site.time(document["at"])[11:]
    for point in document["points"]:
        point["time"] = visit.site.time(point["at"])[11:]
    return document


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


async def show(visit: Visit) -> Response:
    """`GET /release-day`."""
    document = _document(visit)
    return visit.page(
        "release_day.html",
        SECTION,
        tiles=TILES,
        latencies=LATENCIES,
        charts=CHARTS,
        columns=(*RATES, *LATENCIES),
        shown=document["tiles"],
        workers=document["workers"],
        clock_text=document["clock_text"],
        seconds=[
            {
                name: _shown(value) if name not in ("at", "time") else value
                for name, value in p.items()
            }
            for p in reversed(document["points"][-SECONDS_SHOWN:])
        ],
        kinds=_kinds(visit.desk, {r.id: r.title for r in await list_releases(visit.desk.database)}),
    )


def _kinds(desk: Desk, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """What every kind's pointer says: the release that is open, and the one that comes next."""
    shown: list[dict[str, Any]] = []
    now = desk.clock()
    for name in sorted(desk.store.stamps()):
        with contextlib.suppress(ServiceError):
            pointer = desk.store.pointer(name)
            if pointer is None:
                continue
            if current := pointer.current:
                release = current.reference.release
                line = {"state": "open", "at": current.opened_at.isoformat(), "release": release}
                shown.append({"name": name} | line)
            if upcoming := pointer.upcoming:
                release, at = upcoming.reference.release, upcoming.opens_at.isoformat()
                line = {"name": name, "state": "scheduled", "at": at, "release": release}
                shown.append(line | countdown(now, upcoming.opens_at))
            if not (pointer.current or pointer.upcoming) and (ended := pointer.ended):
                state = "withdrawn" if ended.withdrawn else "closed"
                at, release = ended.ended_at.isoformat(), ended.reference.release
                shown.append({"name": name, "state": state, "at": at, "release": release})
    return [line | {"title": titles.get(line["release"], line["release"])} for line in shown]


async def as_json(visit: Visit) -> Response:
    """`GET /release-day.json`: the last ten minutes."""
    return JSONResponse(_document(visit))
