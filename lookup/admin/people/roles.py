"""Who acts, and what their roles allow."""

from dataclasses import dataclass

from lookup.admin.refusals import Words, refused

LOADER, REVIEWER, PUBLISHER = "loader", "reviewer", "publisher"
AUDITOR, ADMINISTRATOR = "auditor", "administrator"
ROLES = (LOADER, REVIEWER, PUBLISHER, AUDITOR, ADMINISTRATOR)

MACHINE = "os:"
"""How the names of the machine's own users begin; no person's name has a colon."""
RESERVED = frozenset({"nobody", "publisher", "reconcile", "unknown"})
"""Names the audit uses for what no person did."""

MAY: dict[str, frozenset[str]] = {
    "batch.load": frozenset({LOADER}),
    "batch.check": frozenset({LOADER, REVIEWER}),
    "batch.correct": frozenset({LOADER}),
    "batch.codes": frozenset({LOADER}),
    "batch.approve": frozenset({REVIEWER}),
    "batch.reject": frozenset({REVIEWER}),
    "release.build": frozenset({PUBLISHER}),
    "release.schedule": frozenset({PUBLISHER}),
    "release.prepare": frozenset({PUBLISHER}),
    "release.open": frozenset({PUBLISHER}),
    "release.close": frozenset({PUBLISHER}),
    "release.withdraw": frozenset({PUBLISHER}),
    "release.roll_back": frozenset({PUBLISHER}),
    "release.destroy": frozenset({PUBLISHER}),
    "upload.destroy": frozenset({PUBLISHER}),
    "live.begin": frozenset({PUBLISHER}),
    "live.post": frozenset({PUBLISHER}),
    "live.retract": frozenset({PUBLISHER}),
    "live.clear": frozenset({PUBLISHER}),
    "live.round": frozenset({PUBLISHER}),
    "live.import": frozenset({PUBLISHER}),
    "live.replay": frozenset({PUBLISHER}),
    "live.stop": frozenset({PUBLISHER}),
    "live.end": frozenset({PUBLISHER}),
    "audit.read": frozenset({AUDITOR, ADMINISTRATOR}),
    "person.change": frozenset({ADMINISTRATOR}),
    "person.password": frozenset(ROLES),
    "database.back_up": frozenset({ADMINISTRATOR}),
}
"""Every act with the roles that allow it. Reading batches and releases needs any role."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts: a person of the table `person`, or the machine's own user."""

    name: str
    roles: frozenset[str]

    @property
    def registered(self) -> bool:
        """Whether this is a person; users of the machine may not approve, nor change people
        once there are any."""
        return not self.name.startswith(MACHINE) and self.name not in RESERVED

    def may(self, act: str) -> bool:
        """Whether one of their roles allows an act of `MAY`."""
        return not self.roles.isdisjoint(MAY[act])

    def check(self, act: str) -> None:
        """Raise RefusedError where no role of theirs allows the act."""
        if not self.may(act):
            raise refused("role", name=self.name, roles=Words(tuple(sorted(MAY[act]))))


def machine_user(name: str) -> Actor:
    """Whoever runs a command on the machine itself, while no people are registered."""
    return Actor(f"{MACHINE}{name}", frozenset(ROLES))


NOBODY = Actor("nobody", frozenset())
"""Whoever has not signed in: may read what is public to the wing, and try to sign in."""

PUBLISHER_DAEMON = Actor("publisher", frozenset({PUBLISHER}))
"""The publisher of the console, opening at the hour what people scheduled."""
