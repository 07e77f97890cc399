"""`lookup batch findings`, `diff`, `approve`, `reject`: what a reviewer looks at and decides."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import (
    Batch,
    finding_groups,
    findings,
    get_batch,
    refuse_destroyed,
)
from lookup.admin.desk import Desk
from lookup.admin.differences import differences
from lookup.admin.exporting import findings_csv, findings_xlsx
from lookup.admin.refusals import refused
from lookup.admin.reviewing import Approval, approve, reject, unconfirmed
from lookup.admin.sampling import Sample, samples
from lookup.commands.batch_shown import (
    batch_app,
    print_batch,
    print_differences,
    print_findings,
    print_groups,
    print_hints,
    print_sample,
)
from lookup.commands.desk import ask, at_desk, batch_of
from lookup.commands.terminal import AsJson, out, print_json, refuse_written, safe, table
from lookup.durable import storage
from lookup.errors import UsageError
from lookup.kind_rules import DISCLOSURES
from lookup.kinds import Kind

PRIVATE = 0o600


@batch_app.command("findings")
def batch_findings(
    context: typer.Context,
    batch_id: int,
    group: Annotated[bool, typer.Option("--group", help="By rule and column, counted.")] = False,
    rule: Annotated[str | None, typer.Option(help="Only the findings of one rule.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=1_000_000)] = 1000,
    csv: Annotated[Path | None, typer.Option(help="Write them all to this file.")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Write them all to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was found in a batch, or write it to a file for the office that must mend it."""

    async def work(desk: Desk) -> Any:
        batch = await get_batch(desk.database, batch_id)
        refuse_destroyed(batch)
        async with open_batch_file(batch_path(desk.batches, batch_id)) as file:
            if csv:
                with _new_file(csv) as target:
                    async for part in findings_csv(file, rule=rule):
                        target.write(part)
            if xlsx:
                with _new_file(xlsx) as target:
                    await findings_xlsx(file, target, rule=rule)
            if group:
                return batch, await finding_groups(file)
            return batch, await findings(file, limit, rule=rule)

    batch, found = at_desk(context, work)
    if as_json:
        print_json(found)
    elif csv or xlsx:
        out.print(f"Written: {', '.join(safe(path) for path in (csv, xlsx) if path)}.")
    elif group:
        print_groups(found)
    else:
        print_findings(found, 0 if rule else batch.errors + batch.warnings)
        print_hints(batch.kind, (finding["rule"] for finding in found))


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file only its owner reads: it holds cells of candidates' rows. What could not be
    written whole is removed. Raises UsageError, StorageError."""
    refuse_written(path)
    with storage(path):
        path.touch(mode=PRIVATE, exist_ok=False)
        try:
            with path.open("wb") as target:
                yield target
        except BaseException:
            path.unlink(missing_ok=True)
            raise


@batch_app.command("diff")
def batch_diff(
    context: typer.Context,
    batch_id: int,
    against: Annotated[
        int | None, typer.Option(help="Another batch; by default the one that is live.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a batch would add, remove and change of what is live."""
    found = at_desk(context, lambda desk: differences(desk, batch_id, against))
    print_differences(found, as_json)


@batch_app.command("approve")
def batch_approve(
    context: typer.Context,
    batch_id: int,
    confirm: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=ATTRIBUTE", help="Each field's disclosure, as you judge it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer for a checked batch, field by field; somebody other than its loader does.

    Counts, findings, differences and sampled pages are shown first, whatever is confirmed.
    """
    given = _parse_confirmed(confirm)
    _refuse_unknown(batch_of(context, batch_id).kind, given)

    async def work(desk: Desk) -> tuple[Approval, Batch]:
        batch = await get_batch(desk.database, batch_id)
        if not as_json:
            await _print_evidence(desk, batch)
        asked = not given and sys.stdin.isatty()
        confirmed = _asked(batch.kind) if asked else given
        if unconfirmed(batch.kind, confirmed) and not as_json:
            _print_disclosure(batch.kind)
        approval = await approve(desk, batch_id, confirmed)
        return approval, await get_batch(desk.database, batch_id)

    approval, batch = at_desk(context, work, "batch.approve")
    if not as_json:
        out.print(f"{safe(approval.person)} approved {batch.subject}, content {approval.sha256}.")
    print_batch(batch, as_json)


def _parse_confirmed(texts: list[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    if not all(field and attribute for field, _, attribute in pairs):
        raise UsageError("--confirm takes FIELD=ATTRIBUTE, as in --confirm total=on_request.")
    return {field: attribute for field, _, attribute in pairs}


def _refuse_unknown(kind: Kind, given: Mapping[str, str]) -> None:
    known = [field.name for field in kind.fields]
    for name in given:
        if name not in known:
            raise UsageError(f"{name} is no field of {kind.name}; these are: {', '.join(known)}.")


async def _print_evidence(desk: Desk, batch: Batch) -> None:
    """All that a reviewer signs for."""
    refuse_destroyed(batch)
    print_batch(batch, as_json=False)
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        print_groups(await finding_groups(file))
    print_differences(await differences(desk, batch.id), as_json=False)
    if not batch.kind.reference:
        _print_samples(batch.kind, await samples(desk, batch.id))


def _print_samples(kind: Kind, found: list[Sample]) -> None:
    for number, sample in enumerate(found, 1):
        print_sample(kind, number, sample)


@batch_app.command("preview")
def batch_preview(
    context: typer.Context,
    batch_id: int,
    number: Annotated[int | None, typer.Argument(help="Only this one of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the pages of sampled candidates as the public would see them."""

    async def work(desk: Desk) -> tuple[Batch, list[Sample]]:
        batch = await get_batch(desk.database, batch_id)
        if batch.kind.reference:
            raise refused("reference", batch=batch.id)
        return batch, await samples(desk, batch_id)

    batch, found = at_desk(context, work)
    if number is not None and not 1 <= number <= len(found):
        raise UsageError(f"{len(found)} candidates are sampled: give a number from 1 on.")
    if as_json:
        print_json([asdict(sample) for sample in found][slice(*_only(number))])
    elif number is None:
        _print_samples(batch.kind, found)
    else:
        print_sample(batch.kind, number, found[number - 1])


def _only(number: int | None) -> tuple[int | None, int | None]:
    return (None, None) if number is None else (number - 1, number)


def _print_disclosure(kind: Kind) -> None:
    rows: list[list[object]] = [
        [field.name, field.label.zh, field.disclosure, DISCLOSURES[field.disclosure]]
        for field in kind.fields
    ]
    table(["field", "名称", "attribute", "公开属性"], rows)


def _asked(kind: Kind) -> dict[str, str]:
    """Each field's attribute as the reviewer types it: 一事一审."""
    out.print(f"For each field type its attribute: {', '.join(DISCLOSURES)}.")
    return {
        field.name: ask(f"{field.name} {field.label.zh} ({field.disclosure} declared)").strip()
        for field in kind.fields
    }


@batch_app.command("reject")
def batch_reject(
    context: typer.Context,
    batch_id: int,
    reason: Annotated[str, typer.Option(help="Kept with the batch and in the audit.")],
    as_json: AsJson = False,
) -> None:
    """Say no to a batch, for good."""
    batch = at_desk(context, lambda desk: reject(desk, batch_id, reason), "batch.reject")
    print_batch(batch, as_json)
