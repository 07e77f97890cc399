"""The broadcast: what is on the air, and the forms that feed it."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.responses import Response

from lookup.admin import broadcasting
from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import get_batch
from lookup.admin.console import loads
from lookup.admin.console.batches import alive_jobs
from lookup.admin.console.forms import whole_number
from lookup.admin.console.site import Visit
from lookup.admin.console.uploads import Upload, arriving
from lookup.admin.desk import Desk
from lookup.admin.jobs import REPLAY
from lookup.admin.live_board import read_table
from lookup.admin.on_air import Listener
from lookup.admin.people import sessions
from lookup.admin.publishing.releases import list_releases
from lookup.admin.refusals import misused
from lookup.admin.replay_round import open_release, replayable, rounds_of
from lookup.admin.replaying import span
from lookup.admin.states import OPEN
from lookup.errors import ServiceError, UsageError
from lookup.stores.entries import Text

SECTION = "live"
MARK = ":"
"""Between batch and round in the form's choice."""
WORDS_SHOWN = 15


class Chosen(NamedTuple):
    """A round that can be replayed, as the form offers it."""

    batch: int
    title: str
    round: str


async def show(visit: Visit) -> Response:
    """`GET /live`."""
    return await _page(visit)


async def _page(visit: Visit, failed: str = "", error: ServiceError | None = None) -> Response:
    """The page; with the `error` of a form that `failed`, what was typed and what was wrong."""
    desk = visit.desk
    air = Listener(desk.store.live).look()
    status = 200 if error is None else 400 if isinstance(error, UsageError) else 409
    may_replay = air.running and visit.actor.may(broadcasting.REPLAY)
    return visit.page(
        "live.html",
        SECTION,
        status,
        air=air,
        title=_in_language(visit, air.title) if air.title else None,
        words=[(one, _in_language(visit, one.text)) for one in air.heard()[:WORDS_SHOWN]],
        boards={name: sorted(rows.items()) for name, rows in air.boards.items()},
        chosen=await _chosen(visit) if may_replay else [],
        replaying=broadcasting.replaying(desk),
        jobs=[job for job in await alive_jobs(visit) if job.what == REPLAY],
        failed=failed,
        sentence=visit.said(error) if error else "",
        typed=lambda act, name: visit.form.get(name) if act == failed else "",
    )


async def _chosen(visit: Visit) -> list[Chosen]:
    """Every round of an open release that a replay could tell."""
    found = []
    for release in await list_releases(visit.desk.database):
        batch = await get_batch(visit.desk.database, release.batch)
        if release.state != OPEN or not replayable(batch.kind):
            continue
        path = batch_path(visit.desk.batches, batch.id)

        async def read(desk: Desk, path: Any = path) -> list[str]:
            async with open_batch_file(path) as file:
                return await rounds_of(file)

        names = await visit.once(("rounds", batch.id, batch.sha256), read)
        found += [Chosen(batch.id, release.title, name) for name in names]
    return found


def _in_language(visit: Visit, text: Text) -> tuple[str, str]:
    """Words as the visitor reads them, with the language they are in."""
    return ("en", text.en) if visit.language == "en" and text.en else ("zh-CN", text.zh)


# Acts


async def _act(visit: Visit, name: str, work: Callable[[Desk], Awaitable[object]]) -> Response:
    """One act, aside since it waits for its turn; where it is refused, the form once more."""
    try:
        await visit.aside(work)
    except ServiceError as error:
        return await _page(visit, name, error)
    return visit.go("/live", f"live_{name}")


async def begin(visit: Visit) -> Response:
    """`POST /live/begin`."""
    form = visit.form

    async def work(desk: Desk) -> None:
        await broadcasting.begin(desk, broadcasting.text(form.get("zh"), form.get("en")))

    return await _act(visit, "begin", work)


async def post(visit: Visit) -> Response:
    """`POST /live/post`."""
    form = visit.form

    async def work(desk: Desk) -> None:
        text = broadcasting.text(form.get("zh"), form.get("en"))
        await broadcasting.post(desk, text, form.get("round").strip() or None)

    return await _act(visit, "post", work)


async def retract(visit: Visit) -> Response:
    """`POST /live/retract`."""
    entry = whole_number(visit.form.get("entry")) or 0
    return await _act(visit, "retract", lambda desk: broadcasting.retract(desk, entry))


async def end(visit: Visit) -> Response:
    """`POST /live/end`."""
    return await _act(visit, "end", broadcasting.end)


async def stop(visit: Visit) -> Response:
    """`POST /live/stop`: the replay that runs, after its step."""
    return await _act(visit, "stop", broadcasting.stop)


async def replay(visit: Visit) -> Response:
    """`POST /live/replay`: a job that tells a round step by step."""
    form, database = visit.form, visit.desk.database
    number, _, round_name = form.get("stage").partition(MARK)
    try:
        batch = await get_batch(database, whole_number(number) or 0)
        seconds = round(span(form.get("over")).total_seconds())
        await open_release(visit.desk, batch.id)
    except ServiceError as error:
        return await _page(visit, "replay", error)
    spec = {"batch": batch.id, "round": round_name, "seconds": seconds, "title": round_name}
    await visit.site.jobs.add(database, REPLAY, spec, visit.actor.name)
    await visit.site.jobs.start_next()
    return visit.go("/live", "live_replay")


async def receive_table(visit: Visit) -> Response:
    """`POST /live/import`: a round's table, read at once and not kept."""

    def check_token(upload: Upload) -> None:
        if not sessions.csrf_right(visit.token, upload.get("csrf")):
            raise misused("foreign")

    with arriving(visit.site.uploads):
        upload = await loads.received(visit, check_token)
        try:
            check_token(upload)
            if not upload.files:
                raise misused("no_file")
            return await _act(visit, "import", lambda desk: _show_table(desk, upload))
        finally:
            upload.drop()


async def _show_table(desk: Desk, upload: Upload) -> None:
    round_name = upload.get("round").strip()
    if not round_name:
        raise misused("live_no_round")
    read = await read_table(desk, upload.files[0])
    await broadcasting.show_table(
        desk,
        round_name,
        read.schools,
        read.sha256,
        already_public=bool(upload.get("already_public")),
    )
