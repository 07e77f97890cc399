"""Correcting: a new batch that is an old one but for one record, with the reason why.

The old batch stays as it is; the new one is checked and approved like any other, and a release
built of it supersedes. Nothing else follows from a change: where a rank or a total no longer
fits, the check says so, and every record it names needs a correction too.
"""

from collections.abc import Mapping
from typing import Any

import aiosqlite
import orjson

from lookup.admin.batch_file import batch_path, copy_batch_file, open_batch_file
from lookup.admin.batches import Batch, Stored, get_batch, record_of, records, refuse_destroyed
from lookup.admin.checking import check
from lookup.admin.content import ContentHash
from lookup.admin.desk import Desk
from lookup.admin.entering import NewBatch, enter, workplace
from lookup.admin.finding_store import CHECKING, LOADING, count_findings, forget_findings
from lookup.admin.findings import ERROR, WARNING, Finding
from lookup.admin.intake.cells import Refusal, cell_reader, number_text
from lookup.admin.refusals import misused, refused
from lookup.candidate import CANONICAL
from lookup.kinds import Field, Kind, Label

_UPDATE = (
    "UPDATE record SET corrected = corrected OR body <> ?1, body = ?1, secrets = ?2, withheld = ?3"
    " WHERE id = ?4"
)
"""Only what is served is corrected in public: a second factor that changes is no news to anybody
who reads the record."""


async def correct(
    desk: Desk, batch_id: int, identifier: str, changes: Mapping[str, str], reason: str
) -> Batch:
    """A new batch like `batch_id`, but for fields of one record; checked already.

    `changes`: field name → what its cell should say, '' for an empty one. Issued access codes
    stay. Raises UsageError where a field cannot be changed or a reason is missing, RefusedError
    where there is no such record or a value breaks its field's rule, StorageError.
    """
    desk.actor.check("batch.correct")
    if not reason.strip():
        raise misused("why")
    batch = await get_batch(desk.database, batch_id)
    refuse_destroyed(batch)
    values = read_changes(batch.kind, changes)
    with workplace(desk.batches) as partial:
        async with copy_batch_file(batch_path(desk.batches, batch.id), partial) as file:
            await _change(file, batch.kind, identifier, values)
            await forget_findings(file, CHECKING)
            new = await _noted(file, batch, reason.strip())
        async with desk.act("batch.correct") as line:
            number = await enter(desk, line, partial, new)
            line.before = batch.sha256
            line.detail |= {"corrects": batch.id, "fields": sorted(changes), "reason": new.reason}
    return await check(desk, number)


async def cells_of(desk: Desk, batch_id: int, identifier: str) -> dict[str, str]:
    """What the cells of one record say, by field, as `correct` would take them; '' for an empty
    one. Key, second factors and lists are left out. Raises RefusedError where there is no such
    record, UsageError, StorageError.
    """
    desk.actor.check("batch.correct")
    batch = await get_batch(desk.database, batch_id)
    refuse_destroyed(batch)
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        values = (await _record(file, batch.kind, identifier)).values()
    return {
        field.name: _cell(values.get(field.name))
        for field in correctable(batch.kind)
        if not field.secret
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return number_text(value) if isinstance(value, int | float) else str(value)


def correctable(kind: Kind) -> list[Field]:
    """The fields of a record that may be corrected."""
    return [field for field in kind.fields if field.name not in kind.key and field.type != "rows"]


def read_changes(kind: Kind, changes: Mapping[str, str]) -> dict[str, Any]:
    """The values of changed cells, None for an empty one, by the rules of their fields."""
    if not changes:
        raise misused("nothing_changed")
    values: dict[str, Any] = {}
    known = {field.name: field for field in correctable(kind)}
    for name, text in changes.items():
        field = known.get(name)
        if field is None:
            raise misused("no_such_field", fields=", ".join(known))
        text = text.strip()
        if not text and field.required:
            raise refused("empty_field", field=name, label=field.label)
        value = cell_reader(field, kind.flags(field))(text) if text else None
        if isinstance(value, Refusal):
            broken = Finding(value.rule, values=value.values)
            reason = Label(broken.reason("zh"), broken.reason("en"))
            raise refused("cell", field=name, label=field.label, reason=reason)
        values[name] = value
    return values


async def _change(
    file: aiosqlite.Connection, kind: Kind, identifier: str, values: Mapping[str, Any]
) -> None:
    record = await _record(file, kind, identifier)
    changed = _changed(kind, record, values)
    if changed == (record.body, record.secrets, record.withheld):
        raise refused("says_already")
    await file.execute(_UPDATE, (*changed, record.id))


async def _record(file: aiosqlite.Connection, kind: Kind, identifier: str) -> Stored:
    record = await record_of(file, _canonical(kind, identifier))
    if record is None:
        raise refused("no_record")
    return record


def _canonical(kind: Kind, identifier: str) -> str:
    if kind.reference:
        return identifier
    return CANONICAL[kind.field(kind.identifier).type](identifier)


def _changed(kind: Kind, record: Stored, values: Mapping[str, Any]) -> tuple[bytes, bytes, bytes]:
    """The record's body, secrets and withheld fields with these values in place."""
    typed = {name for way in kind.ways for name in way.fields}
    body, secrets = orjson.loads(record.body), record.typed()
    withheld = orjson.loads(record.withheld)
    for name, value in values.items():
        field = kind.field(name)
        if not field.secret:
            _put(withheld if field.withheld else body, name, value)
        if name in typed:
            text = None if value is None else CANONICAL[field.type](str(value))
            _put(secrets, name, text)
    if kind.ways and not any(all(name in secrets for name in way.fields) for way in kind.ways):
        raise refused("no_way_in")
    order = [field.name for field in kind.fields]
    return _json(body, order), _json(secrets, order), _json(withheld, order)


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


def _json(values: Mapping[str, Any], order: list[str]) -> bytes:
    """As the loading writes it: in the order of the kind's fields."""
    return orjson.dumps({name: values[name] for name in order if name in values})


async def _noted(file: aiosqlite.Connection, batch: Batch, reason: str) -> NewBatch:
    content = ContentHash(batch.document, batch.title)
    count = 0
    async for chunk in records(file):
        for record in chunk:
            content.add(record.body, record.secrets, record.withheld, corrected=record.corrected)
        count += len(chunk)
    found = await count_findings(file, LOADING)
    return NewBatch(
        batch.kind.name,
        batch.title,
        batch.document,
        count,
        found[ERROR],
        found[WARNING],
        content.hexdigest(),
        batch.issued,
        batch.expected,
        batch.id,
        reason,
    )
