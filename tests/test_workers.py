"""What workers report, who may be believed, and who is ready."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import DamagedError
from lookup.stores import workers
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.workers import (
    BUCKETS,
    Counts,
    Gauges,
    Standing,
    WorkerReport,
    decode,
    encode,
    workers_ready,
)
from tests.makers import (
    OPENING,
)

SECOND = timedelta(seconds=1)
LATENCY = (3, *(0,) * (BUCKETS - 2), 1)
REPORT = WorkerReport(
    pid=os.getpid(),
    started_at=OPENING - SECOND,
    at=OPENING,
    serving={"scores": Standing(7, "scores-v1-0"), "lottery": Standing(3, None)},
    upcoming=("scores-v2-0",),
    counts={"scores": Counts(2, 1, {"not_open": 1}, LATENCY, 380)},
    requests=9,
    failures=1,
    busy=4,
    http_refused={"malformed": 6},
    gauges=Gauges(17, 2.5, -0.125, {"free": 3, "solved": 1}),
)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path)
    store.prepare()
    return store


@pytest.fixture(scope="module")
def gone() -> int:
    """The id of a process that has ended."""
    return int(subprocess.check_output([sys.executable, "-c", "import os; print(os.getpid())"]))


def folder(store: EmbeddedStore) -> Path:
    return store.live / "workers"


# Files


def test_a_report_is_read_back_as_it_was_written(store: EmbeddedStore) -> None:
    store.report(REPORT)
    assert store.workers(OPENING) == [REPORT]
    path = folder(store) / f"{os.getpid()}.json"
    assert [path] == list(folder(store).iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_report_replaces_the_worker_s_last_one(store: EmbeddedStore) -> None:
    store.report(REPORT)
    newer = replace(REPORT, at=OPENING + SECOND, requests=10)
    store.report(newer)
    assert store.workers(OPENING + SECOND) == [newer]


def test_a_report_is_never_fsynced(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fsync")
    store.report(REPORT)
    assert store.workers(OPENING) == [REPORT]


def test_without_a_folder_there_are_no_workers(tmp_path: Path) -> None:
    assert EmbeddedStore(tmp_path / "nowhere").workers(OPENING) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 5000,
        encode(REPORT)[:-1],
        encode(REPORT).replace(b'"hits":2', b'"hits":-2'),
        encode(REPORT).replace(b'"hits":2', b'"hits":"2"'),
        encode(REPORT).replace(b'"hits":2', b'"hits":9223372036854775807'),
        encode(REPORT).replace(b"+00:00", b""),
        encode(REPORT).replace(b"not_open", b"<b>"),
        encode(REPORT).replace(b"scores-v2-0", b"../scores"),
        encode(REPORT).replace(b'"latency":[3,', b'"latency":['),
        encode(REPORT).replace(b'"loop_delay_ms":2.5', b'"loop_delay_ms":2.5e300'),
        encode(REPORT).replace(b'"loop_delay_ms":2.5', b'"loop_delay_ms":true'),
        encode(REPORT).replace(b'"clock_drift_s":-0.125', b'"clock_drift_s":null'),
        encode(REPORT).replace(b'"connections":17', b'"connections":-1'),
        encode(REPORT).replace(b'"malformed"', b'"GET /4711"'),
        encode(REPORT).replace(b'"gauges"', b'"other"'),
        encode(REPORT) + b" " * workers.MAX_REPORT_BYTES,
        encode(replace(REPORT, pid=1)),
        encode(replace(REPORT, upcoming=("r",) * (workers.MAX_NAMES + 1))),
    ],
)
def test_a_damaged_report_is_left_out_and_the_others_are_read(
    store: EmbeddedStore, content: bytes
) -> None:
    store.report(replace(REPORT, pid=1))
    (folder(store) / f"{os.getpid()}.json").write_bytes(content)
    assert [report.pid for report in store.workers(OPENING)] == [1]


def test_only_plain_files_named_by_a_process_are_reports(store: EmbeddedStore) -> None:
    store.report(REPORT)
    own = folder(store) / f"{os.getpid()}.json"
    (folder(store) / "2.json").symlink_to(own)
    os.mkfifo(folder(store) / "3.json")
    (folder(store) / "4.json.partial").write_bytes(encode(replace(REPORT, pid=4)))
    (folder(store) / "05.json").write_bytes(encode(replace(REPORT, pid=5)))
    assert store.workers(OPENING) == [REPORT]


SCRAP = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.binary(max_size=200) | SCRAP.map(lambda scrap: orjson.dumps(scrap, default=str)))
def test_bytes_that_are_no_report_are_damaged(content: bytes) -> None:
    with pytest.raises(DamagedError):
        decode(content)


@given(st.sampled_from(sorted(orjson.loads(encode(REPORT)))), SCRAP)
def test_one_wrong_part_is_damage_or_a_report_of_that_part(part: str, scrap: Any) -> None:
    document = orjson.loads(encode(REPORT)) | {part: scrap}
    try:
        found = decode(orjson.dumps(document))
    except DamagedError:
        return
    assert orjson.loads(encode(found)) == document


# Who is there


def test_a_killed_worker_s_report_counts_until_it_is_old(store: EmbeddedStore, gone: int) -> None:
    left = replace(REPORT, pid=gone)
    store.report(left)
    assert store.workers(OPENING + workers.FRESH) == [left]
    assert store.workers(OPENING + workers.FRESH + SECOND) == []


def test_a_worker_that_hangs_is_there_and_not_ready(store: EmbeddedStore) -> None:
    store.report(REPORT)
    now = OPENING + timedelta(minutes=1)
    assert store.workers(now) == [REPORT]
    assert workers_ready(store.workers(now), "scores-v2-0", now) == (0, 1)


def test_a_worker_is_ready_once_it_has_the_release(store: EmbeddedStore, gone: int) -> None:
    store.report(REPORT)
    store.report(replace(REPORT, pid=gone, upcoming=()))
    found = store.workers(OPENING)
    assert workers_ready(found, "scores-v2-0", OPENING) == (1, 2)
    assert workers_ready(found, "scores-v1-0", OPENING) == (2, 2)
    assert workers_ready(found, "scores-v3-0", OPENING) == (0, 2)
    assert workers_ready([], "scores-v2-0", OPENING) == (0, 0)


@pytest.mark.parametrize("hours", [-1, 1])
def test_after_the_clock_jumped_a_report_is_not_of_this_moment(hours: int) -> None:
    now = OPENING + timedelta(hours=hours)
    assert workers_ready([REPORT], "scores-v2-0", now) == (0, 1)
