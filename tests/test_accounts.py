"""Accounts: who may sign in, changed by administrators only, every change a line of the audit."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher

from lookup.admin.desk import Desk
from lookup.admin.people import passwords
from lookup.admin.people.accounts import (
    Enrolment,
    add_person,
    change_roles,
    disable,
    get_person,
    list_people,
    reset,
)
from lookup.admin.people.roles import (
    ADMINISTRATOR,
    AUDITOR,
    LOADER,
    RESERVED,
    REVIEWER,
    Actor,
)
from lookup.admin.people.sessions import find, start
from lookup.errors import RefusedError, UsageError
from tests.desk_makers import MACHINE, Bureau, person

PASSWORD = "seven quiet rivers"
BOSS = person("boss", ADMINISTRATOR)


@pytest.fixture
def bureau(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bureau:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))
    return Bureau(tmp_path)


def add(
    bureau: Bureau, name: str, *roles: str, by: Actor = MACHINE, password: str = PASSWORD
) -> Enrolment:
    return bureau.at_desk(lambda desk: add_person(desk, name, password, roles), by)


@pytest.fixture
def staffed(bureau: Bureau) -> Bureau:
    add(bureau, "boss", ADMINISTRATOR)
    add(bureau, "clerk", LOADER, by=BOSS)
    return bureau


def test_the_first_person_is_added_by_the_machines_user_and_is_an_administrator(
    bureau: Bureau,
) -> None:
    with pytest.raises(RefusedError, match="first person must be an administrator"):
        add(bureau, "clerk", LOADER)
    add(bureau, "boss", ADMINISTRATOR)
    assert bureau.acts() == [("os:test", "person.change")]
    assert [p.name for p in bureau.at_desk(lambda desk: list_people(desk.database))] == ["boss"]


CHANGES: dict[str, Callable[[Desk], Awaitable[Any]]] = {
    "add": lambda desk: add_person(desk, "other", PASSWORD, [LOADER]),
    "roles": lambda desk: change_roles(desk, "clerk", [REVIEWER]),
    "reset": lambda desk: reset(desk, "clerk", PASSWORD),
    "disable": lambda desk: disable(desk, "clerk"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("actor", [MACHINE, person("clerk", LOADER), person("ear", AUDITOR)])
def test_once_somebody_is_registered_only_an_administrator_changes_people(
    staffed: Bureau, change: str, actor: Actor
) -> None:
    before = staffed.at_desk(lambda desk: list_people(desk.database)), staffed.acts()
    with pytest.raises(RefusedError):
        staffed.at_desk(CHANGES[change], actor)
    assert (staffed.at_desk(lambda desk: list_people(desk.database)), staffed.acts()) == before


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_a_line_that_names_who_and_what_and_no_secret(
    staffed: Bureau, change: str
) -> None:
    staffed.at_desk(CHANGES[change], BOSS)
    line = staffed.audit()[-1]
    assert (line.person, line.act, line.detail) == ("boss", "person.change", {"what": change})
    assert line.subject == ("other" if change == "add" else "clerk")
    assert PASSWORD not in repr(staffed.audit())


@pytest.mark.parametrize(
    "name", ["", "a", "A", "Zhang", "9lives", "a b", "os:root", "a" * 33, "张三"]
)
def test_a_name_is_small_letters_digits_and_little_else(bureau: Bureau, name: str) -> None:
    with pytest.raises(UsageError):
        add(bureau, name, ADMINISTRATOR)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_the_audits_own_names_are_nobodys(bureau: Bureau, name: str) -> None:
    with pytest.raises(UsageError):
        add(bureau, name, ADMINISTRATOR)


def test_a_name_is_given_once(staffed: Bureau) -> None:
    with pytest.raises(RefusedError, match="already"):
        add(staffed, "clerk", LOADER, by=BOSS)


@pytest.mark.parametrize("roles", [(), ("king",), (LOADER, "king")])
def test_unknown_roles_and_none_are_refused(bureau: Bureau, roles: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        add(bureau, "boss", *roles)


@pytest.mark.parametrize(
    "password", ["", "elevenchars", "x" * 12, "x" * 129, "ab" * 65, "Administrators", "ａ" * 12]
)
def test_a_password_that_is_short_long_or_easily_guessed_is_refused(
    bureau: Bureau, password: str
) -> None:
    with pytest.raises(RefusedError, match="password"):
        add(bureau, "administrators", ADMINISTRATOR, password=password)


def test_the_enrolment_carries_what_an_authenticator_app_needs(bureau: Bureau) -> None:
    enrolment = add(bureau, "boss", ADMINISTRATOR)
    totp = pyotp.parse_uri(enrolment.uri)
    assert isinstance(totp, pyotp.TOTP)
    assert (totp.secret, totp.name, totp.digits, totp.interval) == (enrolment.totp, "boss", 6, 30)


def test_only_a_slow_hash_of_the_password_is_kept(staffed: Bureau) -> None:
    stored = (staffed.root / "admin" / "admin.db").read_bytes()
    assert PASSWORD.encode() not in stored
    assert b"$argon2id$" in stored


def test_the_last_administrator_stays_one(staffed: Bureau) -> None:
    with pytest.raises(RefusedError, match="last administrator"):
        staffed.at_desk(lambda desk: disable(desk, "boss"), BOSS)
    with pytest.raises(RefusedError, match="last administrator"):
        staffed.at_desk(lambda desk: change_roles(desk, "boss", [LOADER]), BOSS)
    add(staffed, "second", ADMINISTRATOR, by=BOSS)
    staffed.at_desk(lambda desk: disable(desk, "boss"), BOSS)
    with pytest.raises(RefusedError, match="last administrator"):
        staffed.at_desk(lambda desk: disable(desk, "second"), person("second", ADMINISTRATOR))


@pytest.mark.parametrize("change", ["reset", "disable"])
def test_a_reset_or_a_disabling_ends_the_persons_sessions_and_no_others(
    staffed: Bureau, change: str
) -> None:
    async def begin(desk: Desk) -> list[str]:
        names = ("clerk", "boss")
        return [await start(desk, await get_person(desk.database, name)) for name in names]

    clerk, boss = staffed.at_desk(begin)
    staffed.at_desk(CHANGES[change], BOSS)
    assert staffed.at_desk(lambda desk: find(desk, clerk)) is None
    assert staffed.at_desk(lambda desk: find(desk, boss)) is not None


def test_a_disabled_person_acts_no_more_and_a_reset_brings_them_back(staffed: Bureau) -> None:
    gone = staffed.at_desk(lambda desk: disable(desk, "clerk"), BOSS)
    assert gone.actor.roles == frozenset()
    with pytest.raises(RefusedError, match="disabled already"):
        staffed.at_desk(lambda desk: disable(desk, "clerk"), BOSS)
    staffed.at_desk(lambda desk: reset(desk, "clerk", PASSWORD), BOSS)
    back = staffed.at_desk(lambda desk: get_person(desk.database, "clerk"))
    assert back.actor.roles == {LOADER}


def test_who_is_not_there_cannot_be_changed(staffed: Bureau) -> None:
    for work in (
        lambda desk: reset(desk, "ghost", PASSWORD),
        lambda desk: change_roles(desk, "ghost", [LOADER]),
        lambda desk: disable(desk, "ghost"),
    ):
        with pytest.raises(UsageError, match="registered"):
            staffed.at_desk(work, BOSS)
