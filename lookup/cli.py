"""One command, `lookup`. Exit 0 done, 1 refused by the data, 2 used wrongly."""

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from lookup import __version__
from lookup.admin.batches import Batch, findings, get_batch, list_batches, sources
from lookup.admin.building import build
from lookup.admin.database import open_database
from lookup.admin.keys import Keys
from lookup.admin.loading import Loaded, load
from lookup.admin.publishing import Publisher
from lookup.admin.releases import Release, get_release, list_releases, reconcile
from lookup.admin.risk import Risk
from lookup.admin.verifying import verify
from lookup.demo import run_demo
from lookup.errors import ServiceError, UsageError
from lookup.kind_file import faults, load_named
from lookup.sample import write_sample
from lookup.settings import Settings, read_settings
from lookup.stores.embedded import EmbeddedStore

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

app = typer.Typer(
    help="Exam results, lottery results and admissions: load, seal, open, serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
kinds_app = typer.Typer(help="Kinds of result.", no_args_is_help=True)
batch_app = typer.Typer(help="Batches: rows an office sent.", no_args_is_help=True)
release_app = typer.Typer(
    help="Releases: sealed files, opened at their hour.", no_args_is_help=True
)
app.add_typer(kinds_app, name="kinds")
app.add_typer(batch_app, name="batch")
app.add_typer(release_app, name="release")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="COLUMN=FIELD", help="Say which field a column is."),
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Instead of LOOKUP_DATA_DIR or var/.")
]


def now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class Desk:
    """What the commands of the admin wing work with."""

    settings: Settings
    publisher: Publisher

    @property
    def store(self) -> EmbeddedStore:
        """The store of sealed releases and live pointers."""
        return self.publisher.store


@contextlib.asynccontextmanager
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """The admin database, store and keys below the data folder, reconciled."""
    store = EmbeddedStore(settings.data_dir)
    async with open_database(settings.data_dir) as database:
        await reconcile(database, store)
        yield Desk(settings, Publisher(database, store, Keys(settings.data_dir), now))


