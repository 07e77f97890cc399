"""The public application, put together."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lookup import record_page
from lookup.clock import SteadyClock, utc_now
from lookup.pages import CachedFiles, Catcher, SecurityHeaders
from lookup.public.admission import Admission
from lookup.public.broadcast import Hub
from lookup.public.connections import Connections
from lookup.public.fair_use import open_fair_use
from lookup.public.handler import FairUse, Handler
from lookup.public.live import LiveReleases
from lookup.public.refusals import Refusals
from lookup.public.reporting import Reporter
from lookup.public.site.door import Door
from lookup.public.site.frame import Frame
from lookup.public.site.home import Home
from lookup.public.site.live import LiveBroadcast
from lookup.public.site.lookups import Lookups
from lookup.public.site.operations import Operations
from lookup.public.site.pre_checks import PreChecks
from lookup.public.site.tables import Tables
from lookup.public.tally import Tally
from lookup.settings import Settings
from lookup.stores.broadcast import Broadcast
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.workers import Gauges

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


class Alone(Route):
    """An address of its own: what it does not answer is not looked for at `/KIND`, but 405."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL else match), found


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Look at the pointers before the first request, and from then on.

    Yields what the protocol (lookup.public.protocol) shares among its connections.
    """
    service: Service = app.state.service
    live, loop = service.live, asyncio.get_running_loop()
    try:
        await live.refresh()
    except Exception as error:  # a start-up that raises would end the whole service
        log.error("the first look at the live pointers failed: %s", type(error).__name__)
    service.hub.catch_up()
    reporter = Reporter(app.state.store, live, service.tally, service.gauges)
    reporter.tidy()
    tasks = [
        asyncio.create_task(live.follow(app.state.settings.poll_ms)),
        asyncio.create_task(reporter.follow()),
        asyncio.create_task(service.hub.follow()),
    ]
    service.connections.start(loop)
    service.admission.start(loop)
    gc.collect()
    gc.freeze()
    yield service.shared()
    service.admission.stop()
    service.connections.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await reporter.end()
    live.close()
    service.fair_use.close()


class Service:
    """The parts of one worker, and what they tell of themselves."""

    def __init__(self, settings: Settings, live: LiveReleases, fair_use: FairUse, hub: Hub) -> None:
        self.live = live
        self.fair_use = fair_use
        self.tally = Tally()
        self.handler = Handler(live, fair_use, self.tally)
        self.connections = Connections(settings.max_connections)
        self.admission = Admission()
        self.hub = hub
        self.frame = Frame(settings, live, lambda: hub.account.there)
        self.refusals = Refusals(self.frame.pages)

    def shared(self) -> dict[str, Any]:
        """What every connection is handed."""
        return {
            "handler": self.handler,
            "connections": self.connections,
            "admission": self.admission,
            "refusals": self.refusals,
            "hub": self.hub,
            "tally": self.tally,
        }

    def gauges(self) -> Gauges:
        """The worker's insides at this moment."""
        clock = self.live.clock
        return Gauges(
            connections=self.connections.count(),
            loop_delay_ms=self.admission.delay_ms(),
            clock_drift_s=clock.drift_s() if isinstance(clock, SteadyClock) else 0.0,
            fair_use=self.fair_use.states(),
        )


def create_app(
    settings: Settings,
    store: EmbeddedStore | None = None,
    clock: Callable[[], datetime] = utc_now,
    fair_use: FairUse | None = None,
) -> Starlette:
    """The public service over the data folder of `settings`; fair use over its table there."""
    store = store or EmbeddedStore(settings.data_dir)
    hub = Hub(Broadcast(store.live).tail(), connections=settings.max_connections)
    live = LiveReleases(store, clock)
    service = Service(settings, live, fair_use or open_fair_use(settings), hub)
    frame, tally = service.frame, service.tally

    async def on_failure(request: Request, error: Exception) -> Response:
        tally.failures += 1
        return await frame.on_error(request, error)

    fixed = [
        *Home(frame).routes(),
        *Operations(service.live).routes(),
        *Door(frame).routes(),
        *LiveBroadcast(frame, service.hub).routes(),
    ]
    app = Starlette(
        routes=[
            *(Alone(each.path, each.endpoint, methods=each.methods) for each in fixed),
            Mount("/static", CachedFiles(directory=record_page.STATIC)),
            *PreChecks(frame, service.handler, tally).routes(),
            *Lookups(frame, service.handler, tally).routes(),
            *Tables(frame).routes(),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Counted, tally),
            Middleware(Catcher, log, on_failure),
        ],
        exception_handlers={HTTPException: frame.on_error},
        lifespan=lifespan,
    )
    # A redirect would be built from the Host header, which the client writes.
    app.router.redirect_slashes = False
    app.state.settings, app.state.store, app.state.service = settings, store, service
    app.state.live, app.state.tally = service.live, service.tally
    return app
