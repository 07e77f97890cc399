"""`lookup batch findings`, `diff`, `approve`, `reject`: what a reviewer looks at and decides."""

import contextlib
import sys
from collections.abc import Iterator
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
from lookup.admin.reviewing import Approval, approve, reject, unconfirmed
from lookup.commands.batch_shown import (
    batch_app,
    print_batch,
    print_differences,
    print_findings,
    print_groups,
    print_hints,
)
from lookup.commands.desk import ask, at_desk
from lookup.commands.terminal import AsJson, out, print_json, safe, table
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
    if path.exists():
        raise UsageError(f"{path} is there already: name a new file.")
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
    """Answer for a checked batch, field by field; somebody other than its loader does."""
    given = _parse_confirmed(confirm)

    async def work(desk: Desk) -> tuple[Approval, Batch]:
        batch = await get_batch(desk.database, batch_id)
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
