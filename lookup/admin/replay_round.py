"""What a replay is made of: the seats of one round, from the records of an open release.

Only what is served is read, never a withheld field; whatever kind the batch is of, its fields
are known by these names.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiosqlite
import orjson

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, get_batch, records, refuse_destroyed
from lookup.admin.desk import Desk
from lookup.admin.publishing.releases import Release, list_releases
from lookup.admin.publishing.sealed import aside, read_statistics
from lookup.admin.references import relied_on
from lookup.admin.refusals import refused
from lookup.admin.replay_steps import Place, Seat, in_order, of_enough
from lookup.kinds import GroupTable, Kind, Measure
from lookup.page_rules import COUNT, LOWEST
from lookup.statistics import MINIMUM_CELL
from lookup.stores.pointer import Current

FIELDS = {
    "outcome": "outcome",
    "round": "text",
    "school_code": "code",
    "school": "text",
    "preference_number": "integer",
    "total": "score",
}
"""The fields that a round is replayed by, with their types."""
ADMITTED = "admitted"
RANK = "rank"
"""A whole number that breaks ties of the total, where a kind has it."""
PLANS, PLAN = "school_plans", "plan"
"""The reference that tells the places, by round where it has one, and by school code."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A round as it is replayed: its seats in order, its schools by code; neither has a school
    that the public statistics do not list."""

    batch: int
    release: str
    round: str
    seats: Sequence[Seat]
    places: Mapping[str, Place]


async def open_release(desk: Desk, batch: int) -> Release:
    """The release of a batch that is open at this moment, by its pointer. Raises RefusedError."""
    release, _ = await _open(desk, batch)
    return release


async def _open(desk: Desk, batch: int) -> tuple[Release, Current]:
    now = desk.clock()
    for release in await list_releases(desk.database):
        if release.batch == batch:
            pointer = desk.store.pointer(release.kind)
            current = pointer.current if pointer else None
            if current is None or current.reference.release != release.id:
                continue
            if current.opened_at <= now and not (current.closes_at and current.closes_at <= now):
                return release, current
    raise refused("replay_not_open", batch=batch)


async def read_stage(desk: Desk, batch_id: int, round_name: str) -> Stage:
    """A round of a batch whose release is open.

    Raises UsageError where there is no such batch, RefusedError where it is not open, is of a
    kind that lacks what a replay needs, has nobody admitted in that round, or tells the public
    other numbers than its records have; DamagedError, StorageError.
    """
    batch = await get_batch(desk.database, batch_id)
    release, current = await _open(desk, batch.id)
    refuse_destroyed(batch)
    _refuse_unfit(batch.kind)
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        read = await _read(file, batch.kind, round_name)
    if not read.taken:
        raise refused(
            "replay_no_round", round=round_name, rounds=", ".join(sorted(read.rounds)) or "–"
        )
    public = await aside(lambda: _public(desk, current, batch.kind, round_name))
    seats = _told(read.seats(batch), public, round_name)
    plans = await _plans(desk, round_name)
    places = {
        code: Place(read.schools[code], plans.get(code, 0), public[code].line if public else None)
        for code in sorted({seat.code for seat in seats})
    }
    return Stage(batch.id, release.id, round_name, seats, places)


class _Public(NamedTuple):
    """What the public statistics tell of a school of the round."""

    admitted: int
    line: float | None


def _told(
    seats: Sequence[Seat], public: Mapping[str, _Public] | None, round_name: str
) -> list[Seat]:
    """The seats of the schools that have a row of their own in the public statistics; where the
    kind has no such table, of those with enough people."""
    if public is None:
        return of_enough(seats)
    taken = Counter(seat.code for seat in seats)
    # A correction of few leaves the statistics as they were: held against each other, a replay
    # and they would tell of those few.
    if any(taken[code] != row.admitted for code, row in public.items()):
        raise refused("replay_differs", round=round_name)
    return [seat for seat in seats if seat.code in public and taken[seat.code] >= MINIMUM_CELL]


def _public(desk: Desk, current: Current, kind: Kind, round_name: str) -> dict[str, _Public] | None:
    """The schools that the open release's public statistics list by themselves in a round, by code;
    None where the kind has no table of them. Raises DamagedError, StorageError."""
    found = _table_of(kind)
    if found is None:
        return None
    table, counted = found
    lowest = next((c.name for c in table.columns if c.measure == LOWEST), None)
    tables = orjson.loads(read_statistics(desk.store, current))["tables"]
    schools: dict[str, _Public] = {}
    for row in next((t["rows"] for t in tables if t["name"] == table.name), ()):
        code, admitted = row["school_code"], row[counted.name]
        if row["round"] == round_name and code and admitted is not None:
            before = schools[code].admitted if code in schools else 0
            line = row[lowest] if lowest and code not in schools else None
            schools[code] = _Public(before + admitted, line)
    return schools


def _table_of(kind: Kind) -> tuple[GroupTable, Measure] | None:
    """The public table of a kind by round and school, with its column of those admitted."""
    for table in kind.tables:
        for column in table.columns:
            if (
                {"round", "school_code"} <= set(table.by) <= {"round", "school_code", "school"}
                and (column.measure, column.when) == (COUNT, "outcome")
                and tuple(column.values) == (ADMITTED,)
            ):
                return table, column
    return None


def replayable(kind: Kind) -> bool:
    """Whether a kind has all that a replay needs."""
    return not _lacking(kind)


async def rounds_of(file: aiosqlite.Connection) -> list[str]:
    """The rounds that the records of such a batch name, by the first record of each."""
    sql = "SELECT json_extract(CAST(body AS TEXT), '$.round') AS named FROM record"
    sql += " GROUP BY named HAVING named IS NOT NULL ORDER BY MIN(id)"
    async with file.execute(sql) as cursor:
        return [row["named"] async for row in cursor]


def _refuse_unfit(kind: Kind) -> None:
    lacking = _lacking(kind)
    if lacking:
        raise refused("replay_fields", kind=kind.title, fields=", ".join(lacking))


def _lacking(kind: Kind) -> list[str]:
    fields = {field.name: field for field in kind.fields}
    lacking = [
        name
        for name, type_ in FIELDS.items()
        if name not in fields or fields[name].type != type_ or fields[name].withheld
    ]
    if "outcome" not in lacking and fields["outcome"].value(ADMITTED) is None:
        lacking.append(f"outcome = {ADMITTED}")
    return lacking


class _Read:
    """The records of a batch, as far as a replay needs them."""

    def __init__(self, ranked: bool) -> None:
        self.ranked = ranked
        self.rounds: set[str] = set()
        self.schools: dict[str, str] = {}
        self.taken: list[dict[str, Any]] = []

    def seats(self, batch: Batch) -> list[Seat]:
        """The round's seats, in order."""
        return in_order([self._seat(values, batch.kind.identifier) for values in self.taken])

    def _seat(self, values: dict[str, Any], identifier: str) -> Seat:
        total = _mark(values.get("total"))
        first = values.get("preference_number") == 1
        rank = values.get(RANK) if self.ranked else None
        return Seat(total, rank, values["school_code"], first, values[identifier])


