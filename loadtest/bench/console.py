"""`scripts/bench console`: a city's scores sent to the console, and how quick it stays meanwhile.

A real `lookup admin` on loopback with made-up people. The scores of 24,000 candidates are sent
as CSV and as a workbook, each `ROUNDS` times; the time runs from the last byte of the upload
until the batch is checked. Somebody else asks for the list of batches every 50 ms, before any
job and during each; a late answer counts from when it was due.
"""

import asyncio
import contextlib
import csv
import http.client
import json
import math
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from openpyxl import Workbook
from rich.console import Console
from rich.table import Table

from loadtest.bench.service import HOST, connect, serving
from lookup.admin.batches import list_batches
from lookup.admin.console.site import COOKIE
from lookup.admin.desk import open_desk
from lookup.admin.jobs import DONE, FAILED
from lookup.admin.people.roles import NOBODY
from lookup.admin.states import CHECKED
from lookup.demo.people import codes, register
from lookup.sample import write_sample
from lookup.settings import Settings

CLERK = "clerk"
CANDIDATES = 24_000
ROUNDS = 5
EVERY_S = 0.05
IDLE_S = 15
TARGET_S = 10
TEXT_COLUMNS = 5
"""Number, access code, end of the ID number, name and school; what follows may be numbers."""
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
FORM = "application/x-www-form-urlencoded"
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
_JOB = re.compile(r"/jobs/[0-9]+")


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Somebody at a browser, with the cookie of their session."""

    port: int
    cookie: str = ""

    def send(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        body: bytes | None = None,
        content_type: str = "",
    ) -> None:
        """One request, to its last byte: a post where it has a body."""
        headers = {"Cookie": self.cookie, "Origin": f"http://{HOST}:{self.port}"}
        if body is not None:
            headers["Content-Type"] = content_type
        connection.request("GET" if body is None else "POST", path, body, headers)

    def see(self, connection: http.client.HTTPConnection, path: str) -> str:
        """One page. SystemExit where there is none."""
        self.send(connection, path)
        response = connection.getresponse()
        text = response.read().decode()
        if response.status != 200:
            raise SystemExit(f"{path} was answered {response.status}.")
        return text


def _signed_in(port: int, settings: Settings, password: str) -> _Visitor:
    """The clerk, signed in with password and code."""

    async def code() -> str:
        async with open_desk(settings, NOBODY) as desk:
            return next(one.code for one in await codes(desk) if one.name == CLERK)

    typed = {"name": CLERK, "password": password, "code": asyncio.run(code())}
    with contextlib.closing(connect(port)) as connection:
        _Visitor(port).send(connection, "/sign-in", urlencode(typed).encode(), FORM)
        response = connection.getresponse()
        given = response.getheader("Set-Cookie") or ""
    if not given.startswith(f"{COOKIE}="):
        raise SystemExit(f"Signing in was answered {response.status}.")
    return _Visitor(port, given.partition(";")[0])


class _Asker(threading.Thread):
    """Looks at the list of batches every 50 ms until told to stop."""

    def __init__(self, visitor: _Visitor) -> None:
        super().__init__()
        self._visitor = visitor
        self._ended = threading.Event()
        self._found: list[float] = []

    def run(self) -> None:
        with contextlib.closing(connect(self._visitor.port)) as connection:
            due = time.perf_counter()
            while not self._ended.wait(max(due - time.perf_counter(), 0)):
                self._visitor.see(connection, "/batches")
                self._found.append((time.perf_counter() - due) * 1000)
                due += EVERY_S

    def end(self) -> list[float]:
        """Every latency, in ms."""
        self._ended.set()
        self.join()
        return self._found


def _latencies(visitor: _Visitor, work: Callable[[], None]) -> list[float]:
    """The latencies while some work is done."""
    asker = _Asker(visitor)
    asker.start()
    try:
        work()
    finally:
        found = asker.end()
    return found


def _load(visitor: _Visitor, path: Path) -> float:
    """Upload a file; the seconds from its last byte until its batch is checked."""
    with contextlib.closing(connect(visitor.port)) as connection:
        token = _CSRF.search(visitor.see(connection, "/batches/new"))
        fields = {"csrf": token[1] if token else "", "kind": "scores", "title": path.name}
        visitor.send(connection, "/batches", *_multipart(fields, path))
        sent = time.perf_counter()
        response = connection.getresponse()
        response.read()
        job = response.getheader("Location") or ""
        if not _JOB.fullmatch(job):
            raise SystemExit(f"The upload was answered {response.status}.")
        while True:
            state = json.loads(visitor.see(connection, f"{job}.json"))["state"]
            if state in (DONE, FAILED):
                return time.perf_counter() - sent
            time.sleep(EVERY_S)


def _multipart(fields: dict[str, str], path: Path) -> tuple[bytes, str]:
    """A form with one file, and its content type."""
    boundary = secrets.token_hex(16)
    head = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ]
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"'
    body = "".join([*head, file, "\r\n\r\n"]).encode() + path.read_bytes()
    return body + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _workbook(source: Path) -> Path:
    """The same table as a workbook, marks as numbers."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("成绩")
    with source.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            sheet.append([*row[:TEXT_COLUMNS], *map(_number, row[TEXT_COLUMNS:])])
    path = source.with_suffix(".xlsx")
    book.save(path)
    return path


