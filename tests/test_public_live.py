"""Which release is served when: hours, damage, corrections."""

import asyncio
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import lmdb
import orjson
import pytest

from lookup.candidate import credential
from lookup.errors import DamagedError
from lookup.public.asking import Closed, Found, NotOpen, Unavailable, UnknownKind
from lookup.public.live import PRE_READ, LiveReleases, State, View
from lookup.public.shelf import Check
from lookup.sealing import pre_check_key
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Current, Ended, Reference, Upcoming
from lookup.stores.workers import Standing, WorkerReport
from tests.makers import (
    KEY,
    OPENING,
    RECORD,
    TYPED,
    Clock,
    ask,
    make_kind,
    make_release,
    move,
    open_release,
)

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(store: EmbeddedStore, clock: Clock) -> Iterator[LiveReleases]:
    live = LiveReleases(store, clock)
    yield live
    live.close()


@pytest.fixture
def reference(store: EmbeddedStore) -> Reference:
    return make_release(store, make_kind())


def outcome(live: LiveReleases) -> object:
    live.settle()
    return ask(live, "scores", TYPED, live.clock())


def version(live: LiveReleases) -> int:
    found = outcome(live)
    assert isinstance(found, Found)
    return 2 if b'"version":2' in found.body else 1


def correct(store: EmbeddedStore) -> Reference:
    return make_release(store, make_kind(), [RECORD | {"total": 513}], release="r2", version=2)


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_nothing_is_readable_before_the_hour_even_with_the_key(
    store: EmbeddedStore, live: LiveReleases, clock: Clock, reference: Reference
) -> None:
    open_release(store, reference)
    clock.now = OPENING - timedelta(microseconds=1)
    assert outcome(live) == NotOpen(OPENING)
    clock.now = OPENING
    assert isinstance(ask(live, "scores", TYPED, clock.now), Found)


def test_it_closes_at_its_hour(
    store: EmbeddedStore, live: LiveReleases, clock: Clock, reference: Reference
) -> None:
    open_release(store, reference, closes_at=OPENING + SECOND)
    assert isinstance(outcome(live), Found)
    clock.now += SECOND
    assert ask(live, "scores", TYPED, clock.now) == Closed()


