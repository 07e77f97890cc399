"""What a reviewer sees before signing: differences, previews, the fields one by one."""

from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from lookup import record_page
from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, finding_groups, refuse_destroyed
from lookup.admin.console.batches import may_review, of_batch, risks_of, tab
from lookup.admin.console.forms import whole_number
from lookup.admin.console.site import Visit
from lookup.admin.differences import CHANGED, CREDENTIALS, Differences, Example, differences
from lookup.admin.intake.records import KEY_SEPARATOR
from lookup.admin.publishing.releases import in_use
from lookup.admin.refusals import Said, refused
from lookup.admin.reviewing import approvals, approve, loaders, reject
from lookup.admin.sampling import Sample, samples
from lookup.admin.states import REJECTED, may_become
from lookup.admin.telling import for_review
from lookup.allowance import DAY_S, most_tries
from lookup.errors import ServiceError
from lookup.kind_rules import DISCLOSURES
from lookup.kinds import Kind

PREFIX = "field-"
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Changed:
    """One field that differs, with examples: identifier, old value and new in words."""

    label: str
    count: int
    examples: list[tuple[str, str, str]]


async def show_differences(visit: Visit) -> Response:
    """`GET /batches/ID/differences`, against the live release or `?against=` a batch."""
    batch = await of_batch(visit)
    refuse_destroyed(batch)
    against = whole_number(visit.request.query_params.get("against", ""))
    found = await _differences(visit, batch, against)
    return await tab(
        visit,
        batch,
        "differences",
        "differences.html",
        differences=found,
        same=max(batch.records - found.added - found.changed, 0),
        fields=_changed(visit, batch.kind, found),
        listed={
            what: [_key_text(one) for one in found.examples if one.what == what]
            for what in ("added", "removed")
        },
        identifier=_key_label(batch.kind, visit.language),
    )


async def _differences(visit: Visit, batch: Batch, against: int | None = None) -> Differences:
    """The differences, kept while neither the batch nor what is live is another."""
    pointer = visit.desk.store.pointer(batch.kind.name)
    live = pointer.epoch if pointer else 0
    key = ("differences", batch.id, batch.sha256, against, live)
    return await visit.once(key, lambda desk: differences(desk, batch.id, against))


def _key_label(kind: Kind, language: str) -> str:
    return "、".join(kind.field(name).label.in_language(language) for name in kind.key)


def _key_text(example: Example) -> str:
    return example.identifier.replace(KEY_SEPARATOR, " ")


def _changed(visit: Visit, kind: Kind, found: Differences) -> list[Changed]:
    shown = []
    for change in found.fields:
        examples = [
            (_key_text(one), *_words(visit, kind, change.field, one.fields))
            for one in found.examples
            if one.what == CHANGED and change.field in one.fields
        ]
        shown.append(
            Changed(_label(visit, kind, change.field), change.changed, examples[:EXAMPLES])
        )
    return shown


def _label(visit: Visit, kind: Kind, name: str) -> str:
    if name == CREDENTIALS:
        return visit.say("diff.credentials")
    return kind.field(name).label.in_language(visit.language)


def _words(visit: Visit, kind: Kind, name: str, fields: Any) -> tuple[str, str]:
    if name == CREDENTIALS:
        hidden = visit.say("diff.hidden")
        return hidden, hidden
    field = kind.field(name)
    old, new = (
        "–" if value is None else record_page.text(kind, field, value, visit.language)
        for value in fields[name]
    )
    return old, new


async def _samples(visit: Visit, batch: Batch) -> list[Sample]:
    refuse_destroyed(batch)
    if batch.kind.reference:
        return []
    return await visit.once(("samples", batch.sha256), lambda desk: samples(desk, batch.id))


async def previews(visit: Visit) -> Response:
    """`GET /batches/ID/previews`: the sampled candidates, one of them in a frame."""
    batch = await of_batch(visit)
    listed = await _listed(visit, batch)
    chosen = whole_number(visit.request.query_params.get("n", "")) or 1
    chosen = min(max(chosen, 1), max(len(listed), 1))
    return await tab(visit, batch, "previews", "previews.html", samples=listed, chosen=chosen)


async def _listed(visit: Visit, batch: Batch) -> list[dict[str, str]]:
    return [
        {"shown": one.identifier, "why": _why(visit, batch.kind, one.why)}
        for one in await _samples(visit, batch)
    ]


