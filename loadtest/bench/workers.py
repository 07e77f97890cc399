"""The workers of a running service, as their own reports name them."""

import time
from pathlib import Path

from lookup.clock import utc_now
from lookup.stores.embedded import EmbeddedStore

WAIT_S = 10.0


def worker_pids(data: Path, count: int = 1) -> list[int]:
    """The process ids of `count` workers over a data folder. SystemExit where they never report."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        pids = [report.pid for report in EmbeddedStore(data).workers(utc_now())]
        if len(pids) >= count:
            return pids
        time.sleep(0.2)
    raise SystemExit("The workers do not report: see whether live/workers can be written.")
