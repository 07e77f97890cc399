"""Fair use through the whole application: the API's ladder, the form's, and one for all."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from lookup.public.answers import PHRASES
from lookup.public.app import create_app
from lookup.public.challenge import encode
from lookup.public.fair_use import FairUse
from lookup.public.network import network_of
from lookup.public.shared_table import private_table
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.fair_use_makers import EASY, Seconds, solved
from tests.makers import TYPED, Clock, make_kind, make_release, open_release

API = "/api/v1/scores"
WRONG = TYPED | {"access_code": "ZZZZ9999"}
UNKNOWN = TYPED | {"candidate_number": "999999999"}
HOME, SCHOOL, ELSEWHERE = "192.0.2.1", "192.0.2.77", "198.51.100.1"


class Town:
    """The application, asked from any address."""

    def __init__(self, folder: Path) -> None:
        store = EmbeddedStore(folder)
        open_release(store, make_release(store, make_kind()))
        self.seconds = Seconds()
        self.fair_use = FairUse(private_table(), EASY, self.seconds)
        self.app: Starlette = create_app(
            Settings(data_dir=folder), store, Clock(), fair_use=self.fair_use
        )
        self.app.state.live.settle()

    def post(self, url: str, address: str, **options: Any) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.post(url, **options)

        return asyncio.run(run())

    def ask(
        self, typed: Mapping[str, str], solution: str = "", address: str = HOME
    ) -> httpx.Response:
        headers = {"X-Altcha-Solution": solution} if solution else {}
        return self.post(API, address, json=dict(typed), headers=headers)

    def work(self, typed: Mapping[str, str], address: str = HOME) -> httpx.Response:
        """Ask, and once more with a solution where one is asked for."""
        found = self.ask(typed, address=address)
        if "challenge" in found.json():
            found = self.ask(typed, solved(found.json()["challenge"]), address)
        return found


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_an_api_client_climbs_the_ladder(town: Town) -> None:
    for _ in range(EASY.free_failures):
        assert town.ask(WRONG).json()["code"] == "no_match"
    held = town.ask(WRONG)
    assert (held.status_code, held.json()["code"]) == (429, "challenge_required")
    assert held.headers["retry-after"] == str(EASY.wait_s)
    solution = solved(held.json()["challenge"])
    assert town.ask(WRONG, solution).json()["code"] == "no_match"
    assert town.ask(WRONG, solution).json()["code"] == "challenge_required"
    while (found := town.work(WRONG)).json()["code"] == "no_match":
        pass
    assert (found.status_code, found.json()["code"]) == (429, "try_later")
    assert found.headers["retry-after"] == str(EASY.wait_s)
    assert str(EASY.wait_s) in found.json()["detail"]
    town.seconds.now += EASY.wait_s
    assert town.work(TYPED).status_code == 200


def test_the_right_code_is_held_like_a_wrong_one(town: Town) -> None:
    for _ in range(EASY.free_failures):
        town.ask(WRONG)
    assert town.ask(TYPED).json()["code"] == "challenge_required"
    assert town.work(TYPED).json()["record"]["total"] == 512.5


def test_from_another_network_a_burned_number_opens_at_once(town: Town) -> None:
    for _ in range(40):
        town.work(WRONG)
    assert town.work(TYPED, address=SCHOOL).json()["code"] == "try_later"
    assert town.work(TYPED, address=ELSEWHERE).status_code == 200


def told(found: httpx.Response) -> tuple[object, ...]:
    """All of an answer but the challenge's own random values."""
    body = re.sub(r'"(challenge|salt|signature)":"[^"]*"', "", found.text)
    return found.status_code, sorted(found.headers.keys()), len(found.content), body


def test_a_number_that_does_not_exist_climbs_the_same_ladder(town: Town) -> None:
    for _ in range(30):
        one, other = town.ask(WRONG), town.ask(UNKNOWN)
        assert told(one) == told(other)
        if "challenge" in one.json():
            one = town.ask(WRONG, solved(one.json()["challenge"]))
            other = town.ask(UNKNOWN, solved(other.json()["challenge"]))
            assert told(one) == told(other)


def test_what_is_not_a_whole_credential_costs_nothing(town: Town) -> None:
    for _ in range(EASY.failure_budget * 2):
        town.ask({"candidate_number": TYPED["candidate_number"]})
        town.ask(TYPED | {"access_code": "short"})
    assert town.ask(TYPED).status_code == 200


@pytest.mark.parametrize("solution", ["x", "é", "e30=", "A" * 5000])
def test_a_solution_that_is_none_is_an_ordinary_try(town: Town, solution: str) -> None:
    headers = {"X-Altcha-Solution": solution.encode("latin-1")}
    assert town.post(API, HOME, json=TYPED, headers=headers).status_code == 200
    for _ in range(EASY.free_failures):
        town.ask(WRONG)
    held = town.post(API, HOME, json=TYPED, headers=headers)
    assert held.json()["code"] == "challenge_required"


