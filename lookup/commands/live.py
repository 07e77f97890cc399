"""`lookup live`: feeding the broadcast."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lookup.admin import broadcasting
from lookup.admin.desk import Desk
from lookup.admin.live_board import read_table
from lookup.admin.on_air import Listener, OnAir
from lookup.admin.replaying import DONE, Replayed, replay, span
from lookup.commands.desk import at_desk
from lookup.commands.terminal import (
    AsJson,
    Header,
    Maps,
    Sheets,
    local,
    out,
    parse_choice,
    print_json,
    progress,
    safe,
    some,
    table,
)
from lookup.stores.broadcast import Broadcast
from lookup.stores.entries import document

live_app = typer.Typer(
    help="The live broadcast of an admission round (录取网上直播).", no_args_is_help=True
)


class State(StrEnum):
    """How far a round may be, as `stores.entries.STATES` has it."""

    waiting = "waiting"
    under_way = "under_way"
    done = "done"


English = Annotated[str, typer.Option("--en", metavar="TEXT", help="The same in English.")]
RoundOf = Annotated[str, typer.Option("--round", metavar="NAME", help="The round it is about.")]
AlreadyPublic = Annotated[
    bool, typer.Option(help="These numbers are public already, though admissions are scheduled.")
]
Count = Annotated[int | None, typer.Option(min=0, max=10**9, show_default="as it was")]


@live_app.command("begin")
def live_begin(context: typer.Context, title: str, english: English = "") -> None:
    """Begin a broadcast under a title."""
    said = broadcasting.text(title, english)
    at_desk(context, lambda desk: broadcasting.begin(desk, said), "live.begin")
    out.print(safe(f"On the air: {title}"))


@live_app.command("post")
def live_post(
    context: typer.Context, words: str, english: English = "", of_round: RoundOf = ""
) -> None:
    """Say something; prints the number it can be taken back by."""
    said = broadcasting.text(words, english)
    entry = at_desk(
        context, lambda desk: broadcasting.post(desk, said, of_round.strip() or None), "live.post"
    )
    out.print(f"Said as entry {entry}.")


@live_app.command("retract")
def live_retract(context: typer.Context, entry: int) -> None:
    """Take words back; the audit keeps them."""
    at_desk(context, lambda desk: broadcasting.retract(desk, entry), "live.retract")
    out.print(f"Entry {entry} is taken back.")


@live_app.command("clear")
def live_clear(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="ROUND")]
) -> None:
    """Take back all that was said of a round: its state, its board, its words."""
    at_desk(context, lambda desk: broadcasting.clear(desk, name), "live.clear")
    out.print(safe(f"{name} is off the broadcast."))


@live_app.command("round")
def live_round(
    context: typer.Context,
    name: str,
    state: Annotated[State, typer.Option()],
    candidates: Count = None,
    forwarded: Count = None,
    plan: Count = None,
    admitted: Count = None,
    already_public: AlreadyPublic = False,
) -> None:
    """Say how far a round is."""
    counts = {
        "candidates": candidates,
        "forwarded": forwarded,
        "plan": plan,
        "admitted": admitted,
    }
    at_desk(
        context,
        lambda desk: broadcasting.tell_round(
            desk, name, state.value, **counts, already_public=already_public
        ),
        "live.round",
    )
    out.print(safe(f"{name} is {state.value}."))


@live_app.command("import")
def live_import(
    context: typer.Context,
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    file: Path,
    maps: Maps = None,
    header: Header = None,
    sheets: Sheets = None,
    already_public: AlreadyPublic = False,
) -> None:
    """Put a round's table on the board: code, school, places, admitted, last position and score."""
    choice = parse_choice(maps, header, sheets)

    async def work(desk: Desk) -> int:
        read = await read_table(desk, file, choice)
        await broadcasting.show_table(
            desk, round_name, read.schools, read.sha256, already_public=already_public
        )
        return len(read.schools)

    count = at_desk(context, work, "live.import")
    out.print(safe(f"{some(count, 'school')} of {round_name} on the board."))


@live_app.command("replay")
def live_replay(
    context: typer.Context,
    batch_id: int,
    round_name: Annotated[str, typer.Argument(metavar="ROUND")],
    over: Annotated[str, typer.Option(metavar="SPAN", help="Spread over 90s, 10m, 1h.")] = "10m",
) -> None:
    """Tell a round of an open release step by step; Ctrl-C stops it, and again goes on."""
    length = span(over)

    async def work(desk: Desk) -> Replayed:
        with progress("replaying") as tell:
            return await replay(desk, batch_id, round_name, length, progress=tell)

    ended: Replayed = at_desk(context, work, "live.replay")
    told = f"{ended.forwarded:,} of {ended.candidates:,} candidates of {round_name} told"
    out.print(safe(f"{told}." if ended.how == DONE else f"{told}: {ended.how}."))


@live_app.command("stop")
def live_stop(context: typer.Context) -> None:
    """Stop the replay that runs, after its step."""
    at_desk(context, broadcasting.stop, "live.stop")
    out.print("The replay stops.")


@live_app.command("end")
def live_end(context: typer.Context) -> None:
    """End the broadcast; what it said stays."""
    at_desk(context, broadcasting.end, "live.end")
    out.print("The broadcast is over.")


@live_app.command("show")
def live_show(
    context: typer.Context,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="So many entries.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what is on the air, the newest entries first."""

    async def work(desk: Desk) -> tuple[OnAir, list[dict[str, Any]]]:
        entries = Broadcast(desk.store.live).entries()[-last:]
        return Listener(desk.store.live).look(), [document(entry) for entry in entries]

    air, entries = at_desk(context, work)
    entries.reverse()
    if as_json:
        print_json(_as_json(air, entries))
        return
    if air.title is None:
        out.print("Nothing has been broadcast yet.")
        return
    out.print(safe(f"{air.title.zh}: {'on the air' if air.running else 'over'}"))
    rows: list[list[object]] = [
        [entry["id"], local(entry["at"].isoformat(), context.obj.timezone), *_line(entry)]
        for entry in entries
    ]
    table(["entry", "at", "type", "round", ""], rows)


def _as_json(air: OnAir, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "title": dataclasses.asdict(air.title) if air.title else None,
        "running": air.running,
        "last": air.last,
        "rounds": [document(told) for told in air.rounds.values()],
        "retracted": sorted(air.retracted),
        "entries": entries,
    }


def _line(entry: dict[str, Any]) -> list[object]:
    """An entry's type, its round, and what it says in a few words."""
    said = entry.get("text") or entry.get("title") or {}
    match entry["type"]:
        case "round":
            told = f"{entry['state']}, {entry['forwarded']:,} of {entry['candidates']:,} forwarded"
        case "board":
            told = some(len(entry["schools"]), "school")
        case "retract":
            told = f"entry {entry['entry']}"
        case _:
            told = said.get("zh", "")
    return [entry["type"], entry.get("round") or "", told]
