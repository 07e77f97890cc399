"""What people do in the console: each act through its form, and who is refused."""

import asyncio
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from lookup.admin.audit import Entry, entries
from lookup.admin.console import batches as console_batches
from lookup.admin.desk import Desk
from lookup.admin.people.roles import Actor
from tests.admin_makers import HEADER, SAMPLES, as_csv, candidate, candidates, write_rows
from tests.console_makers import PASSWORD, PEOPLE, Console


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    made.close()


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "scores.csv", candidates(12))


def give(console: Console, name: str, roles: str) -> None:
    """Let somebody have these roles."""

    async def work(desk: Desk) -> None:
        await desk.database.execute("UPDATE person SET roles = ? WHERE name = ?", (roles, name))

    console.office.at_desk(work)


def lines(console: Console) -> list[Entry]:
    """The audit, the newest line first."""

    async def work(desk: Desk) -> list[Entry]:
        return [entry async for entry in entries(desk.database)]

    return console.office.at_desk(work)


def found_record(console: Console, batch: str) -> str:
    """The page of the third candidate's record, to be corrected."""
    key = {"key-candidate_number": candidate(3)[0]}
    answer = console.post("wang", f"/batches/{batch}/correct", **key)
    assert answer.status_code == 200
    return answer.text


def correction(console: Console, batch: str, **changes: str) -> dict[str, str]:
    """The form of the third candidate's record as it would be sent, with these fields changed."""
    page = found_record(console, batch)
    inputs = dict(re.findall(r'<input id="\w[^"]*" name="(value-[^"]+)" value="([^"]*)"', page))
    for name, options in re.findall(r'name="(value-[^"]+)">(.*?)</select>', page, re.S):
        inputs[name] = "".join(re.findall(r'value="([^"]*)" selected', options))
    key = {"key-candidate_number": candidate(3)[0]}
    return key | inputs | {f"value-{name}": text for name, text in changes.items()}


def opened(console: Console, scores: Path) -> str:
    """A release of one batch, open."""
    batch = console.given(scores)
    console.approved(batch)
    release = console.sealed(batch)
    answer = console.post("zhao", f"/releases/{release}/open")
    assert answer.headers["location"] == f"/releases/{release}?done=open"
    return release


def test_a_loader_cannot_approve_a_batch_of_their_own(console: Console, scores: Path) -> None:
    batch = console.given(scores)
    give(console, "wang", "loader reviewer")
    assert "须由另一人批准" in console.get("wang", f"/batches/{batch}/review").text
    shown = console.office.batch(batch)
    fields = {f"field-{field.name}": field.disclosure for field in shown.kind.fields}
    path = f"/batches/{batch}/review"
    answer = console.post("wang", path, sha256=shown.sha256, **fields)
    assert answer.status_code == 409
    assert console.office.batch(batch).state == "checked"


def test_a_reviewer_approves_field_by_field(console: Console, scores: Path) -> None:
    batch = console.given(scores)
    page = console.get("li", f"/batches/{batch}/review").text
    fields = console.office.batch(batch).kind.fields
    assert page.count("<select") == len(fields)
    assert "selected" not in page
    assert console.approved(batch).headers["location"] == f"/batches/{batch}?done=approved"
    assert console.office.batch(batch).state == "approved"


def test_a_field_left_open_is_no_approval(console: Console, scores: Path) -> None:
    batch = console.given(scores)
    shown = console.office.batch(batch)
    fields = {f"field-{field.name}": field.disclosure for field in shown.kind.fields}
    fields["field-name"] = ""
    answer = console.post("li", f"/batches/{batch}/review", sha256=shown.sha256, **fields)
    assert answer.status_code == 409
    assert "不一致：姓名。" in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    assert 'id="wrong-name">申报为' in answer.text
    assert console.office.batch(batch).state == "checked"


