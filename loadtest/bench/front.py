"""nginx in front of the service, by the file that operators get, but without TLS."""

import contextlib
import itertools
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadtest.bench.servers import GENERATOR_CORE, Service, free_port, running, tool
from loadtest.bench.town import ROOT

FILE = ROOT / "data" / "deploy" / "nginx.conf"
NAME = "lookup.test"
"""The name the generator asks for."""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_TLS = re.compile(r"^ *ssl_.*;\n", re.MULTILINE)
_ELSEWHERE = re.compile(r"listen (\[::\]:)?(80|443)\b[^;]*;")
_SECOND_WORKER = re.compile(r"^ *server unix:.*worker-1\.sock.*;\n", re.MULTILINE)


def _written(home: Path, sockets: Path, port: int, room: int) -> str:
    """The operators' file with this machine's places in it, for one worker, on plain HTTP."""
    text = _SECOND_WORKER.sub("", _TLS.sub("", FILE.read_text("utf-8")))
    # A file of these places in another folder; nginx gives up root for a user who must get there.
    places = {
        "user www-data": "user root",
        "max_conns=1500": f"max_conns={room}",
        "results.example.edu.cn": NAME,
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} backlog=16384;",
        "listen [::]:443 ssl http2;": "",
        "/run/lookup": str(sockets),
        "/run/nginx.pid": str(home / "nginx.pid"),
        "/var/log/nginx": str(home),
        "/var/cache/nginx-lookup": str(home / "cache"),
        "access_log off;": "access_log off;"
        + "".join(f"{name}_temp_path {home / name};" for name in TEMPORARY),
    }
    for place, here in places.items():
        text = text.replace(place, here)
    # Nobody asks these for anything here, and their ports may be taken.
    numbers = itertools.count()
    return _ELSEWHERE.sub(lambda _: f"listen unix:{home}/{next(numbers)}.sock;", text)


@contextlib.contextmanager
def front(sockets: Path, room: int) -> Iterator[Service]:
    """nginx on the generator's core, in front of the one worker whose socket is in `sockets`,
    with `room` for so many requests there at a time."""
    with tempfile.TemporaryDirectory(prefix="front") as folder:
        home, port = Path(folder), free_port()
        (home / "nginx.conf").write_text(_written(home, sockets, port, room), "utf-8")
        # Its ready page is the service's.
        command = [
            tool("nginx"), "-p", folder, "-c", str(home / "nginx.conf"),
            "-e", str(home / "error.log"), "-g", "daemon off;",
        ]  # fmt: skip
        with running(command, port=port, ready="/readyz", core=GENERATOR_CORE) as service:
            yield service
