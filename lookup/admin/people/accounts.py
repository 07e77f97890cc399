"""The people of the admin wing: who may sign in, and with which roles."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import aiosqlite
import pyotp

from lookup.admin.desk import Desk
from lookup.admin.people.passwords import hash_password, refuse_weak
from lookup.admin.people.roles import ADMINISTRATOR, RESERVED, ROLES, Actor
from lookup.admin.refusals import Words, misused, refused

ISSUER = "lookup"
NAME = re.compile(r"[a-z][a-z0-9_-]{1,31}")


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the table `person`, without its secrets."""

    name: str
    roles: frozenset[str]
    created_at: str
    disabled_at: str | None = None

    @property
    def actor(self) -> Actor:
        """The person as somebody who acts; without any role once disabled."""
        return Actor(self.name, frozenset() if self.disabled_at else self.roles)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a new person needs once, to set up the app that makes their codes."""

    name: str
    totp: str
    uri: str


def person_of(row: aiosqlite.Row) -> Person:
    """A row that holds a person's columns."""
    return Person(
        row["name"], frozenset(row["roles"].split()), row["created_at"], row["disabled_at"]
    )


async def list_people(database: aiosqlite.Connection) -> list[Person]:
    """Everybody who was ever registered, by name."""
    async with database.execute("SELECT * FROM person ORDER BY name") as cursor:
        return [person_of(row) async for row in cursor]


async def get_person(database: aiosqlite.Connection, name: str) -> Person:
    """One person. Raises UsageError where there is none."""
    async with database.execute("SELECT * FROM person WHERE name = ?", (name,)) as cursor:
        row = await cursor.fetchone()
    if row is None:
        raise misused("nobody")
    return person_of(row)


async def anybody_registered(database: aiosqlite.Connection) -> bool:
    """Whether people are registered; from then on the machine's own user changes nothing."""
    async with database.execute("SELECT 1 FROM person LIMIT 1") as cursor:
        return await cursor.fetchone() is not None


async def add_person(desk: Desk, name: str, password: str, roles: Iterable[str]) -> Enrolment:
    """Register somebody. Raises UsageError, RefusedError; the first must be an administrator."""
    check_name(name)
    given = check_roles(roles)
    desk.actor.check("person.change")
    refuse_weak(name, password)
    kept, enrolment = await hash_password(password), _enrol(name)
    async with desk.act("person.change", name) as line:
        if not await anybody_registered(desk.database):
            _refuse_without_administrator(given)
        else:
            _refuse_machine(desk)
        async with desk.database.execute("SELECT 1 FROM person WHERE name = ?", (name,)) as cursor:
            if await cursor.fetchone():
                raise refused("registered", name=name)
        line.after = _text(given)
        line.detail = {"what": "add"}
        await desk.database.execute(
            "INSERT INTO person (name, roles, password, totp, created_at) VALUES (?, ?, ?, ?, ?)",
            (name, _text(given), kept, enrolment.totp, desk.clock().isoformat()),
        )
    return enrolment


async def change_roles(desk: Desk, name: str, roles: Iterable[str]) -> Person:
    """Give somebody exactly these roles. Raises UsageError, RefusedError."""
    given = check_roles(roles)
    async with desk.act("person.change", name) as line:
        _refuse_machine(desk)
        person = await get_person(desk.database, name)
        if ADMINISTRATOR not in given:
            await _refuse_last(desk.database, person)
        line.before, line.after = _text(person.roles), _text(given)
        line.detail = {"what": "roles"}
        sql = "UPDATE person SET roles = ? WHERE name = ?"
        await desk.database.execute(sql, (_text(given), name))
    return await get_person(desk.database, name)


async def reset(desk: Desk, name: str, password: str) -> Enrolment:
    """Give somebody a new password and a new secret, end their sessions, and enable them again.

    Raises UsageError, RefusedError.
    """
    desk.actor.check("person.change")
    refuse_weak(name, password)
    kept, enrolment = await hash_password(password), _enrol(name)
    async with desk.act("person.change", name) as line:
        _refuse_machine(desk)
        await get_person(desk.database, name)
        line.detail = {"what": "reset"}
        sql = (
            "UPDATE person SET password = ?, totp = ?, totp_step = 0, disabled_at = NULL"
            " WHERE name = ?"
        )
        await desk.database.execute(sql, (kept, enrolment.totp, name))
        await _end_sessions(desk.database, name)
    return enrolment


async def change_password(desk: Desk, password: str, keep: str = "") -> Person:
    """Give the acting person, who has just proved who they are, a new password; their sessions
    end, but for the one whose id is `keep`. Raises UsageError, RefusedError."""
    name = desk.actor.name
    desk.actor.check("person.password")
    await get_person(desk.database, name)
    refuse_weak(name, password)
    kept = await hash_password(password)
    async with desk.act("person.password", name):
        sql = "UPDATE person SET password = ? WHERE name = ?"
        await desk.database.execute(sql, (kept, name))
        await _end_sessions(desk.database, name, keep)
    return await get_person(desk.database, name)


async def disable(desk: Desk, name: str) -> Person:
    """Let somebody sign in no more, and end their sessions. Raises UsageError, RefusedError."""
    async with desk.act("person.change", name) as line:
        _refuse_machine(desk)
        person = await get_person(desk.database, name)
        if person.disabled_at:
            raise refused("disabled", name=name)
        await _refuse_last(desk.database, person)
        line.before, line.detail = _text(person.roles), {"what": "disable"}
        sql = "UPDATE person SET disabled_at = ? WHERE name = ?"
        await desk.database.execute(sql, (desk.clock().isoformat(), name))
        await _end_sessions(desk.database, name)
    return await get_person(desk.database, name)


def _text(roles: Iterable[str]) -> str:
    return " ".join(sorted(roles))


def check_name(name: str) -> None:
    """Raise UsageError unless somebody may be called so."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise misused("name")


def check_roles(roles: Iterable[str]) -> frozenset[str]:
    """One or more roles that there are. Raises UsageError."""
    given = frozenset(roles)
    if not given or not given <= set(ROLES):
        raise misused("roles", roles=Words(ROLES, "comma"))
    return given


def _enrol(name: str) -> Enrolment:
    secret = pyotp.random_base32()
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
    return Enrolment(name, secret, uri)


def _refuse_machine(desk: Desk) -> None:
    if not desk.actor.registered:
        raise refused("people_only")


def _refuse_without_administrator(roles: frozenset[str]) -> None:
    if ADMINISTRATOR not in roles:
        raise refused("first_person")


async def _refuse_last(database: aiosqlite.Connection, person: Person) -> None:
    others = [
        other
        for other in await list_people(database)
        if ADMINISTRATOR in other.actor.roles and other.name != person.name
    ]
    if not others:
        raise refused("last_administrator", name=person.name)


async def _end_sessions(database: aiosqlite.Connection, name: str, keep: str = "") -> None:
    await database.execute("DELETE FROM session WHERE person = ? AND id <> ?", (name, keep))
