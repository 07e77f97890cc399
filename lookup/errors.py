"""Every error of the project: one sentence each, saying what to do.

Two families. `RefusedError`: the data or the state of things says no. `UsageError`: the
command or the call was wrong. The command line turns `exit_code` into its exit status.
No message ever carries a candidate's data.
"""

from collections.abc import Mapping
from typing import Any


class ServiceError(Exception):
    """Something a person must act on; `str(error)` is the one sentence shown to them.

    Where that sentence is known in other languages too, `rule` names it and `values` fill it.
    """

    exit_code = 1

    def __init__(
        self, sentence: str = "", rule: str = "", values: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(sentence)
        self.rule = rule
        self.values = values or {}


class UsageError(ServiceError):
    """The command was used wrongly: an unknown kind, a column that is not there."""

    exit_code = 2


class RefusedError(ServiceError):
    """The data or its state forbids the act: findings, a wrong moment, a missing approval."""


class DamagedError(RefusedError):
    """A file is not what it was when it was sealed: wrong digest, missing, unreadable."""


class StorageError(RefusedError):
    """The disk would not take or give what was asked: full, read-only, not permitted."""


class KindError(RefusedError):
    """A kind's file breaks the rules; each problem is one line of the message."""
