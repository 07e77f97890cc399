"""Starlette and aiosqlite as their manuals show them: a route, a connection, a query.

No sealing, no limits, no hour. `uvicorn loadtest.bench.comparators.aiosqlite_app:app`; the
database is named by `BENCH_TABLE`.
"""

import contextlib
import os
from collections.abc import AsyncIterator

import aiosqlite
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

QUERY = "SELECT body FROM records WHERE number = ? AND code = ?"


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with aiosqlite.connect(f"file:{os.environ['BENCH_TABLE']}?mode=ro", uri=True) as database:
        app.state.database = database
        yield


async def _lookup(request: Request) -> Response:
    fields = orjson.loads(await request.body())
    typed = (fields["candidate_number"].strip(), fields["access_code"].strip().upper())
    async with request.app.state.database.execute(QUERY, typed) as cursor:
        row = await cursor.fetchone()
    if row is None:
        return Response(b'{"code":"no_match"}', 404, media_type="application/problem+json")
    return Response(row[0], media_type="application/json", headers={"Cache-Control": "no-store"})


async def _ready(request: Request) -> Response:
    return PlainTextResponse("ok\n")


app = Starlette(
    routes=[Route("/api/v1/scores", _lookup, methods=["POST"]), Route("/readyz", _ready)],
    lifespan=_lifespan,
)