def ticket_of(page: httpx.Response) -> str:
    """What a form's hidden field brings back."""
    found = re.search(r'name="altcha" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def test_the_form_without_a_script_is_let_in_after_its_wait(town: Town) -> None:
    for _ in range(EASY.free_failures):
        town.post("/scores?lang=en", HOME, data=WRONG)
    held = town.post("/scores?lang=en", HOME, data=TYPED)
    assert held.status_code == 429
    assert held.headers["retry-after"] == str(EASY.wait_s)
    assert "refresh" not in held.headers
    assert "http-equiv" not in held.text
    assert f"wait {EASY.wait_s} seconds" in held.text
    assert TYPED["candidate_number"] not in held.text
    again = TYPED | {"altcha": ticket_of(held)}
    assert town.post("/scores", HOME, data=again).status_code == 429
    town.seconds.now += EASY.wait_s
    assert "512.5" in town.post("/scores", HOME, data=again).text


def test_a_form_sent_too_early_says_what_is_left_and_is_let_in_then(town: Town) -> None:
    for _ in range(EASY.free_failures):
        town.post("/scores", HOME, data=WRONG)
    held = town.post("/scores?lang=en", HOME, data=TYPED)
    for left in (20, 10):
        town.seconds.now += 10
        held = town.post("/scores?lang=en", HOME, data=TYPED | {"altcha": ticket_of(held)})
        assert (held.status_code, held.headers["retry-after"]) == (429, str(left))
        assert f"wait {left} seconds" in held.text
    town.seconds.now += 10
    assert "512.5" in town.post("/scores", HOME, data=TYPED | {"altcha": ticket_of(held)}).text


def test_a_form_that_came_before_its_turn_keeps_its_solution(town: Town) -> None:
    for _ in range(40):
        town.work(WRONG, address=ELSEWHERE)
    solution = solved(town.ask(TYPED).json()["challenge"])
    assert town.work(WRONG, address=SCHOOL).json()["code"] == "no_match"
    held = town.post("/scores", HOME, data=TYPED | {"altcha": solution})
    assert held.headers["retry-after"] == str(EASY.wait_s)
    assert ticket_of(held) == solution
    town.seconds.now += EASY.wait_s
    assert "512.5" in town.post("/scores", HOME, data=TYPED | {"altcha": ticket_of(held)}).text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_form_that_is_held_says_to_send_it_and_not_to_reload(town: Town, language: str) -> None:
    for _ in range(EASY.free_failures):
        town.post("/scores", HOME, data=WRONG)
    held = town.post(f"/scores?lang={language}", HOME, data=TYPED).text
    for key in ("held.number", "held.detail", "held.valid", "held.elsewhere"):
        button = PHRASES.say("form.submit", language)
        assert PHRASES.say(key, language, seconds=EASY.wait_s, button=button) in held


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_network_s_failures_are_not_blamed_on_the_number(town: Town, language: str) -> None:
    for number in range(EASY.network_failures):
        town.fair_use.failed(b"%d" % number, network_of(HOME))
    answer = town.post(f"{API}?lang={language}", HOME, json=TYPED)
    key = "problem.challenge_required.detail"
    words = {
        cause: PHRASES.say(f"{key}.{cause}", language, seconds=EASY.wait_s)
        for cause in ("number", "network")
    }
    assert answer.json()["detail"] == words["network"] != words["number"]
    page = town.post(f"/scores?lang={language}", HOME, data=TYPED).text
    assert PHRASES.say("held.network", language) in page
    assert PHRASES.say("held.number", language) not in page.partition("<form")[0]


def test_an_answer_says_what_was_wrong_with_a_solution(town: Town) -> None:
    for _ in range(EASY.free_failures):
        town.ask(WRONG)
    first = town.ask(WRONG).json()
    assert "solution" not in first
    assert town.ask(WRONG, encode(first["challenge"])).json()["solution"] == "too_early"
    assert town.ask(WRONG, "nonsense").json()["solution"] == "invalid"
    solution = solved(first["challenge"])
    town.ask(WRONG, solution)
    assert town.ask(WRONG, solution).json()["solution"] == "used"


def test_the_form_and_the_api_count_as_one(town: Town) -> None:
    for _ in range(EASY.free_failures):
        town.post("/scores", HOME, data=WRONG)
    assert town.ask(TYPED).json()["code"] == "challenge_required"


def test_a_challenge_of_the_api_is_good_in_the_form(town: Town) -> None:
    for _ in range(EASY.free_failures):
        town.ask(WRONG)
    challenge = town.ask(TYPED).json()["challenge"]
    assert town.post("/scores", HOME, data=TYPED | {"altcha": encode(challenge)}).status_code == 429
    solution = solved(challenge)
    assert town.post("/scores", HOME, data=TYPED | {"altcha": solution}).status_code == 200
