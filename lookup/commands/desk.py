"""The desk of the admin wing for one command: who acts, and that it is really them."""

import asyncio
import dataclasses
import getpass
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from lookup.admin.batches import Batch, get_batch
from lookup.admin.bulk import rarely_collecting
from lookup.admin.desk import Desk, open_desk
from lookup.admin.people.accounts import anybody_registered
from lookup.admin.people.roles import MACHINE, NOBODY, Actor, machine_user
from lookup.admin.people.signing_in import prove_again
from lookup.admin.refusals import misused
from lookup.clock import SteadyClock
from lookup.commands.terminal import err, safe
from lookup.errors import UsageError

AS = "lookup.as"
"""Where the root command leaves the name given with --as."""


def at_desk(
    context: typer.Context,
    work: Callable[[Desk], Coroutine[Any, Any, Any]],
    act: str | None = None,
) -> Any:
    """Run one piece of work of the admin wing and give back its result.

    `act` names what it changes, None where it only reads. Once people are registered, whoever
    changes something says who they are (`--as`) and gives their password and a code.
    """

    async def run() -> Any:
        async with open_desk(context.obj, NOBODY, SteadyClock()) as desk:
            actor = await _actor(desk, context.meta.get(AS), act)
            return await work(dataclasses.replace(desk, actor=actor))

    with rarely_collecting():
        return asyncio.run(run())


def batch_of(context: typer.Context, batch_id: int) -> Batch:
    """A batch, to hold what was given against before anybody types a password."""
    batch: Batch = at_desk(context, lambda desk: get_batch(desk.database, batch_id))
    return batch


async def _actor(desk: Desk, name: str | None, act: str | None) -> Actor:
    if not await anybody_registered(desk.database):
        if name:
            raise UsageError(
                "Nobody is registered yet: leave out --as, or `lookup user add` first."
            )
        return machine_user(_login())
    if act is None:
        return Actor(f"{MACHINE}{_login()}", frozenset())
    if not name:
        raise UsageError("Say who you are: `lookup --as NAME …`, with your password and a code.")
    password = ask(f"Password of {name}", hidden=True)
    code = ask("Code")
    person = await prove_again(desk, name, password, code)
    person.actor.check(act)
    return person.actor


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        return str(os.getuid())


def ask(what: str, *, hidden: bool = False) -> str:
    """One line: asked for on a terminal, else the next of standard input. Raises UsageError."""
    if sys.stdin.isatty():
        err.print(f"{safe(what)}: ", end="")
        return getpass.getpass("") if hidden else input()
    line = sys.stdin.readline()
    if not line.endswith("\n") and not line:
        raise UsageError(f"{what} is missing: give it as one line of standard input.")
    return line.rstrip("\r\n")


def ask_new_password() -> str:
    """A new password, typed twice on a terminal. Raises UsageError where they differ."""
    password = ask("New password", hidden=True)
    if sys.stdin.isatty() and ask("The same again", hidden=True) != password:
        raise misused("passwords_differ")
    return password
