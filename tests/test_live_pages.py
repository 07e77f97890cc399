"""The broadcast's page and document, through the application."""

import dataclasses
import re
from pathlib import Path

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from lookup.pages import SECURITY_HEADERS
from lookup.public.app import create_app
from lookup.public.broadcast import RETRY
from lookup.public.site.ready import MADE_S, WORDS
from lookup.settings import Settings
from lookup.stores.broadcast import NAME, Broadcast
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.entries import Board, End, Round
from tests.broadcast_makers import FIRST, SECOND, after, at, broadcast, said, school
from tests.makers import Clock, send
from tests.test_hub import EPOCH, ids
from tests.wire_makers import NoFairUse


class World:
    def __init__(self, folder: Path) -> None:
        store = EmbeddedStore(folder)
        store.prepare()
        self.file = Broadcast(store.live)
        self.path = store.live / NAME
        self.seconds = 0.0
        self.app: Starlette = create_app(Settings(data_dir=folder), store, Clock(), NoFairUse())
        self.app.state.service.hub.clock = lambda: self.seconds

    def begin(self) -> None:
        self.file.append(lambda _: broadcast(8))
        self.look()

    def look(self, seconds: float = MADE_S) -> None:
        """The service hears of what was said, and time goes on."""
        self.seconds += seconds
        self.app.state.service.hub.catch_up()

    def get(self, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(self.app, "GET", path, headers=named)

    def visible(self, path: str) -> list[str]:
        """The codes of the board's rows that are shown."""
        rows: list[str] = re.findall(r'<tr role="row" [^>]*data-code="(\d+)">', self.get(path).text)
        return rows


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("language", "words"), [("zh", "现在没有直播"), ("en", "There is no broadcast now")]
)
def test_without_a_broadcast_the_page_says_so_and_asks_for_nothing(
    world: World, language: str, words: str
) -> None:
    page = world.get(f"/live?lang={language}")
    assert page.status_code == 200
    assert f"<h1><span data-none>{words}" in page.text
    assert 'http-equiv="refresh"' not in page.text
    assert '<div data-there class="columns" hidden>' in page.text


def test_the_page_is_whole_without_a_script(world: World) -> None:
    world.begin()
    page = world.get("/live?lang=zh").text
    assert "2026年高级中等学校录取直播" in page
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page
    assert "虚构第一中学" in page
    assert "第一批投档过半。" in page
    assert f'value="{3300}"' in page
    assert page.index("北辰外国语学校计划已录满。") < page.index("第一批投档过半。")


def test_what_nobody_knows_is_not_said_to_be_none(world: World) -> None:
    world.begin()
    known = world.get("/live").text
    world.file.append(
        after(
            lambda id_: Round(id_, at(8), FIRST, "under_way", 0, 0, 0, 5),
            lambda id_: Board(id_, at(8), FIRST, (dataclasses.replace(school(0, 5), plan=0),)),
        )
    )
    world.look()
    page = world.get("/live").text
    row = page[page.index('data-code="0001"') : page.index('data-code="0002"')]
    assert '<span data-f="plan">–</span>' in row
    assert 'data-full="no" hidden' in row
    card = page[page.index('<article class="round"') : page.index("</article>")]
    assert '<dd data-f="plan">–</dd>' in card
    assert "<div hidden><dt>考生</dt>" in card
    assert " hidden></progress>" in card
    assert "<div hidden><dt>考生</dt>" not in known


def test_words_nobody_translated_say_which_language_they_are_in(world: World) -> None:
    world.begin()
    page = world.get("/live?lang=en").text
    assert '<p data-f="text" lang="zh-CN">北辰外国语学校计划已录满。</p>' in page
    assert '<p data-f="text">More than half of the first round has been forwarded.</p>' in page
    assert '<h3 data-f="round" lang="zh-CN">第一批</h3>' in page


def test_what_is_over_is_not_reloaded(world: World) -> None:
    world.begin()
    world.file.append(after(lambda id_: End(id_, at(9))))
    world.look()
    page = world.get("/live").text
    assert 'http-equiv="refresh"' not in page
    assert 'data-standing="ended">' in page