def test_what_was_not_looked_at_is_not_approved(console: Console, scores: Path) -> None:
    batch = console.given(scores)
    fields = {f"field-{f.name}": f.disclosure for f in console.office.batch(batch).kind.fields}
    answer = console.post("li", f"/batches/{batch}/review", sha256="0" * 64, **fields)
    assert answer.status_code == 409
    assert console.office.batch(batch).state == "checked"


def test_a_rejection_needs_a_reason_and_keeps_it(console: Console, scores: Path) -> None:
    batch = console.given(scores)
    assert console.post("li", f"/batches/{batch}/reject", reason=" ").status_code == 400
    console.post("li", f"/batches/{batch}/reject", reason="重新核对名单")
    assert "重新核对名单" in console.get("wang", f"/batches/{batch}").text
    assert console.office.batch(batch).state == "rejected"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/batches/1/check", {"wang", "li"}),
        ("/batches/1/build", {"zhao"}),
        ("/batches/1/codes.csv", {"wang"}),
        ("/batches/1/review", {"li"}),
        ("/batches/1/reject", {"li"}),
        ("/batches/1/correct", {"wang"}),
        ("/releases/r/schedule", {"zhao"}),
        ("/releases/r/open", {"zhao"}),
        ("/releases/r/withdraw", {"zhao"}),
        ("/people", {"admin"}),
        ("/people/disable", {"admin"}),
    ],
)
def test_an_act_is_refused_to_other_roles(console: Console, path: str, allowed: set[str]) -> None:
    for name in PEOPLE.keys() - allowed:
        answer = console.post(name, path)
        assert answer.status_code == 403, name
        assert "需要" in answer.text
        assert "的角色" in answer.text
    for name in allowed:
        assert console.post(name, path).status_code != 403, name


def test_a_release_opens_and_its_page_tells_how_it_came_to_that(
    console: Console, scores: Path
) -> None:
    release = opened(console, scores)
    page = console.get("qian", f"/releases/{release}").text
    told = ["导入批次", "批准批次", "封存发布版本", "开放发布版本"]
    assert [page.index(what) for what in told] == sorted(page.index(what) for what in told)
    assert console.office.release(release).state == "open"


def test_an_hour_is_read_as_local_time(console: Console, scores: Path) -> None:
    batch = console.given(scores)
    console.approved(batch)
    release = console.sealed(batch)
    path = f"/releases/{release}/schedule"
    assert console.post("zhao", path, opens_at="tomorrow").status_code == 400
    console.post("zhao", path, opens_at="2026-06-24T18:30", closes_at="2026-06-25T18:30")
    upcoming = console.office.pointer()
    assert upcoming is not None
    assert upcoming.upcoming is not None
    assert upcoming.upcoming.opens_at.isoformat() == "2026-06-24T10:30:00+00:00"
    assert "2026-06-24 18:30:00" in console.get("li", f"/releases/{release}").text


def sealed(console: Console, scores: Path) -> str:
    """A release of one batch that waits for its hour."""
    batch = console.given(scores)
    console.approved(batch)
    return console.sealed(batch)


@pytest.mark.parametrize(
    ("fields", "said", "beside"),
    [
        ({"opens_at": "tomorrow"}, "时间写法如", "schedule-opens_at"),
        ({"opens_at": "2020-01-01T10:00"}, "开放时间已过", "schedule-opens_at"),
        (
            {"opens_at": "2026-06-24T18:30", "closes_at": "2026-06-24T17:30"},
            "关闭时间早于开放时间",
            "schedule-closes_at",
        ),
        (
            {"opens_at": "2026-06-24T18:30", "closes_at": "then"},
            "关闭时间写法如",
            "schedule-closes_at",
        ),
    ],
    ids=["no time", "past", "closes first", "no closing time"],
)
def test_a_wrong_hour_is_told_beside_its_field_and_what_was_typed_is_there_still(
    console: Console, scores: Path, fields: dict[str, str], said: str, beside: str
) -> None:
    release = sealed(console, scores)
    answer = console.post("zhao", f"/releases/{release}/schedule", **fields)
    assert answer.status_code in (400, 409)
    assert re.search(f'id="{beside}-fault" role="alert">{said}', answer.text)
    assert all(f'value="{text}"' in answer.text for text in fields.values())


