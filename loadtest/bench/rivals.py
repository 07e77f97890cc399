"""The services that `scripts/bench http` compares, each with what is asked of it."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench.comparators.table import table
from loadtest.bench.exchange import BROWSER, HOST, Exchange, get, lookups, people
from loadtest.bench.servers import Service, free_port, lookup_service, running, tool
from loadtest.bench.town import ROOT, Town

HERE = Path(__file__).parent / "comparators"
APPS = "loadtest.bench.comparators"
BENCH_BIN = Path(os.environ.get("BENCH_BIN", ROOT / ".venv-bench" / "bin"))
"""Where granian and datasette are; `scripts/bench` makes it."""
ASKED = 20_000
UVICORN = (
    "--http", "httptools", "--loop", "uvloop", "--no-access-log", "--no-server-header",
    "--no-proxy-headers", "--log-level", "warning",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rival:
    """A service by name: how it is started, and the exchanges it must get right."""

    name: str
    start: Callable[[], AbstractContextManager[Service]]
    exchanges: list[Exchange]
    fresh_every: int = 0
    """Each so many requests another connection; 0: the same for all."""


def rivals(folder: Path, town: Town, city: Town) -> list[Rival]:
    """Every service over one town, ours over a larger one too; files they need are made in
    `folder`."""
    records = table(folder, town).absolute()
    plain, browser = lookups(town, ASKED), lookups(town, ASKED, BROWSER)
    static = town.person(0).body

    def front() -> AbstractContextManager[Service]:
        return _nginx(folder, static)

    def fast() -> AbstractContextManager[Service]:
        return lookup_service(town.folder)

    return [
        Rival("nginx, a static file", front, _static(static, HOST)),
        Rival("lookup serve", fast, plain),
        Rival("nginx, browser's headers", front, _static(static, BROWSER)),
        Rival("lookup serve, browser's headers", fast, browser),
        Rival("nginx, a connection each", front, _static(static, HOST), 1),
        Rival("lookup serve, a connection each", fast, plain, 1),
        Rival(
            f"lookup serve, {city.size:,} records",
            lambda: lookup_service(city.folder),
            lookups(city, ASKED),
        ),
        Rival("lookup through ASGI", lambda: _asgi(town), plain),
        Rival("granian, sealed lookup only", lambda: _granian(town), plain),
        Rival("Starlette + aiosqlite", lambda: _aiosqlite(records), plain),
        Rival("Datasette, a row as JSON", lambda: _datasette(records), _rows(town, records)),
    ]


def _static(body: bytes, headers: bytes) -> list[Exchange]:
    return [Exchange(get("/answer.json", headers), body)]


def _rows(town: Town, records: Path) -> list[Exchange]:
    """The row page of every candidate; it is JSON within JSON, so the number is looked for."""
    return [
        Exchange(
            get(f"/{records.stem}/records/{each.number}.json?_shape=objects"),
            b'"number": "%b", "code": "%b"' % (each.number.encode(), each.code.encode()),
            whole=False,
        )
        for each in people(town, ASKED)
    ]


def _nginx(folder: Path, body: bytes) -> AbstractContextManager[Service]:
    home, port = (folder / "nginx").absolute(), free_port()
    shutil.rmtree(home, ignore_errors=True)
    (home / "www").mkdir(parents=True)
    (home / "www" / "answer.json").write_bytes(body)
    # nginx gives up root for a user who must get there.
    for each in (home, home / "www"):
        each.chmod(0o755)
    text = (HERE / "nginx.conf").read_text().replace("PORT", str(port))
    (home / "nginx.conf").write_text(text)
    command = [tool("nginx"), "-p", str(home), "-c", str(home / "nginx.conf")]
    return running(command, port=port, ready="/answer.json")


def _python(module: str, *arguments: str, ready: str, port: int,
            environment: Mapping[str, str]) -> AbstractContextManager[Service]:  # fmt: skip
    command = [sys.executable, "-m", module, *arguments]
    return running(command, port=port, ready=ready, environment=environment)


def _asgi(town: Town) -> AbstractContextManager[Service]:
    port = free_port()
    environment = {"LOOKUP_DATA_DIR": str(town.folder)}
    return _python(
        f"{APPS}.asgi_path", str(port), ready="/readyz", port=port, environment=environment
    )


def _aiosqlite(records: Path) -> AbstractContextManager[Service]:
    port = free_port()
    app = f"{APPS}.aiosqlite_app:app"
    arguments = (app, "--port", str(port), *UVICORN)
    environment = {"BENCH_TABLE": str(records)}
    return _python("uvicorn", *arguments, ready="/readyz", port=port, environment=environment)


def _installed(name: str) -> str:
    path = BENCH_BIN / name
    if not path.is_file():
        raise SystemExit(f"{name} is not in {BENCH_BIN}: run this through scripts/bench.")
    return str(path)


def _granian(town: Town) -> AbstractContextManager[Service]:
    port = free_port()
    command = [
        _installed("granian"), "--interface", "asginl", "--port", str(port), "--workers", "1",
        "--runtime-threads", "1", "--loop", "uvloop", "--http", "1", "--no-ws", "--no-access-log",
        "--log-level", "warning", f"{APPS}.sealed_app:app",
    ]  # fmt: skip
    environment = {"BENCH_RELEASE": str(town.path)}
    return running(command, port=port, ready="/readyz", environment=environment)


def _datasette(records: Path) -> AbstractContextManager[Service]:
    port = free_port()
    command = [_installed("datasette"), "serve", "-i", str(records), "--port", str(port)]
    return running(command, port=port, ready="/-/versions.json")
