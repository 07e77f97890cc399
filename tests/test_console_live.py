"""The console's page of the broadcast: what is on the air, and the forms that feed it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lookup.admin import broadcasting
from lookup.admin.desk import Desk
from lookup.admin.jobs import DONE
from lookup.admin.locks import only_one
from lookup.admin.on_air import Listener, OnAir
from lookup.admin.refusals import refused
from tests.admin_makers import kind_called, write_rows
from tests.console_makers import Console
from tests.studio_makers import FIRST, round_of
from tests.studio_makers import HEADER as ADMISSIONS
from tests.test_live_board import HEADER, ROWS


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path, required_approvals=0)
    yield made
    made.close()


def air(console: Console) -> OnAir:
    return Listener(console.office.store.live).look()


def admissions(console: Console) -> int:
    """A batch of a round of 45 candidates whose release is open."""
    path = write_rows(console.office.root / "admissions.csv", round_of(45), ADMISSIONS)
    batch = console.office.load(kind_called("admissions"), path).batch
    console.office.open(console.office.build(batch).id)
    return batch


def send_table(console: Console, name: str, path: Path, **fields: str) -> httpx.Response:
    data = {"csrf": console.csrf(name), **fields}
    sent = [("files", (path.name, path.read_bytes()))]
    return console.request("POST", "/live/import", name, data=data, files=sent)


def test_a_publisher_begins_says_takes_back_and_ends(console: Console) -> None:
    answer = console.post("zhao", "/live/begin", zh="试验直播", en="Trial")
    assert answer.headers["location"] == "/live?done=live_begin"
    console.post("zhao", "/live/post", zh="开始投档", en="It begins", round=FIRST)
    page = console.get("zhao", "/live?lang=en").text
    assert "It begins" in page
    assert FIRST in page
    console.post("zhao", "/live/retract", entry="2")
    assert "It begins" not in console.get("zhao", "/live").text
    assert console.post("zhao", "/live/end").headers["location"] == "/live?done=live_end"
    assert not air(console).running
    assert "已结束" in console.get("zhao", "/live").text


def test_what_is_refused_is_said_at_the_form_with_what_was_typed(console: Console) -> None:
    console.post("zhao", "/live/begin", zh="试验直播")
    answer = console.post("zhao", "/live/post", zh="长" * 501, en="Kept")
    assert answer.status_code == 409
    assert "不超过 500 字" in answer.text
    assert "Kept" in answer.text
    assert console.post("zhao", "/live/post", zh=" ").status_code == 400


@pytest.mark.parametrize("name", ["wang", "li", "qian", "admin"])
def test_whoever_may_not_sees_it_and_changes_nothing(console: Console, name: str) -> None:
    console.post("zhao", "/live/begin", zh="试验直播")
    console.post("zhao", "/live/post", zh="开始投档")
    page = console.get(name, "/live").text
    assert "开始投档" in page
    assert 'action="/live/' not in page
    for act in ("begin", "post", "retract", "replay", "stop", "end"):
        assert console.post(name, f"/live/{act}", zh="二", entry="2").status_code == 403
    table = write_rows(console.office.root / "table.csv", ROWS, HEADER)
    assert send_table(console, name, table, round=FIRST).status_code == 403
    assert (air(console).last, air(console).running) == (2, True)


def test_a_table_is_shown_and_its_file_not_kept(console: Console) -> None:
    console.post("zhao", "/live/begin", zh="试验直播")
    table = write_rows(console.office.root / "table.csv", ROWS, HEADER)
    answer = send_table(console, "zhao", table, round=FIRST)
    assert answer.headers["location"] == "/live?done=live_import"
    assert set(air(console).boards[FIRST]) == {"001", "002"}
    assert "3,391" in console.get("zhao", "/live").text
    assert [path for path in console.site.uploads.iterdir() if path.is_dir()] == []


def test_a_wrong_table_is_refused_in_one_sentence(console: Console) -> None:
    console.post("zhao", "/live/begin", zh="试验直播")
    wrong = write_rows(console.office.root / "t.csv", [["001", "甲", "x", "1", "", ""]], HEADER)
    answer = send_table(console, "zhao", wrong, round=FIRST)
    assert answer.status_code == 409
    assert "t.csv 第 2 行 计划数" in answer.text
    assert send_table(console, "zhao", wrong, round=" ").status_code == 400
    assert send_table(console, "zhao", wrong, round=FIRST, csrf="0").status_code == 400
    assert [path for path in console.site.uploads.iterdir() if path.is_dir()] == []
    assert air(console).boards == {}


def test_a_replay_is_a_job_that_tells_a_round(console: Console) -> None:
    batch = admissions(console)
    console.post("zhao", "/live/begin", zh="试验直播")
    assert f'value="{batch}:{FIRST}"' in console.get("zhao", "/live").text
    console.post("zhao", "/live/replay", stage=f"{batch}:{FIRST}", over="0s")
    page = console.get("zhao", "/live").text
    job = console.finished()
    assert (job.state, job.result) == (DONE, {"how": "done", "forwarded": 45}), job.message
    assert 'action="/live/stop"' in page
    assert air(console).rounds[FIRST].state == "done"
    assert 'action="/live/stop"' not in console.get("zhao", "/live").text


def test_a_replay_that_runs_anywhere_can_be_stopped_here(console: Console) -> None:
    console.post("zhao", "/live/begin", zh="试验直播")

    async def lock(desk: Desk) -> Path:
        return broadcasting.replay_lock(desk)

    with only_one(console.office.at_desk(lock), refused("replay_running")):
        assert 'action="/live/stop"' in console.get("zhao", "/live").text
        assert console.post("zhao", "/live/stop").headers["location"] == "/live?done=live_stop"
    assert 'action="/live/stop"' not in console.get("zhao", "/live").text
    assert console.post("zhao", "/live/stop").status_code == 409


def test_nothing_is_replayed_that_is_not_open(console: Console) -> None:
    path = write_rows(console.office.root / "admissions.csv", round_of(45), ADMISSIONS)
    batch = console.office.load(kind_called("admissions"), path).batch
    console.post("zhao", "/live/begin", zh="试验直播")
    assert "没有开放中的录取数据" in console.get("zhao", "/live").text
    answer = console.post("zhao", "/live/replay", stage=f"{batch}:{FIRST}", over="10m")
    assert answer.status_code == 409
    assert "开放之前不回放" in answer.text
    assert console.post("zhao", "/live/replay", stage="x", over="10m").status_code == 400
    assert console.jobs() == []


def test_the_audit_says_in_words_what_was_done(console: Console) -> None:
    console.post("zhao", "/live/begin", zh="试验直播")
    console.post("zhao", "/live/post", zh="开始投档")
    page = console.get("qian", "/audit").text
    for words in ("开始直播", "直播发文", "开始投档"):
        assert words in page
    assert all(act in page for act in ("live.begin", "live.post"))
    assert broadcasting.SUBJECT not in page
