"""Every page of the console, for everybody, in both languages; and what no page may hold."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lookup.admin.app import FORMS, PAGES
from lookup.admin.console.site import HERE
from lookup.admin.flows import NOTHING
from lookup.admin.people.roles import MAY
from lookup.admin.release_day import ReleaseDay
from lookup.stores.workers import Counts, Gauges, WorkerReport
from tests.admin_makers import candidate, candidates, write_rows
from tests.console_makers import PEOPLE, Console, token_in

TEMPLATES = sorted((HERE / "templates").glob("*.html"))
SCRIPTS = sorted((HERE / "static").glob("*.js"))
HAN = re.compile("[\u4e00-\u9fff]+")
ENGLISH_PAGES_MAY_SAY = {"中文", "测试"}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One console with a release that is open, one that is scheduled, and a batch with errors."""
    made = Console(tmp_path_factory.mktemp("console"))
    folder = made.office.root
    rows = candidates(30)
    right = made.loaded(write_rows(folder / "right.csv", rows))
    made.approved(right)
    made.post("zhao", f"/releases/{made.built(right)}/open")
    rows[0] = candidate(1, 语文="61")
    second = made.loaded(write_rows(folder / "second.csv", rows))
    made.approved(second)
    hour = (made.clock.now + timedelta(hours=8, minutes=5)).strftime("%Y-%m-%dT%H:%M")
    made.post("zhao", f"/releases/{made.built(second)}/schedule", opens_at=hour)
    rows[1] = candidate(2, 语文="999")
    made.loaded(write_rows(folder / "wrong.csv", rows))
    header = ["甲", "乙", "丙", "丁", "戊", "己", "庚"]
    made.upload("wang", write_rows(folder / "odd.csv", candidates(30), header))
    made.finished()
    made.post("zhao", "/live/begin", zh="测试")
    made.post("zhao", "/live/post", zh="测试", round="测试")
    yield made
    made.close()


def releases(console: Console) -> list[str]:
    return [release.id for release in console.office.releases()]


def paths(console: Console) -> list[str]:
    """Every page there is, with something on it."""
    found = []
    for path, _, _ in PAGES:
        names = {"{batch}": ["1", "2", "3"], "{job}": ["1", "6"], "{release}": releases(console)}
        options = next((names[key] for key in names if key in path), [""])
        for option in options:
            filled = re.sub(r"\{(batch|job|release)\}", option, path).replace("{number}", "1")
            found.append(filled)
    return [*found, "/batches/3/findings?rule=range", "/audit?verify=1", "/sign-in"]


