"""The public application, put together."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from lookup import record_page
from lookup.clock import utc_now
from lookup.pages import Catcher, SecurityHeaders
from lookup.public.live import LiveReleases
from lookup.public.reporting import Reporter
from lookup.public.tally import Tally
from lookup.public.views import Site, on_http_error
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore

log = logging.getLogger("lookup.public")


class Counted:
    """Counts every request."""

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self.app = app
        self.tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.tally.requests += 1
        await self.app(scope, receive, send)


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Look at the pointers before the first request, and from then on."""
    live: LiveReleases = app.state.live
    try:
        await live.refresh()
    except Exception as error:  # a start-up that raises would end the whole service
        log.error("the first look at the live pointers failed: %s", type(error).__name__)
    reporter = Reporter(app.state.store, live, app.state.tally)
    reporter.tidy()
    tasks = [
        asyncio.create_task(live.follow(app.state.settings.poll_ms)),
        asyncio.create_task(reporter.follow()),
    ]
    gc.collect()
    gc.freeze()
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    reporter.tidy()
    live.close()


def create_app(
    settings: Settings,
    store: EmbeddedStore | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Starlette:
    """The public service over the data folder of `settings`."""
    store = store or EmbeddedStore(settings.data_dir)
    live, tally = LiveReleases(store, clock), Tally()
    site = Site(settings, live, tally)

    async def on_failure(request: Request, error: Exception) -> Response:
        tally.failures += 1
        return await on_http_error(request, error)

    app = Starlette(
        routes=[
            Route("/", site.home),
            Route("/status.json", site.status),
            Route("/healthz", site.health),
            Route("/readyz", site.ready),
            Route("/api/v1/{kind}", site.api, methods=["POST"]),
            Mount("/static", StaticFiles(directory=record_page.STATIC)),
            Route("/{kind}", site.form),
            Route("/{kind}", site.result, methods=["POST"]),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Counted, tally),
            Middleware(Catcher, log, on_failure),
        ],
        exception_handlers={HTTPException: on_http_error},
        lifespan=lifespan,
    )
    # A redirect would be built from the Host header, which the client writes.
    app.router.redirect_slashes = False
    app.state.settings, app.state.store, app.state.tally = settings, store, tally
    app.state.live, app.state.site = live, site
    return app
