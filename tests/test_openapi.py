"""The OpenAPI document says everything the service answers, and nothing else is answered.

schemathesis makes the requests: right ones, wrong ones, and every boundary of the schemas.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.core import Engine
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from lookup.public.app import create_app
from lookup.public.asking import Unavailable
from lookup.public.challenge import encode
from lookup.public.handler import FairUse
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Upcoming
from tests.fair_use_makers import make_ladder, solved
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
from tests.site_pages import OPEN, publish, rows, typed
from tests.wire_makers import NoFairUse

EXAMPLES = 20
"""Requests that schemathesis makes up at each address, besides those at the boundaries."""
API = "/api/v1/scores"


def serve(folder: Path, fair_use: FairUse) -> Starlette:
    """Scores are open, the lottery is scheduled, admissions are over."""
    store = EmbeddedStore(folder)
    open_release(store, make_release(store, make_kind()))
    lottery = make_release(store, make_kind("lottery"), [], release="r2")
    move(store, "lottery", upcoming=Upcoming(lottery, OPENING + timedelta(days=1)))
    over = make_release(store, make_kind("admissions"), [], release="r3")
    open_release(store, over, "admissions", KEY, OPENING - timedelta(days=9), OPENING)
    settings = Settings(data_dir=folder, site_url="https://results.example.edu.cn")
    app = create_app(settings, store, Clock(), fair_use)
    app.state.live.settle()
    return app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starlette]:
    app = serve(tmp_path_factory.mktemp("data"), NoFairUse())
    yield app
    app.state.live.close()


@pytest.fixture(scope="module")
def document(app: Starlette) -> Any:
    return send(app, "GET", "/openapi.json").json()


def without_lifespan(app: Starlette) -> ASGIApp:
    """The application as it stands: schemathesis would keep a lifespan up for good."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await app(scope, receive, send)

    return answer


def explore(app: Starlette, document: dict[str, Any], examples: int) -> Engine:
    """schemathesis over the document; equal documents make equal requests."""
    generation = GenerationConfig(max_examples=examples, deterministic=True, database="none")
    projects = ProjectsConfig(default=ProjectConfig(generation=generation))
    config = SchemathesisConfig(projects=projects, seed=1)
    # Whatever the operator calls the site, here it is asked in process.
    schema = schemathesis.openapi.from_dict(document | {"servers": [{"url": "/"}]}, config=config)
    schema.app = without_lifespan(app)
    return from_schema(schema)


def test_the_document_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert [str(each) for each in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def faults(app: Starlette, document: dict[str, Any], examples: int) -> tuple[list[str], set[str]]:
    """What schemathesis finds wrong, and the operations it has asked."""
    asked: set[str] = set()
    wrong = []
    for event in explore(app, document, examples).execute():
        if isinstance(event, NonFatalError | FatalError):
            wrong.append(str(event))
        elif isinstance(event, ScenarioFinished):
            asked.add(event.recorder.label)
            wrong += [
                f"{event.recorder.label}: {check.name}: {check.failure_info.failure}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info is not None
            ]
    return wrong, asked


def test_nothing_is_answered_that_is_not_described(app: Starlette, document: Any) -> None:
    wrong, asked = faults(app, document, EXAMPLES)
    assert wrong == []
    described = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert described <= asked


def test_what_is_not_described_would_be_found(app: Starlette, document: Any) -> None:
    lookup = {**document["paths"][API]["post"]}
    lookup["responses"] = {k: v for k, v in lookup["responses"].items() if k != "422"}
    wrong, _ = faults(app, document | {"paths": {API: {"post": lookup}}}, 1)
    assert any("status_code_conformance" in each and "422" in each for each in wrong)


def check(document: dict[str, Any], path: str, answer: httpx.Response) -> None:
    """Hold one answer against the document, as schemathesis does."""
    (operation,) = document["paths"][path].values()
    described = operation["responses"][str(answer.status_code)]
    for name, header in described.get("headers", {}).items():
        assert name in answer.headers or not header["required"], name
    media = answer.headers["content-type"].partition(";")[0]
    schema = described["content"][media]["schema"] | {"components": document["components"]}
    value = answer.json() if media.endswith("json") else answer.text
    wrong = jsonschema_rs.validator_for(schema).iter_errors(value)
    assert [str(each) for each in wrong] == []


@pytest.mark.parametrize("kind", OPEN)
def test_every_record_of_the_made_up_town_fits_its_description(town: Starlette, kind: str) -> None:
    document = send(town, "GET", "/openapi.json").json()
    for number in range(0, len(rows(kind)), 5):
        answer = send(town, "POST", f"/api/v1/{kind}", json=typed(kind, number))
        assert answer.status_code == 200
        check(document, f"/api/v1/{kind}", answer)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starlette]:
    folder = tmp_path_factory.mktemp("town")
    app = create_app(Settings(data_dir=folder), publish(folder), fair_use=NoFairUse())
    app.state.live.settle()
    yield app
    app.state.live.close()


def test_what_is_served_is_never_a_second_factor_nor_withheld(document: Any) -> None:
    for name in OPEN:
        kind = make_kind(name)
        described = document["components"]["schemas"][f"{name}.found"]["properties"]["record"]
        assert kind.identifier in described["properties"]
        for field in kind.fields:
            if field.secret or field.withheld:
                assert field.name not in described["properties"]


def test_fair_use_answers_as_described(tmp_path: Path, document: Any) -> None:
    ladder = make_ladder()
    app = serve(tmp_path, ladder.fair_use)
    wrong, seen = TYPED | {"access_code": "ZZZZ9999"}, set()
    solution = ""
    for _ in range(40):
        headers = {"X-Altcha-Solution": solution} if solution else {}
        answer = send(app, "POST", API, json=wrong, headers=headers)
        check(document, API, answer)
        problem = answer.json()
        seen.add((problem["code"], problem.get("solution")))
        if problem["code"] == "challenge_required":
            challenge = problem["challenge"]
            # Once without the number, which is too early; then solved.
            early = (problem["code"], "too_early") not in seen
            solution = encode(challenge) if early else solved(challenge)
        if problem["code"] == "no_match" and ("challenge_required", "used") in seen:
            solution = ""
    app.state.live.close()
    assert seen >= {
        ("no_match", None),
        ("challenge_required", None),
        ("challenge_required", "too_early"),
        ("challenge_required", "used"),
        ("try_later", None),
    }


def test_what_is_broken_answers_as_described(
    tmp_path: Path, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = serve(tmp_path, NoFairUse())
    monkeypatch.setattr("lookup.public.handler.find", lambda *_: Unavailable())
    check(document, API, send(app, "POST", API, json=TYPED))

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(app.state.live, "view", fail)
    for path, method in ((API, "POST"), ("/status.json", "GET"), ("/feed.atom", "GET")):
        answer = send(app, method, path, json=TYPED if method == "POST" else None)
        assert answer.status_code == 500
        check(document, path, answer)
    app.state.live.close()


@pytest.mark.parametrize("path", [API, "/status.json", "/openapi.json"])
def test_who_comes_when_too_many_do_is_answered_as_described(
    app: Starlette, document: Any, path: str
) -> None:
    refusals = app.state.service.refusals
    for busy in (refusals.busy(path.encode(), "zh"), refusals.too_large(path.encode(), "en")):
        headers = [(name.decode(), value.decode()) for name, value in busy.headers]
        check(document, path, httpx.Response(busy.status, headers=headers, content=busy.body))
