"""Checking: a loaded batch held against its kind's rules; its findings say what is wrong.

A check can be made again as long as nobody has signed: with another expected figure, or once
references are there. It replaces what an earlier check found, never what the loading found.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import aiosqlite
import orjson

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import (
    Batch,
    get_batch,
    records,
    refuse_destroyed,
    subject_of,
)
from lookup.admin.checks import Checker, Context, Place, Profile
from lookup.admin.checks.checker import MOST_TOLD, UNLISTED
from lookup.admin.desk import Desk, Progress, untold
from lookup.admin.finding_store import (
    CHECKING,
    LOADING,
    count_findings,
    count_left_out,
    forget_findings,
    keep_findings,
)
from lookup.admin.findings import ERROR, MAX_VALUE_SHOWN, WARNING, Finding
from lookup.admin.intake.records import KEY_SEPARATOR
from lookup.admin.locks import only_one
from lookup.admin.references import references_of
from lookup.admin.refusals import refused
from lookup.admin.states import APPROVED, CHECKED, REJECTED, check_move
from lookup.admin.telling import keep_for_review, statistics_of
from lookup.kinds import Kind
from lookup.statistics.tally import Tally

Found = tuple[str, Finding]


_DUPLICATES = """
    SELECT record.identifier, record.line, source.name
    FROM record JOIN source ON source.id = record.source
    WHERE record.identifier IN (
        SELECT identifier FROM record GROUP BY identifier HAVING COUNT(*) > 1)
    ORDER BY record.identifier, record.id
"""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one check has to say; `counts` are those of loading and checking by severity."""

    found: list[Found]
    counts: Counter[str]
    profile: Profile
    expected: int | None
    references: Mapping[str, int]
    statistics: bytes


async def check(
    desk: Desk,
    batch_id: int,
    *,
    expected: int | None = None,
    progress: Progress = untold,
) -> Batch:
    """Check a batch's records and note what was found; it is checked or rejected then.

    `expected` is the number of records the clerk says there should be, None for the figure
    given before. Raises RefusedError where somebody has approved or rejected the batch, or is
    checking it, StorageError.
    """
    desk.actor.check("batch.check")
    batch = await _checkable(desk, batch_id)
    expected = batch.expected if expected is None else expected
    references = await references_of(desk, batch)
    context = await _context(desk, batch, references, expected)
    refusal = refused("checking", batch=batch_id)
    with only_one(desk.batches / f".{batch_id}.lock", refusal):
        async with open_batch_file(batch_path(desk.batches, batch_id)) as file:
            doubles, doubled = await _duplicates(file, batch.kind)
            context = replace(context, left_out=await count_left_out(file), doubled=doubled)
            checker, tally = Checker(batch.kind, context), Tally(batch.kind)
            found = doubles + await _examine(file, batch.kind, checker, tally, progress)
            counts = checker.counts + Counter({ERROR: doubled})
            counts += await count_findings(file, LOADING)
        statistics = orjson.dumps(await statistics_of(desk, batch, tally))
        verdict = _Verdict(found, counts, checker.profile(), expected, references, statistics)
        await _keep(desk, batch_id, verdict)
    return await get_batch(desk.database, batch_id)


async def _checkable(desk: Desk, batch_id: int) -> Batch:
    """The batch, where it may be checked now. Raises RefusedError."""
    batch = await get_batch(desk.database, batch_id)
    refuse_destroyed(batch)
    if batch.rejected_by is not None:
        raise refused("turned_down", batch=batch.id, person=batch.rejected_by)
    sql = "SELECT 1 FROM approval WHERE batch = ? AND revoked_at IS NULL"
    async with desk.database.execute(sql, (batch.id,)) as cursor:
        signed = await cursor.fetchone() is not None
    if signed or batch.state == APPROVED:
        raise refused("signed", batch=batch.id)
    return batch


async def _examine(
    file: aiosqlite.Connection, kind: Kind, checker: Checker, tally: Tally, progress: Progress
) -> list[Found]:
    """What the checks find; the tally counts along."""
    names = {row["id"]: row["name"] for row in await file.execute_fetchall("SELECT * FROM source")}
    found: list[Found] = []
    done = 0
    async for chunk in records(file):
        for record in chunk:
            place = Place(names[record.source], record.line)
            if kind.reference:
                # Nobody types anything for it; without checks its records are only counted.
                told = checker.add(place, record.values() if kind.checks else {})
            else:
                values = record.values()
                told = checker.add(place, values, record.typed())
                tally.add(values)
            found += told
        done += len(chunk)
        progress(done)
    found += checker.finish()
    return found


