"""What a balancer asks."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lookup.public.live import LiveReleases
from lookup.public.site.frame import NO_STORE


class Operations:
    """`/healthz` and `/readyz`."""

    def __init__(self, live: LiveReleases) -> None:
        self._live = live

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/healthz", self.health), Route("/readyz", self.ready)]

    async def health(self, request: Request) -> Response:
        """`GET /healthz`: the loop turns."""
        return PlainTextResponse("ok\n", headers=NO_STORE)

    async def ready(self, request: Request) -> Response:
        """`GET /readyz`: the pointers are being followed."""
        if self._live.ready():
            return PlainTextResponse("ok\n", headers=NO_STORE)
        return PlainTextResponse("not ready\n", 503, headers=NO_STORE)
