"""Jobs: processes of their own, whose rows say how they ended, whatever happened."""

import asyncio
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiosqlite
import pytest

from lookup.admin import job
from lookup.admin.desk import Desk
from lookup.admin.jobs import (
    CHECK,
    DONE,
    FAILED,
    INTERRUPTED,
    MAX_AT_ONCE,
    QUEUED,
    RUNNING,
    SIGHT,
    Jobs,
    environment,
    get_job,
    holding,
    list_jobs,
    lock_path,
    uploads,
)
from lookup.errors import StorageError, UsageError
from lookup.settings import Settings, read_settings
from tests.admin_makers import candidate, candidates, write_rows
from tests.console_makers import Console


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    made.close()


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "scores.csv", candidates(12))


def test_a_job_runs_in_its_own_process_and_says_what_it_made(
    console: Console, scores: Path
) -> None:
    answer = console.upload("wang", scores)
    assert answer.headers["location"] == "/jobs/1"
    ended = console.finished()
    assert (ended.state, ended.result, ended.message) == (DONE, {"batch": 1}, "")
    assert ended.progress == 12
    batch = console.office.batch(1)
    assert (batch.state, batch.records, batch.loaded_by) == ("checked", 12, "wang")


def test_a_job_survives_a_reload_of_its_page(console: Console, scores: Path) -> None:
    console.upload("wang", scores)
    assert console.get("wang", "/jobs/1.json").json()["state"] == RUNNING
    assert "可以离开此页" in console.get("li", "/jobs/1").text
    console.finished()
    assert console.get("wang", "/jobs/1.json").json()["state"] == DONE
    assert "/batches/1" in console.get("li", "/jobs/1").text


def test_a_killed_job_is_told(console: Console, scores: Path) -> None:
    console.upload("wang", scores)
    (process,) = console.site.jobs.processes()
    os.kill(process, signal.SIGKILL)
    ended = console.finished()
    assert (ended.state, ended.message) == (FAILED, INTERRUPTED)
    assert INTERRUPTED in console.get("wang", "/jobs/1").text


def test_a_job_that_a_killed_console_left_is_told_at_the_next_start(console: Console) -> None:
    mark(console, RUNNING)
    again = Jobs(console.office.settings, console.clock)
    assert asyncio.run(again.reconcile()) == [1]
    assert (console.jobs()[0].state, console.jobs()[0].message) == (FAILED, INTERRUPTED)


def test_a_job_whose_console_was_killed_before_it_said_where_to_work_just_ends() -> None:
    command = [sys.executable, "-m", "lookup.admin.job", "1"]
    done = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_job_that_still_runs_is_left_alone_by_another_console(console: Console) -> None:
    mark(console, RUNNING)
    again = Jobs(console.office.settings, console.clock)
    with holding(lock_path(console.office.settings, 1)):
        assert asyncio.run(again.reconcile()) == []
    assert console.jobs()[0].state == RUNNING


def test_two_consoles_on_one_folder_do_a_job_once(console: Console, scores: Path) -> None:
    mark(console, QUEUED, console.loaded(scores))
    ours, theirs = console.site.jobs, Jobs(console.office.settings, console.clock)

    async def both() -> int:
        await asyncio.gather(ours.start_next(), theirs.start_next())
        begun = len(ours.processes()) + len(theirs.processes())
        await asyncio.gather(ours.idle(), theirs.idle())
        return begun

    assert console.run(both()) == 1
    assert console.jobs()[0].state == DONE


def test_a_job_whose_turn_was_missed_begins_when_somebody_looks(
    console: Console, scores: Path
) -> None:
    mark(console, QUEUED, console.loaded(scores))
    queued = console.jobs()[0]
    assert queued.state == QUEUED
    assert console.get("wang", f"/jobs/{queued.id}.json").json()["state"] == RUNNING
    assert console.finished().state == DONE


def test_a_job_that_only_just_begins_is_not_taken_for_one_that_was_killed(
    console: Console, scores: Path
) -> None:
    console.upload("wang", scores)
    again = Jobs(console.office.settings, console.clock)
    assert asyncio.run(again.reconcile()) == []
    assert console.finished().state == DONE


def test_what_was_queued_at_a_kill_is_done_at_the_next_start(
    console: Console, scores: Path
) -> None:
    batch = console.loaded(scores)
    mark(console, QUEUED, batch)
    console.run(console.site.jobs.reconcile())
    assert console.finished().state == DONE


def mark(console: Console, state: str, batch: int = 1) -> None:
    """A job of this state that no process belongs to."""

    async def work(desk: Desk) -> None:
        number = await console.site.jobs.add(desk.database, CHECK, {"batch": batch}, "wang")
        await desk.database.execute("UPDATE job SET state = ? WHERE id = ?", (state, number))

    console.office.at_desk(work)


def test_no_more_than_two_run_at_once_and_the_others_wait(console: Console, scores: Path) -> None:
    for _ in range(4):
        console.upload("wang", scores)
    states = [one.state for one in console.jobs()]
    assert states.count(RUNNING) <= MAX_AT_ONCE
    assert QUEUED in states
    console.finished()
    assert {one.state for one in console.jobs()} == {DONE}


def test_a_refusal_ends_a_job_with_its_one_sentence(console: Console) -> None:
    console.post("li", "/batches/1/check")
    assert console.jobs() == []
    mark(console, QUEUED, batch=99)
    console.run(console.site.jobs.start_next())
    ended = console.finished()
    assert (ended.state, ended.message) == (
        FAILED,
        "There is no batch 99: `lookup batch list` shows them.",
    )


