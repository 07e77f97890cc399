"""`lookup demo`."""

from typing import Annotated

import typer

from lookup.commands.terminal import out, table
from lookup.demo.running import Addresses, demo_codes, run_demo

demo_app = typer.Typer(help="A made-up city: loaded, approved, opened and served.")


@demo_app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    console_port: Annotated[int, typer.Option(min=1, max=65535)] = 8001,
    workers: Annotated[int, typer.Option(min=1, max=256)] = 1,
    candidates: Annotated[int, typer.Option(min=3)] = 24_000,
    families: Annotated[int, typer.Option(min=3)] = 8_800,
) -> None:
    """Make the city anew and serve its public site and its console."""
    if context.invoked_subcommand is None:
        addresses = Addresses(host, port, console_port, workers)
        run_demo(context.obj, out, addresses, candidates, families)


@demo_app.command("codes")
def codes(context: typer.Context) -> None:
    """Print the one-time codes of the running demo's people, good for half a minute."""
    rows: list[list[object]] = [[s.name, s.role, s.code] for s in demo_codes(context.obj)]
    table(["name", "role", "code"], rows)
