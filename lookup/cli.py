"""One command, `lookup`. Exit 0 done, 1 refused by the data, 2 used wrongly."""

import dataclasses
import resource
import sys
from pathlib import Path
from typing import Annotated

import typer

from lookup import __version__
from lookup.commands.audit import audit_app
from lookup.commands.batch import batch_app
from lookup.commands.console import console_app
from lookup.commands.demo import demo_app
from lookup.commands.desk import AS
from lookup.commands.kinds import kinds_app
from lookup.commands.live import live_app
from lookup.commands.release import release_app
from lookup.commands.terminal import err, out, safe, safe_lines
from lookup.commands.user import user_app
from lookup.errors import ServiceError, UsageError
from lookup.sample import write_sample
from lookup.settings import read_settings

HOST, PORT = "127.0.0.1", 8000
"""Where the public site is served unless it is said."""

app = typer.Typer(
    help="Exam results, lottery results and admissions: load, seal, open, serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(kinds_app, name="kinds")
app.add_typer(batch_app, name="batch")
app.add_typer(release_app, name="release")
app.add_typer(live_app, name="live")
app.add_typer(user_app, name="user")
app.add_typer(audit_app, name="audit")
app.add_typer(console_app, name="admin")
app.add_typer(demo_app, name="demo")

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Instead of LOOKUP_DATA_DIR or var/.")
]
ActAs = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Who you are, once people are registered.")
]


@app.callback()
def root(context: typer.Context, data_dir: DataDir = None, act_as: ActAs = "") -> None:
    """Read the settings for every command."""
    settings = read_settings()
    if data_dir is not None:
        settings = dataclasses.replace(settings, data_dir=data_dir)
    context.obj = settings
    context.meta[AS] = act_as


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(show_default=HOST)] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, show_default=str(PORT))] = None,
    workers: Annotated[int, typer.Option(min=1, max=256)] = 1,
    sockets: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Listen on a unix socket for each worker, not on a port."
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Serve Prometheus metrics to this machine."),
    ] = None,
) -> None:
    """Serve the public site. SIGHUP replaces all workers, one after the other."""
    if sockets is not None and (host, port) != (None, None):
        raise UsageError("--sockets is instead of --host and --port: give one or the other.")
    # Imported here: the admin commands need no web server.
    from lookup.public.serving import serve as serve_public

    serve_public(
        context.obj,
        host or HOST,
        port or PORT,
        workers,
        sockets=sockets,
        metrics_port=metrics_port,
    )


@app.command()
def sample(
    folder: Path,
    candidates: Annotated[int, typer.Option(min=1)] = 24_000,
    families: Annotated[int, typer.Option(min=1)] = 8_800,
) -> None:
    """Write the made-up city's files."""
    written = write_sample(folder, candidates=candidates, families=families)
    for path in (written.scores, written.lottery, written.admissions, written.school_plans):
        out.print(safe(path))


def main() -> None:
    """Run the command line; every error is one sentence on standard error."""
    # A crash must not write records, passwords and keys to the disk; every child inherits it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except typer.TyperException as error:
        # Where a group was called without a command its help has been shown, and nothing is left.
        if sentence := error.format_message():
            err.print(safe(f"{sentence.rstrip('.')}: --help after the command tells more."))
        sys.exit(UsageError.exit_code)
    except typer.Abort:
        err.print("Stopped: nothing was typed.")
        sys.exit(ServiceError.exit_code)
    except ServiceError as error:
        err.print(safe_lines(error))
        sys.exit(error.exit_code)
    except UnicodeEncodeError:
        # File names and arguments may be any bytes; what is kept of them must be text.
        err.print("A name or text given here is not UTF-8: rename the file, or type it again.")
        sys.exit(UsageError.exit_code)
