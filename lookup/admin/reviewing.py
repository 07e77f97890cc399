"""Reviewing: somebody other than the loader answers for a batch's content, field by field.

An approval counts while the batch's content hash is the one that was approved, nobody has
revoked it, and its person is neither the machine nor anybody who loaded or corrected the batch.
Somebody who is disabled later has still approved: what they signed for stays signed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import aiosqlite
import orjson

from lookup.admin.batches import Batch, get_batch, refuse_destroyed, subject_of
from lookup.admin.checking import is_outdated
from lookup.admin.desk import Desk
from lookup.admin.people.roles import MACHINE
from lookup.admin.publishing.releases import in_use
from lookup.admin.refusals import Joined, misused, refused, word
from lookup.admin.states import APPROVED, CHECKED, REJECTED, check_move
from lookup.kinds import Kind
from lookup.settings import Settings


@dataclass(frozen=True, slots=True)
class Approval:
    """One row of the table `approval`; `disclosure` is each field's attribute as confirmed."""

    id: int
    batch: int
    person: str
    at: str
    sha256: str
    disclosure: Mapping[str, str]
    revoked_at: str | None = None


async def approvals(database: aiosqlite.Connection, batch_id: int) -> list[Approval]:
    """Every approval a batch was ever given, the oldest first."""
    sql = "SELECT * FROM approval WHERE batch = ? ORDER BY id"
    async with database.execute(sql, (batch_id,)) as cursor:
        return [
            Approval(**{**dict(row), "disclosure": orjson.loads(row["disclosure"])})
            async for row in cursor
        ]


async def loaders(database: aiosqlite.Connection, batch_id: int) -> frozenset[str]:
    """Who loaded the batch, or any batch it corrects: none of them may approve it."""
    sql = (
        "WITH RECURSIVE line (id, loaded_by, corrects) AS ("
        " SELECT id, loaded_by, corrects FROM batch WHERE id = ?"
        " UNION SELECT batch.id, batch.loaded_by, batch.corrects FROM batch, line"
        " WHERE batch.id = line.corrects) SELECT loaded_by FROM line"
    )
    async with database.execute(sql, (batch_id,)) as cursor:
        # Who loaded before anybody was registered did so under the machine's name for them.
        return frozenset([row[0].removeprefix(MACHINE) async for row in cursor])


async def counting(database: aiosqlite.Connection, batch: Batch) -> list[Approval]:
    """The approvals that count for the batch's content as it is now, the oldest first."""
    kept_out = await loaders(database, batch.id)
    return [
        approval
        for approval in await approvals(database, batch.id)
        if approval.revoked_at is None
        and approval.sha256 == batch.sha256
        and approval.person not in kept_out
    ]


async def approvers(database: aiosqlite.Connection, batch: Batch) -> frozenset[str]:
    """The people whose approvals count."""
    return frozenset(approval.person for approval in await counting(database, batch))


async def approved(database: aiosqlite.Connection, settings: Settings, batch: Batch) -> bool:
    """Whether the batch may be built and opened now; where no approval is required, whether it
    has been checked and nobody has rejected it."""
    if not settings.required_approvals:
        return batch.state in {CHECKED, APPROVED}
    people = await approvers(database, batch)
    return batch.state == APPROVED and len(people) >= settings.required_approvals


async def refuse_unapproved(
    database: aiosqlite.Connection, settings: Settings, batch_id: int
) -> Batch:
    """The batch, where it may be built and opened now. Raises RefusedError."""
    batch = await get_batch(database, batch_id)
    if not await approved(database, settings, batch):
        have, need = len(await approvers(database, batch)), settings.required_approvals
        raise refused("unapproved", batch=batch.id, state=word(batch.state), have=have, need=need)
    return batch


async def review_stamp(database: aiosqlite.Connection, batch_id: int) -> tuple[object, ...]:
    """What `approved` follows from, in one quick question: another stamp, another answer."""
    sql = (
        "SELECT state, sha256, (SELECT count(*) FROM approval AS a WHERE a.batch = batch.id),"
        " (SELECT count(revoked_at) FROM approval AS a WHERE a.batch = batch.id)"
        " FROM batch WHERE id = ?"
    )
    async with database.execute(sql, (batch_id,)) as cursor:
        row = await cursor.fetchone()
    return tuple(row) if row else ()


def unconfirmed(kind: Kind, confirmed: Mapping[str, str]) -> list[str]:
    """What keeps a confirmation from being whole, one part a field; empty where it is.

    Every field must be named with the attribute its kind declares, and nothing else.
    """
    parts = []
    for field in kind.fields:
        given = confirmed.get(field.name)
        if given is None:
            parts.append(f"{field.name} is missing ({field.disclosure})")
        elif given != field.disclosure:
            parts.append(f"{field.name} is {field.disclosure}, not {given}")
    known = {field.name for field in kind.fields}
    parts += [f"{name} is no field of {kind.name}" for name in confirmed if name not in known]
    return parts


