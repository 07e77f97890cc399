"""Signing in: one sentence for every wrong try, the same work for all, and waits that grow."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pyotp
import pytest
from argon2 import PasswordHasher

from lookup.admin.desk import Desk
from lookup.admin.people import passwords
from lookup.admin.people.accounts import Enrolment, Person, add_person, disable
from lookup.admin.people.roles import ADMINISTRATOR, LOADER, NOBODY
from lookup.admin.people.signing_in import A_NAME, EVERYBODY, FORGOTTEN, prove_again, sign_in
from lookup.admin.refusals import refused
from lookup.errors import RefusedError
from tests.desk_makers import Bureau, Clock, person

PASSWORD = "seven quiet rivers"
WRONG = str(refused("credentials"))
GUESS = "not the password"
STEP = timedelta(seconds=30)


class Door(Bureau):
    """A bureau with one clerk, and a way to try the door."""

    clerk: Enrolment

    def code(self, steps: int = 0) -> str:
        """The clerk's code, so many steps from now."""
        return pyotp.TOTP(self.clerk.totp).at(self.clock() + steps * STEP)

    def enter(self, name: str = "clerk", password: str = PASSWORD, code: str = "") -> Person:
        """One try."""
        typed = code or self.code()
        return self.at_desk(lambda desk: sign_in(desk, name, password, typed), NOBODY)

    def refused(self, name: str = "clerk", password: str = GUESS, code: str = "") -> str:
        """The sentence of a try that must fail."""
        with pytest.raises(RefusedError) as error:
            self.enter(name, password, code)
        return str(error.value)

    def later(self, by: timedelta) -> None:
        """Some time passes."""
        assert isinstance(self.clock, Clock)
        self.clock.now += by


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))
    door = Door(tmp_path)
    boss = person("boss", ADMINISTRATOR)
    door.at_desk(lambda desk: add_person(desk, "boss", PASSWORD, [ADMINISTRATOR]))
    door.clerk = door.at_desk(lambda desk: add_person(desk, "clerk", PASSWORD, [LOADER]), boss)
    return door


def test_name_password_and_code_together_sign_in(door: Door) -> None:
    found = door.enter()
    assert (found.name, found.roles) == ("clerk", frozenset({LOADER}))
    assert door.acts()[-1] == ("clerk", "person.sign_in")


def test_one_sentence_for_whatever_was_wrong(door: Door) -> None:
    sentences = {
        door.refused(password="wrong"),
        door.refused(password=PASSWORD, code="000000"),
        door.refused(name="ghost", password=PASSWORD),
        door.refused(name="", password=""),
        door.refused(name="clerk\x00", password="x" * 100_000, code="½" * 1000),
        door.refused(name="\ud800", password="\ud800", code="\ud800"),
    }
    door.at_desk(lambda desk: disable(desk, "clerk"), person("boss", ADMINISTRATOR))
    sentences.add(door.refused(password=PASSWORD, code=door.code()))
    assert sentences == {WRONG}


def test_an_unknown_name_costs_the_same_hash_as_a_known_one(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            verified.append(str(hash)[:10])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "HASHER", Counting(1, 8, 1))
    door.refused(name="clerk")
    door.refused(name="ghost")
    assert len(verified) == 2
    assert verified[0] == verified[1]


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_may_be_one_step_early_or_late(door: Door, steps: int) -> None:
    assert door.enter(code=door.code(steps)).name == "clerk"


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_a_code_further_away_is_wrong(door: Door, steps: int) -> None:
    assert door.refused(password=PASSWORD, code=door.code(steps)) == WRONG


def test_no_code_works_twice_nor_one_before_it(door: Door) -> None:
    before, code, after = door.code(-1), door.code(), door.code(1)
    door.enter(code=code)
    assert door.refused(password=PASSWORD, code=code) == WRONG
    assert door.refused(password=PASSWORD, code=before) == WRONG
    assert door.enter(code=after).name == "clerk"


def test_one_code_given_twice_at_once_works_once(door: Door) -> None:
    code = door.code()

    async def one() -> bool:
        async with door.desk(NOBODY) as desk:
            try:
                await sign_in(desk, "clerk", PASSWORD, code)
            except RefusedError:
                return False
            return True

    async def both() -> list[bool]:
        return list(await asyncio.gather(one(), one()))

    assert sorted(asyncio.run(both())) == [False, True]


def test_a_code_may_be_typed_with_spaces(door: Door) -> None:
    code = door.code()
    assert door.enter(code=f" {code[:3]} {code[3:]} ").name == "clerk"


