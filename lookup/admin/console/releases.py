"""Releases: the list, one release with its timeline and countdown, and the moves of its kind."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import JSONResponse, Response

from lookup.admin import audit
from lookup.admin.batches import Batch, get_batch
from lookup.admin.console import audit_words
from lookup.admin.console.batches import alive_jobs
from lookup.admin.console.forms import moment
from lookup.admin.console.site import Visit
from lookup.admin.desk import Desk
from lookup.admin.jobs import VERIFY, load_of
from lookup.admin.publishing.preflight import OK, PREFLIGHT_FROM, Item, preflight
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.publishing.releases import Release, get_release, list_releases, reconcile
from lookup.admin.refusals import misused, refused, word
from lookup.admin.states import (
    APPROVED,
    CLOSED,
    OPEN,
    REJECTED,
    SCHEDULED,
    SEALED,
    SUPERSEDED,
    WITHDRAWN,
)
from lookup.errors import ServiceError
from lookup.stores.pointer import Pointer

SECTION = "releases"
ACTS: dict[str, tuple[str, ...]] = {
    SEALED: ("schedule", "open"),
    SCHEDULED: ("schedule", "open", "withdraw"),
    OPEN: ("close", "roll_back", "withdraw"),
    SUPERSEDED: ("open",),
    CLOSED: ("schedule", "open"),
    WITHDRAWN: (),
}
"""What may be offered for a release in each state; the act itself decides."""


async def overview(visit: Visit) -> Response:
    """`GET /releases`."""
    releases = await list_releases(visit.desk.database)
    keeper = visit.site.keeper
    problems = [keeper.problem, *(watch.problem for watch in keeper.watches.values())]
    return visit.page(
        "releases.html",
        SECTION,
        releases=releases,
        problems=list(filter(None, problems)),
        mends=keeper.mends,
    )


async def show(visit: Visit) -> Response:
    """`GET /releases/ID`."""
    desk = visit.desk
    release = await get_release(desk.database, visit.request.path_params["release"])
    batch = await get_batch(desk.database, release.batch)
    now = desk.clock()
    opens_at = datetime.fromisoformat(release.opens_at) if release.opens_at else now
    running = [job for job in await alive_jobs(visit) if job.spec.get("release") == release.id]
    return visit.page(
        "release.html",
        SECTION,
        release=release,
        batch=batch,
        running=running,
        timeline=await _timeline(visit, release, batch),
        supersedes=release.opened_over,
        acts=_acts(visit, release, opens_at),
        items=await _items(visit, release, now),
        now_ms=_ms(now),
        opens_ms=_ms(opens_at),
        countdown=_countdown(opens_at - now),
    )


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _countdown(left: timedelta) -> str:
    seconds = max(0, int(left.total_seconds()))
    time = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{seconds // 86400} d {time}" if seconds >= 86400 else time


def _acts(visit: Visit, release: Release, opens_at: datetime) -> list[str]:
    if release.destroyed_at:
        return []
    early = release.state == SCHEDULED and visit.desk.clock() < opens_at
    hidden = {"open"} if early else set()
    hidden |= set() if release.opened_over else {"roll_back"}
    return [
        act
        for act in ACTS[release.state]
        if act not in hidden and visit.actor.may(f"release.{act}")
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a timeline."""

    state: str
    text: str
    at: str = ""
    person: str = ""
    reason: str = ""


STATES_OF = {
    "batch.approve": APPROVED,
    "batch.reject": REJECTED,
    "release.build": SEALED,
    "release.schedule": SCHEDULED,
    "release.open": OPEN,
    "release.roll_back": OPEN,
    "release.close": CLOSED,
    "release.withdraw": WITHDRAWN,
}
"""The states the acts of the audit bring, for the colours of the timeline."""


async def _timeline(visit: Visit, release: Release, batch: Batch) -> list[Step]:
    """From the loading of the batch to the hour that is still to come."""
    database = visit.desk.database
    steps = []
    for line in reversed(await audit.about(database, batch.subject, release.id)):
        text = visit.site.act_text(line.act, visit.language)
        state = STATES_OF.get(line.act, line.act.partition(".")[2])
        reason = str(line.detail.get("reason", ""))
        person = audit_words.word(visit, "audit.person", line.person)
        steps.append(Step(state, text, line.at, person, reason))
    _say_when_opened(steps, visit.desk.store.pointer(release.kind), release)
    if release.state == SUPERSEDED and release.ended_at:
        steps.append(Step(SUPERSEDED, visit.say("state.superseded"), release.ended_at))
    if release.state == SCHEDULED and release.opens_at:
        steps.append(Step("next", visit.say("timeline.opens"), release.opens_at))
    return steps


