"""`lookup admin`: the console with its publisher, backups."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from lookup.commands.desk import at_desk
from lookup.commands.terminal import out, safe

console_app = typer.Typer(help="The admin console and publisher; backups.")


@console_app.callback(invoke_without_command=True)
def console(
    context: typer.Context,
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8001,
    certificate: Annotated[Path | None, typer.Option(help="PEM file, for TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's key, PEM.")] = None,
    behind_tls_proxy: Annotated[
        bool, typer.Option("--behind-tls-proxy", help="A proxy on this machine ends TLS.")
    ] = False,
) -> None:
    """Serve the console and keep the hours of what is scheduled."""
    if context.invoked_subcommand is not None:
        return
    # Imported here: the other commands need no web server.
    from lookup.admin.serving import serve

    scheme = "https" if certificate else "http"
    address = f"The console: {scheme}://{safe(host)}:{port}/  Stop with Ctrl-C."
    serve(
        context.obj,
        host,
        port,
        certificate=certificate,
        key=key,
        behind_tls_proxy=behind_tls_proxy,
        listening=lambda: out.print(address),
    )


@console_app.command("backup")
def console_backup(context: typer.Context, folder: Path) -> None:
    """Copy the whole data folder, consistent while others work, into a new folder in FOLDER,
    named by the time."""
    from lookup.admin.backup import back_up

    made = at_desk(context, lambda desk: back_up(desk, folder), "database.back_up")
    out.print(f"Backed up to {safe(made)}.")


@console_app.command("restore")
def console_restore(context: typer.Context, source: Path) -> None:
    """Put a backup back as the data folder, which must be empty or not there."""
    from lookup.admin.backup import restore

    data_dir = context.obj.data_dir
    count = asyncio.run(restore(source, data_dir))
    out.print(f"{count:,} files are back in {safe(data_dir)}.")
