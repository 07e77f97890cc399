"""The public service as processes: one socket, one or several workers of uvicorn."""

import functools

import uvicorn
from uvicorn.supervisors import Multiprocess

from lookup.public.app import create_app
from lookup.settings import Settings
from lookup.sockets import BACKLOG, bind

GRACEFUL_SHUTDOWN_S = 5
KEEP_ALIVE_S = 5


def serve(settings: Settings, host: str, port: int, workers: int = 1) -> None:
    """Serve until told to stop. Raises UsageError where the address cannot be had."""
    bound = bind(host, port)
    config = uvicorn.Config(
        app=functools.partial(create_app, settings),
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=BACKLOG,
        workers=workers,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
    )
    with bound:
        # A supervisor even over one worker: a file truncated under its map kills a process.
        Multiprocess(config, sockets=[bound]).run()
