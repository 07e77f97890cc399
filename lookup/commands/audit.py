"""`lookup audit`."""

import dataclasses
import re
from pathlib import Path
from typing import Annotated

import typer

from lookup.admin.audit import Entry, Verified, entries, verify_chain
from lookup.admin.desk import Desk
from lookup.admin.exporting import audit_csv
from lookup.commands.desk import at_desk
from lookup.commands.terminal import (
    AsJson,
    err,
    local,
    out,
    print_json,
    refuse_written,
    safe,
    said,
    table,
)
from lookup.durable import write
from lookup.errors import UsageError

audit_app = typer.Typer(help="The audit: who did what, when.", no_args_is_help=True)

MODE = 0o600
HEAD = re.compile("[0-9a-f]{64}")
WHY = {
    "edited": "was edited",
    "missing": "is not there, or not where it belongs",
    "cut": "and all after it are missing: the head given is not in the chain",
}


@audit_app.command("list")
def audit_list(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000)] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Only lines before this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what was done, the newest first."""

    async def work(desk: Desk) -> list[Entry]:
        return [entry async for entry in entries(desk.database, before=before, limit=limit)]

    found: list[Entry] = at_desk(context, work)
    if as_json:
        print_json([dataclasses.asdict(entry) for entry in found])
        return
    rows: list[list[object]] = [
        [
            e.id,
            local(e.at, context.obj.timezone),
            *(e.person, e.act, e.subject, e.before[:12], e.after[:12]),
            said(e.detail, context.obj.timezone),
        ]
        for e in found
    ]
    table(["line", "at", "who", "act", "subject", "before", "after", ""], rows)


@audit_app.command("verify")
def audit_verify(
    context: typer.Context,
    head: Annotated[str, typer.Option(help="A head noted earlier: it must still be there.")] = "",
    as_json: AsJson = False,
) -> None:
    """Follow the chain from its first line; exit 1 at the first that is not as it was written."""
    known = head.strip().lower()
    if known and not HEAD.fullmatch(known):
        raise UsageError("A head is the 64 hex digits that `lookup audit verify` printed.")
    verified: Verified = at_desk(context, lambda desk: verify_chain(desk.database, known or None))
    if as_json:
        print_json(dataclasses.asdict(verified))
    else:
        out.print(f"{verified.lines:,} lines, head {verified.head}")
    if verified.broken:
        line, why = verified.broken
        err.print(f"Line {line:,} {WHY[why]}.")
        raise typer.Exit(1)


@audit_app.command("export")
def audit_export(context: typer.Context, file: Path) -> None:
    """Write the whole audit as CSV, the oldest line first; no cell runs as a formula."""

    async def work(desk: Desk) -> bytes:
        return b"".join([part async for part in audit_csv(desk.database)])

    refuse_written(file)
    write(file, at_desk(context, work), MODE)
    out.print(f"The audit is in {safe(file)} (readable by you alone).")
