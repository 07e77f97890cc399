"""The developer's door: documents that are made once, and examples that work."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from lookup.public import examples
from lookup.public.app import create_app
from lookup.public.fair_use import Go
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Upcoming
from tests.fair_use_makers import make_ladder
from tests.makers import OPENING, TYPED, Clock, make_kind, make_release, move, open_release, send
from tests.wire_makers import NoFairUse

ATOM = "{http://www.w3.org/2005/Atom}"
SITE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
URL = "https://results.example.edu.cn"
DOCUMENTS = ("/openapi.json", "/feed.atom", "/robots.txt", "/sitemap.xml")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    return store


@pytest.fixture
def app(tmp_path: Path, store: EmbeddedStore, clock: Clock) -> Iterator[Starlette]:
    settings = Settings(data_dir=tmp_path, site_url=URL)
    app = create_app(settings, store, clock, NoFairUse())
    app.state.live.settle()
    yield app
    app.state.live.close()


def parsed(answer: httpx.Response) -> Element:
    """An answer of our own, as XML."""
    return fromstring(answer.content)  # noqa: S314  # we wrote it


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_not_sent_again_to_whoever_has_it(app: Starlette, path: str) -> None:
    first = send(app, "GET", path)
    assert first.status_code == 200
    etag = first.headers["etag"]
    assert etag.startswith('"')
    app.state.live.settle()
    for sent in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = send(app, "GET", path, headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert send(app, "GET", path, headers={"If-None-Match": '"other"'}).content == first.content


def test_the_document_names_a_kind_as_soon_as_it_is_scheduled(
    app: Starlette, store: EmbeddedStore
) -> None:
    first = send(app, "GET", "/openapi.json")
    reference = make_release(store, make_kind("lottery"), [], release="r2")
    move(store, "lottery", upcoming=Upcoming(reference, OPENING + timedelta(days=1)))
    app.state.live.settle()
    second = send(app, "GET", "/openapi.json")
    assert second.headers["etag"] != first.headers["etag"]
    added = second.json()["paths"].keys() - first.json()["paths"].keys()
    assert "/api/v1/lottery" in added
    assert all("lottery" in path for path in added)


def test_the_feed_says_an_opening_at_its_hour_and_not_before(app: Starlette, clock: Clock) -> None:
    clock.now = OPENING - timedelta(seconds=1)
    assert parsed(send(app, "GET", "/feed.atom")).find(f"{ATOM}entry") is None
    clock.now = OPENING
    feed = parsed(send(app, "GET", "/feed.atom?lang=en"))
    entry = feed.find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}title") == "Now open: 试验发布"
    assert entry.findtext(f"{ATOM}updated") == feed.findtext(f"{ATOM}updated")
    assert entry.findtext(f"{ATOM}updated") == "2026-07-01T01:00:00Z"
    assert [each.attrib["href"] for each in entry.iter(f"{ATOM}link")] == [f"{URL}/scores?lang=en"]


def test_an_entry_keeps_its_id_in_every_language_and_on_every_machine(
    app: Starlette,
) -> None:
    feeds = [parsed(send(app, "GET", f"/feed.atom?lang={language}")) for language in ("zh", "en")]
    ids = {feed.findtext(f"{ATOM}entry/{ATOM}id") for feed in feeds}
    # The release's own, and nothing of the machine, the hour or the day.
    assert ids == {"urn:uuid:6e4b1fe9-f955-57fc-b8b1-6d902c006561"}


def test_the_sitemap_lists_public_pages_in_both_languages(app: Starlette) -> None:
    found = parsed(send(app, "GET", "/sitemap.xml"))
    listed = [each.text for each in found.iter(f"{SITE}loc")]
    assert {f"{URL}{path}?lang=en" for path in ("/", "/api", "/scores")} <= set(listed)
    for address in listed:
        assert address is not None
        assert send(app, "GET", address.removeprefix(URL)).status_code == 200


def test_no_address_comes_from_what_the_client_calls_the_site(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path), clock=Clock(), fair_use=NoFairUse())
    for path in (*DOCUMENTS, "/api"):
        answer = send(app, "GET", path, headers={"Host": "evil.example"})
        assert answer.status_code == (404 if path == "/sitemap.xml" else 200)
        assert "evil.example" not in answer.text
    assert "Sitemap" not in send(app, "GET", "/robots.txt").text


def test_robots_read_pages_and_ask_the_api_nothing(app: Starlette) -> None:
    rules = send(app, "GET", "/robots.txt").text.splitlines()
    assert "Disallow: /api/" in rules
    assert "Disallow: /" not in rules


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_for_developers_shows_every_problem_and_every_address(
    app: Starlette, language: str
) -> None:
    page = send(app, "GET", f"/api?lang={language}").text
    document = send(app, "GET", "/openapi.json").json()
    for path in document["paths"]:
        assert path in page
    codes = {schema.get("properties", {}).get("code", {}).get("const")
             for schema in document["components"]["schemas"].values()} - {None}  # fmt: skip
    assert codes
    for code in codes:
        assert f">{code}</code>" in page
    for known in TYPED.values():
        assert known not in page.replace("ABCD2345", "").replace("100000001", "")


def test_the_example_solves_a_challenge() -> None:
    program = examples.python(URL, TYPED)
    names: dict[str, object] = {}
    exec(program.rpartition("print(")[0], names)  # noqa: S102  # our own example
    ladder = make_ladder()
    ladder.fail(6)
    solve = names["solve"]
    assert callable(solve)
    solution = solve(dict(ladder.challenge()))
    assert json.loads(base64.b64decode(solution))["number"] >= 0
    assert isinstance(ladder.step(solution), Go)


def test_the_feed_calls_a_correction_a_correction(app: Starlette, store: EmbeddedStore) -> None:
    corrected = make_release(store, make_kind(), release="r2", version=2, corrects="r1")
    open_release(store, corrected, opened_at=OPENING)
    app.state.live.settle()
    feed = parsed(send(app, "GET", "/feed.atom?lang=en"))
    assert feed.findtext(f"{ATOM}entry/{ATOM}title") == "Corrected: 试验发布"


def test_the_sitemap_lists_the_tables_there_are(app: Starlette, store: EmbeddedStore) -> None:
    rows = [{"value": "normal", "count": 12}]
    tables = [{"name": "flag", "type": "counts", "rows": rows}]
    told = orjson.dumps({"tables": tables, "earlier": []})
    open_release(store, make_release(store, make_kind(), release="r2", statistics=told))
    app.state.live.settle()
    assert f"{URL}/scores/statistics?lang=en" in send(app, "GET", "/sitemap.xml").text
