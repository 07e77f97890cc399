"""This service without its fast path: the same application, every request through Starlette.

`python -m loadtest.bench.comparators.asgi_path PORT`; settings from the environment.
"""

import gc
import sys

import uvicorn

from lookup.public.app import create_app
from lookup.settings import read_settings


def main() -> None:
    """Serve with uvicorn's own protocol class."""
    gc.collect()
    gc.freeze()
    uvicorn.run(
        create_app(read_settings()),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
    )


main()
