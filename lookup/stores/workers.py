"""What each public worker says of itself once a second: `live/workers/PID.json`.

Counts and times only, nothing about any candidate. The admin wing reads these files to show
the release day and to tell before the hour whether every worker is ready; a file that cannot
be read is left out, since whoever may write here is not who may decide there.
"""

import contextlib
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from lookup.documents import NAME
from lookup.durable import PARTIAL
from lookup.errors import DamagedError

BOUNDS_NS = tuple(int(1000 * 2 ** (step / 8)) for step in range(8 * 24 + 1))
"""Upper ends of the latency buckets, ns: 1 µs to 16.8 s, each 9 % above the last. They are
the same in every worker, so histograms add up; one more bucket holds whatever took longer."""
BUCKETS = len(BOUNDS_NS) + 1
FRESH = timedelta(seconds=5)
"""A report older than this is of a worker that hangs, or is gone."""
REPORT_MODE = 0o640
MAX_REPORT_BYTES = 1 << 18
MAX_REPORTS = 1024
MAX_COUNT = 1 << 53
"""More than any worker ever counts, and little enough to be added up and drawn."""
MAX_NAMES = 256
"""Kinds, releases or codes one report may name."""
MAX_MEASURED = 1e12
"""Beyond any delay or drift there is; a report that says more is none."""

_FILE = re.compile(r"([1-9][0-9]{0,9})\.json")
_RELEASE = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,199}")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a worker has for one kind: the pointer's epoch, the release served, None if none."""

    epoch: int
    release: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Lookups of one kind since the worker's start, by what was answered.

    `refused` counts by problem code, and right pre-checks as `pre_checked`; `latency` has a
    count for each bucket of `BOUNDS_NS`, and `took_us` is what all of them took together, in
    microseconds.
    """

    hits: int
    misses: int
    refused: Mapping[str, int]
    latency: tuple[int, ...]
    took_us: int = 0


@dataclass(frozen=True, slots=True)
class Gauges:
    """A worker's insides at one moment.

    `loop_delay_ms` is the longest of the last second; `clock_drift_s` is above zero where the
    wall clock runs ahead of the steady one; `fair_use` counts what fair use decided since the
    worker's start, by what it was (`free`, `solved`, `challenge_required`, …).
    """

    connections: int = 0
    loop_delay_ms: float = 0.0
    clock_drift_s: float = 0.0
    fair_use: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One worker at one moment. Times are aware UTC; counts are since `started_at`.

    `upcoming` are the scheduled releases it has mapped and checked; `requests` counts every
    request, lookups or not, `failures` those nobody caught; `busy` those refused for overload and
    `http_refused`, by reason, what was no whole request: neither is among `requests`.
    """

    pid: int
    started_at: datetime
    at: datetime
    serving: Mapping[str, Standing]
    upcoming: tuple[str, ...]
    counts: Mapping[str, Counts]
    requests: int
    failures: int
    busy: int = 0
    http_refused: Mapping[str, int] = field(default_factory=dict)
    gauges: Gauges = Gauges()
    ended: bool = False
    """Whether it was a worker's last word: it is not there any more, its counts are."""


def bucket(nanoseconds: int) -> int:
    """The latency bucket of a duration."""
    return bisect_left(BOUNDS_NS, nanoseconds)


def workers_ready(reports: Iterable[WorkerReport], release: str, now: datetime) -> tuple[int, int]:
    """How many workers have a release mapped and checked, and how many there are.

    A worker that has not reported lately is there and not ready.
    """
    found = list(reports)
    ready = sum(is_fresh(report, now) and _has(report, release) for report in found)
    return ready, len(found)


def is_fresh(report: WorkerReport, now: datetime) -> bool:
    """Whether a report is of this moment; a clock set back makes none fresh for long."""
    return abs(now - report.at) <= FRESH


def _has(report: WorkerReport, release: str) -> bool:
    served = (standing.release for standing in report.serving.values())
    return release in report.upcoming or release in served


# Files


def write_report(folder: Path, report: WorkerReport) -> None:
    """Put a report in the place of the worker's last one. Raises OSError.

    Whole or not at all, and not durable: it is telemetry, worthless a second later, and an
    fsync every second in every worker would be the busiest writer of the machine.
    """
    folder.mkdir(mode=0o755, exist_ok=True)
    final = folder / f"{report.pid}.json"
    partial = final.with_name(final.name + PARTIAL)
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, REPORT_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, REPORT_MODE)
        file.write(encode(report))
    partial.replace(final)