def test_failures_are_lines_that_never_hold_an_unknown_name_or_a_password(door: Door) -> None:
    door.refused(name="clerk", password="my secret guess")
    door.refused(name="hunter2-typed-as-name", password="x")
    lines = door.audit()[-2:]
    assert [(e.person, e.act) for e in lines] == [
        ("clerk", "person.sign_in.failed"),
        ("unknown", "person.sign_in.failed"),
    ]
    stored = (door.root / "admin" / "admin.db").read_bytes()
    assert b"hunter2" not in stored
    assert b"my secret guess" not in stored


@pytest.mark.parametrize("name", ["clerk", "ghost"])
def test_after_five_wrong_tries_a_name_must_wait_and_the_waits_double(
    door: Door, name: str
) -> None:
    for _ in range(A_NAME.free):
        assert door.refused(name=name) == WRONG
    wait = A_NAME.first
    for _ in range(4):
        assert "wait" in door.refused(name=name)
        door.later(wait - timedelta(seconds=1))
        assert "wait" in door.refused(name=name)
        door.later(timedelta(seconds=1))
        assert door.refused(name=name) == WRONG
        wait *= 2


def test_even_the_right_password_waits_and_then_works(door: Door) -> None:
    for _ in range(A_NAME.free):
        door.refused()
    assert "wait 30 seconds" in door.refused(password=PASSWORD)
    door.later(A_NAME.first)
    assert door.enter().name == "clerk"


def test_nobody_is_kept_out_longer_than_a_quarter_of_an_hour(door: Door) -> None:
    waits = [limit.wait(failures) for limit in (A_NAME, EVERYBODY) for failures in range(2000)]
    assert max(waits) <= timedelta(minutes=15)
    for _ in range(30):
        door.refused()
        door.later(A_NAME.longest)
    assert door.enter().name == "clerk"


def test_a_right_try_wipes_the_slate(door: Door) -> None:
    for _ in range(A_NAME.free - 1):
        door.refused()
    door.enter()
    for _ in range(A_NAME.free):
        assert door.refused() == WRONG


def test_wrong_tries_are_forgotten_after_a_while(door: Door) -> None:
    for _ in range(A_NAME.free - 1):
        door.refused()
    door.later(FORGOTTEN)
    for _ in range(A_NAME.free):
        assert door.refused() == WRONG


def test_many_tries_at_once_are_all_counted(door: Door) -> None:
    async def one() -> str:
        async with door.desk(NOBODY) as desk:
            try:
                await sign_in(desk, "clerk", "wrong", "000000")
            except RefusedError as error:
                return str(error)
            return ""

    async def many() -> list[str]:
        return list(await asyncio.gather(*(one() for _ in range(12))))

    assert sum(sentence == WRONG for sentence in asyncio.run(many())) == A_NAME.free


def test_guessing_with_many_names_slows_everybody_but_not_for_long(door: Door) -> None:
    for number in range(EVERYBODY.free):
        assert door.refused(name=f"ghost{number}") == WRONG
    assert "wait 1 seconds" in door.refused(name="another")
    assert EVERYBODY.longest <= timedelta(minutes=1)
    door.later(EVERYBODY.first)
    assert door.enter().name == "clerk"


def test_guessing_at_the_door_keeps_nobody_inside_from_proving_again(door: Door) -> None:
    for _ in range(A_NAME.free + 1):
        door.refused()
    for number in range(EVERYBODY.free):
        door.refused(name=f"ghost{number}")
    proved = door.at_desk(lambda desk: prove_again(desk, "clerk", PASSWORD, door.code()), NOBODY)
    assert proved.name == "clerk"


def test_proving_again_is_throttled_like_signing_in(door: Door) -> None:
    async def prove(desk: Desk) -> None:
        await prove_again(desk, "clerk", GUESS, "000000")

    for sentence in [WRONG] * A_NAME.free + ["wait 30 seconds"]:
        with pytest.raises(RefusedError, match=sentence):
            door.at_desk(prove, NOBODY)
    assert door.enter().name == "clerk"


def test_a_clock_set_back_locks_nobody_out(door: Door) -> None:
    for _ in range(A_NAME.free):
        door.refused()
    door.later(-timedelta(hours=1))
    assert door.refused() == WRONG


def test_a_password_is_hashed_again_when_the_parameters_move(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(2, 16, 1))
    door.enter()
    stored = (door.root / "admin" / "admin.db").read_bytes()
    assert b"m=16,t=2,p=1" in stored
    door.later(STEP)
    assert door.enter().name == "clerk"