def _say_when_opened(steps: list[Step], pointer: Pointer | None, release: Release) -> None:
    """Of the release that is open, the pointer knows the moment."""
    current = pointer.current if pointer else None
    if current is None or current.reference.release != release.id:
        return
    last = max((n for n, step in enumerate(steps) if step.state == OPEN), default=None)
    if last is not None:
        steps[last] = replace(steps[last], at=current.opened_at.isoformat())


# Preflight


async def _items(visit: Visit, release: Release, now: datetime) -> list[dict[str, str]]:
    """The preflight list from ten minutes before the hour of a scheduled release."""
    if release.state != SCHEDULED or release.opens_at is None:
        return []
    if datetime.fromisoformat(release.opens_at) - now > PREFLIGHT_FROM:
        return []
    items = await visit.aside(lambda desk: preflight(desk, release.id, visit.site.clock))
    return [
        {
            "state": item.state,
            "state_text": visit.say(f"preflight.state.{item.state}"),
            "text": _sentence(visit, item),
        }
        for item in items
    ]


def _sentence(visit: Visit, item: Item) -> str:
    name = visit.say(f"preflight.{item.name}")
    if isinstance(why := item.values.get("why"), ServiceError):
        return f"{name}: {visit.said(why)}"
    values = dict(item.values)
    if isinstance(state := values.get("state"), str):
        values["state"] = visit.say(f"state.{state}")
    return f"{name}: " + visit.say(f"preflight.{item.name}.{_how(item)}", **values)


def _how(item: Item) -> str:
    return "ok" if item.state == OK else "not"


async def preflight_json(visit: Visit) -> Response:
    """`GET /releases/ID/preflight.json`: the list, and the server's clock."""
    release = await get_release(visit.desk.database, visit.request.path_params["release"])
    now = visit.desk.clock()
    opens_at = datetime.fromisoformat(release.opens_at) if release.opens_at else now
    document = {
        "state": release.state,
        "now_ms": _ms(now),
        "opens_ms": _ms(opens_at),
        "items": await _items(visit, release, now),
    }
    return JSONResponse(document)


# Acts

Move = Callable[[Publisher, Release], Awaitable[Release]]


async def _move(visit: Visit, act: str, move: Move) -> Response:
    """One move of the pointer, for the release that was looked at and no other."""
    wanted = visit.request.path_params["release"]

    async def work(desk: Desk) -> Release:
        await reconcile(desk)
        release = await get_release(desk.database, wanted)
        if act not in ACTS[release.state]:
            raise refused("moved_on", state=word(release.state))
        return await move(Publisher(desk), release)

    moved = await visit.aside(work)
    return visit.go(f"/releases/{moved.id}", act)


async def schedule(visit: Visit) -> Response:
    """`POST /releases/ID/schedule`."""
    zone = visit.site.settings.timezone
    opens_at = moment(visit.form.get("opens_at"), zone)
    closing = visit.form.get("closes_at")
    closes_at = moment(closing, zone) if closing else None
    return await _move(visit, "schedule", lambda p, r: p.schedule(r.id, opens_at, closes_at))


async def open_now(visit: Visit) -> Response:
    """`POST /releases/ID/open`."""
    return await _move(visit, "open", lambda p, r: p.open(r.id))


async def close(visit: Visit) -> Response:
    """`POST /releases/ID/close`."""
    return await _move(visit, "close", lambda p, r: p.close(r.kind))


async def roll_back(visit: Visit) -> Response:
    """`POST /releases/ID/roll_back`."""
    return await _move(visit, "roll_back", lambda p, r: p.roll_back(r.kind))


async def withdraw(visit: Visit) -> Response:
    """`POST /releases/ID/withdraw`: for a reason, and with the release's id typed."""
    if visit.form.get("confirm").strip() != visit.request.path_params["release"]:
        raise misused("not_confirmed")
    reason = visit.form.get("reason")
    return await _move(
        visit,
        "withdraw",
        lambda p, r: p.withdraw(r.kind, reason, upcoming=r.state == SCHEDULED),
    )


async def verify(visit: Visit) -> Response:
    """`POST /releases/ID/verify`: a job that holds the file against its key and, where its
    batch was loaded here, against every row of the files that were sent."""
    release = await get_release(visit.desk.database, visit.request.path_params["release"])
    spec: dict[str, Any] = {"release": release.id, "title": release.title, "files": []}
    load = await load_of(visit.desk.database, release.batch)
    if load is not None:
        spec |= {name: load.spec[name] for name in ("folder", "files", "choice")}
    job = await visit.site.jobs.add(visit.desk.database, VERIFY, spec, visit.actor.name)
    await visit.site.jobs.start_next()
    return visit.go(f"/jobs/{job}")
