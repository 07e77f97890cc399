"""A worker's report, written once a second while it serves."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from datetime import timedelta

from lookup.errors import StorageError
from lookup.public.live import LiveReleases
from lookup.public.tally import Tally
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.workers import Gauges, WorkerReport

EVERY = timedelta(seconds=1)
log = logging.getLogger("lookup.public")


class Reporter:
    """Reports on one worker. Serving never depends on it: where the folder cannot be written
    it says so once and tries again."""

    def __init__(
        self,
        store: EmbeddedStore,
        live: LiveReleases,
        tally: Tally,
        gauges: Callable[[], Gauges] = Gauges,
    ) -> None:
        self._store = store
        self._live = live
        self._tally = tally
        self._gauges = gauges
        self._pid = os.getpid()
        self._started_at = live.clock()
        self._complained = False
        self._ended = False
        self._writing = threading.Lock()

    def report(self) -> WorkerReport:
        """The worker as it is now."""
        now = self._live.clock()
        return WorkerReport(
            pid=self._pid,
            started_at=self._started_at,
            at=now,
            serving=self._live.standings(now),
            upcoming=self._live.prepared(),
            counts=self._tally.counts(),
            requests=self._tally.requests,
            failures=self._tally.failures,
            busy=self._tally.busy,
            http_refused=self._tally.http_refused(),
            gauges=self._gauges(),
            ended=self._ended,
        )

    def write(self, report: WorkerReport) -> None:
        """Write a report; a failure is logged once until a write succeeds."""
        try:
            with self._writing:
                # A write that a slow disk held up must not come after the last word.
                if report.ended == self._ended:
                    self._store.report(report)
        except StorageError as error:
            if not self._complained:
                log.warning("this worker's report cannot be written: %s", error)
            self._complained = True
        else:
            self._complained = False

    async def follow(self) -> None:
        """Report for ever; a disk that hangs holds up a thread, not the answers."""
        while True:
            try:
                await asyncio.to_thread(self.write, self.report())
            except Exception as error:  # whatever broke one report must not end the reports
                log.error("a worker's report failed: %s", type(error).__name__)
            await asyncio.sleep(EVERY.total_seconds())

    async def end(self) -> None:
        """Leave a last report, so that what was counted since the one before is not lost; it is
        swept up by whoever starts next."""
        self._ended = True
        await asyncio.to_thread(self.write, self.report())

    def tidy(self) -> None:
        """Take away the reports of those that are gone, and one of this process id: at the
        start."""
        try:
            self._store.forget_worker(self._pid, self._live.clock())
        except StorageError as error:
            log.warning("this worker's report cannot be removed: %s", error)
