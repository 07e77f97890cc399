"""Signing in to the console, and what a request must bring."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lookup.admin.console import forms
from lookup.admin.console.site import COOKIE
from tests.admin_makers import candidates, write_rows
from tests.console_makers import PASSWORD, SAME_SITE, Console, token_in


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    made.close()


def typed(console: Console, **changes: str) -> dict[str, str]:
    return {"name": "wang", "password": PASSWORD, "code": console.code()} | changes


def test_name_password_and_code_together_sign_in(console: Console) -> None:
    answer = console.request("POST", "/sign-in", data=typed(console) | {"next": "/releases"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/releases"


@pytest.mark.parametrize(
    "wrong", [{"name": "nobody-here"}, {"password": "another made-up phrase"}, {"code": "000000"}]
)
def test_signing_in_needs_all_three_and_does_not_say_which_was_wrong(
    console: Console, wrong: dict[str, str]
) -> None:
    answer = console.request("POST", "/sign-in", data=typed(console, **wrong))
    assert answer.status_code == 403
    assert "姓名、口令或验证码不对" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_code_signs_in_once(console: Console) -> None:
    assert console.request("POST", "/sign-in", data=typed(console)).status_code == 303
    assert console.request("POST", "/sign-in", data=typed(console)).status_code == 403


def test_the_cookie_belongs_to_this_host_and_to_no_script(console: Console) -> None:
    answer = console.request("POST", "/sign-in", data=typed(console))
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert COOKIE.startswith("__Host-")
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert flags == {"httponly", "path=/", "samesite=strict", "secure"}


def test_after_signing_in_nobody_is_sent_to_another_site(console: Console) -> None:
    for elsewhere in ("//evil.example/", "https://evil.example/", "/\\evil.example"):
        console.later(minutes=2)
        answer = console.request("POST", "/sign-in", data=typed(console) | {"next": elsewhere})
        assert answer.headers["location"] == "/"


def test_a_guesser_must_wait(console: Console) -> None:
    wrong = typed(console, password="a wrong made-up phrase")
    for _ in range(5):
        console.request("POST", "/sign-in", data=wrong)
    answer = console.request("POST", "/sign-in", data=typed(console))
    assert answer.status_code == 403
    assert "请等 30 秒再试" in answer.text


def test_without_a_session_every_page_leads_to_signing_in(console: Console) -> None:
    answer = console.get("", "/releases")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/releases"


def test_signing_out_ends_the_session_itself(console: Console) -> None:
    assert console.get("wang", "/batches").status_code == 200
    console.post("wang", "/sign-out")
    assert console.get("wang", "/batches").status_code == 303


def test_a_session_that_rests_too_long_is_over(console: Console) -> None:
    assert console.get("wang", "/batches").status_code == 200
    console.later(hours=1)
    assert console.get("wang", "/batches").status_code == 303


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_was_set_is_told_before_anybody_has_signed_in(
    console: Console, hours: int
) -> None:
    # Set back, it ends every session and fits no code: nobody could see it on a page inside.
    assert "clock was set" not in console.get("", "/sign-in?lang=en").text
    console.set_clock(timedelta(hours=hours))
    assert f"it is {hours * 3600} s off" in console.get("", "/sign-in?lang=en").text


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_form_without_the_sessions_own_token_is_refused(console: Console, token: str) -> None:
    answer = console.request("POST", "/sign-out", "wang", data={"csrf": token})
    assert answer.status_code == 403
    assert console.get("wang", "/batches").status_code == 200


def test_the_token_of_another_session_is_refused(console: Console) -> None:
    page = console.get("li", "/batches").text
    answer = console.request("POST", "/sign-out", "wang", data={"csrf": token_in(page) or ""})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/batches"])
def test_a_post_from_another_site_is_refused(
    console: Console, headers: dict[str, str], path: str
) -> None:
    fields = typed(console) | {"csrf": console.csrf("wang")}
    answer = console.request("POST", path, "wang", headers=headers, data=fields)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_only_files_are_sent_in_parts(console: Console) -> None:
    # A form in parts would not be read here, and so neither would its token.
    sent = {"csrf": (None, console.csrf("wang")), "next": (None, "/")}
    for path in ("/sign-out", "/batches/1/check"):
        assert console.request("POST", path, "wang", files=sent).status_code in (400, 403)
    assert console.get("wang", "/batches").status_code == 200


def test_an_older_browser_that_tells_its_origin_may_post(console: Console) -> None:
    origin = {"Origin": "http://console"}
    answer = console.request("POST", "/sign-in", headers=origin, data=typed(console))
    assert answer.status_code == 303


@pytest.mark.parametrize("origin", ["http://[", "https://console.example", "null", ""])
def test_an_origin_that_is_none_of_ours_may_not_post(console: Console, origin: str) -> None:
    headers = {"Origin": origin}
    answer = console.request("POST", "/sign-in", headers=headers, data=typed(console))
    assert answer.status_code == 403


def test_a_referrer_that_is_no_address_breaks_no_page(console: Console) -> None:
    answer = console.get("wang", "/people", headers={"Referer": "http://["})
    assert answer.status_code == 403


def test_a_form_that_is_too_large_is_not_read(console: Console) -> None:
    answer = console.post("wang", "/sign-out", filler="x" * 100_000)
    assert answer.status_code == 400


def test_a_form_that_never_ends_is_not_waited_for(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "FORM_S", 0.01)

    async def trickle() -> AsyncIterator[bytes]:
        yield b"name="
        await asyncio.Event().wait()

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = console.request("POST", "/sign-in", headers=SAME_SITE | kind, content=trickle())
    assert answer.status_code == 400


def test_what_changes_the_public_asks_for_password_and_code_again(console: Console) -> None:
    console.enter("zhao")
    console.later(minutes=10)
    for act in ("schedule", "open", "close", "roll_back", "withdraw"):
        path = f"/releases/scores-v1-x/{act}"
        answer = console.post("zhao", path, opens_at="2026-06-24T18:30", reason="<b>")
        assert answer.status_code == 200
        form = answer.text[answer.text.index(f'<form method="post" action="{path}"') :]
        # What was typed goes with the question, and comes back with the answer.
        assert 'name="opens_at" value="2026-06-24T18:30"' in form
        assert 'name="reason" value="&lt;b&gt;"' in form
        assert form.count('name="csrf"') == 1


def test_what_was_typed_for_the_public_outlives_the_question_who_it_is(console: Console) -> None:
    console.enter("zhao")
    console.later(minutes=10)
    path = "/releases/scores-v1-x/close"
    wrong = {"password": "a wrong made-up phrase", "code": console.code(), "reason": "到期"}
    answer = console.post("zhao", path, **wrong)
    assert answer.status_code == 403
    assert 'name="reason" value="到期"' in answer.text
    assert "wrong made-up" not in answer.text
    right = {"password": PASSWORD, "code": console.code(), "reason": "到期"}
    # There is no such release: who they are has been settled.
    assert console.post("zhao", path, **right).status_code == 400


def test_changing_people_asks_for_password_and_code_again(console: Console) -> None:
    console.enter("admin")
    console.later(minutes=10)
    for path in ("/people", "/people/roles", "/people/reset", "/people/disable"):
        answer = console.post("admin", path, name="wang")
        assert answer.headers["location"].startswith("/prove")


def test_going_on_the_air_asks_for_password_and_code_again(console: Console) -> None:
    console.enter("zhao")
    console.later(minutes=10)
    for path in ("/live/begin", "/live/replay"):
        answer = console.post("zhao", path, zh="试验直播")
        assert answer.status_code == 200
        assert 'autocomplete="one-time-code"' in answer.text
    answer = console.post("zhao", "/live/import", round="第一批")
    assert answer.headers["location"] == "/prove?next=/live"


def test_proving_again_opens_the_way_for_some_minutes(console: Console) -> None:
    console.enter("admin")
    console.later(minutes=10)
    fields = {"password": PASSWORD, "code": console.code(), "next": "/people"}
    answer = console.post("admin", "/prove", **fields)
    assert answer.headers["location"] == "/people?done=proved"
    answer = console.post("admin", "/people/disable", name="qian")
    assert answer.headers["location"] == "/people?done=disabled"


def test_proving_again_with_a_wrong_password_proves_nothing(console: Console) -> None:
    console.enter("admin")
    console.later(minutes=10)
    fields = {"password": "a wrong made-up phrase", "code": console.code(), "next": "/people"}
    assert console.post("admin", "/prove", **fields).status_code == 403
    answer = console.post("admin", "/people/disable", name="qian")
    assert answer.headers["location"].startswith("/prove")


@pytest.mark.parametrize("polled", ["/release-day.json", "/jobs/1.json"])
def test_a_page_left_open_keeps_nobody_signed_in(
    console: Console, polled: str, tmp_path: Path
) -> None:
    console.upload("wang", write_rows(tmp_path / "scores.csv", candidates(2)))
    console.finished()
    console.get("wang", "/batches")
    for _ in range(3):
        assert console.get("wang", polled).status_code == 200
        console.later(minutes=10)
    assert console.get("wang", polled).status_code == 401
    assert console.get("wang", "/batches").status_code == 303


def test_somebody_who_does_something_stays_signed_in(console: Console) -> None:
    for _ in range(5):
        assert console.get("wang", "/batches").status_code == 200
        console.later(minutes=20)


def test_somebody_changes_their_own_password_and_is_signed_in_nowhere_else(
    console: Console,
) -> None:
    console.enter("wang")
    elsewhere = console.cookies["wang"]
    console.enter("wang")
    new = "words that wang chose"
    given = {"password": PASSWORD, "code": console.code(), "new": new, "again": new}
    console.later(seconds=30)
    page = console.get("wang", "/batches").text
    assert 'href="/password"' in page
    for wrong in ({"again": "other words"}, {"new": "short", "again": "short"}, {"password": new}):
        assert console.post("wang", "/password", **given | wrong).status_code == 403
    console.later(seconds=60)
    answer = console.post("wang", "/password", **given | {"code": console.code()})
    assert answer.headers["location"].startswith("/batches")
    assert console.get("wang", "/batches").status_code == 200
    console.cookies["wang"] = elsewhere
    assert console.get("wang", "/batches").status_code == 303
    console.later(seconds=60)
    assert console.request("POST", "/sign-in", data=typed(console)).status_code == 403
    entered = typed(console, password=new)
    assert console.request("POST", "/sign-in", data=entered).status_code == 303
