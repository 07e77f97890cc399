"""Batches: the list, one batch, its history, and what can be done with it."""

import itertools
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from lookup.admin import audit
from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, get_batch, list_batches, records, sources
from lookup.admin.console.audit_words import told
from lookup.admin.console.jobs import file_names, unclear
from lookup.admin.console.site import Visit, attachment
from lookup.admin.desk import Desk
from lookup.admin.finding_store import LOADING, count_findings
from lookup.admin.findings import ERROR
from lookup.admin.jobs import (
    BUILD,
    CHECK,
    FAILED,
    QUEUED,
    RUNNING,
    Job,
    list_jobs,
    load_of,
    loads,
    upload_of,
)
from lookup.admin.publishing.releases import Release, foremost, list_releases
from lookup.admin.refusals import refused
from lookup.admin.reviewing import approved, approvers, counting, loaders
from lookup.admin.risk import Risk, RiskCount
from lookup.admin.states import APPROVED, CHECKED, LOADED, REJECTED
from lookup.allowance import DAY_S, most_tries

SECTION = "batches"
TABS = (
    ("summary", "", None),
    ("findings", "/findings", None),
    ("differences", "/differences", None),
    ("previews", "/previews", None),
    ("review", "/review", None),
    ("correct", "/correct", "batch.correct"),
    ("history", "/history", None),
)
"""Name, path below the batch, and the act somebody must be allowed to see the tab."""
TONES = {
    "rejected": "wrong",
    "unclear": "warn",
    "loaded": "warn",
    "approved": "good",
    "released": "good",
    "reference": "good",
}
FAILURES_SHOWN = 3
HIGH_RISK = 1
"""Records expected to open to somebody who guesses, from which on something must be done."""


@dataclass(frozen=True, slots=True)
class Line:
    """A batch in the list: its state or its release's, the files it was loaded from, and the
    path of the question it waits for, '' for none."""

    batch: Batch
    state: str
    files: list[str]
    question: str


async def overview(visit: Visit) -> Response:
    """`GET /batches`."""
    return visit.page(
        "batches.html",
        SECTION,
        lines=await _lines(visit),
        running=await alive_jobs(visit),
        failed=await _failed(visit),
    )


async def _lines(visit: Visit) -> list[Line]:
    database = visit.desk.database
    releases: dict[int, list[Release]] = {}
    for release in await list_releases(database):
        releases.setdefault(release.batch, []).append(release)
    jobs = await loads(database)
    return [
        Line(
            batch,
            _state(batch, releases.get(batch.id, [])),
            file_names(job) if (job := jobs.get(batch.id)) else [],
            _question(visit, batch, job),
        )
        for batch in await list_batches(database)
    ]


def _state(batch: Batch, releases: list[Release]) -> str:
    """Where a batch has come to: its own state until there is a release of it."""
    release = foremost(releases)
    return release.state if release else batch.state


def _question(visit: Visit, batch: Batch, job: Job | None) -> str:
    """Where a batch whose files were unclear is asked about, '' where it is not."""
    asked = batch.state == REJECTED and not (batch.rejected_by or batch.destroyed_at)
    return f"/jobs/{job.id}/mapping" if asked and job and unclear(visit, job) else ""


async def _failed(visit: Visit) -> list[Job]:
    """The visitor's last jobs, as far as they failed and nothing was done since."""
    own = [job for job in await list_jobs(visit.desk.database) if job.person == visit.actor.name]
    return list(itertools.takewhile(lambda job: job.state == FAILED, own))[:FAILURES_SHOWN]


async def alive_jobs(visit: Visit) -> list[Job]:
    """The jobs that wait or run now."""
    database = visit.desk.database
    found = await list_jobs(database, QUEUED, RUNNING)
    looked = [await visit.site.jobs.refresh(database, job) for job in found]
    return [job for job in looked if job.alive]


async def running_for(visit: Visit, batch: Batch) -> list[Job]:
    """The jobs at work on a batch."""
    return [
        job
        for job in await alive_jobs(visit)
        if batch.id in (job.spec.get("batch"), (job.result or {}).get("batch"))
    ]


async def of_batch(visit: Visit) -> Batch:
    """The batch a path names. Raises UsageError where there is none."""
    return await get_batch(visit.desk.database, visit.number("batch"))


async def tab(
    visit: Visit, batch: Batch, name: str, template: str, status: int = 200, **values: Any
) -> Response:
    """One of a batch's pages."""
    tabs = [(n, path) for n, path, act in TABS if act is None or visit.actor.may(act)]
    hidden = {"previews"} if batch.kind.reference else set()
    hidden |= set() if await _may_be_corrected(visit.desk, batch) else {"correct"}
    common = {
        "batch": batch,
        "state": _state(batch, await _releases(visit, batch)),
        "tabs": [pair for pair in tabs if pair[0] not in hidden],
        "tab": name,
    }
    return visit.page(template, SECTION, status, **common, **values)


async def _may_be_corrected(desk: Desk, batch: Batch) -> bool:
    """Whether a correction could come to anything: it takes over what the loading found."""
    if batch.destroyed_at or not batch.records:
        return False
    if batch.state != REJECTED or not batch.errors:
        return True
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        return not (await count_findings(file, LOADING))[ERROR]


async def _releases(visit: Visit, batch: Batch) -> list[Release]:
    return [r for r in await list_releases(visit.desk.database) if r.batch == batch.id]


