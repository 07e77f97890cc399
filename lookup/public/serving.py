"""The public service as processes: its sockets, its supervisor, its metrics."""

import contextlib
from pathlib import Path

from lookup.errors import UsageError
from lookup.logs import configure_logs
from lookup.public.metrics import serve_metrics
from lookup.public.supervisor import Supervisor
from lookup.settings import Settings
from lookup.sockets import bind, bind_files, check_backlog
from lookup.stores.embedded import EmbeddedStore


def serve(
    settings: Settings,
    host: str,
    port: int,
    workers: int = 1,
    *,
    sockets: Path | None = None,
    metrics_port: int | None = None,
) -> None:
    """Serve until told to stop: on `host` and `port`, or on a unix socket for each worker in the
    folder `sockets`; metrics on `metrics_port` of this machine.

    Raises UsageError where there is no data folder or an address cannot be had, nothing
    afterwards.
    """
    if not settings.data_dir.is_dir():
        raise UsageError(f"There is no data folder {settings.data_dir}: give it with --data-dir.")
    configure_logs()
    with contextlib.ExitStack() as stack:
        if sockets is None:
            bound = stack.enter_context(bind(host, port))
            listening = [[bound]] * workers
        else:
            files = stack.enter_context(bind_files(sockets, workers))
            listening = [[file] for file in files]
        check_backlog()
        supervisor = Supervisor(settings, listening)
        if metrics_port is not None:
            store = EmbeddedStore(settings.data_dir)
            stop = serve_metrics(store, metrics_port, clock=lambda: supervisor.clock())
            stack.callback(stop)
        supervisor.run()
