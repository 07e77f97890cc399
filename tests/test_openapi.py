"""The OpenAPI document says everything the service answers, and nothing else is answered.

schemathesis makes the requests: right ones, wrong ones, and every boundary of the schemas.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

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
from lookup.public.handler import FairUse
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Upcoming
from tests.makers import (
    KEY,
    OPENING,
    Clock,
    make_kind,
    make_release,
    move,
    open_release,
    send,
)
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


def test_nothing_is_answered_that_is_not_described(app: Starlette, document: Any) -> None:
    asked: Counter[str] = Counter()
    wrong = []
    for event in explore(app, document, EXAMPLES).execute():
        if isinstance(event, NonFatalError | FatalError):
            wrong.append(str(event))
        elif isinstance(event, ScenarioFinished):
            asked[event.recorder.label] += len(event.recorder.interactions)
            wrong += [
                f"{event.recorder.label}: {check.name}: {check.failure_info.failure}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info is not None
            ]
    assert wrong == []
    described = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert described <= asked.keys()