async def summary(visit: Visit) -> Response:
    """`GET /batches/ID`."""
    batch = await of_batch(visit)
    database, settings = visit.desk.database, visit.site.settings
    releases = await _releases(visit, batch)
    running = await running_for(visit, batch)
    ready = await approved(database, settings, batch)
    load = await load_of(database, batch.id)
    question = _question(visit, batch, load)
    step = "unclear" if question else _next(batch, bool(releases), ready)
    return await tab(
        visit,
        batch,
        "summary",
        "batch.html",
        sources=await _sources(visit.desk, batch),
        releases=releases,
        running=running,
        approvals=await counting(database, batch),
        required=settings.required_approvals,
        tries=most_tries(settings, 1, 0),
        tries_a_day=most_tries(settings, 1, DAY_S),
        risks=await risks_of(visit, batch),
        question=question if load and load.person == visit.actor.name else "",
        next_step=step,
        next_tone=TONES.get(step, ""),
        codes_job=await _codes_job(visit, batch),
        may_check=not (running or question) and _may_check(visit, batch),
        may_review=await may_review(visit, batch),
        may_build=ready
        and visit.actor.may("release.build")
        and not (releases or running or batch.kind.reference or batch.destroyed_at),
    )


def _next(batch: Batch, released: bool, ready: bool) -> str:
    if batch.destroyed_at:
        return "destroyed"
    if released:
        return "released"
    if ready:
        return "reference" if batch.kind.reference else "approved"
    return batch.state


def _may_check(visit: Visit, batch: Batch) -> bool:
    fitting = batch.state in (LOADED, CHECKED, REJECTED) and not batch.destroyed_at
    return fitting and not batch.rejected_by and visit.actor.may("batch.check")


async def may_review(visit: Visit, batch: Batch) -> bool:
    """Whether the visitor could approve the batch now."""
    database = visit.desk.database
    return (
        visit.actor.may("batch.approve")
        and (batch.state == CHECKED or await _too_few(visit, batch))
        and visit.actor.name not in await loaders(database, batch.id)
        and visit.actor.name not in await approvers(database, batch)
    )


async def _too_few(visit: Visit, batch: Batch) -> bool:
    """Whether more people are required by now than have approved the batch."""
    ready = await approved(visit.desk.database, visit.site.settings, batch)
    return batch.state == APPROVED and not ready


async def _sources(desk: Desk, batch: Batch) -> list[dict[str, Any]]:
    if batch.destroyed_at:
        return []
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        return await sources(file)


async def risks_of(visit: Visit, batch: Batch) -> list[dict[str, Any]]:
    """What each way in risks; `high` where a record is expected to open to a guesser."""
    if batch.destroyed_at:
        return []
    risks = await visit.once(("risks", batch.sha256), lambda desk: _count_risks(desk, batch))
    return [
        {
            "label": risk.way.label.in_language(visit.language),
            "high": risk.expected >= HIGH_RISK,
            "text": _about(risk.expected),
            "high_a_day": risk.expected_a_day >= HIGH_RISK,
            "text_a_day": _about(risk.expected_a_day),
        }
        for risk in risks
    ]


def _about(expected: float) -> str:
    if 0 < expected < 0.01:
        return "< 0.01"
    return f"{expected:.2g}" if expected < 1 else f"{expected:,.0f}"


async def _count_risks(desk: Desk, batch: Batch) -> list[Risk]:
    count = RiskCount(batch.kind)
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        async for chunk in records(file):
            for record in chunk:
                count.add(record.typed())
    return count.risks(desk.settings)


async def history(visit: Visit) -> Response:
    """`GET /batches/ID/history`: the audit's lines about the batch and its releases."""
    batch = await of_batch(visit)
    database = visit.desk.database
    releases = [release.id for release in await _releases(visit, batch)]
    lines = await audit.about(database, batch.subject, *releases)
    return await tab(visit, batch, "history", "history.html", entries=told(visit, lines))


async def check(visit: Visit) -> Response:
    """`POST /batches/ID/check`: a job that checks the batch again."""
    batch = await of_batch(visit)
    return await _start(visit, CHECK, {"batch": batch.id, "title": batch.title})


async def build(visit: Visit) -> Response:
    """`POST /batches/ID/build`: a job that seals the batch."""
    batch = await of_batch(visit)
    return await _start(visit, BUILD, {"batch": batch.id, "title": batch.title})


async def _start(visit: Visit, what: str, spec: dict[str, Any]) -> Response:
    jobs = visit.site.jobs
    job = await jobs.add(visit.desk.database, what, spec, visit.actor.name)
    await jobs.start_next()
    return visit.go(f"/jobs/{job}")


async def _codes_job(visit: Visit, batch: Batch) -> Job | None:
    """The load that issued the batch's codes, for the person who loaded it."""
    if not batch.issued or batch.loaded_by != visit.actor.name:
        return None
    job = await load_of(visit.desk.database, batch.id)
    return job if job and job.spec["codes"] else None


async def codes(visit: Visit) -> Response:
    """`POST /batches/ID/codes.csv`: the list of issued codes, for the loader alone."""
    batch = await of_batch(visit)
    job = await _codes_job(visit, batch)
    # The folder of whichever load brought the files: a confirmed mapping reads them once more.
    path = upload_of(visit.site.settings, job.spec) / job.spec["codes"] if job else None
    if path is None or not path.is_file():
        raise refused("no_codes")
    async with visit.desk.act("batch.codes", batch.subject):
        content = path.read_bytes()
    return attachment(f"access-codes-{batch.id}.csv", content, "text/csv")