class Text(HTMLParser):
    """The text of a page, and what its attributes say to people."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.said += [v or "" for k, v in attrs if k in ("aria-label", "title", "placeholder")]


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_there_for_whoever_may_see_it(
    console: Console, name: str, language: str
) -> None:
    needs = {path.partition("?")[0]: act for path, _, act in PAGES}
    for path in paths(console):
        mark = "&" if "?" in path else "?"
        answer = console.get(name, f"{path}{mark}lang={language}")
        bare = re.sub(r"/(batches|jobs)/\d+", r"/\1/{\1}", path.partition("?")[0])
        act = needs.get(bare.replace("{batches}", "{batch}").replace("{jobs}", "{job}"))
        actor_may = act is None or PEOPLE[name] in MAY[act]
        if not actor_may:
            assert answer.status_code == 403, path
        elif not path.endswith("/mapping"):
            assert answer.status_code == 200, (path, answer.text[-2000:])
        else:
            assert answer.status_code in (200, 409, 400), path


def test_english_pages_say_nothing_in_chinese_of_their_own(console: Console) -> None:
    kinds = console.get("wang", "/batches/new?lang=en").text
    assert "Senior" in kinds
    for path in ("/batches", "/releases", "/release-day", "/batches/new", "/batches/2", "/live"):
        said = " ".join(Text(console.get("wang", f"{path}?lang=en").text).said)
        found = set(HAN.findall(said)) - ENGLISH_PAGES_MAY_SAY
        assert found <= {"考籍号"}, path


def test_the_language_that_was_chosen_is_kept(console: Console) -> None:
    answer = console.get("wang", "/batches?lang=en")
    assert '<html lang="en">' in answer.text
    assert answer.headers["set-cookie"].startswith("__Host-language=en")
    assert '<html lang="zh-CN">' in console.get("wang", "/batches").text


def test_an_auditor_sees_no_form_but_of_their_own_session(console: Console) -> None:
    for path in paths(console):
        page = console.get("qian", path).text
        posts = re.findall(r'<form method="post" action="([^"]+)"', page)
        assert set(posts) <= {"/sign-out", "/sign-in", "/prove", "/password"}, path


@pytest.mark.parametrize("name", PEOPLE)
def test_no_form_is_offered_to_somebody_who_may_not_send_it(console: Console, name: str) -> None:
    acts = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), act) for path, _, act in FORMS]
    for path in paths(console):
        for action in re.findall(r'action="(/[^"]+)"', console.get(name, path).text):
            act = next((a for pattern, a in acts if pattern.fullmatch(action)), None)
            assert act is None or PEOPLE[name] in MAY[act], (path, action)


def test_every_form_carries_the_token(console: Console) -> None:
    for path in paths(console):
        page = console.get("wang", path).text
        forms = re.findall(r'<form method="post" action="(?!/sign-in).*?</form>', page, re.S)
        assert all(token_in(form) == console.csrf("wang") for form in forms), path


@pytest.mark.parametrize("path", ["/batches", "/sign-in", "/nowhere", "/static/console.css", "/"])
def test_every_answer_carries_the_security_headers(console: Console, path: str) -> None:
    headers = console.get("wang", path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_only_a_preview_may_stand_in_a_frame_and_only_in_ours(console: Console) -> None:
    framed = console.get("li", "/batches/1/preview/1")
    assert "frame-ancestors 'self'" in framed.headers["content-security-policy"]
    assert (
        "frame-ancestors 'none'"
        in console.get("li", "/batches/1").headers["content-security-policy"]
    )


def test_a_preview_shows_a_sampled_record_as_the_public_sees_it(console: Console) -> None:
    page = console.get("li", "/batches/1/preview/1").text
    assert "测试" in page
    assert "/static/site.css" in page
    assert console.get("li", "/batches/1/preview/99").status_code == 404


def test_a_preview_shows_where_a_record_stands_as_the_public_will_see_it(console: Console) -> None:
    rows = [candidate(n, 语文="60", 总分=str(500 - n % 2 * 100)) for n in range(1, 41)]
    batch = console.loaded(write_rows(console.office.root / "stands.csv", rows))
    page = console.get("li", f"/batches/{batch}/preview/1").text
    assert 'class="histogram"' in page


def test_the_host_header_leads_nobody_anywhere(console: Console) -> None:
    headers = {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}
    for path in ("/", "/batches/", "/releases", "/static"):
        answer = console.request("GET", path, "", headers=headers)
        assert "evil.example" not in answer.headers.get("location", "") + answer.text


def test_what_is_not_there_is_a_page_in_words(console: Console) -> None:
    for path in ("/nowhere", "/batches/abc", "/batches/%00", "/jobs/99999999999999999999"):
        answer = console.get("wang", path)
        assert answer.status_code == 404, path
        assert "没有这个页面" in answer.text
    assert console.get("wang", "/batches/999").status_code == 400
    assert console.get("wang", "/releases/none").status_code == 400
    assert console.request("PUT", "/batches", "wang").status_code == 405


def test_what_nobody_foresaw_says_nothing_of_itself(
    console: Console, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("a candidate's name")

    monkeypatch.setattr("lookup.admin.console.site.Site.time", fail)
    answer = console.get("wang", "/batches")
    assert answer.status_code == 500
    assert "出了故障" in answer.text
    assert "candidate's" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_script_style_or_another_sites_address(template: Path) -> None:
    text = template.read_text("utf-8")
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:|https?://", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert "safe" not in re.findall(r"\|\s*(\w+)", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_from_text_or_calls_elsewhere(script: Path) -> None:
    text = script.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"innerHTML|outerHTML|document\.write|eval\(|https?://", text)


def test_no_answer_of_the_release_day_names_a_candidate(console: Console) -> None:
    document = console.get("zhao", "/release-day.json").json()
    assert {"rates", "latency", "workers", "points"} <= set(document)
    assert document["workers"] == []


def test_the_release_day_shows_how_hard_the_site_is_pressed_and_a_clock_that_was_set(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = ReleaseDay()
    monkeypatch.setattr(console.site, "day", day)
    for second in range(2):
        at = console.clock() + timedelta(seconds=second)
        counts = Counts(0, 0, {"challenge_required": 70 * second}, NOTHING)
        gauges = Gauges(connections=4210, loop_delay_ms=43.24, clock_drift_s=3600.04)
        report = WorkerReport(
            1, at - timedelta(seconds=second), at, {}, (), {"scores": counts}, 0, 0, gauges=gauges
        )
        day.feed([replace(report, busy=800 * second)], at)
    document = console.get("zhao", "/release-day.json?lang=en").json()
    tiles = {name: document["tiles"][name] for name in ("challenge_required", "try_later", "busy")}
    assert tiles == {"challenge_required": "70", "try_later": "0", "busy": "800"}
    page = console.get("zhao", "/release-day?lang=en").text
    for said in (document["clock_text"], "it is 3600.0 s off", "4210", "43.2", "Told to wait/s"):
        assert said in page


def test_preflight_is_told_from_ten_minutes_before(console: Console) -> None:
    scheduled = next(r.id for r in console.office.releases() if r.state == "scheduled")
    document = console.get("zhao", f"/releases/{scheduled}/preflight.json").json()
    assert document["opens_ms"] - document["now_ms"] == 5 * 60 * 1000
    states = {item["text"].partition(":")[0]: item["state"] for item in document["items"]}
    assert states["批准"] == states["文件"] == states["密钥"] == states["内容"] == "ok"
    assert states["工作进程"] == "failed"
