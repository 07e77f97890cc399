"""The console, put together."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lookup import record_page
from lookup.admin.console import (
    audit_log,
    batches,
    corrections,
    findings,
    jobs,
    live,
    loads,
    people,
    release_day,
    releases,
    review,
    signing,
    uploads,
)
from lookup.admin.console.endpoints import endpoint
from lookup.admin.console.guard import Headers
from lookup.admin.console.site import HERE, Handler, Site
from lookup.admin.jobs import Jobs
from lookup.admin.publishing.hours import HourKeeper
from lookup.clock import SteadyClock
from lookup.pages import Catcher
from lookup.settings import Settings

log = logging.getLogger("lookup.admin")

PAGES: tuple[tuple[str, Handler, str | None], ...] = (
    ("/prove", signing.prove_page, None),
    ("/password", signing.password_page, None),
    ("/batches", batches.overview, None),
    ("/batches/new", loads.form, "batch.load"),
    ("/batches/{batch}", batches.summary, None),
    ("/batches/{batch}/findings", findings.show, None),
    ("/batches/{batch}/findings.csv", findings.as_csv, None),
    ("/batches/{batch}/findings.xlsx", findings.as_xlsx, None),
    ("/batches/{batch}/differences", review.show_differences, None),
    ("/batches/{batch}/previews", review.previews, None),
    ("/batches/{batch}/preview/{number}", review.preview, None),
    ("/batches/{batch}/review", review.show, None),
    ("/batches/{batch}/correct", corrections.show, "batch.correct"),
    ("/batches/{batch}/history", batches.history, None),
    ("/jobs/{job}.json", jobs.as_json, None),
    ("/jobs/{job}", jobs.show, None),
    ("/jobs/{job}/mapping", jobs.mapping, "batch.load"),
    ("/releases", releases.overview, None),
    ("/releases/{release}/preflight.json", releases.preflight_json, None),
    ("/releases/{release}", releases.show, None),
    ("/release-day", release_day.show, None),
    ("/release-day.json", release_day.as_json, None),
    ("/live", live.show, None),
    ("/people", people.overview, "person.change"),
    ("/audit", audit_log.overview, "audit.read"),
    ("/audit.csv", audit_log.as_csv, "audit.read"),
)
"""What can be looked at, and the act somebody must be allowed for it, None for any role."""
FORMS: tuple[tuple[str, Handler, str | None], ...] = (
    ("/sign-out", signing.sign_out, None),
    ("/prove", signing.prove_post, None),
    ("/password", signing.password_post, None),
    ("/batches/{batch}/check", batches.check, "batch.check"),
    ("/batches/{batch}/build", batches.build, "release.build"),
    ("/batches/{batch}/codes.csv", batches.codes, "batch.codes"),
    ("/batches/{batch}/review", review.sign, "batch.approve"),
    ("/batches/{batch}/reject", review.turn_down, "batch.reject"),
    ("/batches/{batch}/correct", corrections.put, "batch.correct"),
    ("/jobs/{job}/mapping", jobs.confirm, "batch.load"),
    ("/releases/{release}/schedule", releases.schedule, "release.schedule"),
    ("/releases/{release}/open", releases.open_now, "release.open"),
    ("/releases/{release}/close", releases.close, "release.close"),
    ("/releases/{release}/roll_back", releases.roll_back, "release.roll_back"),
    ("/releases/{release}/withdraw", releases.withdraw, "release.withdraw"),
    ("/releases/{release}/verify", releases.verify, "release.build"),
    ("/live/begin", live.begin, "live.begin"),
    ("/live/post", live.post, "live.post"),
    ("/live/retract", live.retract, "live.retract"),
    ("/live/replay", live.replay, "live.replay"),
    ("/live/stop", live.stop, "live.stop"),
    ("/live/end", live.end, "live.end"),
    ("/people", people.add, "person.change"),
    ("/people/roles", people.roles, "person.change"),
    ("/people/reset", people.give_anew, "person.change"),
    ("/people/disable", people.keep_out, "person.change"),
)
"""What can be posted besides files, and the act somebody must be allowed for it."""

UPLOADS: tuple[tuple[str, Handler, str], ...] = (
    ("/batches", loads.receive_files, "batch.load"),
    ("/live/import", live.receive_table, "live.import"),
)
"""What files can be posted to, and the act somebody must be allowed for it."""


async def home(request: Request) -> Response:
    """`GET /`."""
    return RedirectResponse("/batches", 303)


async def public_style(request: Request) -> Response:
    """A style sheet of the public site's own; a preview's frame is sandboxed, and so of no
    origin."""
    name = request.url.path.rpartition("/")[2]
    headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
    return FileResponse(record_page.STATIC / name, media_type="text/css", headers=headers)


async def health(request: Request) -> Response:
    """`GET /healthz`: the loop turns."""
    return PlainTextResponse("ok\n")


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Mend what a kill left, then keep the hours and watch the workers until the end."""
    site: Site = app.state.site
    uploads.sweep(site.uploads)
    interrupted = await site.jobs.reconcile()
    if interrupted:
        log.warning("jobs that had been interrupted: %s", ", ".join(map(str, interrupted)))
    following = [
        asyncio.create_task(site.keeper.run()),
        asyncio.create_task(release_day.follow(site)),
    ]
    yield
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    await site.jobs.stop()


def create_app(settings: Settings, clock: SteadyClock | None = None) -> Starlette:
    """The console over the data folder of `settings`, with its publisher."""
    clock = clock or SteadyClock()
    site = Site(settings, clock, Jobs(settings, clock), HourKeeper(settings, clock))
    app = Starlette(
        routes=[
            Route("/", home),
            Route("/healthz", health),
            Route("/sign-in", signing.sign_in_page),
            Route("/sign-in", signing.sign_in_post, methods=["POST"]),
            *(Route(path, endpoint(handler, act)) for path, handler, act in PAGES),
            *(
                Route(path, endpoint(handler, act), methods=["POST"])
                for path, handler, act in FORMS
            ),
            *(
                Route(path, endpoint(handler, act, upload=True), methods=["POST"])
                for path, handler, act in UPLOADS
            ),
            *(Route(f"/static/{name}", public_style) for name in record_page.STYLES),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Headers), Middleware(Catcher, log, site.on_error)],
        exception_handlers={HTTPException: site.on_error},
        lifespan=lifespan,
    )
    # A redirect would be built from the Host header, which the client writes.
    app.router.redirect_slashes = False
    app.state.site = site
    return app