def _wrong(kind: Kind, confirmed: Mapping[str, str]) -> Joined:
    """The labels of the fields that are not confirmed as they are declared."""
    wrong = (f for f in kind.fields if confirmed.get(f.name) != f.disclosure)
    return Joined(tuple(field.label for field in wrong))


async def approve(desk: Desk, batch_id: int, confirmed: Mapping[str, str]) -> Approval:
    """Answer for a checked batch; with the last approval that is required it becomes approved.

    `confirmed`: field name → disclosure, for every field. Raises RefusedError.
    """
    async with desk.act("batch.approve", subject_of(batch_id)) as line:
        batch = await get_batch(desk.database, batch_id)
        refuse_destroyed(batch)
        # More people may be required than when it was approved: then they can still sign.
        if batch.state != APPROVED or await approved(desk.database, desk.settings, batch):
            check_move(f"Batch {batch.id}", batch.state, APPROVED)
        await _refuse_own(desk, batch)
        if await is_outdated(desk, batch):
            raise refused("outdated", batch=batch.id)
        if parts := unconfirmed(batch.kind, confirmed):
            raise refused(
                "disclosure", parts="; ".join(parts), fields=_wrong(batch.kind, confirmed)
            )
        number = await _keep(desk, batch, confirmed)
        line.before = line.after = batch.sha256
        people = await approvers(desk.database, batch)
        line.detail = {"approvals": len(people), "required": desk.settings.required_approvals}
        if len(people) >= desk.settings.required_approvals:
            await _set_state(desk, batch.id, APPROVED)
    return next(a for a in await approvals(desk.database, batch_id) if a.id == number)


async def _refuse_own(desk: Desk, batch: Batch) -> None:
    if not desk.actor.registered:
        raise refused("person_only")
    if desk.actor.name in await loaders(desk.database, batch.id):
        raise refused("own_batch", name=desk.actor.name, batch=batch.id)


async def _keep(desk: Desk, batch: Batch, confirmed: Mapping[str, str]) -> int | None:
    now, person = desk.clock().isoformat(), desk.actor.name
    # One person counts once: who approves again after another check replaces what they said.
    sql = "UPDATE approval SET revoked_at = ? WHERE batch = ? AND person = ? AND revoked_at IS NULL"
    await desk.database.execute(sql, (now, batch.id, person))
    sql = "INSERT INTO approval (batch, person, at, sha256, disclosure) VALUES (?, ?, ?, ?, ?)"
    disclosure = orjson.dumps(dict(confirmed), option=orjson.OPT_SORT_KEYS).decode()
    values = (batch.id, person, now, batch.sha256, disclosure)
    async with desk.database.execute(sql, values) as cursor:
        return cursor.lastrowid


async def reject(desk: Desk, batch_id: int, reason: str) -> Batch:
    """Say no to a batch for good, for a reason the record keeps; its approvals end with it.

    Raises UsageError without a reason, RefusedError; also while a release of it is scheduled or
    open: nothing is served, or about to be, that nobody answers for.
    """
    if not reason.strip():
        raise misused("why")
    async with desk.act("batch.reject", subject_of(batch_id)) as line:
        batch = await get_batch(desk.database, batch_id)
        if batch.rejected_by is not None:
            raise refused("turned_down", batch=batch.id, person=batch.rejected_by)
        check_move(f"Batch {batch.id}", batch.state, REJECTED)
        if used := await in_use(desk, batch.id):
            state = word(used.state)
            raise refused("in_use", batch=batch.id, release=used.id, kind=used.kind, state=state)
        line.before = line.after = batch.sha256
        line.detail = {"reason": reason.strip(), "approvals_revoked": await revoke(desk, batch.id)}
        await _set_state(desk, batch.id, REJECTED)
        sql = "UPDATE batch SET rejected_because = ?, rejected_by = ? WHERE id = ?"
        await desk.database.execute(sql, (reason.strip(), desk.actor.name, batch.id))
    return await get_batch(desk.database, batch_id)


async def revoke(desk: Desk, batch_id: int) -> int:
    """End a batch's approvals, inside the act that ends them; how many ended."""
    sql = "UPDATE approval SET revoked_at = ? WHERE batch = ? AND revoked_at IS NULL"
    async with desk.database.execute(sql, (desk.clock().isoformat(), batch_id)) as cursor:
        return cursor.rowcount


async def _set_state(desk: Desk, batch_id: int, state: str) -> None:
    sql = "UPDATE batch SET state = ? WHERE id = ?"
    await desk.database.execute(sql, (state, batch_id))
