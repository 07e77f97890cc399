"""Challenges: what redeems one, and everything that does not."""

import base64
import hashlib
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.public.challenge import NOTHING, Challenges, Proof, encode
from lookup.public.fair_use import LIFE_S
from tests.fair_use_makers import ELSEWHERE, HOME, NUMBER, changed, solved

NOW = 5000.75
CHALLENGES = Challenges(b"k" * 32, LIFE_S)
MADE = CHALLENGES.make(NUMBER, HOME, NOW, 30, 50)
SOLVED = solved(MADE)
UNSOLVED = encode(MADE)


def proof(solution: str, now_s: float = NOW, network: bytes = HOME) -> Proof:
    return CHALLENGES.look(solution, NUMBER, network, now_s).proof


def test_a_challenge_has_what_altchas_own_solvers_need() -> None:
    assert set(MADE) == {"algorithm", "challenge", "maxnumber", "salt", "signature", "wait"}
    assert (MADE["algorithm"], MADE["maxnumber"], MADE["wait"]) == ("SHA-256", 50, 30)


def test_it_takes_a_sha_256_and_nothing_else_to_solve_one() -> None:
    wanted = MADE["challenge"]
    number = next(
        number
        for number in range(int(MADE["maxnumber"]) + 1)
        if hashlib.sha256(f"{MADE['salt']}{number}".encode()).hexdigest() == wanted
    )
    solution = base64.b64encode(json.dumps({**MADE, "number": number}).encode()).decode()
    assert proof(solution) is Proof.SOLVED


@pytest.mark.parametrize("after_s", [0, 1, LIFE_S - 1])
def test_a_solution_is_good_at_once_and_for_five_minutes(after_s: int) -> None:
    assert proof(SOLVED, NOW + after_s) is Proof.SOLVED


@pytest.mark.parametrize(
    ("after_s", "shown"),
    [(0, Proof.EARLY), (28, Proof.EARLY), (30, Proof.WAITED), (LIFE_S, Proof.NONE)],
)
def test_a_challenge_brought_back_unsolved_is_good_after_its_wait(
    after_s: int, shown: Proof
) -> None:
    assert proof(UNSOLVED, NOW + after_s) is shown


@pytest.mark.parametrize(("after_s", "left_s"), [(0, 30), (20.25, 9), (29, 1)])
def test_a_challenge_brought_back_too_early_is_the_same_with_less_to_wait(
    after_s: float, left_s: int
) -> None:
    shown = CHALLENGES.look(UNSOLVED, NUMBER, HOME, NOW + after_s)
    assert shown.challenge == {**MADE, "wait": left_s}


def test_what_a_client_wrote_into_a_challenge_does_not_come_back_to_it() -> None:
    others = changed(UNSOLVED, challenge="0" * 64, signature="mine", maxnumber=1, wait=0)
    assert CHALLENGES.look(others, NUMBER, HOME, NOW).challenge == MADE


def test_a_solution_is_worth_nothing_after_five_minutes() -> None:
    assert proof(SOLVED, NOW + LIFE_S) is Proof.NONE


def test_a_solution_is_for_its_number_and_network_only() -> None:
    assert proof(SOLVED, network=ELSEWHERE) is Proof.NONE
    assert CHALLENGES.look(SOLVED, b"scores:100000002", HOME, NOW) == NOTHING
    # Bytes that move from one part to the other make another pair.
    assert CHALLENGES.look(SOLVED, HOME[-1:] + NUMBER, HOME[:-1], NOW) == NOTHING


def test_another_services_challenge_is_worth_nothing() -> None:
    others = Challenges(b"j" * 32, LIFE_S).make(NUMBER, HOME, NOW, 30, 50)
    assert proof(solved(others)) is Proof.NONE
    assert proof(encode(others), NOW + 60) is Proof.NONE


def test_every_challenge_is_another() -> None:
    assert CHALLENGES.make(NUMBER, HOME, NOW, 30, 50)["salt"] != MADE["salt"]


def resalted(**told: str) -> str:
    """The salt with other things told in it."""
    salt = str(MADE["salt"])
    for name, value in told.items():
        before, _, rest = salt.partition(f"{name}=")
        salt = f"{before}{name}={value}&{rest.partition('&')[2]}"
    return salt


FORGED: list[dict[str, object]] = [
    {"number": 51},
    {"number": -2},
    {"number": True},
    {"number": 1.0},
    {"number": str(orjson.loads(base64.b64decode(SOLVED))["number"])},
    {"number": 1 << 53, "salt": ""},
    {"challenge": "0" * 64},
    {"signature": "0" * 64},
    {"signature": 7},
    {"signature": None},
    {"algorithm": "SHA-1"},
    {"algorithm": ["SHA-256"]},
    {"salt": resalted(until="999999999")},
    {"salt": resalted(ripe="0")},
    {"salt": resalted(most="1")},
    {"salt": str(MADE["salt"]) + "until=999999999&"},
    {"salt": "0" + str(MADE["salt"])},
    {"salt": "é" * 30},
    {"salt": "?" * 900},
]


@pytest.mark.parametrize("members", FORGED)
def test_what_was_changed_is_worth_nothing(members: dict[str, object]) -> None:
    assert proof(changed(SOLVED, **members)) is Proof.NONE
    # Nor is it, where only patience is claimed.
    if "number" not in members:
        assert proof(changed(UNSOLVED, **members), NOW + LIFE_S + 1) is Proof.NONE


def test_patience_cannot_be_claimed_earlier_or_with_another_nonce() -> None:
    for salt in (resalted(ripe="0"), "f" + str(MADE["salt"])[1:], "e" + str(MADE["salt"])[1:]):
        if salt != MADE["salt"]:
            assert proof(changed(UNSOLVED, salt=salt), NOW + 60) is Proof.NONE


def test_part_of_the_salt_cannot_become_part_of_the_number() -> None:
    found = orjson.loads(base64.b64decode(SOLVED))
    salt, _, rest = found["salt"].rpartition("for=")
    moved = changed(SOLVED, salt=salt, number=f"for={rest}{found['number']}")
    assert proof(moved) is Proof.NONE


@given(st.text(max_size=1500))
def test_any_text_is_looked_at_calmly(text: str) -> None:
    assert proof(text) is Proof.NONE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
MEMBERS = st.sampled_from(["algorithm", "challenge", "number", "salt", "signature"])


@given(MEMBERS, JSON)
def test_any_member_is_looked_at_calmly(name: str, value: object) -> None:
    ours = orjson.loads(base64.b64decode(SOLVED))
    changed_one = base64.b64encode(orjson.dumps(ours | {name: value})).decode()
    same = type(value) is type(ours[name]) and value == ours[name]
    assert (proof(changed_one) is Proof.SOLVED) == same
