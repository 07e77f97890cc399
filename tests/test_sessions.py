"""Sessions: known to the server alone, short, and proved again before what cannot be undone."""

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pyotp
import pytest
from argon2 import PasswordHasher

from lookup.admin.desk import Desk
from lookup.admin.people import passwords, sessions
from lookup.admin.people.accounts import Enrolment, add_person, change_roles, get_person
from lookup.admin.people.roles import ADMINISTRATOR, LOADER, NOBODY, REVIEWER
from lookup.admin.people.sessions import (
    IDLE,
    LONGEST,
    PROVEN,
    Session,
    csrf_right,
    csrf_token,
    end,
    find,
    prove,
    start,
    sweep,
)
from lookup.errors import RefusedError
from tests.desk_makers import START, Bureau, Clock, person

T = TypeVar("T")
PASSWORD = "seven quiet rivers"
MOMENT = timedelta(seconds=1)


class Hall(Bureau):
    """A bureau with one person who signs in."""

    boss: Enrolment

    def do(self, work: Callable[[Desk], Awaitable[T]]) -> T:
        """One piece of work of the console, before it knows who asks."""
        return self.at_desk(work, NOBODY)

    def start(self, old: str = "") -> str:
        """A session's token."""

        async def work(desk: Desk) -> str:
            return await start(desk, await get_person(desk.database, "boss"), old)

        return self.do(work)

    def find(self, token: str) -> Session | None:
        """A token's session."""
        return self.do(lambda desk: find(desk, token))

    def found(self, token: str) -> Session:
        """A token's session, which must be there."""
        session = self.find(token)
        assert session is not None
        return session

    def at(self, since_start: timedelta) -> None:
        """The time is so long after the start."""
        assert isinstance(self.clock, Clock)
        self.clock.now = START + since_start


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))
    hall = Hall(tmp_path)
    hall.boss = hall.at_desk(lambda desk: add_person(desk, "boss", PASSWORD, [ADMINISTRATOR]))
    return hall


def test_a_token_finds_who_signed_in(hall: Hall) -> None:
    session = hall.found(hall.start())
    assert (session.actor.name, session.actor.roles) == ("boss", frozenset({ADMINISTRATOR}))


@pytest.mark.parametrize("token", ["", "x", "\ud800", "a" * 100_000])
def test_any_other_token_finds_nobody(hall: Hall, token: str) -> None:
    hall.start()
    assert hall.find(token) is None


def test_only_a_digest_of_the_token_is_kept(hall: Hall) -> None:
    token = hall.start()
    stored = (hall.root / "admin" / "admin.db").read_bytes()
    assert token.encode() not in stored
    assert sha256(token.encode()).hexdigest().encode() in stored
    assert len(token) >= 43


def test_signing_in_again_ends_the_session_that_came_with_it(hall: Hall) -> None:
    old = hall.start()
    new = hall.start(old)
    assert new != old
    assert hall.find(old) is None
    assert hall.find(new) is not None


def test_a_session_nobody_uses_is_over_after_half_an_hour(hall: Hall) -> None:
    token = hall.start()
    hall.at(IDLE - MOMENT)
    assert hall.find(token) is not None
    hall.at(IDLE - MOMENT + IDLE)
    assert hall.find(token) is None


def test_a_full_disk_keeps_nobody_from_looking(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    token = hall.start()

    async def full(*arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sessions, "_set", full)
    hall.at(IDLE - MOMENT)
    assert hall.found(token).actor.name == "boss"
    hall.at(IDLE)
    assert hall.find(token) is None


def test_a_session_in_use_is_over_after_ten_hours(hall: Hall) -> None:
    token = hall.start()
    now = timedelta(0)
    while now < LONGEST - IDLE:
        now += IDLE - MOMENT
        hall.at(now)
        assert hall.find(token) is not None
    hall.at(LONGEST)
    assert hall.find(token) is None


def test_roles_are_those_of_now(hall: Hall) -> None:
    boss = person("boss", ADMINISTRATOR)
    hall.at_desk(lambda desk: add_person(desk, "other", PASSWORD, [ADMINISTRATOR]), boss)
    token = hall.start()
    hall.at_desk(lambda desk: change_roles(desk, "boss", [REVIEWER, LOADER]), boss)
    assert hall.found(token).actor.roles == {REVIEWER, LOADER}


def test_a_session_ends_by_signing_out_and_no_other_with_it(hall: Hall) -> None:
    first, second = hall.start(), hall.start()
    session = hall.found(first)
    hall.do(lambda desk: end(desk, session))
    assert hall.find(first) is None
    assert hall.acts()[-1] == ("boss", "person.sign_out")
    assert hall.find(second) is not None


def test_the_proof_of_signing_in_lasts_five_minutes_and_can_be_renewed(hall: Hall) -> None:
    token = hall.start()
    assert hall.found(token).proved(hall.clock())
    hall.at(PROVEN)
    session = hall.found(token)
    assert not session.proved(hall.clock())
    code = pyotp.TOTP(hall.boss.totp).at(hall.clock())
    hall.do(lambda desk: prove(desk, session, PASSWORD, code))
    assert hall.found(token).proved(hall.clock())
    assert hall.acts()[-1] == ("boss", "person.prove")


def test_a_wrong_proof_proves_nothing(hall: Hall) -> None:
    token = hall.start()
    hall.at(PROVEN)
    session = hall.found(token)
    with pytest.raises(RefusedError):
        hall.do(lambda desk: prove(desk, session, PASSWORD, "000000"))
    assert not hall.found(token).proved(hall.clock())


def test_a_clock_set_back_ends_sessions_instead_of_prolonging_them(hall: Hall) -> None:
    token = hall.start()
    hall.at(-timedelta(hours=1))
    assert hall.find(token) is None


def test_sessions_that_are_over_are_swept_and_no_others(hall: Hall) -> None:
    hall.start()
    hall.at(IDLE)
    token = hall.start()
    assert hall.do(sweep) == 1
    assert hall.find(token) is not None


def test_a_forms_token_belongs_to_one_session(hall: Hall) -> None:
    one, two = hall.start(), hall.start()
    assert csrf_right(one, csrf_token(one))
    assert not csrf_right(one, csrf_token(two))
    assert not csrf_right(one, "")
    assert not csrf_right(one, "\ud800é")
    assert one not in csrf_token(one)


def test_what_a_page_asks_by_itself_does_not_keep_a_session(hall: Hall) -> None:
    token = hall.start()
    hall.at(IDLE - MOMENT)
    assert hall.do(lambda desk: find(desk, token, seen=False)) is not None
    hall.at(IDLE)
    assert hall.find(token) is None