def test_the_hours_of_a_scheduled_release_are_there_to_be_changed(
    console: Console, scores: Path
) -> None:
    release = sealed(console, scores)
    hours = {"opens_at": "2026-06-24T18:30", "closes_at": "2026-06-25T18:30"}
    console.post("zhao", f"/releases/{release}/schedule", **hours)
    page = console.get("zhao", f"/releases/{release}").text
    assert all(f'value="{hour}:00"' in page for hour in hours.values())
    day = console.get("zhao", "/release-day").text
    assert f'<a href="/releases/{release}">测试</a>' in day
    assert "data-countdown" in day


def test_closing_needs_the_releases_id_and_its_reason_is_kept(
    console: Console, scores: Path
) -> None:
    release = opened(console, scores)
    path = f"/releases/{release}/close"
    answer = console.post("zhao", path, reason="查询期结束")
    assert answer.status_code == 400
    assert 'id="close-confirm-fault"' in answer.text
    assert 'value="查询期结束"' in answer.text
    assert console.office.release(release).state == "open"
    console.post("zhao", path, reason="查询期结束", confirm=release)
    assert console.office.release(release).state == "closed"
    (line,) = (e for e in lines(console) if e.act == "release.close")
    assert line.detail["reason"] == "查询期结束"


def test_the_list_says_when_a_release_was_opened_by_hand(console: Console, scores: Path) -> None:
    release = opened(console, scores)
    at = console.site.time(console.clock.now)
    page = console.get("qian", "/releases").text
    assert re.search(f'data-label="开放时间"><time[^>]*>{at}', page), release


def test_an_hour_that_names_its_own_zone_is_read_in_that_zone(
    console: Console, scores: Path
) -> None:
    batch = console.given(scores)
    console.approved(batch)
    release = console.sealed(batch)
    console.post("zhao", f"/releases/{release}/schedule", opens_at="2026-06-24T10:30Z")
    pointer = console.office.pointer()
    assert pointer is not None
    assert pointer.upcoming is not None
    assert pointer.upcoming.opens_at.isoformat() == "2026-06-24T10:30:00+00:00"


def test_a_scheduled_release_does_not_open_before_its_hour(console: Console, scores: Path) -> None:
    batch = console.given(scores)
    console.approved(batch)
    release = console.sealed(batch)
    console.post("zhao", f"/releases/{release}/schedule", opens_at="2026-06-24T18:30")
    assert f"/releases/{release}/open" not in console.get("zhao", f"/releases/{release}").text
    assert console.post("zhao", f"/releases/{release}/open").status_code == 409
    assert console.office.release(release).state == "scheduled"


def test_a_withdrawal_needs_a_reason_and_the_releases_id(console: Console, scores: Path) -> None:
    release = opened(console, scores)
    path = f"/releases/{release}/withdraw"
    assert console.post("zhao", path, reason="错误", confirm="scores").status_code == 400
    assert console.post("zhao", path, reason=" ", confirm=release).status_code == 400
    assert console.office.release(release).state == "open"
    console.post("zhao", path, reason="名次有误", confirm=release)
    assert console.office.release(release).state == "withdrawn"
    assert "名次有误" in console.get("qian", f"/releases/{release}").text


