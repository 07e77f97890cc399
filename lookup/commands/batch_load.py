"""`lookup batch load`, `inspect`, `check`, `correct`: what makes a batch or its findings."""

import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, findings, get_batch
from lookup.admin.checking import check
from lookup.admin.correcting import correct, correctable
from lookup.admin.desk import Desk
from lookup.admin.findings import Finding
from lookup.admin.intake.file import About, Opened
from lookup.admin.intake.mappings import remembered_reader
from lookup.admin.loading import Loaded, check_files, load
from lookup.admin.refusals import misused
from lookup.admin.states import CHECKED
from lookup.commands.batch_shown import (
    batch_app,
    batch_json,
    counts,
    print_batch,
    print_findings,
    print_hints,
    risk_json,
    risk_sentence,
)
from lookup.commands.desk import ask, at_desk, batch_of
from lookup.commands.terminal import (
    AsJson,
    Header,
    Maps,
    Sheets,
    err,
    out,
    parse_choice,
    print_json,
    progress,
    safe,
    table,
)
from lookup.errors import UsageError
from lookup.kind_file import load_named
from lookup.settings import Settings

SHOWN = 20
Inspected = tuple[str, Opened | None, list[Finding]]
"""A table's or file's name, how it would be read if it is, and what was found."""
CELLS_SHOWN = 12

Expect = Annotated[
    int | None, typer.Option("--expect", min=0, help="How many records there should be.")
]


