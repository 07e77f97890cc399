"""What a worker counts while it answers, and what it says of itself."""

import asyncio
import errno
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette

from lookup.public.app import create_app
from lookup.public.asking import Found, Invalid, NoMatch, UnknownKind
from lookup.public.live import LiveReleases, State, View
from lookup.public.reporting import Reporter
from lookup.public.tally import Tally
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Current, Upcoming
from lookup.stores.workers import (
    BOUNDS_NS,
    Gauges,
    Standing,
    WorkerReport,
    bucket,
    encode,
)
from tests.makers import (
    KEY,
    OPENING,
    TYPED,
    Clock,
    make_kind,
    make_release,
    move,
    open_release,
    send,
)

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path)
    store.prepare()
    return store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(store: EmbeddedStore, clock: Clock) -> Iterator[Starlette]:
    open_release(store, make_release(store, make_kind()))
    app = create_app(Settings(data_dir=store.live.parent), store, clock)
    app.state.live.settle()
    yield app
    app.state.live.close()


def folder(store: EmbeddedStore) -> Path:
    return store.live / "workers"


def test_a_report_has_no_word_about_a_candidate(app: Starlette, store: EmbeddedStore) -> None:
    send(app, "POST", "/api/v1/scores", json=TYPED)
    send(app, "POST", "/api/v1/secret4711", json=TYPED)
    send(app, "POST", "/scores", data=TYPED | {"candidate_number": "4711"})
    content = encode(Reporter(store, app.state.live, app.state.tally).report())
    assert b"scores" in content
    for text in (*TYPED.values(), "4711", "测试"):
        assert text.encode() not in content


def test_a_worker_that_starts_or_ends_removes_what_killed_ones_left(
    app: Starlette, store: EmbeddedStore, clock: Clock
) -> None:
    gone = int(subprocess.check_output([sys.executable, "-c", "import os; print(os.getpid())"]))
    reporter = Reporter(store, app.state.live, app.state.tally)
    for pid in (gone, os.getpid()):
        reporter.write(replace(reporter.report(), pid=pid))
    assert len(store.workers(clock.now)) == 2
    clock.now += timedelta(minutes=1)
    reporter.tidy()
    assert list(folder(store).glob("*.json*")) == []


def test_a_worker_that_ends_leaves_its_last_counts_and_is_not_there_any_more(
    app: Starlette, store: EmbeddedStore, clock: Clock
) -> None:
    reporter = Reporter(store, app.state.live, app.state.tally)
    late = reporter.report()
    reporter.write(late)
    app.state.tally.requests = 7
    asyncio.run(reporter.end())
    reporter.write(late)
    assert [report.requests for report in store.reports(clock.now)] == [7]
    assert store.workers(clock.now) == []


def test_a_worker_counts_lookups_by_what_was_answered(app: Starlette, clock: Clock) -> None:
    wrong = TYPED | {"access_code": "ZZZZ9999"}
    for url, name in (("/api/v1/scores", "json"), ("/scores", "data")):
        for typed in (TYPED, wrong, wrong, {}):
            send(app, "POST", url, **{name: typed})
    clock.now = OPENING - SECOND
    send(app, "POST", "/scores", data=TYPED)
    send(app, "GET", "/scores")
    counts = app.state.tally.counts()["scores"]
    assert (counts.hits, counts.misses) == (2, 4)
    assert counts.refused == {"invalid_request": 2, "not_open": 1}
    assert sum(counts.latency) == 9
    assert app.state.tally.requests == 10