def test_a_correction_shows_what_it_changed_and_rolls_back(console: Console, scores: Path) -> None:
    first = opened(console, scores)
    typed = correction(console, "1", chinese="99")
    answer = console.post("wang", "/batches/1/correct", reason="漏登", **typed)
    assert answer.headers["location"] == "/batches/2?done=corrected"
    page = console.get("li", "/batches/2/differences").text
    assert re.search(r"<del>63 / 120</del>.*<ins>99 / 120</ins>", page)
    console.approved(2)
    second = console.sealed(2)
    console.post("zhao", f"/releases/{second}/open")
    assert "漏登" in console.get("zhao", f"/releases/{second}").text
    assert console.office.release(first).state == "superseded"
    path = f"/releases/{second}/roll_back"
    assert console.post("zhao", path, reason="名次有误", confirm=first).status_code == 400
    assert console.office.release(second).state == "open"
    console.post("zhao", path, reason="名次有误", confirm=second)
    assert console.office.release(first).state == "open"
    page = console.get("qian", f"/releases/{second}").text
    assert re.search(r'"what">已回退</span>\s*<time.*?zhao.*?名次有误', page, re.S)
    assert "已被替换" in console.get("qian", "/batches").text


def test_a_correction_that_breaks_a_rule_is_refused_in_words(
    console: Console, scores: Path
) -> None:
    console.given(scores)
    typed = correction(console, "1", chinese="999", total="610")
    answer = console.post("wang", "/batches/1/correct", reason="漏登", **typed)
    assert answer.status_code == 409
    assert "语文：" in answer.text
    # What was typed is there still.
    assert all(f'value="{text}"' in answer.text for text in ("999", "610", "漏登"))


def test_only_the_fields_that_were_changed_are_corrected(console: Console, scores: Path) -> None:
    console.given(scores)
    typed = correction(console, "1", total="444", chinese="62")
    console.post("wang", "/batches/1/correct", reason="漏登", **typed)
    (line,) = (e for e in lines(console) if e.act == "batch.correct")
    assert line.detail["fields"] == ["chinese", "total"]


def test_a_record_that_is_not_there_is_asked_for_again(console: Console, scores: Path) -> None:
    console.given(scores)
    answer = console.post("wang", "/batches/1/correct", **{"key-candidate_number": "999999999"})
    assert answer.status_code == 409
    assert "没有这个号码的记录" in answer.text
    assert "查找记录" in answer.text


def test_a_correction_shows_no_second_factor(console: Console, scores: Path) -> None:
    console.given(scores)
    page = found_record(console, "1")
    assert candidate(3)[3] in page
    assert not any(secret in page for secret in candidate(3)[1:3])


def test_a_reviewer_sees_everything_where_they_sign(console: Console, scores: Path) -> None:
    opened(console, scores)
    typed = correction(console, "1", chinese="99")
    console.post("wang", "/batches/1/correct", reason="漏登", **typed)
    page = console.get("li", "/batches/2/review").text
    assert re.search(r"<del>63 / 120</del> <ins>99 / 120</ins>", page)
    frames = re.findall(r'<iframe src="(/batches/2/preview/\d+)[^>]*loading="lazy"', page)
    assert len(frames) == 8
    assert page.index("<iframe") < page.index("<select")
    rejected = console.loaded(write_rows(scores.parent / "w.csv", [candidate(1, 语文="999")]))
    assert "999" in console.get("li", f"/batches/{rejected}/review").text


def test_issued_codes_are_for_the_loader_alone_and_each_download_is_told(
    console: Console, tmp_path: Path
) -> None:
    codeless = [row[:1] + row[3:] for row in candidates(5)]
    path = write_rows(tmp_path / "scores.csv", codeless, HEADER[:1] + HEADER[3:])
    batch = console.loaded(path, codes="yes")
    listed = console.post("wang", f"/batches/{batch}/codes.csv")
    assert len(listed.text.splitlines()) == 6
    give(console, "li", "loader")
    assert console.post("li", f"/batches/{batch}/codes.csv").status_code == 409
    assert "下载查询码名单" in console.get("wang", f"/batches/{batch}/history").text


