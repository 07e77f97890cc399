"""`lookup batch`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lookup.admin.batches import Batch, findings, get_batch, list_batches, sources
from lookup.admin.loading import Loaded, load
from lookup.admin.risk import Risk
from lookup.clock import utc_now
from lookup.commands.desk import Desk, at_desk
from lookup.commands.terminal import (
    AsJson,
    Maps,
    err,
    out,
    parse_maps,
    print_json,
    progress,
    safe,
    table,
)
from lookup.kind_file import load_named
from lookup.settings import Settings

batch_app = typer.Typer(help="Batches: rows an office sent.", no_args_is_help=True)


@batch_app.command("load")
def batch_load(
    context: typer.Context,
    kind: str,
    files: list[Path],
    title: Annotated[str, typer.Option(help="As the result page will name it.")] = "",
    maps: Maps = None,
    issue_access_codes: Annotated[
        Path | None, typer.Option(help="Make a code for every candidate; the list goes here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load files as one batch and report every finding."""
    settings: Settings = context.obj
    definition = load_named(settings.kinds_dir, kind)
    overrides = parse_maps(maps)

    async def work(place: Desk) -> tuple[Loaded, Batch, list[dict[str, Any]]]:
        database = place.publisher.database
        with progress("loading") as tell:
            loaded = await load(
                database,
                definition,
                files,
                title=title or definition.title.zh,
                now=utc_now(),
                budget=settings.failure_budget,
                overrides=overrides,
                codes_path=issue_access_codes,
                progress=tell,
            )
        shown = await findings(database, loaded.batch, 20)
        return loaded, await get_batch(database, loaded.batch), shown

    loaded, batch, shown = at_desk(context, work)
    if as_json:
        print_json(_batch_json(batch) | {"risks": list(map(_risk_json, loaded.risks))})
    else:
        out.print(
            f"Batch {batch.id}: {batch.records:,} records,"
            f" {batch.errors:,} errors, {batch.warnings:,} warnings."
        )
        _print_findings(shown, batch.errors + batch.warnings)
        if batch.state == "loaded":
            for risk in loaded.risks:
                out.print(_risk_sentence(risk))
            if issue_access_codes:
                out.print(f"Access codes: {safe(issue_access_codes)} (readable by you alone).")
            out.print(f"Next: lookup release build {batch.id}")
    if batch.state != "loaded":
        err.print("The batch cannot be built: mend the files and load them again.")
        raise typer.Exit(1)


def _risk_sentence(risk: Risk) -> str:
    return (
        f"Risk of {' + '.join(risk.way.fields)}: {risk.budget} wrong tries at each of"
        f" {risk.records:,} numbers would open about {risk.expected:.3g} records."
    )


def _risk_json(risk: Risk) -> dict[str, Any]:
    return {
        "way_in": risk.way.name,
        "records": risk.records,
        "budget": risk.budget,
        "expected": risk.expected,
    }


def _batch_json(batch: Batch) -> dict[str, Any]:
    names = ("id", "state", "title", "loaded_at", "records", "errors", "warnings", "sha256")
    return {"kind": batch.kind.name} | {name: getattr(batch, name) for name in names}


def _print_findings(shown: list[dict[str, Any]], count: int) -> None:
    if not shown:
        return
    columns = ["severity", "file", "line", "column", "value", "reason"]
    table(columns, [[finding[name] for name in columns] for finding in shown])
    if count > len(shown):
        out.print(f"… and {count - len(shown):,} more.")


@batch_app.command("list")
def batch_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List the batches, the newest first."""
    batches = at_desk(context, lambda place: list_batches(place.publisher.database))
    if as_json:
        print_json([_batch_json(batch) for batch in batches])
        return
    rows: list[list[object]] = [
        [b.id, b.kind.name, b.title, b.state, b.records, b.errors, b.warnings] for b in batches
    ]
    table(["id", "kind", "title", "state", "records", "errors", "warnings"], rows)


@batch_app.command("show")
def batch_show(
    context: typer.Context,
    batch_id: int,
    limit: Annotated[int, typer.Option(min=0, max=1_000_000, help="How many findings.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show one batch, its files and its findings."""

    async def work(place: Desk) -> tuple[Batch, list[dict[str, Any]], list[dict[str, Any]]]:
        database = place.publisher.database
        batch = await get_batch(database, batch_id)
        return (
            batch,
            await sources(database, batch_id),
            await findings(database, batch_id, limit),
        )

    batch, files, shown = at_desk(context, work)
    if as_json:
        print_json(_batch_json(batch) | {"sources": files, "findings": shown})
        return
    out.print(
        f"Batch {batch.id} ({batch.state}), {safe(batch.title)}: {batch.records:,} records,"
        f" {batch.errors:,} errors, {batch.warnings:,} warnings."
    )
    table(["file", "encoding", "rows"], [[f["name"], f["encoding"], f["rows"]] for f in files])
    _print_findings(shown, batch.errors + batch.warnings)
