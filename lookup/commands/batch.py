"""`lookup batch`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from lookup.admin import audit
from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, findings, get_batch, list_batches, sources
from lookup.admin.desk import Desk
from lookup.admin.publishing.releases import list_releases
from lookup.commands import batch_load, batch_review
from lookup.commands.batch_shown import batch_app, batch_json, print_batch, print_findings
from lookup.commands.desk import at_desk
from lookup.commands.terminal import AsJson, local, out, print_json, said, table

__all__ = ["batch_app", "batch_load", "batch_review"]


@batch_app.command("list")
def batch_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List the batches, the newest first."""
    batches = at_desk(context, lambda desk: list_batches(desk.database))
    if as_json:
        print_json([batch_json(batch) for batch in batches])
        return
    rows: list[list[object]] = [
        [b.id, b.kind.name, b.title, b.state, b.records, b.errors, b.warnings, b.loaded_by]
        for b in batches
    ]
    table(["id", "kind", "title", "state", "records", "errors", "warnings", "loaded by"], rows)


@batch_app.command("show")
def batch_show(
    context: typer.Context,
    batch_id: int,
    limit: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many findings.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show one batch, its files and its findings."""

    async def work(desk: Desk) -> tuple[Batch, list[dict[str, Any]], list[dict[str, Any]]]:
        batch = await get_batch(desk.database, batch_id)
        if batch.destroyed_at:
            return batch, [], []
        async with open_batch_file(batch_path(desk.batches, batch_id)) as file:
            return batch, await sources(file), await findings(file, limit)

    zone = context.obj.timezone
    batch, files, shown = at_desk(context, work)
    if as_json:
        print_json(batch_json(batch) | {"sources": files, "findings": shown})
        return
    print_batch(batch, as_json=False)
    if batch.destroyed_at:
        out.print(f"Its records were destroyed at {local(batch.destroyed_at, zone)}.")
    columns = ["name", "format", "encoding", "rows"]
    table(["file", *columns[1:]], [[f[name] for name in columns] for f in files])
    print_findings(shown, batch.errors + batch.warnings)


@batch_app.command("history")
def batch_history(context: typer.Context, batch_id: int, as_json: AsJson = False) -> None:
    """Show who did what to a batch and its releases, the newest first."""

    async def work(desk: Desk) -> list[audit.Entry]:
        batch = await get_batch(desk.database, batch_id)
        releases = [r.id for r in await list_releases(desk.database) if r.batch == batch.id]
        return await audit.about(desk.database, batch.subject, *releases)

    lines = at_desk(context, work)
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    zone = context.obj.timezone
    rows: list[list[object]] = [
        [
            local(e.at, zone),
            *(e.person, e.act, e.subject, e.before[:12], e.after[:12]),
            said(e.detail, zone),
        ]
        for e in lines
    ]
    table(["at", "who", "act", "subject", "before", "after", ""], rows)
