"""Intents: what is about to happen to a live pointer, noted before it moves.

A pointer and the database are two things, and a kill can come between them. The intent is
written first, with its line of the audit; an intent that came to nothing says so.
"""

from collections.abc import Mapping
from datetime import datetime

from lookup.admin import audit
from lookup.admin.database import transaction
from lookup.admin.desk import Desk
from lookup.admin.publishing.releases import reconcile
from lookup.errors import RefusedError
from lookup.stores.pointer import Pointer, Reference


async def intend(
    desk: Desk,
    act: str,
    pointer: Pointer,
    reference: Reference,
    detail: Mapping[str, str],
    *,
    after: str | None = None,
    **columns: str | datetime | None,
) -> None:
    """Note an act on a release: its `columns`, and the audit's line from the digest that is open
    to the one that will be (`after`, by default the release's own)."""
    async with desk.act(act, reference.release) as line:
        line.before = pointer.current.reference.sha256 if pointer.current else ""
        line.after = reference.sha256 if after is None else after
        line.detail = dict(detail)
        for column, value in columns.items():
            sql = f"UPDATE release SET {column} = ? WHERE id = ?"  # noqa: S608  # names in code only
            text = value.isoformat() if isinstance(value, datetime) else value
            await desk.database.execute(sql, (text, reference.release))


async def came_to_nothing(desk: Desk, act: str, reference: Reference, error: RefusedError) -> None:
    """Say in the audit that an intent was not carried out, and put the states right again."""
    async with transaction(desk.database):
        await audit.note(
            desk.database,
            desk.clock(),
            desk.actor.name,
            f"{act}.failed",
            reference.release,
            why=type(error).__name__,
        )
    await reconcile(desk)