def test_a_failure_is_counted(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(app.state.live, "view", fail)
    send(app, "POST", "/api/v1/scores", json=TYPED)
    assert (app.state.tally.requests, app.state.tally.failures) == (1, 1)


def test_what_was_refused_before_it_was_a_lookup_is_counted_apart(
    app: Starlette, store: EmbeddedStore
) -> None:
    tally = app.state.tally
    tally.busy += 2
    for reason in ("malformed", "headers_too_large", "malformed"):
        tally.refuse_http(reason)
    report = Reporter(store, app.state.live, tally).report()
    assert (report.busy, report.requests) == (2, 0)
    assert report.http_refused == {"malformed": 2, "headers_too_large": 1}


def test_a_report_has_the_gauges_of_its_moment(app: Starlette, store: EmbeddedStore) -> None:
    connections = iter((3, 4))
    reporter = Reporter(
        store, app.state.live, app.state.tally, lambda: Gauges(connections=next(connections))
    )
    assert [reporter.report().gauges.connections for _ in range(2)] == [3, 4]
    assert Reporter(store, app.state.live, app.state.tally).report().gauges == Gauges()


def test_what_lookups_took_is_added_up() -> None:
    tally = Tally()
    for nanoseconds in (40_600, 10**9, 900):
        tally.count("scores", NoMatch(), nanoseconds)
    assert tally.counts()["scores"].took_us == 1_000_041


def test_names_that_no_kind_has_take_no_memory() -> None:
    tally = Tally()
    for number in range(1000):
        tally.count(f"kind-{number}", UnknownKind(), 1)
    assert tally.counts() == {}


def test_every_latency_has_its_bucket() -> None:
    for index, bound in enumerate(BOUNDS_NS):
        assert bucket(bound) == index
        assert bucket(bound + 1) == index + 1
    tally = Tally()
    view = View("scores", None, State.OPEN)
    for outcome in (Found(b"", view), NoMatch(), Invalid(None, "too_long")):
        tally.count("scores", outcome, 10**18)
    assert tally.counts()["scores"].latency[-1] == 3


def test_a_worker_says_what_it_serves_and_what_it_has_ready(
    store: EmbeddedStore, clock: Clock
) -> None:
    first = make_release(store, make_kind())
    second = make_release(store, make_kind(), release="r2", version=2)
    later = Upcoming(second, OPENING + SECOND)
    move(store, current=Current(first, KEY, OPENING), upcoming=later)
    move(store, "lottery", upcoming=later)
    live = LiveReleases(store, clock)
    checks = live.poll()
    assert live.prepared() == ()
    assert live.standings(OPENING) == {"scores": Standing(1, None), "lottery": Standing(1, None)}
    for check in checks:
        live.adopt(check, check.run())
    report = Reporter(store, live, Tally()).report()
    assert report.serving == {"scores": Standing(1, "r1"), "lottery": Standing(1, None)}
    assert set(report.upcoming) == {"r2"}
    live.close()


def test_a_damaged_upcoming_release_is_not_ready(store: EmbeddedStore, clock: Clock) -> None:
    reference = make_release(store, make_kind())
    store.path(reference).chmod(0o644)
    store.path(reference).write_bytes(b"not a release")
    move(store, upcoming=Upcoming(reference, OPENING))
    live = LiveReleases(store, clock)
    live.settle()
    assert live.prepared() == ()
    live.close()


def test_a_worker_reports_while_it_runs_and_is_not_there_afterwards(
    app: Starlette, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[WorkerReport] = []
    write = store.report

    async def run() -> None:
        enough = asyncio.Event()
        loop = asyncio.get_running_loop()

        def report(report: WorkerReport) -> None:
            write(report)
            reported.extend(store.workers(OPENING))
            loop.call_soon_threadsafe(enough.set)

        monkeypatch.setattr(store, "report", report)
        async with app.router.lifespan_context(app):
            await enough.wait()

    asyncio.run(run())
    assert reported[0].pid == os.getpid()
    assert store.workers(OPENING) == []
    assert [report.ended for report in store.reports(OPENING)] == [True]


@pytest.mark.parametrize("failure", [errno.EACCES, errno.ENOSPC, errno.EROFS])
def test_a_folder_that_cannot_be_written_is_said_once_and_serving_goes_on(
    app: Starlette,
    store: EmbeddedStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: int,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(failure, os.strerror(failure))

    monkeypatch.setattr("lookup.stores.embedded.write_report", fail)
    caplog.set_level(logging.WARNING, "lookup.public")
    reporter = Reporter(store, app.state.live, app.state.tally)
    for _ in range(3):
        reporter.write(reporter.report())
    assert len(caplog.records) == 1
    assert send(app, "POST", "/api/v1/scores", json=TYPED).status_code == 200
    monkeypatch.undo()
    reporter.write(reporter.report())
    assert len(store.workers(OPENING)) == 1
