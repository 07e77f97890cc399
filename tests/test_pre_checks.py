"""`/KIND/pre-check`: before the hour, right or not, and nothing else."""

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette

from lookup.public.answers import PHRASES
from lookup.public.app import create_app
from lookup.public.network import network_of
from lookup.sealing import pre_check_key
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Upcoming
from tests.makers import (
    KEY,
    OPENING,
    RECORD,
    TYPED,
    Clock,
    make_kind,
    make_release,
    move,
    open_release,
    send,
)

PAGE = "/scores/pre-check"
LANGUAGES = ("zh", "en")


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path)


@pytest.fixture
def app(tmp_path: Path, store: EmbeddedStore) -> Starlette:
    reference = make_release(store, make_kind(), pre_check=True)
    move(store, upcoming=Upcoming(reference, OPENING, None, pre_check_key(KEY)))
    clock = Clock(OPENING - timedelta(days=2))
    found = create_app(Settings(data_dir=tmp_path), store, clock)
    found.state.live.settle()
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_right_is_said_to_be_and_nothing_of_the_record(
    app: Starlette, language: str
) -> None:
    found = send(app, "POST", f"{PAGE}?lang={language}", data=TYPED)
    assert (found.status_code, found.headers["cache-control"]) == (200, "no-store")
    assert PHRASES.say("pre_check.right.detail", language) in found.text
    for value in (RECORD["name"], "512.5", *TYPED.values()):
        assert str(value) not in found.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unknown_number_and_a_wrong_code_are_the_same(app: Starlette, language: str) -> None:
    tries = [TYPED | {"access_code": "ZZZZ9999"}, TYPED | {"candidate_number": "999999999"}]
    first, second = (send(app, "POST", f"{PAGE}?lang={language}", data=each) for each in tries)
    assert first.status_code == second.status_code == 404
    assert first.text == second.text
    assert PHRASES.say("pre_check.no_match.title", language) in first.text
    assert "999999999" not in first.text


def test_a_slip_is_said_beside_its_field(app: Starlette) -> None:
    found = send(app, "POST", f"{PAGE}?lang=en", data=TYPED | {"access_code": "ABC"})
    assert found.status_code == 422
    assert 'aria-invalid="true" autofocus' in found.text
    assert '<a href="#access_code-access_code">' in found.text


def test_every_slip_is_said_at_once_and_counted(app: Starlette) -> None:
    slips = {"access_code": "ABC", "candidate_number": ""}
    found = send(app, "POST", f"{PAGE}?lang=en", data=TYPED | slips)
    assert found.status_code == 422
    assert "<strong>2 things to put right</strong>" in found.text
    assert found.text.count('aria-invalid="true"') == 2
    assert found.text.count("autofocus") == 1
    for name in slips:
        assert f'<a href="#access_code-{name}">' in found.text


def test_tries_beforehand_and_tries_at_the_hour_come_from_one_budget(app: Starlette) -> None:
    fair_use = app.state.service.fair_use
    for _ in range(5):
        fair_use.failed(b"scores:100000001", network_of("192.0.2.1"))
    found = send(app, "POST", f"{PAGE}?lang=en", data=TYPED)
    assert found.status_code == 429
    assert "data-challenge" in found.text


def test_once_it_is_open_the_page_leads_to_the_lookup(app: Starlette, store: EmbeddedStore) -> None:
    open_release(store, make_release(store, make_kind(), release="r2"), opened_at=OPENING)
    app.state.live.clock.now = OPENING + timedelta(hours=1)
    app.state.live.settle()
    for method in ("GET", "POST"):
        found = send(app, method, f"{PAGE}?lang=en")
        assert (found.status_code, found.headers["location"]) == (303, "/scores?lang=en")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_release_without_marks_has_no_such_page(tmp_path: Path, method: str) -> None:
    store = EmbeddedStore(tmp_path)
    move(store, upcoming=Upcoming(make_release(store, make_kind()), OPENING))
    app = create_app(Settings(data_dir=tmp_path), store, Clock(OPENING - timedelta(days=2)))
    app.state.live.settle()
    found = send(app, method, f"{PAGE}?lang=zh")
    assert found.status_code == 404
    assert PHRASES.say("problem.no_pre_check.title", "zh") in found.text
    assert send(app, method, "/nothing/pre-check").status_code == 404
    for page in ("/", "/scores"):
        assert "pre-check" not in send(app, "GET", page).text


def test_it_is_offered_where_the_hour_is_waited_for(app: Starlette) -> None:
    for page in ("/?lang=en", "/scores?lang=en"):
        assert 'href="/scores/pre-check?lang=en"' in send(app, "GET", page).text
    kinds = send(app, "GET", "/status.json").json()["kinds"]
    assert [kind["pre_check"] for kind in kinds] == [True]
