"""What the pages bring along for whoever waits: a script from here, and words without it."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette

from lookup import record_page
from lookup.pages import CONTENT_SECURITY_POLICY, Pages, environment
from lookup.phrases import LANGUAGES
from lookup.public.answers import PHRASES
from lookup.public.app import create_app
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import Clock, make_kind, make_release, open_release, send

TEMPLATES = Path(record_page.__file__).parent / "public" / "templates"
SCRIPT = record_page.STATIC / "ask.js"


@pytest.fixture
def app(tmp_path: Path) -> Starlette:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    found = create_app(Settings(data_dir=tmp_path), store, Clock())
    found.state.live.settle()
    return found


def test_scripts_come_from_this_site_alone_and_talk_to_it_alone() -> None:
    policy = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_no_page_has_a_script_of_its_own(app: Starlette) -> None:
    page = send(app, "GET", "/scores").text
    assert re.findall(r"<script[^>]*>[^<]", page) == []
    assert re.findall(r"\son[a-z]+=|javascript:|style=", page) == []
    assert '<script src="/static/ask.js" defer></script>' in page


def test_the_start_leads_on_without_its_script(app: Starlette) -> None:
    page = send(app, "GET", "/?lang=en").text
    assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/home.js" defer>']
    assert 'class="button" href="/scores?lang=en"' in page


def test_the_script_is_small_and_keeps_nothing() -> None:
    script = SCRIPT.read_text("utf-8")
    assert len(script) < 8192
    for word in ("localStorage", "sessionStorage", "indexedDB", "cookie", "innerHTML", "eval("):
        assert word not in script


def test_static_files_are_kept_for_an_hour_and_then_asked_after(app: Starlette) -> None:
    found = send(app, "GET", "/static/ask.js")
    assert found.headers["cache-control"] == "public, max-age=3600"
    assert found.headers["content-type"].startswith("text/javascript")
    again = send(app, "GET", "/static/ask.js", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "public, max-age=3600"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_busy_page_says_when_and_asks_again_by_itself(language: str) -> None:
    pages = Pages(environment(TEMPLATES, record_page.TEMPLATES), PHRASES)
    page = pages.render("busy.html", language, "/", seconds=7)
    assert '<meta http-equiv="refresh" content="7">' in page
    assert PHRASES.say("busy.again", language, seconds=7) in page