def test_a_clerk_says_which_column_is_which_and_is_not_asked_again(
    console: Console, tmp_path: Path
) -> None:
    header = ["甲", "乙", "丙", "丁", "戊", "己", "庚"]
    odd = write_rows(tmp_path / "odd.csv", candidates(6), header)
    console.upload("wang", odd)
    job = console.finished()
    assert "/jobs/1/mapping" in console.get("wang", "/jobs/1").text
    assert "/jobs/1/mapping" not in console.get("li", "/jobs/1").text
    page = console.get("wang", f"/jobs/{job.id}/mapping").text
    assert all(name in page for name in header)
    names = ["candidate_number", "access_code", "id_suffix", "name", "chinese", "total", "flag"]
    chosen = {f"column-0-{number}": name for number, name in enumerate(names, 1)}
    answer = console.post("wang", "/jobs/1/mapping", **chosen, **{"sheet": "0", "header-0": "1"})
    assert answer.headers["location"] == "/jobs/2"
    job = console.finished()
    assert job.result is not None
    assert console.office.batch(job.result["batch"]).records == 6
    console.upload("wang", odd)
    assert console.office.batch(console.finished().result["batch"]).records == 6  # type: ignore[index]  # a load that is done has one


def test_an_unclear_table_that_is_left_out_leaves_the_sure_ones_in(
    console: Console, tmp_path: Path
) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scores.csv", as_csv([HEADER, *candidates(6)]))
        archive.writestr("notes.csv", as_csv([["甲", "乙"], ["丙", "丁"]]))
    console.upload("wang", path)
    console.finished()
    answer = console.post("wang", "/jobs/1/mapping")
    assert answer.headers["location"] == "/jobs/2"
    job = console.finished()
    assert job.result is not None
    batch = console.office.batch(job.result["batch"])
    assert (batch.records, batch.errors, batch.warnings) == (6, 0, 1)


def test_a_batch_leads_to_its_open_question_and_the_list_does(
    console: Console, tmp_path: Path
) -> None:
    form = unclear(console, tmp_path, codes="yes")
    link = 'href="/jobs/1/mapping"'
    assert link in console.get("wang", "/batches/1").text
    assert link not in console.get("li", "/batches/1").text
    listed = console.get("wang", "/batches").text
    assert link in listed
    assert "odd.csv" in listed
    console.post("wang", "/jobs/1/mapping", **form)
    console.finished()
    assert link not in console.get("wang", "/batches").text
    assert link not in console.get("wang", "/batches/1").text


def test_only_a_batch_that_can_come_to_something_is_corrected(
    console: Console, tmp_path: Path, scores: Path
) -> None:
    console.given(scores)
    console.loaded(write_rows(tmp_path / "w.csv", [candidate(1), candidate(2, 语文="999")]))
    assert [console.office.batch(n).state for n in (1, 2)] == ["checked", "rejected"]
    assert "/batches/1/correct" in console.get("wang", "/batches/1").text
    assert "/batches/2/correct" not in console.get("wang", "/batches/2").text


