"""`lookup kinds`."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from lookup.commands.terminal import AsJson, err, out, plainly, print_json, safe, table
from lookup.errors import UsageError
from lookup.kind_file import faults, load_named
from lookup.kind_rules import DISCLOSURES

kinds_app = typer.Typer(help="Kinds of result.", no_args_is_help=True)


@kinds_app.command("list")
def kinds_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List the kinds that can be loaded: lookups, and references that only checks read."""
    folder: Path = context.obj.kinds_dir
    kinds = [load_named(folder, path.stem) for path in sorted(folder.glob("*.toml"))]
    if as_json:
        print_json(
            [
                {"name": k.name, "purpose": k.purpose, "title": dataclasses.asdict(k.title)}
                for k in kinds
            ]
        )
    else:
        rows: list[list[object]] = [[k.name, k.purpose, k.title.zh, k.title.en] for k in kinds]
        table(["kind", "purpose", "标题", "title"], rows)


@kinds_app.command("show")
def kinds_show(context: typer.Context, name: str, as_json: AsJson = False) -> None:
    """Show a kind's fields, their disclosure, its ways in and its checks."""
    kind = load_named(context.obj.kinds_dir, name)
    if as_json:
        print_json(kind.document)
        return
    out.print(f"[bold]{safe(kind.title.zh)}[/] {safe(kind.title.en)} ({kind.purpose})")
    if kind.reference:
        out.print(f"key: {safe(' + '.join(kind.key))}")
    for way in kind.ways:
        out.print(f"way in: {safe(' + '.join(way.fields))}")
    fields: list[list[object]] = [
        [
            f.name,
            f.type,
            "required" if f.required else "",
            DISCLOSURES[f.disclosure],
            f.label.zh,
            "、".join(f.headers),
        ]
        for f in kind.fields
    ]
    table(["field", "type", "", "公开属性", "名称", "column names"], fields)
    if kind.checks:
        checks: list[list[object]] = [[c.rule, _said(c.options)] for c in kind.checks]
        table(["check", "of"], checks)


def _said(options: Mapping[str, Any]) -> str:
    """A check's keys on one line: `total: total; parts: chinese, mathematics`."""
    return "; ".join(f"{key}: {plainly(value)}" for key, value in options.items())


@kinds_app.command("check")
def kinds_check(file: Path) -> None:
    """Explain what is wrong with a kind's TOML file, by line and key."""
    if not file.is_file():
        raise UsageError(f"{file} is not a file: check the path.")
    found, kind = faults(file)
    for line, key, reason in found:
        err.print(f"{safe(file.name)}, line {line}: {safe(key)} {safe(reason)}")
    if kind is None:
        raise typer.Exit(1)
    out.print(f"{safe(file.name)} is right: {safe(kind.name)}, {len(kind.fields)} fields.")