async def _duplicates(file: aiosqlite.Connection, kind: Kind) -> tuple[list[Found], int]:
    """A finding for every record whose identifier stands elsewhere in the batch too; how many."""
    column = "、".join(kind.field(name).label.zh for name in kind.key)
    first: tuple[str, int, str] = ("", 0, "")
    found: list[Found] = []
    count = 0
    async with file.execute(_DUPLICATES) as cursor:
        async for identifier, line, name in cursor:
            if identifier != first[0]:
                first = (identifier, line, name)
                continue
            count += 1
            if count <= MOST_TOLD:
                values: dict[str, str | int | float] = {"line": first[1], "file": first[2]}
                shown = identifier.replace(KEY_SEPARATOR, ", ")[:MAX_VALUE_SHOWN]
                finding = Finding("duplicate", line, column, value=shown, values=values)
                found.append((name, finding))
    if count > MOST_TOLD:
        rest: dict[str, str | int | float] = {"rule": "duplicate", "more": count - MOST_TOLD}
        found.append(("", Finding(UNLISTED, values=rest)))
    return found, count


async def _keep(desk: Desk, batch_id: int, verdict: _Verdict) -> None:
    """Replace what an earlier check found, and say so in the batch: both, or neither."""
    errors, warnings = verdict.counts[ERROR], verdict.counts[WARNING]
    async with (
        _attached(desk, batch_path(desk.batches, batch_id)),
        desk.act("batch.check", subject_of(batch_id)) as line,
    ):
        # Looked at again: somebody may have approved it meanwhile, with the findings it had.
        batch = await _checkable(desk, batch_id)
        state = REJECTED if errors or not batch.records else CHECKED
        check_move(f"Batch {batch.id}", batch.state, state)
        await forget_findings(desk.database, CHECKING)
        await keep_findings(desk.database, CHECKING, verdict.found)
        await desk.database.execute(
            "UPDATE batch SET state = ?, errors = ?, warnings = ?, expected = ?, profile = ?"
            " WHERE id = ?",
            (state, errors, warnings, verdict.expected, verdict.profile.to_json(), batch.id),
        )
        await keep_for_review(desk.database, batch_id, verdict.statistics)
        line.before, line.after = batch.state, state
        line.detail = {"errors": errors, "warnings": warnings, "expected": verdict.expected}
        line.detail["references"] = dict(verdict.references)


@contextlib.asynccontextmanager
async def _attached(desk: Desk, path: Path) -> AsyncIterator[None]:
    """The batch's file within reach of the act: SQLite commits to both databases, or to none."""
    await desk.database.execute("ATTACH ? AS checked", (str(path),))
    try:
        await desk.database.execute("PRAGMA checked.synchronous = EXTRA")
        yield
    finally:
        await desk.database.execute("DETACH checked")


async def _context(
    desk: Desk, batch: Batch, references: Mapping[str, int], expected: int | None
) -> Context:
    """What the records are held against besides themselves."""
    rows = {}
    for kind, number in references.items():
        async with open_batch_file(batch_path(desk.batches, number)) as file:
            rows[kind] = [record.values() async for chunk in records(file) for record in chunk]
    return Context(expected, rows, await _previous(desk, batch))


async def is_outdated(desk: Desk, batch: Batch) -> bool:
    """Whether references came or went since the batch was last checked: check it again then."""
    sql = (
        "SELECT detail FROM audit WHERE act = 'batch.check' AND subject = ?"
        " ORDER BY id DESC LIMIT 1"
    )
    async with desk.database.execute(sql, (batch.subject,)) as cursor:
        row = await cursor.fetchone()
    held = orjson.loads(row["detail"]).get("references", {}) if row else {}
    return bool(held != await references_of(desk, batch))


async def _previous(desk: Desk, batch: Batch) -> Profile | None:
    """The profile of the batch behind the kind's release that is open, or was last."""
    if batch.kind.reference:
        return None
    pointer = desk.store.pointer(batch.kind.name)
    part = pointer and (pointer.current or pointer.ended)
    if not part:
        return None
    sql = (
        "SELECT batch.profile FROM release JOIN batch ON batch.id = release.batch"
        " WHERE release.id = ? AND batch.id <> ?"
    )
    async with desk.database.execute(sql, (part.reference.release, batch.id)) as cursor:
        row = await cursor.fetchone()
    return Profile.from_json(row["profile"]) if row and row["profile"] else None