def at_desk(context: typer.Context, work: Callable[[Desk], Coroutine[Any, Any, Any]]) -> Any:
    """Run one act of the admin wing and give back its result."""

    async def run() -> Any:
        async with desk(context.obj) as place:
            return await work(place)

    return asyncio.run(run())


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show how many records are done, on a terminal's standard error."""
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,}"))
    with Progress(*columns, TimeElapsedColumn(), console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def safe(value: object) -> str:
    """Text from a file as it may go to a terminal: no control character, no markup."""
    return escape("".join(c if c.isprintable() else "�" for c in str(value)))


def table(headers: list[str], rows: list[list[object]]) -> None:
    """Rows under headers, on standard output."""
    grid = Table(*headers, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        grid.add_row(*map(safe, row))
    out.print(grid)


def parse_time(text: str, timezone: ZoneInfo) -> datetime:
    """A time the clerk typed, `timezone` where it has no offset. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError("A time looks like 2026-06-24T10:00 or 2026-06-24T10:00+08:00.") from error


def parse_maps(maps: list[str] | None) -> dict[str, str]:
    """`COLUMN=FIELD` options as a table. Raises UsageError."""
    pairs = [text.rpartition("=") for text in maps or ()]
    if not all(column and field for column, _, field in pairs):
        raise UsageError("--map takes COLUMN=FIELD, as in --map 考号=candidate_number.")
    return {column: field for column, _, field in pairs}


@app.callback()
def root(context: typer.Context, data_dir: DataDir = None) -> None:
    """Read the settings for every command."""
    settings = read_settings()
    if data_dir is not None:
        settings = dataclasses.replace(settings, data_dir=data_dir)
    context.obj = settings


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@kinds_app.command("list")
def kinds_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List the kinds of result that can be loaded."""
    folder: Path = context.obj.kinds_dir
    kinds = [load_named(folder, path.stem) for path in sorted(folder.glob("*.toml"))]
    if as_json:
        print_json([{"name": kind.name, "title": dataclasses.asdict(kind.title)} for kind in kinds])
    else:
        table(["kind", "标题", "title"], [[k.name, k.title.zh, k.title.en] for k in kinds])


@kinds_app.command("show")
def kinds_show(context: typer.Context, name: str, as_json: AsJson = False) -> None:
    """Show a kind's fields and ways in."""
    kind = load_named(context.obj.kinds_dir, name)
    if as_json:
        print_json(kind.document)
        return
    out.print(f"[bold]{safe(kind.title.zh)}[/] {safe(kind.title.en)}")
    for way in kind.ways:
        out.print(f"way in: {safe(' + '.join(way.fields))}")
    rows: list[list[object]] = [
        [f.name, f.type, "required" if f.required else "", f.label.zh, "、".join(f.headers)]
        for f in kind.fields
    ]
    table(["field", "type", "", "名称", "column names"], rows)


@kinds_app.command("check")
def kinds_check(file: Path) -> None:
    """Explain what is wrong with a kind's TOML file, by line and key."""
    found, kind = faults(file)
    for line, key, reason in found:
        err.print(f"{safe(file.name)}, line {line}: {safe(key)} {safe(reason)}")
    if kind is None:
        raise typer.Exit(1)
    out.print(f"{safe(file.name)} is right: {safe(kind.name)}, {len(kind.fields)} fields.")


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
                now=now(),
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
        for risk in loaded.risks:
            out.print(_risk_sentence(risk))
        if batch.state == "loaded":
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
    limit: Annotated[int, typer.Option(help="How many findings.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show one batch, its files and its findings."""

    async def work(place: Desk) -> tuple[Batch, list[dict[str, Any]], list[dict[str, Any]]]:
        database = place.publisher.database
        batch = await get_batch(database, batch_id)
        return (
            batch,
            await sources(database, batch_id),
            await findings(database, batch_id, max(limit, 0)),
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


@release_app.command("build")
def release_build(context: typer.Context, batch_id: int, as_json: AsJson = False) -> None:
    """Seal a batch and compare the file with it, record by record."""

    async def work(place: Desk) -> Release:
        publisher = place.publisher
        with progress("sealing and comparing") as tell:
            return await build(
                publisher.database, publisher.store, publisher.keys, batch_id, now(), tell
            )

    _print_release(context, at_desk(context, work), as_json)


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
    release = at_desk(context, lambda p: p.publisher.schedule(release_id, opening, closing))
    _print_release(context, release, as_json)


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
    """Serve a release; never before the hour it was scheduled for."""
    closing = _time_or_none(context, closes_at)
    release = at_desk(context, lambda p: p.publisher.open(release_id, closes_at=closing, wait=wait))
    _print_release(context, release, as_json)


@release_app.command("close")
def release_close(context: typer.Context, kind: str, as_json: AsJson = False) -> None:
    """End the query window of a kind."""
    _print_release(context, at_desk(context, lambda p: p.publisher.close(kind)), as_json)


@release_app.command("roll-back")
def release_roll_back(context: typer.Context, kind: str, as_json: AsJson = False) -> None:
    """Serve again what the open release of a kind superseded."""
    _print_release(context, at_desk(context, lambda p: p.publisher.roll_back(kind)), as_json)


@release_app.command("withdraw")
def release_withdraw(
    context: typer.Context,
    kind: str,
    reason: Annotated[str, typer.Option(help="Kept with the release.")],
    upcoming: Annotated[bool, typer.Option("--upcoming", help="The scheduled one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take back what is open, at once and for good."""
    release = at_desk(context, lambda p: p.publisher.withdraw(kind, reason, upcoming=upcoming))
    _print_release(context, release, as_json)


@release_app.command("list")
def release_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List the releases, the newest first."""
    releases = at_desk(context, lambda place: list_releases(place.publisher.database))
    if as_json:
        print_json([dataclasses.asdict(release) for release in releases])
        return
    rows: list[list[object]] = [
        [r.id, r.state, r.title, r.version, r.batch, r.opens_at or ""] for r in releases
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
    as_json: AsJson = False,
) -> None:
    """Check a release's digest and key and, with --against, every row of the source files."""
    paths = [*(against or ()), *(files or ())]
    overrides = parse_maps(maps)

    async def work(place: Desk) -> Any:
        publisher = place.publisher
        release = await get_release(publisher.database, release_id)
        with progress("comparing") as tell:
            return await verify(
                publisher.database,
                publisher.store,
                publisher.keys,
                release,
                paths,
                overrides,
                tell,
            )

    comparison = at_desk(context, work)
    if as_json:
        print_json(dataclasses.asdict(comparison) | {"differences": comparison.differences})
    elif paths:
        out.print(f"{comparison.compared:,} rows compared, {comparison.differences:,} differences.")
        for line in comparison.shown:
            out.print(safe(line))
    else:
        out.print("The file is as it was sealed and its key opens it.")
    if comparison.differences:
        raise typer.Exit(1)


def _print_release(context: typer.Context, release: Release, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(release))
        return
    when = ""
    if release.state == "scheduled" and release.opens_at:
        local = datetime.fromisoformat(release.opens_at).astimezone(context.obj.timezone)
        when = f", opens at {local:%Y-%m-%d %H:%M:%S %z}"
    out.print(
        f"{release.id}: {release.state}{when}. {safe(release.title)}, version {release.version}."
    )


@app.command()
def serve(
    context: typer.Context,
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256)] = 1,
) -> None:
    """Serve the public site."""
    # Imported here: the admin commands need no web server.
    from lookup.public.serving import serve as serve_public

    serve_public(context.obj, host, port, workers)


@app.command()
def demo(
    context: typer.Context,
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256)] = 1,
    candidates: Annotated[int, typer.Option(min=3)] = 24_000,
    families: Annotated[int, typer.Option(min=3)] = 8_800,
) -> None:
    """Load, seal, open and serve a made-up city."""
    run_demo(context.obj, out, host, port, workers, candidates, families)


@app.command()
def sample(
    folder: Path,
    candidates: Annotated[int, typer.Option(min=1)] = 24_000,
    families: Annotated[int, typer.Option(min=1)] = 8_800,
) -> None:
    """Write the made-up city's three files."""
    written = write_sample(folder, candidates=candidates, families=families)
    for path in (written.scores, written.lottery, written.admissions):
        out.print(safe(path))


def main() -> None:
    """Run the command line; every error is one sentence on standard error."""
    try:
        app()
    except ServiceError as error:
        err.print(safe_lines(error))
        sys.exit(error.exit_code)


def safe_lines(error: ServiceError) -> str:
    """An error's lines, each fit for a terminal."""
    return "\n".join(map(safe, str(error).splitlines()))
