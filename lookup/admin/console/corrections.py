"""Correcting one record: what is typed is in no address and no page that is kept.

First the record's key is asked for; then the record is there, to be changed where it is wrong.
"""

from collections.abc import Mapping

from starlette.responses import Response

from lookup.admin.batches import Batch, refuse_destroyed
from lookup.admin.console.batches import of_batch, tab
from lookup.admin.console.site import Visit
from lookup.admin.correcting import cells_of, correct, correctable
from lookup.admin.intake.records import KEY_SEPARATOR
from lookup.errors import ServiceError
from lookup.kinds import Field

KEY, VALUE = "key-", "value-"


async def show(visit: Visit) -> Response:
    """`GET /batches/ID/correct`: which record?"""
    batch = await of_batch(visit)
    refuse_destroyed(batch)
    return await _page(visit, batch)


async def put(visit: Visit) -> Response:
    """`POST /batches/ID/correct`: the record, or with its values a new batch that has them."""
    batch = await of_batch(visit)
    key = visit.form.starting(KEY)
    identifier = KEY_SEPARATOR.join(key.get(name, "").strip() for name in batch.kind.key)
    try:
        cells = await visit.aside(lambda desk: cells_of(desk, batch.id, identifier))
    except ServiceError as error:
        return await _page(visit, batch, error=error)
    now = {f.name: _shown(visit, batch, f, cells.get(f.name, "")) for f in correctable(batch.kind)}
    typed = visit.form.starting(VALUE)
    if not typed:
        return await _page(visit, batch, now)
    changes = {name: text for name, text in typed.items() if text.strip() != now.get(name)}
    reason = visit.form.get("reason")
    try:
        new = await visit.aside(lambda desk: correct(desk, batch.id, identifier, changes, reason))
    except ServiceError as error:
        return await _page(visit, batch, now, typed, error)
    return visit.go(f"/batches/{new.id}", "corrected")


def _shown(visit: Visit, batch: Batch, field: Field, cell: str) -> str:
    """A cell as the form shows it: what stands for a mark is said in words."""
    if field.type != "score":
        return cell
    flags = {flag.code: flag.label for flag in batch.kind.flags(field)}
    return flags[cell].in_language(visit.language) if cell in flags else cell


async def _page(
    visit: Visit,
    batch: Batch,
    now: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    error: ServiceError | None = None,
) -> Response:
    """The question which record, or the record `now` with what was typed over it."""
    key = visit.form.starting(KEY)
    return await tab(
        visit,
        batch,
        "correct",
        "correct.html",
        409 if error else 200,
        key=[(batch.kind.field(name), key.get(name, "").strip()) for name in batch.kind.key],
        fields=correctable(batch.kind),
        now=now,
        values={**(now or {}), **(typed or {})},
        reason=visit.form.get("reason"),
        sentence=visit.said(error) if error else "",
    )