def test_a_guess_that_is_likely_to_succeed_is_told_with_what_to_do(
    console: Console, scores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = console.given(scores)
    paths = [f"/batches/{batch}", f"/batches/{batch}/review"]
    assert not any("风险偏高" in console.get("li", path).text for path in paths)
    monkeypatch.setattr(console_batches, "HIGH_RISK", 0)
    assert all("风险偏高" in console.get("li", path).text for path in paths)


def unclear(console: Console, tmp_path: Path, **fields: str) -> dict[str, str]:
    """A file of `wang`'s whose columns nobody can tell, and the form that tells them."""
    names = ["candidate_number", "name", "chinese", "total", "flag"]
    rows = [row[:1] + row[3:] for row in candidates(6)]
    console.upload(
        "wang", write_rows(tmp_path / "odd.csv", rows, ["甲", "乙", "丙", "丁", "戊"]), **fields
    )
    console.finished()
    chosen = {f"column-0-{number}": name for number, name in enumerate(names, 1)}
    return {**chosen, "sheet": "0", "header-0": "1"}


def test_only_who_sent_the_files_says_which_column_is_which(
    console: Console, tmp_path: Path
) -> None:
    form = unclear(console, tmp_path, codes="yes")
    give(console, "li", "loader reviewer")
    assert console.post("li", "/jobs/1/mapping", **form).status_code == 409
    assert len(console.jobs()) == 1


def test_codes_issued_after_the_columns_were_told_are_there_for_the_loader(
    console: Console, tmp_path: Path
) -> None:
    form = unclear(console, tmp_path, codes="yes")
    console.post("wang", "/jobs/1/mapping", **form)
    job = console.finished()
    assert job.result is not None
    listed = console.post("wang", f"/batches/{job.result['batch']}/codes.csv")
    assert len(listed.text.splitlines()) == 7


def test_a_header_that_is_no_number_is_refused_in_words(console: Console, tmp_path: Path) -> None:
    form = unclear(console, tmp_path, codes="yes") | {"header-0": "one"}
    assert console.post("wang", "/jobs/1/mapping", **form).status_code == 400


def workbook(path: Path) -> Path:
    """A sheet of scores that is surely read, and a summary nobody can tell the columns of."""
    book = Workbook(write_only=True)
    tables = {"成绩": [HEADER, *candidates(6)], "汇总": [["学校", "平均分"], ["甲", "500"]]}
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_table_that_is_not_wanted_is_left_out_and_is_not_asked_about_again(
    console: Console, tmp_path: Path
) -> None:
    path = workbook(tmp_path / "成绩.xlsx")
    console.upload("wang", path)
    console.finished()
    assert "只读其余的表" in console.get("wang", "/jobs/1/mapping").text
    assert console.post("wang", "/jobs/1/mapping").headers["location"] == "/jobs/2"
    for again in (False, True):
        if again:
            console.upload("wang", path)
        job = console.finished()
        assert job.result is not None
        batch = console.office.batch(job.result["batch"])
        assert (batch.records, batch.errors, batch.state) == (6, 0, "checked")
        assert "这张表没有读取" in console.get("wang", f"/batches/{batch.id}/findings").text


def test_a_table_whose_columns_are_told_is_read_beside_the_sure_ones(
    console: Console, tmp_path: Path
) -> None:
    console.upload(
        "wang",
        write_rows(tmp_path / "a.csv", candidates(4)),
        write_rows(tmp_path / "b.csv", [candidate(9)], list("甲乙丙丁戊己庚")),
    )
    console.finished()
    assert console.post("wang", "/jobs/1/mapping").headers["location"] == "/jobs/2"
    job = console.finished()
    assert job.result is not None
    assert console.office.batch(job.result["batch"]).records == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({f"column-0-{n}": "" for n in range(1, 6)}, "没有为任何一列选择字段"),
        ({"column-0-3": "total"}, "同一字段选了两列：总分"),
        ({"column-0-1": ""}, "还有必填的字段没有选列：准考证号"),
        ({"sheet": "none"}, "没有选择要读取的表"),
    ],
    ids=["nothing", "one field twice", "no number", "no table"],
)
def test_an_answer_nothing_can_be_read_by_starts_no_work(
    console: Console, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    form = unclear(console, tmp_path, codes="yes") | change
    answer = console.post("wang", "/jobs/1/mapping", **form)
    assert answer.status_code == 400
    assert said in answer.text
    # What was chosen is there still.
    assert answer.text.count("selected") == len(
        [name for name, value in form.items() if name.startswith("column") and value]
    )
    assert len(console.jobs()) == 1


def test_the_columns_of_a_list_are_read_as_they_were_found(
    console: Console, tmp_path: Path
) -> None:
    content = (SAMPLES / "admissions.csv").read_text("utf-8").splitlines()[:4]
    path = tmp_path / "odd.csv"
    path.write_text("\n".join(content).replace("准考证号", "甲", 1), "utf-8")
    console.upload("wang", path, kind="admissions")
    console.finished()
    page = console.get("wang", "/jobs/1/mapping").text
    assert "按列名读取" in page
    chosen = dict.fromkeys(re.findall(r'name="(column-[^"]+)"', page), "")
    for name, options in re.findall(r'name="(column-[^"]+)"(.*?)</select>', page, re.S):
        chosen[name] = "".join(re.findall(r'value="([^"]+)" selected', options))
    form = chosen | {"column-0-1": "candidate_number", "sheet": "0", "header-0": "1"}
    assert console.post("wang", "/jobs/1/mapping", **form).headers["location"] == "/jobs/2"
    console.finished()
    assert "龙坞高级中学" in console.get("li", "/batches/2/preview/1").text


def test_without_issued_codes_a_second_factor_must_have_a_column(
    console: Console, tmp_path: Path
) -> None:
    form = unclear(console, tmp_path)
    answer = console.post("wang", "/jobs/1/mapping", **form)
    assert answer.status_code == 400
    assert "查询码、身份证号后六位" in answer.text


def test_findings_are_there_as_files_in_the_readers_language(
    console: Console, tmp_path: Path
) -> None:
    rows = [candidate(1, 语文="999"), candidate(2, 语文="=1+1")]
    batch = console.loaded(write_rows(tmp_path / "scores.csv", rows))
    csv = console.get("li", f"/batches/{batch}/findings.csv")
    assert csv.headers["content-disposition"] == f'attachment; filename="findings-{batch}.csv"'
    assert "文件" in csv.text
    assert "'=1+1" in csv.text
    workbook = console.get("li", f"/batches/{batch}/findings.xlsx?lang=en")
    assert workbook.content.startswith(b"PK")


def test_a_hostile_cell_is_shown_as_text(console: Console, tmp_path: Path) -> None:
    rows = [candidate(1, 语文="<script>alert(1)</script>")]
    batch = console.loaded(write_rows(tmp_path / "<b>.csv", rows), title="<i>标题")
    for path in (f"/batches/{batch}/findings", f"/batches/{batch}", "/batches", "/jobs/1"):
        page = console.get("li", path).text
        assert "<script>alert" not in page
        assert "<i>" not in page
        assert "<b>" not in page


def test_a_new_person_is_shown_their_secret_once(console: Console) -> None:
    answer = console.post(
        "admin", "/people", name="chen", password="another made-up phrase", role="loader"
    )
    assert answer.status_code == 200
    assert "<svg" in answer.text
    secret = re.search(r'<code class="long">([A-Z2-7]{32})</code>', answer.text)
    assert secret is not None
    assert secret[1] not in console.get("admin", "/people").text
    assert " style=" not in answer.text


def test_somebody_disabled_is_out_at_once(console: Console) -> None:
    assert console.get("li", "/batches").status_code == 200
    console.post("admin", "/people/disable", name="li")
    assert console.get("li", "/batches").status_code == 303


def test_the_audit_tells_of_everything_and_its_chain_is_whole(
    console: Console, scores: Path
) -> None:
    release = opened(console, scores)
    page = console.get("qian", "/audit?verify=1").text
    assert "链条完整" in page
    assert release in page
    lines = console.get("qian", "/audit.csv").text.splitlines()
    assert any("release.open" in line and "zhao" in line for line in lines)
    assert candidate(1)[0] not in "\n".join(lines)


def test_a_file_is_held_against_what_is_served(console: Console, scores: Path) -> None:
    batch = console.loaded(scores)
    console.approved(batch)
    release = console.built(batch)
    console.post("zhao", f"/releases/{release}/open")
    console.post("zhao", f"/releases/{release}/verify")
    job = console.finished()
    assert job.result == {"release": release, "compared": 12, "differences": 0}
    assert "0 处不同" in console.get("zhao", f"/jobs/{job.id}").text


def test_an_actor_of_the_console_has_the_roles_of_this_moment(
    console: Console, scores: Path
) -> None:
    console.get("wang", "/batches")
    give(console, "wang", "auditor")
    assert console.upload("wang", scores).status_code == 403
    assert Actor("wang", frozenset({"auditor"})).may("audit.read")
    assert console.get("wang", "/audit").status_code == 200


def test_signing_in_and_proving_are_lines_of_the_audit(console: Console) -> None:
    fields = {"name": "zhao", "password": PASSWORD, "code": console.code()}
    console.request("POST", "/sign-in", data=fields)
    console.clock.now += timedelta(seconds=40)
    console.post("zhao", "/prove", password="wrong made-up words", code=console.code())
    page = console.get("qian", "/audit").text
    assert "登录" in page
    assert "确认身份未成功" in page


def test_a_file_of_another_encoding_is_read(console: Console, tmp_path: Path) -> None:
    path = tmp_path / "成绩.csv"
    path.write_bytes(as_csv([HEADER, *candidates(4)]).encode("gb18030"))
    batch = console.loaded(path)
    assert console.office.batch(batch).records == 4
    assert "成绩.csv" in console.get("li", f"/batches/{batch}").text


def test_the_audit_is_in_words_and_the_names_it_keeps_are_small_print(
    console: Console, scores: Path
) -> None:
    release = opened(console, scores)
    console.post("zhao", f"/releases/{release}/withdraw", reason="名次有误", confirm=release)
    for language, words in (("zh", ("撤回发布版本", "原因")), ("en", ("withdrew a", "reason"))):
        page = console.get("qian", f"/audit?lang={language}").text
        assert all(word in page for word in words)
        assert '<small class="raw">release.withdraw</small>' in page
        assert f'<a href="/releases/{release}">' in page


def test_every_act_and_detail_of_the_audit_has_its_words(console: Console, scores: Path) -> None:
    batch = console.given(scores)
    typed = correction(console, "1", chinese="62")
    console.post("wang", f"/batches/{batch}/correct", reason="漏登", **typed)
    console.approved(batch)
    console.post("li", "/batches/2/reject", reason="再核对")
    release = console.sealed(batch)
    console.post("zhao", f"/releases/{release}/schedule", opens_at="2026-06-24T18:30")
    console.post("zhao", f"/releases/{release}/withdraw", reason="有误", confirm=release)
    for line in lines(console):
        assert console.site.act_text(line.act, "zh") != line.act
        for name, value in line.detail.items():
            assert console.site.phrases.say(f"audit.detail.{name}", "zh"), value


def test_the_timeline_says_when_the_pointer_opened_not_when_it_was_meant_to(
    console: Console, scores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = console.given(scores)
    console.approved(batch)
    release = console.sealed(batch)
    console.post("zhao", f"/releases/{release}/schedule", opens_at="2026-06-24T18:30")
    console.clock.now = datetime(2026, 6, 24, 10, 29, 59, 400000, UTC)
    nap = asyncio.sleep

    async def sleep(seconds: float) -> None:
        """The hour comes while the publisher waits."""
        console.later(seconds=seconds)
        await nap(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    console.office.open(release, wait=True)
    monkeypatch.undo()
    (line,) = (e for e in lines(console) if e.act == "release.open")
    assert line.at >= line.detail["opens_at"] == "2026-06-24T10:30:00+00:00"
    page = console.get("qian", f"/releases/{release}").text
    assert re.search(r"开放发布版本</span>\s*<time[^>]*>2026-06-24 18:30:00</time>", page)


def test_a_batch_whose_release_is_open_shows_no_button_to_reject_it(
    console: Console, scores: Path
) -> None:
    release = opened(console, scores)
    batch = console.office.release(release).batch
    button = f'action="/batches/{batch}/reject"'
    assert button not in console.get("li", f"/batches/{batch}/review").text
    assert console.post("li", f"/batches/{batch}/reject", reason="no").status_code == 409
    console.post("zhao", f"/releases/{release}/close", confirm=release)
    assert button in console.get("li", f"/batches/{batch}/review").text