async def _read(file: aiosqlite.Connection, kind: Kind, round_name: str) -> _Read:
    ranked = any(f.name == RANK and f.type == "integer" and not f.withheld for f in kind.fields)
    read = _Read(ranked)
    async for chunk in records(file):
        for record in chunk:
            values = orjson.loads(record.body)
            named, code = values.get("round"), values.get("school_code")
            if values.get("outcome") != ADMITTED or not named or not code:
                continue
            read.rounds.add(named)
            if named == round_name:
                read.schools.setdefault(code, values.get("school", code))
                read.taken.append(values)
    return read


def _mark(value: Any) -> float | None:
    """A total, None where there is none or a flag stands in its place."""
    return value if isinstance(value, int | float) else None


async def _plans(desk: Desk, round_name: str) -> dict[str, int]:
    """The places of each school in a round, by code, as far as an approved reference tells."""
    batch = (await relied_on(desk, [PLANS])).get(PLANS)
    plans: dict[str, int] = {}
    if batch is None:
        return plans
    async with open_batch_file(batch_path(desk.batches, batch)) as file:
        async for chunk in records(file):
            for values in map(orjson.loads, (record.body for record in chunk)):
                code, plan = values.get("school_code"), values.get(PLAN)
                if code and plan is not None and values.get("round") in (None, round_name):
                    plans[code] = plans.get(code, 0) + plan
    return plans