def _why(visit: Visit, kind: Kind, why: str) -> str:
    name, equals, code = why.partition("=")
    if not equals:
        return visit.say(f"preview.why.{why}")
    field = kind.field(name)
    value = field.value(code)
    shown = value.label.in_language(visit.language) if value else code
    return f"{field.label.in_language(visit.language)} {shown}"


async def preview(visit: Visit) -> Response:
    """`GET /batches/ID/preview/N`: a sampled candidate's page as the public would see it."""
    batch = await of_batch(visit)
    found = await _samples(visit, batch)
    number = visit.number("number")
    if not 1 <= number <= len(found):
        raise HTTPException(404)
    sample, release = found[number - 1], {"title": batch.title, "version": "–"}
    body = {"record": sample.body, "release": release, "corrected": sample.corrected}
    statistics = await for_review(visit.desk.database, batch.id)
    path = visit.request.scope["path"]
    today = visit.desk.clock().astimezone(visit.site.settings.timezone).date()
    page = record_page.render(batch.kind, body, "–", visit.language, path, statistics, today)
    return HTMLResponse(page)


async def show(visit: Visit) -> Response:
    """`GET /batches/ID/review`: all there is to see, then each field to be confirmed."""
    return await _review(visit, await of_batch(visit))


async def _review(
    visit: Visit,
    batch: Batch,
    sentence: str = "",
    chosen: dict[str, str] | None = None,
    status: int = 200,
    *,
    marked: bool = False,
) -> Response:
    """The page; with `marked` what was chosen is held against what is declared, field by field."""
    database = visit.desk.database
    fields = [
        {
            "name": field.name,
            "label": field.label.in_language(visit.language),
            "disclosure": field.disclosure,
            "secret": field.secret,
            "wrong": marked and (chosen or {}).get(field.name) != field.disclosure,
        }
        for field in batch.kind.fields
    ]
    return await tab(
        visit,
        batch,
        "review",
        "review.html",
        status,
        **await _evidence(visit, batch),
        fields=fields,
        attributes=tuple(DISCLOSURES),
        tries=most_tries(visit.site.settings, 1, 0),
        tries_a_day=most_tries(visit.site.settings, 1, DAY_S),
        required=visit.site.settings.required_approvals,
        chosen=chosen or {},
        sentence=sentence,
        approvals=[a for a in await approvals(database, batch.id) if a.revoked_at is None],
        own=visit.actor.name in await loaders(database, batch.id),
        may_review=await may_review(visit, batch),
        may_reject=visit.actor.may("batch.reject")
        and batch.rejected_by is None
        and may_become(batch.state, REJECTED)
        and await in_use(visit.desk, batch.id) is None,
    )


async def _evidence(visit: Visit, batch: Batch) -> dict[str, Any]:
    """What a person sees before they sign: findings, differences, sampled pages."""
    if batch.destroyed_at:
        return {"groups": [], "differences": None, "risks": []}
    async with open_batch_file(batch_path(visit.desk.batches, batch.id)) as file:
        groups = await finding_groups(file, visit.language)
    found = await _differences(visit, batch)
    return {
        "groups": groups,
        "differences": found,
        "changed": _changed(visit, batch.kind, found),
        "same": max(batch.records - found.added - found.changed, 0),
        "samples": await _listed(visit, batch),
        "risks": await risks_of(visit, batch),
    }


async def sign(visit: Visit) -> Response:
    """`POST /batches/ID/review`: approve what was shown."""
    batch = await of_batch(visit)
    chosen = {name: text for name, text in visit.form.starting(PREFIX).items() if text}
    try:
        if visit.form.get("sha256") != batch.sha256:
            raise refused("changed_since")
        await approve(visit.desk, batch.id, chosen)
    except ServiceError as error:
        marked = error.rule == "disclosure"
        # On a page the fields are called by their labels; each says itself what is wrong.
        fields = error.values.get("fields")
        said = (
            visit.say("review.mismatch", fields=fields.in_language(visit.language))
            if isinstance(fields, Said)
            else visit.said(error)
        )
        return await _review(visit, batch, said, chosen, 409, marked=marked)
    return visit.go(f"/batches/{batch.id}", "approved")


async def turn_down(visit: Visit) -> Response:
    """`POST /batches/ID/reject`."""
    batch = await of_batch(visit)
    await reject(visit.desk, batch.id, visit.form.get("reason"))
    return visit.go(f"/batches/{batch.id}", "rejected")
