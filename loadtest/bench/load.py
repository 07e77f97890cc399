"""`scripts/bench load`: 881,331 real rows from files to answers, on one core.

Load with issued access codes, build, verify against the files, open, serve, and ask for
2,000 random candidates over HTTP; each answer is compared with its source row, which is
parsed here independently of the service.
"""

import contextlib
import csv
import json
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest.bench.service import COMMAND, connect, serving

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT.parent / "shared" / "data" / "vn-thpt-2019"
KIND = ROOT / "tests" / "kinds" / "thpt.toml"
ASKED = 2000
EVERY_S = 0.05
SUBJECTS = {
    "Toán": "mathematics",
    "Ngữ Văn": "literature",
    "Ngoại Ngữ": "foreign_language",
    "Vật Lý": "physics",
    "Hóa Học": "chemistry",
    "Sinh Học": "biology",
    "Lịch Sử": "history",
    "Địa Lý": "geography",
    "GDCD": "civics",
}


def _memory_kib(process: int) -> int:
    """What a process and all below it hold now, shared pages counted for each."""
    held = 0
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        held = sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            held += sum(map(_memory_kib, map(int, children.read_text().split())))
    return held


class _Peak(threading.Thread):
    """Watches the memory of a process and its children until told to stop."""

    def __init__(self, process: int) -> None:
        super().__init__()
        self._process = process
        self._ended = threading.Event()
        self.kib = 0

    def run(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.kib = max(self.kib, _memory_kib(self._process))

    def end(self) -> int:
        """The most that was seen, in MB."""
        self._ended.set()
        self.join()
        return round(self.kib / 1024)


def _run(step: str, environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """One command on core 0: its wall and CPU seconds by the kernel, and its peak memory, its
    children's with it."""
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  # our own command
        [*COMMAND, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),  # no threads yet
    )
    watcher = _Peak(process.pid)
    watcher.start()
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        watcher.end()
        raise SystemExit(f"{step} failed: {output.decode()}")
    return {
        "step": step,
        "wall_s": round(time.perf_counter() - started, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": max(watcher.end(), round(usage.ru_maxrss / 1024)),
        "output": output.decode(),
    }


def _rows(files: list[Path]) -> Iterator[dict[str, str]]:
    for path in files:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)


def _expected(row: dict[str, str]) -> dict[str, Any]:
    """A source row as its record should read, by a parser of its own."""
    record: dict[str, Any] = {"candidate_number": row["SBD"].strip()}
    for column, name in SUBJECTS.items():
        mark = Decimal(row[column].strip())
        record[name] = "not_taken" if mark == -1 else float(mark)
    return record


def _ask(environment: dict[str, str], files: list[Path], codes: Path) -> int:
    """Ask for random candidates over HTTP; how many answers differ from their rows."""
    with codes.open(encoding="utf-8-sig", newline="") as file:
        next(reader := csv.reader(file))
        code_of = dict(row for row in reader if len(row) == 2)
    chosen = set(random.Random(2019).sample(sorted(code_of), ASKED))  # noqa: S311  # a sample
    differing = 0
    with (
        serving(environment, "serve", ready="/readyz") as port,
        contextlib.closing(connect(port)) as connection,
    ):
        for row in _rows(files):
            number = row["SBD"].strip()
            if number not in chosen:
                continue
            typed = {"candidate_number": number, "access_code": code_of[number]}
            connection.request(
                "POST", "/api/v1/thpt", json.dumps(typed), {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            body = json.loads(response.read())
            differing += response.status != 200 or body["record"] != _expected(row)
            chosen.remove(number)
    return differing + len(chosen)


def bench_load(folder: Path) -> dict[str, Any]:
    """Measure and print; SystemExit with a sentence where the real files are absent."""
    files = sorted(SOURCE.glob("*.csv"))
    if not files:
        raise SystemExit(f"{SOURCE} is not there: this benchmark needs its 63 files.")
    work = (folder / "load").absolute()
    shutil.rmtree(work, ignore_errors=True)
    (work / "kinds").mkdir(parents=True)
    shutil.copy(KIND, work / "kinds")
    codes = work / "codes.csv"
    environment = os.environ | {
        "LOOKUP_DATA_DIR": str(work / "var"),
        "LOOKUP_KINDS_DIR": str(work / "kinds"),
        "LOOKUP_REQUIRED_APPROVALS": "0",
        "PYTHONPATH": str(ROOT),
    }
    names = list(map(str, files))
    issue = ("--issue-access-codes", str(codes), "--json")
    steps = [_run("load, check", environment, "batch", "load", "thpt", *names, *issue)]
    batch = json.loads(steps[0]["output"])
    steps.append(_run("seal, compare", environment, "release", "build", str(batch["id"]), "--json"))
    release = json.loads(steps[1]["output"])
    verify = ("release", "verify", release["id"], "--json", "--against", *names)
    steps.append(_run("verify files", environment, *verify))
    differences = json.loads(steps[2]["output"])["differences"]
    steps.append(_run("open", environment, "release", "open", release["id"]))
    size = (work / "var" / "releases" / release["file"]).stat().st_size
    differing = _ask(environment, files, codes)
    for step in steps:
        del step["output"]
    figures = {
        "rows": batch["records"],
        "steps": steps,
        "file_mb": round(size / 1e6, 1),
        "differences": differences,
        "asked": ASKED,
        "answers_differing": differing,
    }
    _print(figures)
    shutil.rmtree(work)
    return figures


def _print(figures: dict[str, Any]) -> None:
    rows = figures["rows"]
    grid = Table("step", "wall s", "CPU s", "rows/s", "peak MB", box=None, pad_edge=False)
    for step in figures["steps"]:
        rate = f"{rows / step['wall_s']:,.0f}"
        grid.add_row(
            step["step"], str(step["wall_s"]), str(step["cpu_s"]), rate, str(step["peak_mb"])
        )
    console = Console()
    console.print(grid)
    console.print(f"{rows:,} rows, {figures['file_mb']} MB sealed, one core.")
    console.print(f"Verify against the files: {figures['differences']} differences.")
    console.print(f"{ASKED:,} asked over HTTP: {figures['answers_differing']} differ.")