def _number(text: str) -> str | float:
    return float(text) if text.replace(".", "", 1).isdecimal() else text


def _percentiles(latencies: Sequence[float]) -> dict[str, float]:
    """The nearest ranks, in ms."""
    ranked = sorted(latencies)
    count = len(ranked)
    return {
        name: round(ranked[math.ceil(share * count) - 1], 1) for name, share in PERCENTILES.items()
    }


def _states(settings: Settings) -> list[tuple[str, int]]:
    """The state and the number of records of every batch."""

    async def read() -> list[tuple[str, int]]:
        async with open_desk(settings, NOBODY) as desk:
            return [(batch.state, batch.records) for batch in await list_batches(desk.database)]

    return asyncio.run(read())


def bench_console(folder: Path) -> dict[str, Any]:
    """Measure and print; SystemExit with a sentence where a load does not end well."""
    work = (folder / "console").absolute()
    shutil.rmtree(work, ignore_errors=True)
    settings = Settings(data_dir=work / "var")
    scores = write_sample(work / "sample", candidates=CANDIDATES).scores
    paths = [scores, _workbook(scores)]
    password = asyncio.run(register(settings))
    environment = os.environ | {"LOOKUP_DATA_DIR": str(settings.data_dir)}
    with serving(environment, "admin", ready="/healthz") as port:
        clerk = _signed_in(port, settings, password)
        idle = _latencies(clerk, lambda: time.sleep(IDLE_S))
        loads = [_measured(clerk, path, _percentiles(idle)) for path in paths]
    if set(_states(settings)) != {(CHECKED, CANDIDATES)}:
        raise SystemExit("A batch was not loaded whole and checked.")
    figures = {
        "rows": CANDIDATES,
        "rounds": ROUNDS,
        "machine_load": round(os.getloadavg()[0], 1),
        "idle": {"asked": len(idle), "ms": _percentiles(idle)},
        "loads": loads,
    }
    _print(figures)
    shutil.rmtree(work)
    return figures


def _measured(visitor: _Visitor, path: Path, idle: dict[str, float]) -> dict[str, Any]:
    """One file sent `ROUNDS` times, one after the other, against `idle` latencies."""
    seconds: list[float] = []

    def work() -> None:
        seconds.extend(_load(visitor, path) for _ in range(ROUNDS))

    latencies = _latencies(visitor, work)
    found = _percentiles(latencies)
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "seconds": [round(taken, 2) for taken in sorted(seconds)],
        "asked": len(latencies),
        "ms": found,
        "ratio": {name: round(found[name] / idle[name], 1) for name in found},
    }


def _print(figures: dict[str, Any]) -> None:
    idle = figures["idle"]
    columns = ("meanwhile", "bytes", "median s", "slowest s", "asked", *PERCENTILES)
    ratios = [f"{name} ratio" for name in PERCENTILES]
    grid = Table(*columns, *ratios, box=None, pad_edge=False)
    grid.add_row("no job", "", "", "", str(idle["asked"]), *_cells(idle["ms"]))
    for load in figures["loads"]:
        taken = load["seconds"]
        grid.add_row(
            load["file"],
            f"{load['bytes']:,}",
            f"{taken[len(taken) // 2]:.2f}",
            f"{taken[-1]:.2f}",
            str(load["asked"]),
            *_cells(load["ms"]),
            *_cells(load["ratio"]),
        )
    console = Console(width=140)
    console.print(grid)
    slowest = max(load["seconds"][-1] for load in figures["loads"])
    console.print(f"{figures['rows']:,} rows a file; GET /batches in ms.")
    console.print(f"Slowest until checked: {slowest:.2f} s; to reach: {TARGET_S} s.")


def _cells(measured: dict[str, float]) -> list[str]:
    return [f"{value:.1f}" for value in measured.values()]
