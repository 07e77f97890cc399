"""The made-up people of the demo: one for each role, and what they sign in with."""

import secrets
from dataclasses import dataclass

import pyotp

from lookup.admin.desk import Desk, open_desk
from lookup.admin.people.accounts import add_person
from lookup.admin.people.roles import (
    ADMINISTRATOR,
    AUDITOR,
    LOADER,
    PUBLISHER,
    REVIEWER,
    Actor,
    machine_user,
)
from lookup.errors import UsageError
from lookup.settings import Settings

PEOPLE = {
    "chief": ADMINISTRATOR,
    "clerk": LOADER,
    "reviewer": REVIEWER,
    "duty": PUBLISHER,
    "auditor": AUDITOR,
}
"""Everybody with their one role; the administrator first, as accounts demand."""


def actor(name: str) -> Actor:
    """One of them, to act as."""
    return Actor(name, frozenset({PEOPLE[name]}))


async def register(settings: Settings) -> str:
    """Register all of them with one password; the password."""
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    for name, role in PEOPLE.items():
        adds = machine_user("demo") if role == ADMINISTRATOR else actor("chief")
        async with open_desk(settings, adds) as desk:
            await add_person(desk, name, password, [role])
    return password


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who may sign in as what, and the code that is good for about half a minute."""

    name: str
    role: str
    code: str


async def codes(desk: Desk) -> list[SignIn]:
    """The demo people's codes as they are now. Raises UsageError where nobody is registered."""
    async with desk.database.execute("SELECT name, totp FROM person") as cursor:
        kept = {row["name"]: row["totp"] async for row in cursor}
    if not kept:
        raise UsageError("The demo has no people yet: run scripts/demo first.")
    return [
        SignIn(name, role, pyotp.TOTP(kept[name]).at(desk.clock()))
        for name, role in PEOPLE.items()
        if name in kept
    ]