def test_somebody_disabled_meanwhile_does_nothing_any_more(console: Console) -> None:
    mark(console, QUEUED)
    console.office.at_desk(
        lambda desk: desk.database.execute("UPDATE person SET disabled_at = 'x'")
    )
    console.run(console.site.jobs.start_next())
    assert "may not act any more" in console.finished().message


def test_the_stop_of_a_console_ends_its_jobs(console: Console, scores: Path) -> None:
    console.upload("wang", scores)
    console.upload("wang", scores)
    console.upload("wang", scores)
    console.run(console.site.jobs.stop(grace_s=0))
    assert console.site.jobs.processes() == []
    states = {one.state for one in console.jobs()}
    assert RUNNING not in states
    assert QUEUED in states


def test_what_settles_a_job_leaves_none_where_it_fails(console: Console) -> None:
    def settle(job: int) -> dict[str, str]:
        raise StorageError("The disk is full.")

    async def work(desk: Desk) -> None:
        with pytest.raises(StorageError):
            await console.site.jobs.add(desk.database, CHECK, {}, "wang", settle)
        assert await list_jobs(desk.database) == []
        with pytest.raises(UsageError):
            await get_job(desk.database, 1)

    console.office.at_desk(work)


def test_a_job_gets_the_settings_of_its_console(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, required_approvals=3, retention_days=9, poll_ms=7)
    assert read_settings(environment(settings)) == settings


def wrong_scores(folder: Path) -> Path:
    """A file with one mark above the full mark."""
    return write_rows(folder / "wrong.csv", [candidate(1, 语文="999"), candidate(2)])


def test_what_a_load_has_found_so_far_is_told(console: Console, tmp_path: Path) -> None:
    console.upload("wang", wrong_scores(tmp_path))
    console.finished()
    assert (console.site.uploads / "1" / SIGHT).stat().st_mode & 0o777 == 0o600
    (found,) = console.get("wang", "/jobs/1.json?lang=en").json()["findings"]
    assert (found["severity"], found["column"], found["count"]) == ("error", "语文", 1)
    assert found["severity_text"] == "Error"
    assert found["reason"] in console.get("wang", "/jobs/1?lang=en").text


def test_a_load_that_is_killed_in_its_check_keeps_its_batch_and_its_codes(
    console: Console, scores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Jobs, "start_next", lambda self: asyncio.sleep(0))
    monkeypatch.setattr("lookup.admin.loading.check", killed)
    console.upload("wang", scores)
    mark_running(console)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(job.run(console.office.settings, 1))
    monkeypatch.undo()
    console.run(console.site.jobs.reconcile())
    told = console.jobs()[0]
    assert (told.state, told.message, told.result) == (FAILED, INTERRUPTED, {"batch": 1})
    assert console.office.batch(1).state == "loaded"
    assert (console.site.uploads / "1").is_dir()
    assert "/batches/1/check" in console.get("wang", "/batches/1").text
    console.post("wang", "/batches/1/check")
    console.finished()
    assert console.office.batch(1).state == "checked"


def mark_running(console: Console) -> None:
    console.office.at_desk(
        lambda desk: desk.database.execute("UPDATE job SET state = ?", (RUNNING,))
    )


def test_what_was_sent_for_a_load_without_a_batch_is_removed(
    console: Console, scores: Path
) -> None:
    console.upload("wang", scores, mapping="没有这一列=chinese")
    assert console.finished().state == FAILED
    assert list(console.site.uploads.iterdir()) == []


def test_what_was_sent_is_found_again_when_the_data_folder_has_another_name(
    console: Console, scores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Jobs, "start_next", lambda self: asyncio.sleep(0))
    console.upload("wang", scores)
    mark_running(console)
    moved = Path(shutil.copytree(console.office.root, console.office.root.with_name("moved")))
    settings = dataclasses.replace(console.office.settings, data_dir=moved)
    console.run(Jobs(settings, console.clock).reconcile())
    assert list(uploads(settings).iterdir()) == []
    assert len(list(console.site.uploads.iterdir())) == 1


def test_an_upload_that_a_kill_left_without_a_job_is_removed_at_the_next_start(
    console: Console, scores: Path
) -> None:
    batch = console.loaded(scores)
    (console.site.uploads / "2").mkdir()
    console.run(console.site.jobs.reconcile())
    assert [folder.name for folder in console.site.uploads.iterdir()] == [str(batch)]


def test_a_disk_that_is_full_when_a_job_ends_holds_the_queue_up_and_does_not_end_it(
    console: Console, scores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [StorageError("The disk is full."), OSError("full"), None, None]
    end = Jobs._end_interrupted

    async def full(jobs: Jobs, database: aiosqlite.Connection, number: int) -> bool:
        if error := left.pop(0) if left else None:
            raise error
        return await end(jobs, database, number)

    monkeypatch.setattr("lookup.admin.jobs.AGAIN_S", 0)
    monkeypatch.setattr("lookup.admin.jobs.MAX_AT_ONCE", 1)
    monkeypatch.setattr(Jobs, "_end_interrupted", full)
    console.upload("wang", scores)
    console.upload("wang", scores)
    console.finished()
    assert [one.state for one in console.jobs()] == [DONE, DONE]
