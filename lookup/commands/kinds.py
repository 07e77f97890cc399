"""`lookup kinds`."""

import dataclasses
from pathlib import Path

import typer

from lookup.commands.terminal import AsJson, err, out, print_json, safe, table
from lookup.kind_file import faults, load_named

kinds_app = typer.Typer(help="Kinds of result.", no_args_is_help=True)


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
