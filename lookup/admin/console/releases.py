"""Releases: the list, one release with its timeline and countdown, and the moves of its kind."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse, Response

from lookup.admin import audit
from lookup.admin.batches import Batch, get_batch
from lookup.admin.console import audit_words
from lookup.admin.console.batches import alive_jobs
from lookup.admin.console.forms import moment
from lookup.admin.console.site import Visit
from lookup.admin.console.times import countdown, ms
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
from lookup.errors import ServiceError, UsageError
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
        hours=await _opened_at(visit, releases),
        problems=list(filter(None, problems)),
        mends=keeper.mends,
    )


async def _opened_at(visit: Visit, releases: list[Release]) -> dict[str, str]:
    """When releases were last opened, by hand or at their hour, as far as they were."""
    lines = await audit.last(visit.desk.database, "release.open", "release.roll_back")
    found = {subject: line.at for subject, line in lines.items()}
    for release in releases:
        if release.state in (SEALED, SCHEDULED):
            found.pop(release.id, None)
        elif release.state == OPEN:
            pointer = visit.desk.store.pointer(release.kind)
            if pointer and pointer.current:
                found[release.id] = pointer.current.opened_at.isoformat()
    return found


async def show(visit: Visit) -> Response:
    """`GET /releases/ID`."""
    return await _page(visit)


async def _page(
    visit: Visit, act: str = "", error: ServiceError | None = None, status: int = 200
) -> Response:
    """The release; with the `error` of an act, what was typed for it and what was wrong."""
    desk = visit.desk
    release = await get_release(desk.database, visit.request.path_params["release"])
    batch = await get_batch(desk.database, release.batch)
    now = desk.clock()
    opens_at = datetime.fromisoformat(release.opens_at) if release.opens_at else now
    running = [job for job in await alive_jobs(visit) if job.spec.get("release") == release.id]
    return visit.page(
        "release.html",
        SECTION,
        status,
        release=release,
        hours=_hours(visit, release),
        typed=dict(visit.form.pairs()),
        failed=act,
        field=FIELD_OF.get(error.rule, "") if error else "",
        sentence=visit.said(error) if error else "",
        batch=batch,
        running=running,
        timeline=await _timeline(visit, release, batch),
        supersedes=release.opened_over,
        acts=_acts(visit, release, opens_at),
        items=await _items(visit, release, now),
        **countdown(now, opens_at),
    )


def _hours(visit: Visit, release: Release) -> dict[str, str]:
    """The hours of a scheduled release, as its form is filled with them."""
    pointer = visit.desk.store.pointer(release.kind)
    upcoming = pointer.upcoming if pointer else None
    if upcoming is None or upcoming.reference.release != release.id:
        return {}
    zone = visit.site.settings.timezone
    hours = {"opens_at": upcoming.opens_at, "closes_at": upcoming.closes_at}
    return {
        name: f"{hour.astimezone(zone):%Y-%m-%dT%H:%M:%S}" for name, hour in hours.items() if hour
    }


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


CONFIRMED = frozenset({"close", "roll_back", "withdraw"})
"""Acts that take something from the public: the release's id is typed for them."""
FIELD_OF = {
    "no_time": "opens_at",
    "opening_past": "opens_at",
    "no_closing_time": "closes_at",
    "closes_first": "closes_at",
    "closing_past": "closes_at",
    "not_confirmed": "confirm",
    "why": "reason",
}
"""The field of a form that a refusal is about."""


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
        steps.append(await _superseded(visit, release))
    if release.state == SCHEDULED and release.opens_at:
        steps.append(Step("next", visit.say("timeline.opens"), release.opens_at))
    return steps


async def _superseded(visit: Visit, release: Release) -> Step:
    """How a release ended that another took the place of: was it rolled back?"""
    lines = audit.entries(visit.desk.database, act="release.roll_back")
    back = [line async for line in lines if line.detail.get("over") == release.id]
    # The newest first; one that was opened again afterwards ended some other way.
    opened = await _opened_at(visit, [])
    if not back or back[0].at < opened.get(release.id, ""):
        return Step(SUPERSEDED, visit.say("state.superseded"), release.ended_at or "")
    person = audit_words.word(visit, "audit.person", back[0].person)
    text, reason = visit.say("timeline.rolled_back"), str(back[0].detail.get("reason", ""))
    return Step(SUPERSEDED, text, back[0].at, person, reason)


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
        "now_ms": ms(now),
        "opens_ms": ms(opens_at),
        "items": await _items(visit, release, now),
    }
    return JSONResponse(document)


# Acts

Move = Callable[[Publisher, Release], Awaitable[Release]]


async def _move(visit: Visit, act: str, move: Move) -> Response:
    """One move of the pointer, for the release that was looked at and no other; where it is
    refused, the form once more with what was typed."""
    wanted = visit.request.path_params["release"]

    async def work(desk: Desk) -> Release:
        await reconcile(desk)
        release = await get_release(desk.database, wanted)
        if act not in ACTS[release.state]:
            raise refused("moved_on", state=word(release.state))
        return await move(Publisher(desk), release)

    try:
        if act in CONFIRMED and visit.form.get("confirm").strip() != wanted:
            raise misused("not_confirmed")
        moved = await visit.aside(work)
    except ServiceError as error:
        return await _refused(visit, act, error)
    return visit.go(f"/releases/{moved.id}", act)


async def _refused(visit: Visit, act: str, error: ServiceError) -> Response:
    return await _page(visit, act, error, 400 if isinstance(error, UsageError) else 409)


async def schedule(visit: Visit) -> Response:
    """`POST /releases/ID/schedule`."""
    zone = visit.site.settings.timezone
    try:
        opens_at = moment(visit.form.get("opens_at"), zone)
        closes_at = _closing(visit.form.get("closes_at"), zone)
    except UsageError as error:
        return await _refused(visit, "schedule", error)
    return await _move(visit, "schedule", lambda p, r: p.schedule(r.id, opens_at, closes_at))


def _closing(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        return moment(text, zone) if text else None
    except UsageError as error:
        raise misused("no_closing_time") from error


async def open_now(visit: Visit) -> Response:
    """`POST /releases/ID/open`."""
    return await _move(visit, "open", lambda p, r: p.open(r.id))


async def close(visit: Visit) -> Response:
    """`POST /releases/ID/close`."""
    why = visit.form.get("reason")
    return await _move(visit, "close", lambda p, r: p.close(r.kind, why))


async def roll_back(visit: Visit) -> Response:
    """`POST /releases/ID/roll_back`."""
    why = visit.form.get("reason")
    return await _move(visit, "roll_back", lambda p, r: p.roll_back(r.kind, why))


async def withdraw(visit: Visit) -> Response:
    """`POST /releases/ID/withdraw`: for a reason, and with the release's id typed."""
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
