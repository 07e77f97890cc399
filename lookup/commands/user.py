"""`lookup user`."""

import sys
from typing import Annotated

import segno
import typer

from lookup.admin.people.accounts import (
    Enrolment,
    Person,
    add_person,
    change_password,
    change_roles,
    check_name,
    check_roles,
    disable,
    list_people,
    reset,
)
from lookup.admin.people.roles import ROLES
from lookup.commands.desk import ask_new_password, at_desk
from lookup.commands.terminal import AsJson, out, print_json, safe, table

user_app = typer.Typer(help="People: who may sign in, and as what.", no_args_is_help=True)

Roles = Annotated[
    list[str], typer.Option("--role", help=f"{', '.join(ROLES)}; may be given several times.")
]


@user_app.command("add")
def user_add(context: typer.Context, name: str, role: Roles, as_json: AsJson = False) -> None:
    """Register somebody; the password is asked for, or is the next line of standard input."""
    check_name(name)
    check_roles(role)
    enrolment = at_desk(
        context, lambda desk: add_person(desk, name, ask_new_password(), role), "person.change"
    )
    _print_enrolment(enrolment, as_json)


@user_app.command("list")
def user_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List everybody who was ever registered."""
    people: list[Person] = at_desk(context, lambda desk: list_people(desk.database))
    if as_json:
        print_json([_person_json(person) for person in people])
        return
    rows: list[list[object]] = [
        [p.name, " ".join(sorted(p.roles)), "disabled" if p.disabled_at else ""] for p in people
    ]
    table(["name", "roles", ""], rows)


@user_app.command("roles")
def user_roles(context: typer.Context, name: str, role: Roles, as_json: AsJson = False) -> None:
    """Give somebody exactly these roles."""
    check_roles(role)
    person = at_desk(context, lambda desk: change_roles(desk, name, role), "person.change")
    _print_person(person, as_json)


@user_app.command("reset")
def user_reset(context: typer.Context, name: str, as_json: AsJson = False) -> None:
    """Give somebody a new password and a new secret for codes; their sessions end."""
    enrolment = at_desk(
        context, lambda desk: reset(desk, name, ask_new_password()), "person.change"
    )
    _print_enrolment(enrolment, as_json)


@user_app.command("password")
def user_password(context: typer.Context, as_json: AsJson = False) -> None:
    """Change your own password (`lookup --as NAME user password`); your sessions end."""
    person = at_desk(
        context, lambda desk: change_password(desk, ask_new_password()), "person.password"
    )
    _print_person(person, as_json)


@user_app.command("disable")
def user_disable(context: typer.Context, name: str, as_json: AsJson = False) -> None:
    """Let somebody sign in no more."""
    person = at_desk(context, lambda desk: disable(desk, name), "person.change")
    _print_person(person, as_json)


def _print_enrolment(enrolment: Enrolment, as_json: bool) -> None:
    if as_json:
        print_json({"name": enrolment.name, "uri": enrolment.uri})
        return
    out.print(f"{safe(enrolment.name)} is registered. Scan this with an authenticator app; it is")
    out.print("shown once and never again:")
    segno.make(enrolment.uri, micro=False).terminal(out=sys.stdout, compact=True)
    out.print(safe(enrolment.uri))


def _person_json(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "roles": sorted(person.roles),
        "created_at": person.created_at,
        "disabled_at": person.disabled_at,
    }


def _print_person(person: Person, as_json: bool) -> None:
    if as_json:
        print_json(_person_json(person))
        return
    state = "disabled" if person.disabled_at else " ".join(sorted(person.roles))
    out.print(f"{safe(person.name)}: {state}.")
