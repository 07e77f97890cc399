"""Jobs: one job's page, its state for the page's script, and the question a load may ask."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.responses import JSONResponse, Response

from lookup.admin.console.forms import whole_number
from lookup.admin.console.site import Visit
from lookup.admin.intake.choice import Choice
from lookup.admin.jobs import DONE, LOAD, SIGHT, Job, get_job
from lookup.admin.refusals import Joined, misused, refused
from lookup.errors import ServiceError
from lookup.kind_file import load_named
from lookup.kinds import Kind

SECTION = "batches"
ROWS_SHOWN = 12

LISTED = "."
"""In the path of a field that stands in a list, `preferences.1.school`: nobody can choose it, so
its column is read as it was found unless another field is chosen for it."""

Gaps = Mapping[int, list[ServiceError]]
"""What the answer to the question lacks, by the number of the table."""


async def _of_job(visit: Visit) -> Job:
    job = await get_job(visit.desk.database, visit.number("job"))
    return await visit.site.jobs.refresh(visit.desk.database, job)


def sight(visit: Visit, job: Job) -> dict[str, Any]:
    """What a load has met so far; nothing where it has not begun, or its upload is gone."""
    nothing: dict[str, Any] = {"groups": [], "openings": [], "sure": []}
    path = visit.site.uploads / Path(job.spec.get("folder", "")).name / SIGHT
    if job.what != LOAD or not path.is_file():
        return nothing
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return nothing | found


def unclear(visit: Visit, job: Job) -> bool:
    """Whether a load that has ended asks which column is which."""
    return job.state == DONE and bool(sight(visit, job)["openings"])


def file_names(job: Job) -> list[str]:
    """The files of a load, as they were sent."""
    return [Path(name).name for name in job.spec.get("files", ())]


async def show(visit: Visit) -> Response:
    """`GET /jobs/ID`."""
    job = await _of_job(visit)
    return visit.page(
        "job.html",
        SECTION,
        job=job,
        files=file_names(job),
        groups=_groups(visit, sight(visit, job)),
        unclear=unclear(visit, job),
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
        "findings": _groups(visit, sight(visit, job)),
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
    return _question(visit, await _of_job(visit))


def _question(visit: Visit, job: Job, gaps: Gaps | None = None) -> Response:
    """The question, as it was answered where an answer has `gaps`, which it says."""
    found, kind = sight(visit, job), _kind(visit, job)
    if not found["openings"]:
        raise refused("not_unclear")
    openings = [
        opening
        | {"header": _header_of(opening), "rows": opening["rows"][:ROWS_SHOWN], "read": True}
        for opening in found["openings"]
    ]
    if gaps is not None:
        openings = [_answered(visit, n, opening) for n, opening in enumerate(openings)]
    return visit.page(
        "mapping.html",
        SECTION,
        400 if gaps else 200,
        job=job,
        openings=openings,
        fields=kind.fields,
        sure=found["sure"],
        gaps={n: [visit.said(one) for one in several] for n, several in (gaps or {}).items()},
    )


def _kind(visit: Visit, job: Job) -> Kind:
    return load_named(visit.site.settings.kinds_dir, job.spec.get("kind", ""))


def _answered(visit: Visit, number: int, opening: dict[str, Any]) -> dict[str, Any]:
    form = visit.form
    columns = [
        (name, form.get(f"column-{number}-{index}") or (found if LISTED in found else ""))
        for index, (name, found) in enumerate(opening["columns"], 1)
    ]
    header = whole_number(form.get(f"header-{number}")) or 0
    read = str(number) in form.all("sheet")
    return opening | {"columns": columns, "header": header, "read": read}


async def confirm(visit: Visit) -> Response:
    """`POST /jobs/ID/mapping`: the same files once more, read as the clerk says; an answer that
    nothing could be read by is asked for again."""
    job = await _of_job(visit)
    if job.person != visit.actor.name:
        # A batch has one loader, whom nobody may take for another: who sent the files.
        raise refused("not_your_files", person=job.person)
    found, kind = sight(visit, job), _kind(visit, job)
    openings = found["openings"]
    if not openings:
        raise refused("not_unclear")
    read = [n for n in range(len(openings)) if str(n) in visit.form.all("sheet")]
    supplied = frozenset({"access_code"}) if job.spec["codes"] else frozenset[str]()
    gaps = {n: list(gaps_of(kind, _fields(visit, n), supplied)) for n in read}
    gaps = {n: several for n, several in gaps.items() if several}
    if not read and not found["sure"]:
        gaps[0] = [misused("nothing_read")]
    if gaps:
        return _question(visit, job, gaps)
    choice = _choice(visit, openings, read, Choice.from_json(job.spec["choice"]).sheets)
    spec = dict(job.spec) | {"choice": choice.to_json()}
    jobs = visit.site.jobs
    number = await jobs.add(visit.desk.database, LOAD, spec, visit.actor.name)
    await jobs.start_next()
    return visit.go(f"/jobs/{number}")


def _fields(visit: Visit, number: int) -> list[str]:
    """The fields that were chosen for a table's columns."""
    return list(filter(None, visit.form.starting(f"column-{number}-").values()))


def gaps_of(kind: Kind, fields: list[str], supplied: frozenset[str]) -> Iterator[ServiceError]:
    """Why a table whose columns are these fields could not be read; `supplied` are fields whose
    values come from elsewhere."""
    if not fields:
        yield misused("no_column")
        return
    known = {field.name: field for field in kind.fields}
    if twice := [known[name] for name in known if fields.count(name) > 1]:
        yield misused("field_twice", fields=Joined(tuple(field.label for field in twice)))
    there = supplied.union(fields)
    needed = (f for f in kind.fields if f.required and f.type != "rows" and f.name not in there)
    if missing := tuple(field.label for field in needed):
        yield misused("field_missing", fields=Joined(missing))
    if kind.ways and not any(there.issuperset(way.fields) for way in kind.ways):
        factors = dict.fromkeys(name for way in kind.ways for name in way.fields[1:])
        yield misused("factor_missing", fields=Joined(tuple(known[n].label for n in factors)))


def _choice(
    visit: Visit, openings: list[dict[str, Any]], read: list[int], sheets: tuple[str, ...]
) -> Choice:
    """What the answer says: how the tables that are read are, and which are not."""
    form = visit.form
    overrides: dict[str, str] = {}
    headers = set()
    for number in read:
        opening = openings[number]
        header = whole_number(form.get(f"header-{number}")) or 0
        headers.add(header)
        for index, (name, found) in enumerate(opening["columns"], 1):
            if not (answer := form.get(f"column-{number}-{index}")) and LISTED in found:
                continue
            # Under another header the columns have other names: their places are the same.
            column = name if header == _header_of(opening) else f"#{index}"
            overrides[column] = answer
    if len(headers) > 1:
        raise misused("one_header")
    left_out = {
        opening["name"]: opening.get("shape", "")
        for number, opening in enumerate(openings)
        if number not in read
    }
    return Choice(overrides, headers.pop() if headers else None, sheets, left_out)