@batch_app.command("load")
def batch_load(
    context: typer.Context,
    kind: str,
    files: list[Path],
    title: Annotated[str, typer.Option(help="As the result page will name it.")] = "",
    maps: Maps = None,
    header: Header = None,
    sheets: Sheets = None,
    expect: Expect = None,
    remember: Annotated[
        bool, typer.Option(help="Read files of this shape the same way from now on.")
    ] = True,
    issue_access_codes: Annotated[
        Path | None, typer.Option(help="Make a code for every candidate; the list goes here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load files as one batch, check it, and report every finding."""
    settings: Settings = context.obj
    definition = load_named(settings.kinds_dir, kind)
    choice = parse_choice(maps, header, sheets)

    async def work(desk: Desk) -> tuple[Loaded, Batch, list[dict[str, Any]]]:
        with progress("loading and checking") as tell:
            loaded = await load(
                desk,
                definition,
                files,
                title=title or definition.title.zh,
                choice=choice,
                expected=expect,
                codes_path=issue_access_codes,
                remembering=remember,
                progress=tell,
            )
        return (
            loaded,
            await get_batch(desk.database, loaded.batch),
            await _first(desk, loaded.batch),
        )

    loaded, batch, shown = at_desk(context, work, "batch.load")
    if as_json:
        print_json(batch_json(batch) | {"risks": list(map(risk_json, loaded.risks))})
    else:
        _print_loaded(loaded, batch, shown, issue_access_codes, settings.required_approvals)
    if batch.state != CHECKED:
        err.print("The batch cannot be built: mend the files and load them again.")
        raise typer.Exit(1)


async def _first(desk: Desk, batch: int) -> list[dict[str, Any]]:
    async with open_batch_file(batch_path(desk.batches, batch)) as file:
        return await findings(file, SHOWN)


def _print_loaded(
    loaded: Loaded, batch: Batch, shown: list[dict[str, Any]], codes: Path | None, required: int
) -> None:
    out.print(f"Batch {batch.id}: {counts(batch)}.")
    print_findings(shown, batch.errors + batch.warnings)
    print_hints(batch.kind, (finding["rule"] for finding in shown))
    if batch.state != CHECKED:
        return
    for risk in loaded.risks:
        out.print(risk_sentence(risk))
    if codes:
        out.print(f"Access codes: {safe(codes)} (readable by you alone).")
    _print_next(batch, required)


def _print_next(batch: Batch, required: int) -> None:
    if not batch.kind.reference:
        step = f"batch approve {batch.id}" if required else f"release build {batch.id}"
        out.print(f"Next: lookup {step}")


@batch_app.command("inspect")
def batch_inspect(
    context: typer.Context,
    kind: str,
    files: list[Path],
    maps: Maps = None,
    header: Header = None,
    sheets: Sheets = None,
    as_json: AsJson = False,
) -> None:
    """Show the tables of files and how their columns would be read, without loading."""
    settings: Settings = context.obj
    definition = load_named(settings.kinds_dir, kind)
    choice = parse_choice(maps, header, sheets)
    check_files(files)

    async def work(desk: Desk) -> list[Inspected]:
        read = await remembered_reader(desk, definition, choice, files)
        tables: list[Inspected] = []
        for path in files:
            tables.append((path.name, None, []))
            with contextlib.closing(read(path)) as events:
                for event in events:
                    if isinstance(event, Opened):
                        tables.append((event.name, event, []))
                    elif isinstance(event, About):
                        tables.append((event.name, None, []))
                    elif isinstance(event, list):
                        # Of the rows themselves nothing is said: that is what loading is for.
                        tables[-1][2].extend(one for one in event if isinstance(one, Finding))
        return [entry for entry in tables if entry[1] or entry[2]]

    tables = at_desk(context, work)
    if as_json:
        print_json([_inspected_json(*entry) for entry in tables])
        return
    for entry in tables:
        _print_inspected(*entry)
    print_hints(definition, (finding.rule for *_, found in tables for finding in found))


def _inspected_json(name: str, opened: Opened | None, found: list[Finding]) -> dict[str, Any]:
    said = [{"line": f.line, "column": f.column, "reason": f.reason()} for f in found[:SHOWN]]
    if opened is None:
        return {"name": name, "findings": said}
    return {
        "name": name,
        "format": opened.format,
        "encoding": opened.encoding,
        "sure": opened.sure,
        "columns": [list(column) for column in opened.columns],
        "rows": [[row.line, row.cells] for row in opened.rows_shown],
        "findings": said,
    }


def _print_inspected(name: str, opened: Opened | None, found: list[Finding]) -> None:
    if opened is None:
        out.print(f"[bold]{safe(name)}[/]")
    else:
        out.print(f"[bold]{safe(name)}[/] ({safe(opened.format)} {safe(opened.encoding)})")
        table(["column", "read as"], [[name, field or "—"] for name, field in opened.columns])
        rows: list[list[object]] = [
            [row.line, *row.cells[:CELLS_SHOWN]] for row in opened.rows_shown
        ]
        width = max((len(row) for row in rows), default=0)
        table(["row", *[f"#{n}" for n in range(1, width)]], [_wide(row, width) for row in rows])
    for finding in found[:SHOWN]:
        place = [f"line {finding.line}"] * bool(finding.line) + [finding.column] * bool(
            finding.column
        )
        out.print(safe(f"{finding.severity}: {' '.join([*place, finding.reason()])}"))


def _wide(row: list[object], width: int) -> list[object]:
    return row + [""] * (width - len(row))


@batch_app.command("check")
def batch_check(
    context: typer.Context, batch_id: int, expect: Expect = None, as_json: AsJson = False
) -> None:
    """Check a batch anew: with another expected figure, or once its references are there."""

    async def work(desk: Desk) -> Batch:
        with progress("checking") as tell:
            return await check(desk, batch_id, expected=expect, progress=tell)

    batch = at_desk(context, work, "batch.check")
    print_batch(batch, as_json)
    if batch.state != CHECKED:
        raise typer.Exit(1)


@batch_app.command("correct")
def batch_correct(
    context: typer.Context,
    batch_id: int,
    changes: Annotated[
        list[str],
        typer.Option("--set", metavar="FIELD[=VALUE]", help="Without =VALUE it is asked for."),
    ],
    reason: Annotated[str, typer.Option(help="Kept with the new batch.")],
    identifier: Annotated[
        str, typer.Option(help="Whose record; -: asked for, or the next line of standard input.")
    ] = "-",
    as_json: AsJson = False,
) -> None:
    """Make a new batch that is this one but for one record.

    Others on this machine can read a command line: leave numbers and names out of it.
    """

    given = _changes(changes)
    known = [field.name for field in correctable(batch_of(context, batch_id).kind)]
    if not given.keys() <= set(known):
        raise misused("no_such_field", fields=", ".join(known))

    async def work(desk: Desk) -> tuple[Batch, list[dict[str, Any]]]:
        whose = ask("Number of the record") if identifier == "-" else identifier
        values = {
            field: ask(f"New {field}") if value is None else value for field, value in given.items()
        }
        batch = await correct(desk, batch_id, whose, values, reason)
        return batch, await _first(desk, batch.id)

    batch, shown = at_desk(context, work, "batch.correct")
    print_batch(batch, as_json)
    if not as_json:
        print_findings(shown, batch.errors + batch.warnings)
    if batch.state != CHECKED:
        err.print(
            f"It cannot be approved: correct batch {batch_id} again with a --set for every field"
            " of the record that follows from the change (total, rank)."
        )
        raise typer.Exit(1)
    if not as_json:
        _print_next(batch, context.obj.required_approvals)


def _changes(texts: list[str]) -> dict[str, str | None]:
    """What is to be changed; None for a value that is asked for."""
    changes: dict[str, str | None] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not field or field in changes:
            raise UsageError("--set takes FIELD=VALUE, each field once.")
        changes[field] = value if equals else None
    return changes
