"""Roles: every act names the roles that allow it, and nobody has more than their own."""

import pytest

from lookup.admin.people.roles import (
    ADMINISTRATOR,
    AUDITOR,
    LOADER,
    MAY,
    NOBODY,
    PUBLISHER,
    PUBLISHER_DAEMON,
    RESERVED,
    REVIEWER,
    ROLES,
    Actor,
    machine_user,
)
from lookup.errors import RefusedError


def test_every_act_is_somebodys_and_every_role_is_for_something() -> None:
    assert all(MAY.values())
    assert {role for roles in MAY.values() for role in roles} == set(ROLES)


@pytest.mark.parametrize("act", MAY)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_what_the_table_says_and_nothing_else(act: str, role: str) -> None:
    actor = Actor("somebody", frozenset({role}))
    assert actor.may(act) == (role in MAY[act])
    if role not in MAY[act]:
        with pytest.raises(RefusedError, match="somebody may not do this"):
            actor.check(act)


@pytest.mark.parametrize(
    ("act", "role"),
    [
        ("batch.approve", LOADER),
        ("batch.approve", PUBLISHER),
        ("batch.approve", ADMINISTRATOR),
        ("release.open", REVIEWER),
        ("batch.load", REVIEWER),
        ("person.change", AUDITOR),
    ],
)
def test_duties_are_kept_apart(act: str, role: str) -> None:
    assert not Actor("somebody", frozenset({role})).may(act)


def test_who_has_not_signed_in_may_do_nothing() -> None:
    assert not any(NOBODY.may(act) for act in MAY)


def test_the_publisher_of_the_console_may_publish_and_neither_load_nor_approve() -> None:
    allowed = {act for act in MAY if PUBLISHER_DAEMON.may(act)}
    assert "release.open" in allowed
    rooms = ("release.", "live.", "upload.", "person.password")
    assert all(act.startswith(rooms) for act in allowed)


def test_neither_the_machines_user_nor_what_works_by_itself_is_a_registered_person() -> None:
    actors = [machine_user("root"), NOBODY, PUBLISHER_DAEMON]
    assert not any(actor.registered for actor in actors)
    assert {actor.name for actor in actors[1:]} <= RESERVED
    assert Actor("zhang", frozenset()).registered
