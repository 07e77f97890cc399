"""What commands print, and the options they share."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from lookup.admin.intake.choice import Choice
from lookup.clock import read_time
from lookup.errors import ServiceError, UsageError

PIPED_WIDTH = 1000
"""Columns where nobody looks at a terminal: nothing is folded."""

TIMES = frozenset({"opens_at", "closes_at"})
"""Details of the audit that are times."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPED_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=FIELD",
        help="Say which field a column is, by its name or as #3; COLUMN= leaves it unread.",
    ),
]
Header = Annotated[
    int | None, typer.Option("--header", min=0, help="The header's row; 0: there is none.")
]
Sheets = Annotated[
    list[str] | None, typer.Option("--sheet", help="Read this sheet; may be given several times.")
]


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show how many records are done, on a terminal's standard error."""
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,}"))
    quiet = not err.is_terminal
    with Progress(*columns, TimeElapsedColumn(), console=err, transient=True, disable=quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def safe(value: object) -> str:
    """Text from a file as it may go to a terminal: no control character, no markup."""
    return escape("".join(c if c.isprintable() else "�" for c in str(value)))


def some(number: int, what: str) -> str:
    """So many of something: `1 error`, `1,200 errors`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def table(headers: list[str], rows: list[list[object]]) -> None:
    """Rows under headers, on standard output."""
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for header in headers:
        grid.add_column(header, overflow="fold")
    for row in rows:
        grid.add_row(*map(safe, row))
    out.print(grid)


def print_more(count: int) -> None:
    """How many more there are than were shown, if any."""
    if count > 0:
        out.print(f"… and {count:,} more.")


def local(moment: str, timezone: ZoneInfo) -> str:
    """A stored time as people here read it: the one format of all commands."""
    return f"{datetime.fromisoformat(moment).astimezone(timezone):%Y-%m-%d %H:%M:%S %z}"


def plainly(value: object) -> str:
    """A value without brackets and quotes: `1, 2`, `a = 1, b = 2`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{own} = {theirs}" for own, theirs in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def said(detail: Mapping[str, Any], timezone: ZoneInfo) -> str:
    """The details of a line of the audit, what says nothing left out."""
    return "; ".join(
        f"{name}: {local(value, timezone) if name in TIMES else plainly(value)}"
        for name, value in detail.items()
        if value not in (None, "", [], {})
    )


def refuse_written(path: Path) -> None:
    """Raise UsageError unless a new file can be named so."""
    if path.exists():
        raise UsageError(f"{path} is there already: name a new file.")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder: make it, or name another place.")


def parse_time(text: str, timezone: ZoneInfo) -> datetime:
    """A time the clerk typed, `timezone` where it has no offset. Raises UsageError."""
    try:
        return read_time(text, timezone)
    except ValueError as error:
        raise UsageError("A time looks like 2026-06-24T10:00 or 2026-06-24T10:00+08:00.") from error


def _maps(maps: list[str] | None) -> dict[str, str]:
    """`COLUMN=FIELD` options as a table. Raises UsageError."""
    pairs = [text.rpartition("=") for text in maps or ()]
    if not all(column for column, _, _ in pairs):
        raise UsageError("--map takes COLUMN=FIELD, as in --map 考号=candidate_number.")
    return {column: field for column, _, field in pairs}


def parse_choice(maps: list[str] | None, header: int | None, sheets: list[str] | None) -> Choice:
    """How files are to be read, as the options say. Raises UsageError."""
    return Choice(_maps(maps), header, tuple(sheets or ()))


def safe_lines(error: ServiceError) -> str:
    """An error's lines, each fit for a terminal."""
    return "\n".join(map(safe, str(error).splitlines()))
