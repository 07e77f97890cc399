"""The home page and `/status.json`: each kind with its state, and when a page comes back."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from lookup.public.answers import PHRASES
from lookup.public.app import create_app
from lookup.public.site.moments import LATE_S, SOON, SPREAD_S, Return, in_words
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Ended, Upcoming
from tests.makers import OPENING, Clock, make_kind, make_release, move, open_release, send

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEFORE = OPENING - timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(BEFORE)


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Starlette:
    """Admissions closed, lottery scheduled, scores open."""
    store = EmbeddedStore(tmp_path)
    references = {
        name: make_release(store, make_kind(name), [], release=name)
        for name in ("admissions", "lottery", "scores")
    }
    move(store, "admissions", ended=Ended(references["admissions"], BEFORE))
    move(store, "lottery", upcoming=Upcoming(references["lottery"], OPENING))
    closing = OPENING + timedelta(days=9)
    open_release(store, references["scores"], opened_at=BEFORE, closes_at=closing)
    found = create_app(Settings(data_dir=tmp_path), store, clock)
    found.state.live.settle()
    return found


def test_what_is_open_stands_first_and_what_is_closed_last(app: Starlette) -> None:
    page = send(app, "GET", "/?lang=en").text
    titles = [make_kind(name).title.en for name in ("scores", "lottery", "admissions")]
    assert re.findall("<h2>(.*)</h2>", page) == titles
    assert re.findall('class="badge ([a-z_]+)"', page) == ["open", "not_open", "open", "closed"]


@pytest.mark.parametrize(
    ("language", "opens", "closes"),
    [
        ("zh", "2026年7月1日（星期三）09:00", "2026年7月10日（星期五）09:00"),
        ("en", "Wednesday, 1 July 2026, 09:00 (UTC+08:00)", "Friday, 10 July 2026, 09:00"),
    ],
)
def test_hours_are_said_in_words(app: Starlette, language: str, opens: str, closes: str) -> None:
    page = send(app, "GET", f"/?lang={language}").text
    assert opens in page
    assert closes in page


def test_what_is_shown_once_it_is_open_is_there_before_and_inert(app: Starlette) -> None:
    home, kind = (send(app, "GET", path).text for path in ("/?lang=en", "/lottery?lang=en"))
    assert re.search(r'<template>[^§]*href="/lottery\?lang=en"[^§]*</template>', home)
    assert re.search(r'<template>[^§]*action="/lottery\?lang=en"[^§]*</template>', kind)
    assert "<form" not in kind[: kind.index("<template>")]


def test_the_links_that_come_at_the_hour_are_those_that_may_be_there(app: Starlette) -> None:
    home = send(app, "GET", "/?lang=en").text
    later = home.partition("<template>")[2].partition("</template>")[0]
    assert '<li data-table="schools"><a href="/lottery/schools?lang=en">' in later
    kinds = {kind["name"]: kind for kind in send(app, "GET", "/status.json").json()["kinds"]}
    # Neither tells anything yet: one is sealed, the other was released without statistics.
    assert kinds["lottery"]["tables"] == kinds["scores"]["tables"] == []


def test_a_kind_s_status_says_all_that_a_waiting_page_needs(app: Starlette) -> None:
    document = send(app, "GET", "/status.json").json()
    kinds = {kind["name"]: kind for kind in document["kinds"]}
    assert document["server_time"] == "2026-06-30T01:00:00Z"
    assert kinds["lottery"]["opens_at"] == "2026-07-01T01:00:00Z"
    assert kinds["lottery"]["release"] is None
    assert kinds["scores"]["closes_at"] == "2026-07-10T01:00:00Z"
    assert kinds["scores"]["release"] == {"version": 1, "opened_at": "2026-06-30T01:00:00Z"}
    assert kinds["scores"]["corrected"] is False
    assert kinds["admissions"]["state"] == "closed"


STATISTICS = orjson.dumps(
    {"tables": [{"name": "unknown", "type": "counts"}, {"name": "schools", "type": "groups"}]}
)


def test_public_tables_are_linked_and_a_correction_is_said_in_words(tmp_path: Path) -> None:
    store, kind = EmbeddedStore(tmp_path), make_kind("lottery")
    reference = make_release(store, kind, [], corrects="r0", statistics=STATISTICS)
    open_release(store, reference, "lottery")
    app = create_app(Settings(data_dir=tmp_path), store, Clock())
    app.state.live.settle()
    page = send(app, "GET", "/?lang=en").text
    assert re.findall('href="(/lottery[^"]*)"', page) == [
        "/lottery?lang=en",
        "/lottery/schools?lang=en",
    ]
    assert PHRASES.say("home.corrected", "en") in page
    assert 'class="badge corrected"' in page
    (state,) = send(app, "GET", "/status.json").json()["kinds"]
    assert (state["corrected"], state["tables"]) == (True, ["schools"])


def test_a_page_without_a_script_comes_back_only_where_it_opens_soon(
    app: Starlette, clock: Clock
) -> None:
    for path in ("/", "/lottery"):
        clock.now = OPENING - SOON - timedelta(seconds=1)
        early = send(app, "GET", f"{path}?lang=en").text
        assert "http-equiv" not in early
        assert PHRASES.say("countdown.plain", "en") in early
        clock.now = OPENING - timedelta(seconds=100)
        noscript = send(app, "GET", f"{path}?lang=en").text
        assert PHRASES.say("countdown.reloads", "en") in noscript
        assert PHRASES.say("countdown.plain", "en") not in noscript
        found = re.search(
            '<noscript><meta http-equiv="refresh" content="(.*)"></noscript>', noscript
        )
        assert found
        assert int(found[1]) - 100 in SPREAD_S


@given(st.integers(-3600, int(SOON.total_seconds())))
def test_nobody_comes_back_before_the_hour_nor_all_in_one_second(seconds: int) -> None:
    coming, left = Return(), timedelta(seconds=seconds)
    waits = [coming.after_s([None, OPENING], OPENING - left) for _ in SPREAD_S]
    assert len(set(waits)) == len(SPREAD_S)
    assert all(wait is not None and wait > max(seconds, LATE_S) for wait in waits)


@given(st.datetimes(timezones=st.just(SHANGHAI)))
def test_a_moment_in_words_keeps_its_day_and_minute(moment: datetime) -> None:
    found = re.match(
        r"(\d+)年(\d+)月(\d+)日（星期.）(\d\d):(\d\d)$", in_words(moment, SHANGHAI, "zh")
    )
    assert found
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute)
    assert tuple(map(int, found.groups())) == parts
