"""nginx in front of the service, with the very file that operators get."""

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lookup.pages import SECURITY_HEADERS
from lookup.public.answers import STATUSES
from lookup.sockets import bind_files
from lookup.stores.broadcast import Broadcast
from tests.broadcast_makers import broadcast
from tests.makers import TYPED
from tests.service_makers import HOST, PATIENCE_S, Service, free_port, publish_one, wait_listening
from tests.test_hub import EPOCH

FILE = Path(__file__).parent.parent / "data" / "deploy" / "nginx.conf"
NAME = "results.example.edu.cn"
PAUSES = {str(seconds) for seconds in range(2, 10)}
REQUESTS_A_WORKER = 64
VIEWERS_AN_ADDRESS = 8
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Front:
    """A running nginx: its ports, and what it takes to trust it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sockets = folder / "run"
        self.port, self.plain_port = free_port(), free_port()
        make_certificate(folder)
        self.tls = ssl.create_default_context(cafile=folder / "chain.pem")

    def write(self) -> Path:
        """The operators' file with this machine's places in it, as its head says to change it."""
        text = FILE.read_text("utf-8")
        places = {
            NAME: "localhost",
            "/etc/lookup/tls": str(self.folder),
            "/run/lookup": str(self.sockets),
            "/run/nginx.pid": str(self.folder / "nginx.pid"),
            "/var/log/nginx": str(self.folder),
            "/var/cache/nginx-lookup": str(self.folder / "cache"),
            "user www-data": "user root",
            "max_conns=1500": f"max_conns={REQUESTS_A_WORKER}",
            "viewers_of_address 1000": f"viewers_of_address {VIEWERS_AN_ADDRESS}",
            "listen 443": f"listen {self.port}",
            "listen [::]:443": f"listen [::]:{self.port}",
            "listen 80": f"listen {self.plain_port}",
            "listen [::]:80": f"listen [::]:{self.plain_port}",
            # Everything nginx writes belongs to this test.
            "access_log off;": "access_log off;"
            + "".join(f"{name}_temp_path {self.folder / name};" for name in TEMPORARY),
        }
        for place, here in places.items():
            assert place in text
            text = text.replace(place, here)
        path = self.folder / "nginx.conf"
        path.write_text(text, "utf-8")
        return path

    def client(self) -> httpx.Client:
        url = f"https://localhost:{self.port}"
        return httpx.Client(base_url=url, verify=self.tls, trust_env=False, timeout=PATIENCE_S)

    def connect(self, protocols: list[str], name: str = "localhost") -> ssl.SSLSocket:
        self.tls.set_alpn_protocols(protocols)
        plain = socket.create_connection((HOST, self.port), PATIENCE_S)
        return self.tls.wrap_socket(plain, server_hostname=name)


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "chain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    front = Front(tmp_path)
    command = ["/usr/sbin/nginx", "-p", str(tmp_path), "-c", str(front.write())]
    process = subprocess.Popen(
        [*command, "-e", str(tmp_path / "error.log"), "-g", "daemon off;"], stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        wait_listening(front.port)
        yield front
    finally:
        process.terminate()
        assert process.communicate(timeout=PATIENCE_S)[1] == b""


@pytest.fixture
def service(front: Front, tmp_path: Path) -> Iterator[Service]:
    data = tmp_path / "data"
    data.mkdir()
    publish_one(data)
    with Service(data, "--sockets", str(front.sockets), "--workers", "2") as service:
        service.ready(2)
        yield service


class Upstream:
    """Stands in for the workers: keeps the requests, answers them all or hangs up on the first."""

    def __init__(self, sockets: list[socket.socket], hangs_up: bool = False) -> None:
        self.asked: list[bytes] = []
        self.hangs_up = hangs_up
        self.headers = b""
        for bound in sockets:
            threading.Thread(target=self._serve, args=(bound,), daemon=True).start()

    def _serve(self, bound: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                with bound.accept()[0] as connection:
                    self.asked.append(connection.recv(1 << 16).lower())
                    if not self.hangs_up:
                        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + self.headers
                        connection.sendall(head + b"\r\nok")
                    self.hangs_up = False


@pytest.fixture
def upstream(front: Front) -> Iterator[Upstream]:
    with bind_files(front.sockets, 2) as sockets:
        yield Upstream(sockets)
        for bound in sockets:
            bound.shutdown(socket.SHUT_RDWR)


def test_a_record_is_found_over_tls(front: Front, service: Service) -> None:
    with front.client() as client:
        answer = client.post("/api/v1/scores", json=TYPED)
        assert answer.json()["record"]["candidate_number"] == TYPED["candidate_number"]
        assert answer.headers["strict-transport-security"]
        assert client.post("/scores", data=TYPED).status_code == 200
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/nothing"), ("GET", "/static/site.css"), ("POST", "/api/v1/scores")],
)
def test_every_answer_says_each_promise_of_safety_once(
    front: Front, service: Service, method: str, path: str
) -> None:
    with front.client() as client:
        headers = client.request(method, path).headers
    assert headers.get_list("strict-transport-security") == ["max-age=31536000"]
    for name, value in SECURITY_HEADERS:
        assert headers.get_list(name.decode()) == [value.decode()]


def test_the_style_sheet_is_kept_by_nginx_and_by_browsers(front: Front, service: Service) -> None:
    with front.client() as client:
        first = client.get("/static/site.css")
        assert (first.status_code, first.headers["cache-control"]) == (200, "max-age=600")
        service.stop()
        assert client.get("/static/site.css").content == first.content


@pytest.mark.parametrize(
    "path",
    ["/", "/live", "/live.json", "/scores/statistics", "/static/site.css", "/static/home.js"],
)
def test_what_is_the_same_for_everybody_is_compressed(
    front: Front, service: Service, path: str
) -> None:
    with front.client() as client:
        found = client.get(path, headers={"Accept-Encoding": "gzip"})
        plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert (found.headers["content-encoding"], found.text) == ("gzip", plain.text)
    assert "content-encoding" not in plain.headers


def test_the_length_of_no_record_s_page_tells_of_its_content(
    front: Front, service: Service
) -> None:
    with front.client() as client:
        found = client.post("/scores", data=TYPED, headers={"Accept-Encoding": "gzip"})
        form = client.get("/scores", headers={"Accept-Encoding": "gzip"})
        said = client.post("/api/v1/scores", json=TYPED, headers={"Accept-Encoding": "gzip"})
    assert "512.5" in found.text
    for response in (found, form, said):
        assert response.status_code == 200
        assert "content-encoding" not in response.headers


def test_a_killed_worker_fails_nobody_who_may_be_asked_again(
    front: Front, service: Service
) -> None:
    with front.client() as client:
        for _ in range(3):
            os.kill(service.workers[0], signal.SIGKILL)
            assert {client.get("/").status_code for _ in range(20)} == {200}
            service.says("ended")
            service.ready(2)


def test_a_restart_fails_nobody(front: Front, service: Service) -> None:
    with front.client() as client:
        service.process.send_signal(signal.SIGHUP)
        while "replaced" not in service.says(""):
            answers = [client.post("/api/v1/scores", json=TYPED) for _ in range(20)]
            assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1")]
)
def test_browsers_get_http_2(front: Front, offered: list[str], chosen: str) -> None:
    with front.connect(offered) as connection:
        assert connection.selected_alpn_protocol() == chosen


@pytest.mark.skipif(not Path("/usr/bin/curl").exists(), reason="needs curl")
def test_a_record_is_found_over_http_2(front: Front, service: Service) -> None:
    command = [
        "/usr/bin/curl",
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--http2",
        "--cacert",
        str(front.folder / "chain.pem"),
    ]
    url = f"https://localhost:{front.port}/api/v1/scores"
    shown = subprocess.check_output(
        [*command, "--json", json.dumps(TYPED), "--write-out", "%{http_version}", url]
    )
    assert TYPED["candidate_number"].encode() in shown
    assert shown.endswith(b"2")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(front: Front, version: ssl.TLSVersion) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        front.tls.minimum_version = front.tls.maximum_version = version
    front.tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        front.connect(["http/1.1"]).close()


def test_another_name_gets_no_certificate(front: Front) -> None:
    front.tls.check_hostname = False
    front.tls.verify_mode = ssl.CERT_NONE
    with pytest.raises(ssl.SSLError):
        front.connect(["http/1.1"], "another.example.org").close()


def test_plain_http_leads_to_our_own_name_whatever_the_client_says(front: Front) -> None:
    url = f"http://localhost:{front.plain_port}/scores"
    with httpx.Client(trust_env=False) as client:
        answer = client.get(url, headers={"Host": "localhost"})
        assert answer.headers["location"] == "https://localhost/scores"
        with pytest.raises(httpx.TransportError):
            client.get(url, headers={"Host": "another.example.org"})


def test_a_client_cannot_say_where_it_comes_from(front: Front, upstream: Upstream) -> None:
    told = {"X-Real-IP": "203.0.113.9", "X-Forwarded-For": "203.0.113.9"}
    with front.client() as client:
        assert client.get("/", headers=told).text == "ok"
    assert b"x-real-ip: 127.0.0.1\r\n" in upstream.asked[0]
    assert b"203.0.113.9" not in upstream.asked[0]


@pytest.mark.parametrize(("method", "status", "asked"), [("GET", 200, 2), ("POST", 503, 1)])
def test_only_what_may_be_asked_twice_is_asked_again(
    front: Front, upstream: Upstream, method: str, status: int, asked: int
) -> None:
    upstream.hangs_up = True
    with front.client() as client:
        answer = client.request(method, "/api/v1/scores")
    assert (answer.status_code, len(upstream.asked)) == (status, asked)
    if status == 503:
        assert answer.json()["code"] == "busy"
        assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [({"X-Large": "x" * 5000}, b"", 431), ({}, b"x" * 5000, 413)],
)
def test_what_is_too_large_never_reaches_a_worker(
    front: Front, upstream: Upstream, headers: dict[str, str], body: bytes, status: int
) -> None:
    with front.client() as client:
        assert client.post("/scores", headers=headers, content=body).status_code == status
    assert upstream.asked == []


REFUSED: dict[int, dict[str, Any]] = {
    400: {"headers": {"Host": "not a name"}},
    405: {"method": "TRACE"},
    413: {"content": b"x" * 5000},
    414: {"params": {"x": "x" * 5000}},
    431: {"headers": {"X-Large": "x" * 5000}},
    503: {},
}
"""What nginx answers by itself, nobody being there to be asked."""


@pytest.mark.parametrize("path", ["/api/v1/scores", "/scores"])
@pytest.mark.parametrize("status", REFUSED)
def test_what_nginx_answers_itself_has_the_form_of_ours(
    front: Front, status: int, path: str
) -> None:
    asked = {"method": "POST", "url": path} | REFUSED[status]
    with front.client() as client:
        answer = client.request(**asked)
    assert answer.status_code == status
    assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
    assert answer.headers["cache-control"] == "no-store"
    for name, value in SECURITY_HEADERS:
        if name != b"content-security-policy":
            assert answer.headers.get_list(name.decode()) == [value.decode()]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    pause = answer.headers.get("retry-after")
    assert (pause in PAUSES) if status == 503 else (pause is None)
    # Of an address that is too long nginx knows nothing.
    if path.startswith("/api/") and status != 414:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert list(problem) == ["type", "title", "status", "detail", "code"]
        assert problem["status"] == status
        assert problem["code"] in {*STATUSES, "invalid_request"}
    else:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert 'lang="zh-CN"' in answer.text
        assert 'lang="en"' in answer.text
        assert "$" not in answer.text
        again = f'<meta http-equiv="refresh" content="{pause}">'
        assert (again in answer.text) == (status == 503)


def accepted(bound: socket.socket) -> list[socket.socket]:
    """The connections that wait to be taken."""
    bound.setblocking(False)
    taken = []
    with contextlib.suppress(BlockingIOError):
        while True:
            taken.append(bound.accept()[0])
    return taken


def test_what_the_workers_cannot_take_is_refused_by_nginx_and_never_reaches_them(
    front: Front,
) -> None:
    over = 8
    with bind_files(front.sockets, 2) as sockets, contextlib.ExitStack() as stack:
        # Nobody answers there: what is passed on stays with the workers.
        asking = [
            stack.enter_context(front.connect(["http/1.1"]))
            for _ in range(2 * REQUESTS_A_WORKER + over)
        ]
        for each in asking:
            each.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        refused: set[ssl.SSLSocket] = set()
        while len(refused) < over:
            heard = select.select(set(asking) - refused, [], [], PATIENCE_S)[0]
            assert heard, "some are neither refused nor passed on"
            assert all(each.recv(12) == b"HTTP/1.1 503" for each in heard)
            refused.update(heard)
        # All are kept open: nginx asks the other worker again what one hangs up on.
        passed_on = [[stack.enter_context(each) for each in accepted(bound)] for bound in sockets]
        assert [len(each) for each in passed_on] == [REQUESTS_A_WORKER] * 2


def test_the_answers_of_nginx_have_no_address_of_their_own(front: Front) -> None:
    with front.client() as client:
        assert client.get("/.answers/page").status_code == 404
        assert "$" not in client.get("/.answers/page").text


def test_no_client_is_logged(front: Front, service: Service) -> None:
    service.stop()
    with front.client() as client:
        assert client.post("/api/v1/scores", json=TYPED).json()["code"] == "busy"
        assert client.get("/").status_code == 503
    for path in front.folder.glob("*.log"):
        assert not {b"client", HOST.encode()} & set(path.read_bytes().replace(b":", b" ").split())


def test_the_broadcast_comes_through_as_it_happens_and_a_restart_sends_its_viewers_away(
    front: Front, service: Service, tmp_path: Path
) -> None:
    file = Broadcast(tmp_path / "data" / "live")
    with front.client() as client, client.stream("GET", "/live/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = answer.iter_lines()
        assert next(lines) == "retry: 3000"
        file.append(lambda _: broadcast())
        assert [line for line in itertools.islice(lines, 28) if line.startswith("id: ")] == [
            f"id: {EPOCH}-{number}" for number in range(1, 8)
        ]
        service.restart()
        assert any(line.startswith("retry: ") for line in lines)


def test_the_broadcasts_document_keeps_its_tag(front: Front, service: Service) -> None:
    with front.client() as client:
        tag = client.get("/live.json").headers["etag"]
        held = client.get("/live.json", headers={"If-None-Match": tag})
        # Compressed it is another sequence of bytes: the tag says so.
        assert (held.status_code, held.headers["etag"]) == (304, tag.removeprefix("W/"))


@pytest.mark.parametrize("path", ["/status.json", "/live.json", "/static/site.css"])
def test_a_query_makes_nginx_ask_and_keep_no_more(
    front: Front, upstream: Upstream, path: str
) -> None:
    upstream.headers = b"Cache-Control: max-age=600\r\n"
    with front.client() as client:
        for number in range(4):
            assert client.get(f"{path}?x={number}").text == "ok"
    assert len(upstream.asked) == 1
    assert upstream.asked[0].startswith(b"get " + path.encode() + b" ")


def test_one_address_cannot_hold_all_places_of_those_who_watch(front: Front) -> None:
    with bind_files(front.sockets, 2), contextlib.ExitStack() as stack:
        watching = [
            stack.enter_context(front.connect(["http/1.1"])) for _ in range(VIEWERS_AN_ADDRESS + 1)
        ]
        for each in watching:
            each.sendall(b"GET /live/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        [refused] = select.select(watching, [], [], PATIENCE_S)[0]
        assert refused.recv(12) == b"HTTP/1.1 503"
