"""Differences: what a batch would change of what is live, record by record and field by field."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiosqlite
import orjson

from lookup.admin.batch_file import batch_path, open_batch_file, uri_of
from lookup.admin.batches import Batch, get_batch, refuse_destroyed
from lookup.admin.desk import Desk
from lookup.errors import UsageError
from lookup.kinds import Kind

MAX_EXAMPLES = 50
MAX_STEPS = 10
CREDENTIALS = "credentials"
"""Stands for the second factors: what opens a record, which is in none."""
ADDED, REMOVED, CHANGED = "added", "removed", "changed"

_ONLY_HERE = (
    "SELECT COUNT(*) FROM {here}.record AS r"
    " WHERE NOT EXISTS (SELECT 1 FROM {there}.record AS o WHERE o.identifier = r.identifier)"
)
_FIRST_HERE = (
    "SELECT r.identifier FROM {here}.record AS r"
    " WHERE NOT EXISTS (SELECT 1 FROM {there}.record AS o WHERE o.identifier = r.identifier)"
    " ORDER BY r.id LIMIT ?"
)
_CHANGED = """
    SELECT new.identifier, old.body, new.body, old.secrets, new.secrets, old.withheld, new.withheld
    FROM main.record AS new CROSS JOIN old.record AS old ON old.identifier = new.identifier
    WHERE new.body <> old.body OR new.secrets <> old.secrets OR new.withheld <> old.withheld
    ORDER BY new.id
"""


@dataclass(frozen=True, slots=True)
class Example:
    """One record that differs: for a changed one its fields, old value and new."""

    what: str
    identifier: str
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that changed in so many records; `filled` were empty, `emptied` are now.

    `steps` counts the commonest pairs of an outcome's old and new value.
    """

    field: str
    changed: int
    filled: int
    emptied: int
    steps: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Differences:
    """A batch held against another of its kind; `against` is None where nothing is live."""

    batch: int
    against: int | None
    added: int
    removed: int
    changed: int
    fields: tuple[FieldChange, ...] = ()
    examples: tuple[Example, ...] = ()


class _Changes:
    """Counts field by field."""

    def __init__(self, kind: Kind) -> None:
        self._outcomes = {field.name for field in kind.fields if field.type == "outcome"}
        self._changed: Counter[str] = Counter()
        self._filled: Counter[str] = Counter()
        self._emptied: Counter[str] = Counter()
        self._steps: dict[str, Counter[tuple[str, str]]] = {}
        self._order = [field.name for field in kind.fields] + [CREDENTIALS]

    def add(self, fields: Mapping[str, tuple[Any, Any]]) -> None:
        """Count one record's changed fields."""
        for name, (old, new) in fields.items():
            self._changed[name] += 1
            if name == CREDENTIALS:
                continue
            self._filled[name] += old is None
            self._emptied[name] += new is None
            if name in self._outcomes:
                step = ("" if old is None else str(old), "" if new is None else str(new))
                self._steps.setdefault(name, Counter())[step] += 1

    def fields(self) -> tuple[FieldChange, ...]:
        """What was counted, in the kind's order."""
        ordered = [name for name in self._order if name in self._changed]
        # Another batch's kind may have had fields that this one's has not.
        ordered += sorted(self._changed.keys() - set(self._order))
        return tuple(
            FieldChange(
                name,
                self._changed[name],
                self._filled[name],
                self._emptied[name],
                tuple(
                    (old, new, count)
                    for (old, new), count in self._steps.get(name, Counter()).most_common(MAX_STEPS)
                ),
            )
            for name in ordered
        )


async def differences(desk: Desk, batch_id: int, against: int | None = None) -> Differences:
    """What a batch would add, remove and change of another, by default of the live release's.

    The examples hold identifiers and values: for the eyes of admins, never for a log. Raises
    UsageError where the two are of different kinds, RefusedError where records were destroyed.
    """
    batch = await get_batch(desk.database, batch_id)
    refuse_destroyed(batch)
    other = await _against(desk, batch, against)
    if other is None:
        return Differences(batch.id, None, batch.records, 0, 0)
    refuse_destroyed(other)
    if other.kind.name != batch.kind.name:
        raise UsageError(f"Batch {other.id} is of another kind: name one of {batch.kind.name}.")
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        await file.execute("ATTACH ? AS old", (uri_of(batch_path(desk.batches, other.id)),))
        return await _compare(file, batch, other.id)


async def _against(desk: Desk, batch: Batch, against: int | None) -> Batch | None:
    """The batch named, or the one behind the live release of the kind."""
    if against is not None:
        return await get_batch(desk.database, against)
    pointer = desk.store.pointer(batch.kind.name)
    if pointer is None or pointer.current is None:
        return None
    sql = "SELECT batch FROM release WHERE id = ?"
    async with desk.database.execute(sql, (pointer.current.reference.release,)) as cursor:
        row = await cursor.fetchone()
    return await get_batch(desk.database, row["batch"]) if row else None


async def _compare(file: aiosqlite.Connection, batch: Batch, against: int) -> Differences:
    changes = _Changes(batch.kind)
    examples: list[Example] = []
    changed = 0
    async with file.execute(_CHANGED) as cursor:
        async for row in cursor:
            fields = _changed_fields(*row[1:], identifier=batch.kind.identifier)
            if not fields:
                continue
            changed += 1
            changes.add(fields)
            if len(examples) < MAX_EXAMPLES:
                examples.append(Example(CHANGED, row[0], fields))
    counts = {}
    for what, here, there in ((ADDED, "main", "old"), (REMOVED, "old", "main")):
        counts[what], first = await _only(file, here, there, MAX_EXAMPLES - len(examples))
        examples += [Example(what, identifier) for identifier in first]
    return Differences(
        batch.id,
        against,
        counts[ADDED],
        counts[REMOVED],
        changed,
        changes.fields(),
        tuple(examples),
    )


def _changed_fields(
    old_body: bytes,
    new_body: bytes,
    old_secrets: bytes,
    new_secrets: bytes,
    old_withheld: bytes,
    new_withheld: bytes,
    *,
    identifier: str,
) -> dict[str, tuple[Any, Any]]:
    """The fields of a record that say something else; second factors without their values."""
    old = orjson.loads(old_body) | orjson.loads(old_withheld)
    new = orjson.loads(new_body) | orjson.loads(new_withheld)
    fields = {
        name: (old.get(name), new.get(name))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    }
    if old_secrets != new_secrets:
        before, after = orjson.loads(old_secrets), orjson.loads(new_secrets)
        if any(before.get(n) != after.get(n) for n in {**before, **after} if n not in fields):
            fields[CREDENTIALS] = (None, None)
    return fields


async def _only(
    file: aiosqlite.Connection, here: str, there: str, limit: int
) -> tuple[int, list[str]]:
    """How many records of one side the other does not have, and the first of them."""
    async with file.execute(_ONLY_HERE.format(here=here, there=there)) as cursor:
        row = await cursor.fetchone()
    sql = _FIRST_HERE.format(here=here, there=there)
    async with file.execute(sql, (limit,)) as cursor:
        first = [found[0] async for found in cursor]
    return (row[0] if row else 0), first
