"""`lookup release`."""

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lookup.admin.desk import Desk
from lookup.admin.publishing.building import build
from lookup.admin.publishing.preflight import FAILED, Item, preflight, sentence
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.publishing.releases import Release, get_release, list_releases, reconcile
from lookup.admin.publishing.retention import destroy_due
from lookup.admin.publishing.verifying import Comparison, verify
from lookup.admin.states import SCHEDULED
from lookup.clock import SteadyClock
from lookup.commands.desk import at_desk
from lookup.commands.terminal import (
    AsJson,
    Header,
    Maps,
    Sheets,
    err,
    local,
    out,
    parse_choice,
    parse_time,
    print_json,
    print_more,
    progress,
    safe,
    table,
)
from lookup.kind_file import load_named
from lookup.stores.embedded import EmbeddedStore

release_app = typer.Typer(
    help="Releases: sealed files, opened at their hour.", no_args_is_help=True
)


@release_app.command("build")
def release_build(context: typer.Context, batch_id: int, as_json: AsJson = False) -> None:
    """Seal a batch and compare the file with it, record by record."""

    async def work(desk: Desk) -> Release:
        with progress("sealing and comparing") as tell:
            return await build(desk, batch_id, tell)

    _print_release(context, at_desk(context, work, "release.build"), as_json)


@release_app.command("schedule")
def release_schedule(
    context: typer.Context,
    release_id: str,
    opens_at: Annotated[str, typer.Option(help="2026-06-24T10:00, local time or with offset.")],
    closes_at: Annotated[str, typer.Option(help="When the query window ends.")] = "",
    as_json: AsJson = False,
) -> None:
    """Announce the hour of a sealed release."""
    opening = parse_time(opens_at, context.obj.timezone)
    closing = _time_or_none(context, closes_at)
    release = at_desk(
        context,
        lambda desk: Publisher(desk).schedule(release_id, opening, closing),
        "release.schedule",
    )
    _print_release(context, release, as_json)


def _known_kind(context: typer.Context, kind: str) -> None:
    """Raise UsageError where there is neither a kind of that name nor ever was one."""
    if kind not in EmbeddedStore(context.obj.data_dir).stamps():
        load_named(context.obj.kinds_dir, kind)


def _time_or_none(context: typer.Context, text: str) -> datetime | None:
    return parse_time(text, context.obj.timezone) if text else None


@release_app.command("open")
def release_open(
    context: typer.Context,
    release_id: str,
    closes_at: Annotated[str, typer.Option(help="When the query window ends.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its scheduled hour.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve a release, one whose query window was closed too; never before its hour."""
    closing = _time_or_none(context, closes_at)
    release = at_desk(
        context,
        lambda desk: Publisher(desk).open(release_id, closes_at=closing, wait=wait),
        "release.open",
    )
    _print_release(context, release, as_json)


@release_app.command("close")
def release_close(context: typer.Context, kind: str, as_json: AsJson = False) -> None:
    """End the query window of a kind; `open` begins it again."""
    _known_kind(context, kind)
    release = at_desk(context, lambda desk: Publisher(desk).close(kind), "release.close")
    _print_release(context, release, as_json)


@release_app.command("roll-back")
def release_roll_back(context: typer.Context, kind: str, as_json: AsJson = False) -> None:
    """Serve again what the open release of a kind superseded."""
    _known_kind(context, kind)
    release = at_desk(context, lambda desk: Publisher(desk).roll_back(kind), "release.roll_back")
    _print_release(context, release, as_json)


@release_app.command("withdraw")
def release_withdraw(
    context: typer.Context,
    kind: str,
    reason: Annotated[str, typer.Option(help="Kept with the release.")],
    upcoming: Annotated[bool, typer.Option("--upcoming", help="The scheduled one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take back what is open, at once and for good."""
    _known_kind(context, kind)
    release = at_desk(
        context,
        lambda desk: Publisher(desk).withdraw(kind, reason, upcoming=upcoming),
        "release.withdraw",
    )
    _print_release(context, release, as_json)


@release_app.command("list")
def release_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List the releases, the newest first."""

    async def work(desk: Desk) -> list[Release]:
        for mend in await reconcile(desk):
            err.print(f"{mend.release} was {mend.before}; its pointer says it is {mend.after}.")
        return await list_releases(desk.database)

    releases = at_desk(context, work)
    if as_json:
        print_json([dataclasses.asdict(release) for release in releases])
        return
    rows: list[list[object]] = [
        [r.id, r.state, r.title, r.version, r.batch, _local(context, r.opens_at)] for r in releases
    ]
    table(["id", "state", "title", "version", "batch", "opens at"], rows)


@release_app.command("verify")
def release_verify(
    context: typer.Context,
    release_id: str,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="A source file; more may follow.")
    ] = None,
    files: Annotated[list[Path] | None, typer.Argument(help="More source files.")] = None,
    maps: Maps = None,
    header: Header = None,
    sheets: Sheets = None,
    as_json: AsJson = False,
) -> None:
    """Check a release's digest and key and, with --against, every row of the source files."""
    paths = [*(against or ()), *(files or ())]
    choice = parse_choice(maps, header, sheets)

    async def work(desk: Desk) -> Comparison:
        release = await get_release(desk.database, release_id)
        with progress("comparing") as tell:
            return await verify(desk, release, paths, choice, tell)

    comparison: Comparison = at_desk(context, work)
    if as_json:
        print_json(dataclasses.asdict(comparison) | {"differences": comparison.differences})
    elif paths:
        out.print(f"{comparison.compared:,} rows compared, {comparison.differences:,} differences.")
        for line in comparison.shown:
            out.print(safe(line))
        print_more(comparison.differences - comparison.unmatched - len(comparison.shown))
        if comparison.unmatched:
            out.print(f"{comparison.unmatched:,} ways in of the release belong to none of them.")
    else:
        out.print("The file is as it was sealed and its key opens it.")
    if comparison.differences:
        raise typer.Exit(1)


@release_app.command("preflight")
def release_preflight(context: typer.Context, release_id: str, as_json: AsJson = False) -> None:
    """Look at everything that must be right for a release to open at its hour."""
    clock = SteadyClock()
    items: list[Item] = at_desk(context, lambda desk: preflight(desk, release_id, clock))
    if as_json:
        print_json([dataclasses.asdict(item) for item in items])
    else:
        table(["", "item", ""], [[item.state, item.name, sentence(item)] for item in items])
    if any(item.state == FAILED for item in items):
        raise typer.Exit(1)


@release_app.command("destroy-due")
def release_destroy_due(context: typer.Context, as_json: AsJson = False) -> None:
    """Destroy keys, records and uploads whose retention time is over."""
    destroyed: list[str] = at_desk(context, destroy_due, "release.destroy")
    if as_json:
        print_json(destroyed)
        return
    for one in destroyed:
        out.print(f"{safe(one)}: destroyed.")
    if not destroyed:
        out.print("Nothing is due.")


def _local(context: typer.Context, moment: str | None) -> str:
    """A stored time as people here read it."""
    if moment is None:
        return ""
    return local(moment, context.obj.timezone)


def _print_release(context: typer.Context, release: Release, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(release))
        return
    when = ""
    if release.state == SCHEDULED:
        when = f", opens at {_local(context, release.opens_at)}"
    out.print(
        f"{release.id}: {release.state}{when}. {safe(release.title)}, version {release.version}."
    )