def test_a_sealed_release_is_announced_and_checked_once(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    move(store, upcoming=Upcoming(reference, OPENING))
    assert outcome(live) == NotOpen(OPENING)
    open_release(store, reference)
    assert live.poll() == []
    assert isinstance(ask(live, "scores", TYPED, OPENING), Found)


def test_a_damaged_new_file_keeps_the_old_one_until_it_is_mended(
    store: EmbeddedStore, live: LiveReleases, clock: Clock, reference: Reference
) -> None:
    open_release(store, reference)
    assert version(live) == 1
    new = correct(store)
    whole = store.path(new).read_bytes()
    overwrite(store.path(new), whole[:-1] + b"!")
    open_release(store, new)
    assert version(live) == 1
    overwrite(store.path(new), whole)
    clock.now += SECOND
    assert version(live) == 2


def test_a_current_release_stays_open_while_a_correction_waits(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    upcoming = Upcoming(correct(store), OPENING + SECOND)
    move(store, current=Current(reference, KEY, OPENING), upcoming=upcoming)
    assert version(live) == 1


@pytest.mark.parametrize("content", [b"", b"not a release", None])
def test_a_damaged_or_missing_file_at_a_fresh_start_is_unavailable(
    store: EmbeddedStore, live: LiveReleases, reference: Reference, content: bytes | None
) -> None:
    open_release(store, reference)
    if content is None:
        store.path(reference).unlink()
    else:
        overwrite(store.path(reference), content)
    assert outcome(live) == Unavailable()


def test_withdrawal_takes_effect_though_the_file_is_mapped(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    open_release(store, reference)
    assert isinstance(outcome(live), Found)
    move(store, ended=Ended(reference, OPENING, withdrawn=True))
    live.poll()
    assert ask(live, "scores", TYPED, OPENING) == Closed()


def test_an_older_epoch_is_ignored(
    store: EmbeddedStore, live: LiveReleases, clock: Clock, reference: Reference
) -> None:
    open_release(store, reference)
    old = (store.live / "scores.json").read_bytes()
    move(store, ended=Ended(reference, OPENING))
    assert outcome(live) == Closed()
    (store.live / "scores.json").write_bytes(old)
    clock.now += SECOND
    assert outcome(live) == Closed()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"epoch":9}', b"\xff"])
def test_a_garbled_pointer_keeps_what_was_served(
    store: EmbeddedStore, live: LiveReleases, clock: Clock, reference: Reference, content: bytes
) -> None:
    open_release(store, reference)
    assert isinstance(outcome(live), Found)
    (store.live / "scores.json").write_bytes(content)
    clock.now += SECOND
    assert isinstance(outcome(live), Found)


def test_a_mapped_file_that_is_written_to_is_served_no_more(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    open_release(store, reference)
    assert isinstance(outcome(live), Found)
    content = bytearray(store.path(reference).read_bytes())
    content[-1] ^= 1
    overwrite(store.path(reference), bytes(content))
    assert outcome(live) == Unavailable()


def test_an_unlinked_file_that_is_mapped_is_served_on(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    open_release(store, reference)
    assert isinstance(outcome(live), Found)
    store.path(reference).unlink()
    assert isinstance(outcome(live), Found)


def test_a_key_of_another_release_opens_nothing(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    open_release(store, reference, key=bytes(32))
    assert outcome(live) == Unavailable()


def test_a_release_of_another_kind_is_not_served(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    open_release(store, reference, kind="lottery")
    live.settle()
    assert ask(live, "lottery", TYPED, OPENING) == Unavailable()
    assert ask(live, "other", TYPED, OPENING) == UnknownKind()


def test_damage_met_by_a_lookup_is_unavailable_and_heals_when_the_file_does(
    live: LiveReleases,
    store: EmbeddedStore,
    reference: Reference,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_release(store, reference)
    assert isinstance(outcome(live), Found)
    view = live.view("scores", clock())
    assert view is not None
    assert view.serving is not None

    def broken(*_: object) -> bytes:
        raise lmdb.BadTxnError("the transaction met a damaged page")

    monkeypatch.setattr(view.serving.file, "_open", broken)
    assert isinstance(ask(live, "scores", TYPED, clock()), Unavailable)
    assert isinstance(outcome(live), Found)


def test_only_plain_files_named_like_a_kind_are_pointers(
    live: LiveReleases, store: EmbeddedStore, reference: Reference
) -> None:
    open_release(store, reference)
    (store.live / "scores.bak.json").write_bytes((store.live / "scores.json").read_bytes())
    os.mkfifo(store.live / "lottery.json")
    live.settle()
    assert live.names() == ["scores"]


def test_a_withdrawn_release_is_not_served_on_by_a_reader_that_missed_its_end(
    live: LiveReleases, store: EmbeddedStore, reference: Reference, clock: Clock
) -> None:
    open_release(store, reference)
    assert isinstance(outcome(live), Found)
    ended = Ended(reference, OPENING, withdrawn=True)
    missing = Reference("scores-v9", "scores-v9.lmdb", "0" * 64)
    move(store, current=Current(missing, KEY, OPENING), ended=ended)
    assert isinstance(outcome(live), Unavailable)


# What else a view says

STATISTICS = {"tables": [{"name": "total", "type": "score_table", "rows": []}], "earlier": []}


def view_of(live: LiveReleases) -> View:
    live.settle()
    view = live.view("scores", live.clock())
    assert view is not None
    return view


def scheduled(store: EmbeddedStore, *, marks: bool = True) -> Upcoming:
    reference = make_release(store, make_kind(), release="r2", version=2, pre_check=marks)
    return Upcoming(reference, OPENING + SECOND, OPENING + 2 * SECOND, pre_check_key(KEY))


@pytest.mark.parametrize(
    ("sealed", "served"),
    [
        (orjson.dumps(STATISTICS), STATISTICS),
        (orjson.dumps({"tables": []}), {"tables": [], "earlier": []}),
        (b'{"records":9,"tables":{"total":{}}}', {"tables": [], "earlier": []}),
        (b"{}", {"tables": [], "earlier": []}),
        (b"[]", {"tables": [], "earlier": []}),
    ],
)
def test_the_statistics_are_read_once_and_those_of_an_older_form_are_none(
    store: EmbeddedStore, live: LiveReleases, sealed: bytes, served: object
) -> None:
    open_release(store, make_release(store, make_kind(), statistics=sealed))
    serving = view_of(live).serving
    assert serving is not None
    assert serving.statistics == served
    again = live.view("scores", OPENING)
    assert again is not None
    assert again.serving is not None
    assert again.serving.statistics is serving.statistics
    assert serving.manifest.release == "r1"


def test_statistics_that_are_no_document_keep_a_release_shut(
    store: EmbeddedStore, live: LiveReleases
) -> None:
    open_release(store, make_release(store, make_kind(), statistics=b"{"))
    assert outcome(live) == Unavailable()


def test_a_view_says_when_what_is_open_or_scheduled_closes(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    move(store, upcoming=scheduled(store))
    assert view_of(live).closes_at == OPENING + 2 * SECOND
    open_release(store, reference, closes_at=OPENING + SECOND)
    view = view_of(live)
    assert view.serving is not None
    assert view.closes_at == view.serving.closes_at == OPENING + SECOND


@pytest.mark.parametrize("corrects", [None, "r0"])
def test_a_view_says_that_what_is_open_corrects_another(
    store: EmbeddedStore, live: LiveReleases, corrects: str | None
) -> None:
    open_release(store, make_release(store, make_kind(), corrects=corrects))
    assert view_of(live).corrected == (corrects is not None)


def test_a_pre_check_is_there_from_the_scheduling_until_something_is_open(
    store: EmbeddedStore, live: LiveReleases, reference: Reference, clock: Clock
) -> None:
    upcoming = scheduled(store)
    move(store, upcoming=upcoming)
    pre_check = view_of(live).pre_check
    assert pre_check is not None
    assert (pre_check.key, pre_check.title) == (pre_check_key(KEY), "试验发布")
    assert pre_check.kind == make_kind()
    assert pre_check.file.pre_checked(pre_check.key, credential(TYPED.items()))
    assert not pre_check.file.pre_checked(pre_check.key, b"")
    move(store, current=Current(reference, KEY, OPENING, OPENING + SECOND), upcoming=upcoming)
    assert view_of(live).pre_check is None
    clock.now += SECOND
    closed = view_of(live)
    assert (closed.state, closed.pre_check is None) == (State.CLOSED, False)
    move(store, current=Current(upcoming.reference, KEY, OPENING))
    assert view_of(live).pre_check is None


@pytest.mark.parametrize("lacks", ["the key", "the marks", "the file"])
def test_without_key_marks_or_file_there_is_no_pre_check(
    store: EmbeddedStore, live: LiveReleases, lacks: str
) -> None:
    upcoming = scheduled(store, marks=lacks != "the marks")
    if lacks == "the key":
        upcoming = replace(upcoming, pre_check=None)
    if lacks == "the file":
        store.path(upcoming.reference).unlink()
    move(store, upcoming=upcoming)
    assert view_of(live).pre_check is None


# Ready


def test_it_is_ready_once_all_that_the_first_look_found_was_checked(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    open_release(store, reference)
    move(store, "lottery", upcoming=Upcoming(correct(store), OPENING + SECOND))
    assert not live.ready()
    first, second = live.poll()
    live.adopt(first, first.run())
    assert not live.ready()
    live.adopt(second, second.run())
    assert live.ready()
    move(store, "admissions", upcoming=Upcoming(reference, OPENING + SECOND))
    live.poll()
    assert live.ready()


def test_a_damaged_release_keeps_nothing_else_from_being_ready(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    open_release(store, reference)
    overwrite(store.path(reference), b"not a release")
    live.settle()
    assert live.ready()


def test_it_is_ready_no_more_once_it_is_to_end_but_answers_on(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    open_release(store, reference)
    live.settle()
    live.retire()
    assert not live.ready()
    assert isinstance(outcome(live), Found)


def test_pointers_that_cannot_be_listed_are_told_once_and_nobody_is_ready(
    store: EmbeddedStore,
    live: LiveReleases,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreadable() -> None:
        raise PermissionError

    with monkeypatch.context() as broken:
        broken.setattr(store, "stamps", unreadable)
        for _ in range(3):
            live.settle()
        assert not live.ready()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    live.settle()
    assert live.ready()


def test_the_first_look_does_not_wait_for_a_check_that_hangs(
    store: EmbeddedStore,
    live: LiveReleases,
    reference: Reference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_release(store, reference)
    goes_on, run = threading.Event(), Check.run

    def hang(check: Check) -> DamagedError | None:
        goes_on.wait()
        return run(check)

    async def look() -> None:
        await live.refresh()
        assert not live.ready()
        goes_on.set()
        await asyncio.gather(*live._tasks)
        assert live.ready()

    monkeypatch.setattr(Check, "run", hang)
    monkeypatch.setattr("lookup.public.live.FIRST_LOOK_S", 0)
    asyncio.run(look())
    assert isinstance(outcome(live), Found)


# Reading ahead


def test_what_opens_within_a_minute_is_read_once_more(
    store: EmbeddedStore, live: LiveReleases, clock: Clock, reference: Reference
) -> None:
    opens_at = OPENING + timedelta(hours=1)
    move(store, upcoming=Upcoming(reference, opens_at))
    live.settle()
    for clock.now in (OPENING + SECOND, opens_at - PRE_READ - SECOND):
        assert live.poll() == []
    clock.now = opens_at - PRE_READ
    (check,) = live.poll()
    assert live.prepared() == ("r1",)
    live.adopt(check, check.run())
    assert live.prepared() == ("r1",)
    for clock.now in (opens_at - PRE_READ + SECOND, opens_at):
        assert live.poll() == []


def test_what_was_checked_within_the_minute_is_not_read_again(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    move(store, upcoming=Upcoming(reference, OPENING + SECOND))
    live.settle()
    assert live.poll() == []


def test_a_file_replaced_under_its_name_stays_mapped_as_it_was(
    store: EmbeddedStore, live: LiveReleases, clock: Clock, reference: Reference
) -> None:
    opens_at = OPENING + timedelta(hours=1)
    move(store, upcoming=Upcoming(reference, opens_at))
    live.settle()
    store.path(reference).unlink()
    store.path(reference).write_bytes(b"not a release")
    clock.now = opens_at - SECOND
    live.settle()
    assert live.prepared() == ("r1",)


# Relieving another worker


def other(release: str | None, *upcoming: str) -> WorkerReport:
    standings = {"scores": Standing(1, release)}
    return WorkerReport(1, OPENING, OPENING, standings, upcoming, {}, 0, 0)


def test_a_worker_lacks_what_is_open_elsewhere_and_unknown_or_unavailable_here(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    assert live.lacks(other("scores-v1-0")) == ["scores"]
    open_release(store, reference)
    store.path(reference).unlink()
    live.settle()
    assert live.lacks(other("scores-v1-0")) == ["scores"]


def test_a_worker_lacks_nothing_where_it_serves_or_rightly_does_not(
    store: EmbeddedStore, live: LiveReleases, clock: Clock, reference: Reference
) -> None:
    open_release(store, reference, opened_at=OPENING)
    live.settle()
    assert live.lacks(other("scores-v1-0")) == []
    clock.now = OPENING - SECOND
    assert live.lacks(other("scores-v1-0")) == []
    assert live.lacks(other(None)) == []


def test_a_worker_lacks_a_scheduled_release_that_only_the_other_has_mapped(
    store: EmbeddedStore, live: LiveReleases, reference: Reference
) -> None:
    move(store, upcoming=Upcoming(reference, OPENING + SECOND))
    live.settle()
    assert live.lacks(other(None, reference.release)) == []
    assert live.lacks(other(None, "scores-v9-0")) == ["scores-v9-0"]
