"""Jobs: one job's page, its state for the page's script, and the question a load may ask."""

from pathlib import Path
from typing import Any

import orjson
from starlette.responses import JSONResponse, Response

from lookup.admin.console.forms import whole_number
from lookup.admin.console.site import Visit
from lookup.admin.intake.choice import Choice
from lookup.admin.jobs import DONE, LOAD, SIGHT, Job, get_job
from lookup.admin.refusals import misused, refused
from lookup.kind_file import load_named

SECTION = "batches"
ROWS_SHOWN = 12


async def _of_job(visit: Visit) -> Job:
    job = await get_job(visit.desk.database, visit.number("job"))
    return await visit.site.jobs.refresh(visit.desk.database, job)


def _sight(visit: Visit, job: Job) -> dict[str, Any]:
    """What a load has met so far; nothing where it has not begun, or its upload is gone."""
    path = visit.site.uploads / Path(job.spec.get("folder", "")).name / SIGHT
    if job.what != LOAD or not path.is_file():
        return {"groups": [], "openings": [], "sure": []}
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return found


async def show(visit: Visit) -> Response:
    """`GET /jobs/ID`."""
    job = await _of_job(visit)
    sight = _sight(visit, job)
    return visit.page(
        "job.html",
        SECTION,
        job=job,
        files=[Path(name).name for name in job.spec.get("files", ())],
        groups=_groups(visit, sight),
        unclear=job.state == DONE and bool(sight["openings"]),
    )


def _groups(visit: Visit, sight: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings met so far, by rule and column, as the visitor reads them."""
    return [
        group
        | {
            "reason": group["reason"][visit.language],
            "severity_text": visit.say(f"severity.{group['severity']}"),
        }
        for group in sight["groups"]
    ]


async def as_json(visit: Visit) -> Response:
    """`GET /jobs/ID.json`."""
    job = await _of_job(visit)
    document = {
        "state": job.state,
        "state_text": visit.say(f"job.state.{job.state}"),
        "progress": job.progress,
        "findings": _groups(visit, _sight(visit, job)),
    }
    return JSONResponse(document)


# Which column is which


def _header_of(opening: dict[str, Any]) -> int:
    """The line that is most likely the header's: where the columns' names stand, else a first
    row without a number over rows that have some; 0 where there is neither."""
    names = {name for name, _ in opening["columns"] if not name.startswith("#")}
    lines = [(len(names.intersection(cells)), -line) for line, cells in opening["rows"]]
    best, line = max(lines, default=(0, 0))
    if best:
        return -line
    numbers = [any(map(_is_number, cells)) for _, cells in opening["rows"]]
    if any(numbers) and not numbers[0]:
        return int(opening["rows"][0][0])
    return 0


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).isdecimal()


async def mapping(visit: Visit) -> Response:
    """`GET /jobs/ID/mapping`: the first rows of every table that was unclear."""
    job = await _of_job(visit)
    kind = load_named(visit.site.settings.kinds_dir, job.spec.get("kind", ""))
    openings = [
        opening | {"header": _header_of(opening), "rows": opening["rows"][:ROWS_SHOWN]}
        for opening in _sight(visit, job)["openings"]
    ]
    if not openings:
        raise refused("not_unclear")
    return visit.page("mapping.html", SECTION, job=job, openings=openings, fields=kind.fields)


async def confirm(visit: Visit) -> Response:
    """`POST /jobs/ID/mapping`: the same files once more, read as the clerk says."""
    job = await _of_job(visit)
    if job.person != visit.actor.name:
        # A batch has one loader, whom nobody may take for another: who sent the files.
        raise refused("not_your_files", person=job.person)
    sight = _sight(visit, job)
    if not sight["openings"]:
        raise refused("not_unclear")
    choice = _choice(visit, sight["openings"], sight.get("sure", []))
    spec = dict(job.spec) | {"choice": choice.to_json()}
    jobs = visit.site.jobs
    number = await jobs.add(visit.desk.database, LOAD, spec, visit.actor.name)
    await jobs.start_next()
    return visit.go(f"/jobs/{number}")


def _choice(visit: Visit, openings: list[dict[str, Any]], sure: list[str]) -> Choice:
    """What the form says. Tables that need no word of anybody are read in any case."""
    form = visit.form
    read = [n for n in range(len(openings)) if str(n) in form.all("sheet")]
    if not read and not sure:
        raise misused("nothing_read")
    overrides: dict[str, str] = {}
    headers = set()
    for number in read:
        opening = openings[number]
        header = whole_number(form.get(f"header-{number}")) or 0
        headers.add(header)
        for index, (name, _) in enumerate(opening["columns"], 1):
            # Under another header the columns have other names: their places are the same.
            column = name if header == _header_of(opening) else f"#{index}"
            overrides[column] = form.get(f"column-{number}-{index}")
    if len(headers) > 1:
        raise misused("one_header")
    left_out = len(read) < len(openings)
    ticked = [openings[number]["name"] for number in read]
    sheets = (*sure, *ticked) if left_out else ()
    return Choice(overrides, headers.pop() if headers else None, sheets)