def test_rows_can_be_left_out_by_round_and_by_school(world: World) -> None:
    world.begin()
    assert len(world.visible("/live")) == 8
    assert world.visible(f"/live?round={FIRST}&school=云汉") == ["0002", "0007"]
    assert world.visible("/live?school=0003") == ["0003"]
    assert world.visible(f"/live?round={SECOND}") == []


def test_what_somebody_filters_by_is_escaped_and_bounded(world: World) -> None:
    world.begin()
    page = world.get("/live").text
    odd = world.get("/live?school=" + '"><script>' + "x" * 500).text
    assert "<script>" not in odd.replace('<script src="/static/live.js" defer></script>', "")
    assert "x" * 101 not in odd
    assert len(odd) < len(page) + 1000


def test_names_and_words_of_the_office_are_escaped(world: World) -> None:
    world.begin()
    world.file.append(after(said("<b>一</b>", "<i>one</i>")))
    world.look()
    assert "&lt;b&gt;一" in world.get("/live").text
    assert "&lt;i&gt;one" in world.get("/live?lang=en").text


def test_everybody_gets_the_same_page_until_something_is_said(world: World) -> None:
    world.begin()
    before = world.get("/live").text
    assert world.get("/live").text == before
    assert world.get("/live?lang=en").text != before
    world.file.append(after(said("又有消息")))
    world.look()
    assert "又有消息" in world.get("/live").text


def test_whatever_is_said_the_page_is_made_once_a_second(world: World) -> None:
    world.begin()
    before = world.get("/live").text
    world.file.append(after(said("又有消息")))
    world.look(MADE_S / 2)
    assert world.get("/live").text == before
    world.look(MADE_S / 2)
    assert "又有消息" in world.get("/live").text


def test_the_page_has_the_newest_words_and_the_document_more(world: World) -> None:
    world.begin()
    world.file.append(after(*[said("字")] * 60))
    world.look()
    page = world.get("/live").text
    shown = re.findall(r'<li data-id="(\d+)"', page)
    assert [int(each) for each in shown] == list(range(67, 67 - WORDS, -1))
    assert len(orjson.loads(world.get("/live.json").content)["account"]) == 63


def test_the_document_says_what_the_page_says_and_has_a_tag(world: World) -> None:
    world.begin()
    answer = world.get("/live.json")
    document = orjson.loads(answer.content)
    assert document["state"] == "under_way"
    assert document["last"] == f"{EPOCH}-7"
    assert [each["round"] for each in document["rounds"]] == [FIRST, SECOND]
    assert document["board"][1] == {
        "round": FIRST,
        "code": "0002",
        "school": "云汉中学",
        "plan": 120,
        "admitted": 57,
        "position": 1037,
        "score": 558.5,
        "full": False,
    }
    assert [each["id"] for each in document["account"]] == [7, 6, 2]
    assert answer.headers["cache-control"] == "public, max-age=1"
    assert re.fullmatch(r'"[0-9a-f]+"', answer.headers["etag"])


def test_whoever_has_the_document_is_told_that_it_is_the_same(world: World) -> None:
    world.begin()
    tag = world.get("/live.json").headers["etag"]
    for held in (tag, f'"other", W/{tag}', "*"):
        answer = world.get("/live.json", If_None_Match=held)
        assert answer.status_code == 304
        assert answer.content == b""
        assert answer.headers["etag"] == tag
        assert answer.headers["cache-control"] == "public, max-age=1"
    world.file.append(after(said("又有消息")))
    world.look()
    assert world.get("/live.json", If_None_Match=tag).status_code == 200


def test_events_without_our_protocol_are_what_was_missed_and_an_end(world: World) -> None:
    world.begin()
    answer = world.get(f"/live/events?after={EPOCH}-1", Last_Event_ID=f"{EPOCH}-5")
    assert answer.content.startswith(RETRY)
    assert ids(answer.content) == [6, 7]
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    names = {name.decode() for name, _ in SECURITY_HEADERS}
    assert names <= set(answer.headers)


def test_a_broadcast_that_is_moved_away_is_over(world: World) -> None:
    world.begin()
    world.path.unlink()
    world.look()
    assert orjson.loads(world.get("/live.json").content)["state"] == "none"
    assert "现在没有直播" in world.get("/live").text
