"""The states of what is published, from a loaded batch to its end: one table of legal moves."""

from lookup.admin.refusals import refused, word

LOADED, CHECKED, REJECTED, APPROVED = "loaded", "checked", "rejected", "approved"
SEALED, SCHEDULED, OPEN = "sealed", "scheduled", "open"
SUPERSEDED, CLOSED, WITHDRAWN = "superseded", "closed", "withdrawn"

MOVES: dict[str, frozenset[str]] = {
    # A batch
    LOADED: frozenset({CHECKED, REJECTED}),
    CHECKED: frozenset({CHECKED, REJECTED, APPROVED}),
    REJECTED: frozenset({CHECKED, REJECTED}),
    APPROVED: frozenset({REJECTED, SEALED}),
    # A release of an approved batch
    SEALED: frozenset({SCHEDULED, OPEN, WITHDRAWN}),
    SCHEDULED: frozenset({SCHEDULED, SEALED, OPEN, WITHDRAWN}),
    OPEN: frozenset({SUPERSEDED, CLOSED, WITHDRAWN}),
    SUPERSEDED: frozenset({OPEN}),
    CLOSED: frozenset({SCHEDULED, OPEN}),
    WITHDRAWN: frozenset(),
}
"""What may become of a batch or release, from each state. What was withdrawn never opens again."""


def may_become(state: str, wanted: str) -> bool:
    """Whether the table allows the move."""
    return wanted in MOVES[state]


def check_move(subject: str, state: str, wanted: str) -> None:
    """Raise RefusedError where the table does not allow the move."""
    if not may_become(state, wanted):
        raise refused("move", subject=subject, state=word(state), wanted=word(wanted))