def remove_report(folder: Path, pid: int) -> None:
    """Take a worker's report away. Raises OSError."""
    (folder / f"{pid}.json").unlink(missing_ok=True)


def read_reports(folder: Path, now: datetime) -> list[WorkerReport]:
    """Every worker's report, by process id, for a while the last ones of those that ended too;
    without those that are damaged, and without those of killed workers: not fresh, and the
    process is gone."""
    reports = []
    for path in _files(folder):
        with contextlib.suppress(OSError, DamagedError):
            with path.open("rb") as file:
                report = decode(file.read(MAX_REPORT_BYTES + 1))
            if f"{report.pid}.json" == path.name and (is_fresh(report, now) or _runs(report.pid)):
                reports.append(report)
    return sorted(reports, key=lambda report: report.pid)


def sweep_reports(folder: Path, now: datetime) -> None:
    """Remove the reports nobody would read: what killed workers left. Raises OSError."""
    kept = {report.pid for report in read_reports(folder, now)}
    for path in _files(folder):
        if int(path.stem) not in kept:
            path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    try:
        # Only plain files: reading anything else might never end.
        names = [
            entry.name
            for entry in os.scandir(folder)
            if _FILE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    except OSError:
        return []
    return [folder / name for name in sorted(names)[:MAX_REPORTS]]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


# Bytes


def encode(report: WorkerReport) -> bytes:
    """The bytes `decode` reads back."""
    return orjson.dumps(report)


def decode(content: bytes) -> WorkerReport:
    """The report in a file's bytes. Raises DamagedError where they are not one."""
    try:
        if len(content) > MAX_REPORT_BYTES:
            raise ValueError("a report of that size is none")
        found = orjson.loads(content)
        return WorkerReport(
            pid=_count(found["pid"]),
            started_at=_time(found["started_at"]),
            at=_time(found["at"]),
            serving={_name(kind): _standing(of) for kind, of in _few(found["serving"]).items()},
            upcoming=tuple(map(_release, _few(found["upcoming"], list))),
            counts={_name(kind): _counts(counts) for kind, counts in _few(found["counts"]).items()},
            requests=_count(found["requests"]),
            failures=_count(found["failures"]),
            busy=_count(found["busy"]),
            http_refused=_by_name(found["http_refused"]),
            gauges=_gauges(found["gauges"]),
            ended=_flag(found["ended"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DamagedError("A worker's report cannot be read: restart the worker.") from error


def _counts(found: Any) -> Counts:
    latency = tuple(map(_count, found["latency"]))
    if len(latency) != BUCKETS:
        raise ValueError("a histogram of other buckets")
    hits, misses = _count(found["hits"]), _count(found["misses"])
    return Counts(hits, misses, _by_name(found["refused"]), latency, _count(found["took_us"]))


def _gauges(found: Any) -> Gauges:
    return Gauges(
        connections=_count(found["connections"]),
        loop_delay_ms=_measured(found["loop_delay_ms"]),
        clock_drift_s=_measured(found["clock_drift_s"]),
        fair_use=_by_name(found["fair_use"]),
    )


def _by_name(found: Any) -> dict[str, int]:
    return {_name(name): _count(count) for name, count in _few(found).items()}


def _measured(value: Any) -> float:
    if type(value) not in (int, float) or not -MAX_MEASURED <= value <= MAX_MEASURED:
        raise ValueError("a measure that cannot be one")
    return float(value)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise ValueError("a count that cannot be one")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("neither yes nor no")
    return value


def _few(value: Any, kind: type[dict[str, Any] | list[Any]] = dict) -> Any:
    if not isinstance(value, kind) or len(value) > MAX_NAMES:
        raise ValueError("no names, or more than a report may have")
    return value


def _name(value: Any) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("a name that cannot be one")
    return str(value)


def _release(value: Any) -> str:
    if not _RELEASE.fullmatch(value):
        raise ValueError("a release that cannot be one")
    return str(value)


def _standing(found: Any) -> Standing:
    served = found["release"]
    return Standing(_count(found["epoch"]), None if served is None else _release(served))


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment.astimezone(UTC)
