"""The public service over ASGI: the API, the pages, what they never say."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette

from lookup.kinds import read_kind
from lookup.pages import SECURITY_HEADERS, choose_language
from lookup.public.app import create_app
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import OPENING, TYPED, Clock, make_kind, make_release, open_release, send

API = "/api/v1/scores"
UNKNOWN = TYPED | {"candidate_number": "999999999"}
WRONG = TYPED | {"access_code": "ZZZZ9999"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Iterator[Starlette]:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    app = create_app(Settings(data_dir=tmp_path), store, clock)
    app.state.live.settle()
    yield app
    app.state.live.close()


def test_a_candidate_gets_the_sealed_record(app: Starlette) -> None:
    found = send(app, "POST", API, json=TYPED)
    assert found.status_code == 200
    assert found.headers["content-type"] == "application/json"
    assert found.headers["cache-control"] == "no-store"
    assert len(found.content) % 64 == 0
    assert found.json()["record"]["total"] == 512.5
    assert "access_code" not in found.json()["record"]


@pytest.mark.parametrize(
    "code",
    ["abcd2345", "ABCD-2345", " abcd 2345 ", "\uff21\uff22\uff23\uff24\uff12\uff13\uff14\uff15"],
)
def test_ways_of_writing_are_accepted(app: Starlette, code: str) -> None:
    typed = {"candidate_number": "100000001", "access_code": code}
    assert send(app, "POST", API, json=typed).status_code == 200
    assert send(app, "POST", "/scores", data=typed).status_code == 200


@pytest.mark.parametrize("language", ["zh", "en"])
def test_unknown_number_and_wrong_second_factor_are_the_same(app: Starlette, language: str) -> None:
    for url, name in ((API, "json"), ("/scores", "data")):
        url = f"{url}?lang={language}"
        one, two = (send(app, "POST", url, **{name: typed}) for typed in (UNKNOWN, WRONG))
        assert one.status_code == 404
        assert (one.content, one.headers.raw) == (two.content, two.headers.raw)


INVALID = [
    ({}, "candidate_number"),
    ({"candidate_number": "100000001"}, "access_code"),
    (TYPED | {"secret-4711": "x"}, None),
    (TYPED | {"id_suffix": "12345X"}, None),
    (TYPED | {"candidate_number": 100000001}, "candidate_number"),
    (TYPED | {"candidate_number": "1" * 129}, "candidate_number"),
    (TYPED | {"candidate_number": "4711"}, "candidate_number"),
    (TYPED | {"candidate_number": "4711abcde"}, "candidate_number"),
    (TYPED | {"candidate_number": "  "}, "candidate_number"),
    (TYPED | {"candidate_number": "10000\u00004711"}, "candidate_number"),
    (TYPED | {"access_code": "secret-4711"}, "access_code"),
    ({"candidate_number": "100000001", "id_suffix": "X4711"}, "id_suffix"),
]


@pytest.mark.parametrize(("fields", "wrong"), INVALID)
def test_an_invalid_input_is_named_and_never_repeated(
    app: Starlette, fields: dict[str, object], wrong: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    found = send(app, "POST", API, json=fields)
    assert found.status_code == 422
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["code"] == "invalid_request"
    assert found.json().get("field") == wrong
    # A form has texts only, so the number that is no text in JSON is right there.
    typed = {name: value for name, value in fields.items() if isinstance(value, str)}
    page = send(app, "POST", "/scores", data=typed)
    assert page.status_code != 200
    for text in (found.text, page.text, caplog.text):
        assert "4711" not in text
        assert "100000001" not in text


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * 4097, "application/json", 413),
    ],
)
def test_a_malformed_request_is_refused(
    app: Starlette, body: bytes, content_type: str, status: int
) -> None:
    found = send(app, "POST", API, content=body, headers={"content-type": content_type})
    assert found.status_code == found.json()["status"] == status


def test_before_the_hour_nothing_is_said_but_the_hour(app: Starlette, clock: Clock) -> None:
    clock.now = OPENING - timedelta(seconds=1)
    found = send(app, "POST", API, json=TYPED)
    assert found.status_code == 403
    assert found.json()["opens_at"] == "2026-07-01T01:00:00Z"
    page = send(app, "POST", "/scores", data=TYPED)
    assert page.status_code == 403
    assert "2026年7月1日（星期三）09:00" in page.text
    assert "512.5" not in page.text


def test_a_damaged_release_is_unavailable(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    reference = make_release(store, make_kind())
    store.path(reference).unlink()
    open_release(store, reference)
    app = create_app(Settings(data_dir=tmp_path), store, Clock())
    app.state.live.settle()
    for url in (API, "/scores"):
        found = send(app, "POST", url, json=TYPED)
        assert (found.status_code, found.headers["retry-after"]) == (503, "5")


def test_the_result_page_shows_the_record(app: Starlette) -> None:
    page = send(app, "POST", "/scores?lang=en", data=TYPED)
    assert page.headers["cache-control"] == "no-store"
    for text in ("512.5 / 600", "101.5 / 120", "120 / 120", "Absent", "1 July 2026, 09:00"):
        assert text in re.sub("<[^>]+>", "", page.text)
    assert "ABCD2345" not in page.text


@pytest.mark.parametrize("path", ["/", "/scores", "/status.json", "/nothing", "/static/site.css"])
def test_every_answer_has_the_security_headers(app: Starlette, path: str) -> None:
    found = send(app, "GET", path)
    for name, value in SECURITY_HEADERS:
        assert found.headers[name.decode()] == value.decode()
    assert "unsafe" not in found.headers["content-security-policy"]
    # Only where TLS ends is that known to be true: nginx says it.
    assert "strict-transport-security" not in found.headers


def test_status_lists_the_kinds(app: Starlette) -> None:
    found = send(app, "GET", "/status.json")
    assert found.headers["cache-control"] == "public, max-age=1"
    assert found.json()["kinds"][0]["state"] == "open"
    assert send(app, "GET", "/readyz").status_code == 200


def test_refusals_of_method_and_path(app: Starlette) -> None:
    found = send(app, "GET", API)
    assert (found.status_code, found.headers["allow"]) == (405, "POST")
    assert found.json()["code"] == "method_not_allowed"
    assert send(app, "POST", "/api/v1/none", json={}).json()["code"] == "unknown_kind"
    assert "<h1>" in send(app, "GET", "/a/b").text


def test_a_failure_says_and_logs_its_type_only(
    app: Starlette, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("personal-4711")

    monkeypatch.setattr(app.state.live, "view", fail)
    found = send(app, "POST", API, json=TYPED)
    assert (found.status_code, found.json()["code"]) == (500, "error")
    assert "RuntimeError" in caplog.text
    assert "4711" not in caplog.text + found.text


@pytest.mark.parametrize(
    ("query", "accept", "language"),
    [
        (b"", "", "zh"),
        (b"", "en-GB,en;q=0.9", "en"),
        (b"", "zh-CN,en;q=0.9", "zh"),
        (b"lang=en", "zh", "en"),
        (b"lang=fr", "fr", "zh"),
    ],
)
def test_the_language_is_chosen(query: bytes, accept: str, language: str) -> None:
    assert choose_language(query, accept) == language


def test_a_kind_nobody_has_seen_is_dropped_in(tmp_path: Path) -> None:
    document = {**make_kind().document, "name": "kindergarten"}
    kind, store = read_kind(document), EmbeddedStore(tmp_path)
    open_release(store, make_release(store, kind), kind="kindergarten")
    app = create_app(Settings(data_dir=tmp_path), store, Clock())
    app.state.live.settle()
    assert send(app, "POST", "/api/v1/kindergarten", json=TYPED).status_code == 200
    app.state.live.close()


def test_it_is_ready_once_the_lifespan_has_begun(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    app = create_app(Settings(data_dir=tmp_path), store, Clock())
    assert send(app, "GET", "/readyz").status_code == 503

    async def run() -> str:
        async with app.router.lifespan_context(app):
            view = app.state.live.view("scores", OPENING)
            return str(view.state)

    assert asyncio.run(run()) == "open"


def test_preferences_are_shown_as_a_table(tmp_path: Path) -> None:
    store, kind = EmbeddedStore(tmp_path), make_kind("admissions")
    rows = [{"school": "第一中学", "result": "below_line"}, {"school": "第二中学"}]
    record = {**TYPED, "name": "<b>甲", "outcome": "admitted", "preferences": rows}
    open_release(store, make_release(store, kind, [record]), kind="admissions")
    app = create_app(Settings(data_dir=tmp_path), store, Clock())
    app.state.live.settle()
    page = send(app, "POST", "/admissions", data=TYPED).text
    assert "<td>第一中学</td><td>未达线</td>" in page
    assert "&lt;b&gt;甲" in page
    app.state.live.close()
