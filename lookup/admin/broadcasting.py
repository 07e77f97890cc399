"""The broadcast as the office feeds it: every act with its line in the audit.

The line comes first, with the ids that its entries will have and what they say; then the file
is appended to. A kill in between leaves a line whose entries are not in the file: nothing was
said to the public that no person answers for, and the next act notes that those entries never
went on the air. The other way round words could stand there that nobody said. Whoever acts
holds a lock from the look at the file to the end, so that ids in line and file agree.
"""

import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from lookup.admin import audit
from lookup.admin.batches import get_batch
from lookup.admin.database import transaction
from lookup.admin.desk import Desk
from lookup.admin.locks import in_turn, take
from lookup.admin.on_air import Listener, OnAir
from lookup.admin.publishing.releases import RECONCILE, list_releases
from lookup.admin.refusals import misused, refused
from lookup.admin.replay_round import replayable
from lookup.stores.entries import (
    MAX_SCHOOLS,
    Begin,
    Board,
    Clear,
    End,
    Entry,
    Retract,
    Round,
    School,
    Text,
    Words,
    encode,
)

SUBJECT = "broadcast"
REPLAY, REPLAYED, CUT = "live.replay", "live.replay.ended", "live.replay.cut"

Draft = Callable[[int, datetime], Entry]
"""An entry that still lacks its id and its time."""
_SOMEBODYS = re.compile(r"(?<![\d-])\d{8,}")
"""Numbers of candidates and telephones; what follows an area code and a hyphen is an office's."""


def replay_lock(desk: Desk) -> Path:
    """The file that whoever replays a round holds locked."""
    return desk.settings.data_dir / "admin" / ".replay.lock"


def replaying(desk: Desk) -> bool:
    """Whether somebody replays a round now."""
    lock = take(replay_lock(desk))
    if lock is not None:
        os.close(lock)
    return lock is None


@contextlib.asynccontextmanager
async def turn(desk: Desk, act: str, listener: Listener | None = None) -> AsyncIterator[OnAir]:
    """What is on the air, with nobody else saying anything until the block ends; what a kill
    left between the audit and the file is noted first.

    Raises RefusedError where the actor's roles do not allow the act, StorageError.
    """
    desk.actor.check(act)
    with in_turn(desk.settings.data_dir / "admin" / ".live.lock"):
        air = (listener or Listener(desk.store.live)).look()
        await _settle(desk, air)
        yield air


async def _settle(desk: Desk, air: OnAir) -> None:
    """Note the entries that the last line announced and the file does not have."""
    async for line in audit.entries(desk.database, subject=SUBJECT, limit=1):
        lost = [number for number in line.detail.get("entries", ()) if number > air.last]
        if lost:
            await _note(desk, RECONCILE, "live.reconcile", {"line": line.id, "lost": lost})


async def note_end(desk: Desk, detail: Mapping[str, Any]) -> None:
    """Note, inside a turn, how a replay ended."""
    await _note(desk, desk.actor.name, REPLAYED, detail)


async def _note(desk: Desk, person: str, act: str, detail: Mapping[str, Any]) -> None:
    async with transaction(desk.database):
        await audit.note(desk.database, desk.clock(), person, act, SUBJECT, **detail)


async def cut_off(desk: Desk) -> None:
    """Note, inside a turn, that the last replay was killed, if no line tells its end."""
    last = {act: await _last(desk, act) for act in (REPLAY, REPLAYED, CUT)}
    if last[REPLAY] > max(last[REPLAYED], last[CUT]):
        await _note(desk, RECONCILE, CUT, {"line": last[REPLAY]})


async def _last(desk: Desk, act: str) -> int:
    """The number of the last line of an act, 0 where there is none."""
    async for line in audit.entries(desk.database, subject=SUBJECT, act=act, limit=1):
        return line.id
    return 0


def number(air: OnAir, at: datetime, drafts: Sequence[Draft]) -> list[Entry]:
    """Entries that follow what is on the air. Raises RefusedError where one is beyond a limit."""
    entries = [make(air.last + n, at) for n, make in enumerate(drafts, 1)]
    for entry in entries:
        encode(entry)
    return entries


async def say(
    desk: Desk, air: OnAir, act: str, drafts: Sequence[Draft], detail: Mapping[str, Any]
) -> tuple[Entry, ...]:
    """Note an act with what it says, then say it; inside a turn. Raises RefusedError,
    StorageError: where the file cannot be written the line stands, and the next act tells."""
    entries = number(air, desk.clock(), drafts)
    desk.store.prepare()
    async with desk.act(act, SUBJECT) as line:
        line.detail = {"entries": [entry.id for entry in entries], **detail}
    return Listener(desk.store.live).broadcast.append(lambda last: entries)


def refuse_silence(air: OnAir) -> None:
    """Raise RefusedError where no broadcast runs."""
    if not air.running:
        raise refused("live_none")


def text(chinese: str, english: str = "") -> Text:
    """What somebody typed, as it is said. Raises UsageError where there is no Chinese, or a
    number so long that it could be somebody's."""
    chinese, english = " ".join(chinese.split()), " ".join(english.split())
    if not chinese:
        raise misused("live_empty")
    if _SOMEBODYS.search(f"{chinese} {english}"):
        raise misused("live_number")
    return Text(chinese, english or None)


async def begin(desk: Desk, title: Text) -> None:
    """Begin a broadcast. Raises RefusedError where one runs: it must be ended first."""
    async with turn(desk, "live.begin") as air:
        if air.running:
            raise refused("live_running")
        if not replaying(desk):
            await cut_off(desk)
        drafts = [partial(Begin, title=title)]
        await say(desk, air, "live.begin", drafts, _said(title))


async def post(desk: Desk, text: Text, round_name: str | None = None) -> int:
    """Say something, of a round or of all of them; the entry's id."""
    async with turn(desk, "live.post") as air:
        refuse_silence(air)
        drafts = [partial(Words, text=text, round=round_name)]
        (entry,) = await say(desk, air, "live.post", drafts, _said(text) | {"round": round_name})
        return entry.id


async def retract(desk: Desk, entry: int) -> None:
    """Take words back. Raises UsageError where no words stand under this id."""
    async with turn(desk, "live.retract") as air:
        refuse_silence(air)
        if entry not in air.words or entry in air.retracted:
            raise misused("live_no_words", entry=entry)
        drafts = [partial(Retract, entry=entry)]
        await say(desk, air, "live.retract", drafts, {"entry": entry})


async def clear(desk: Desk, round_name: str) -> None:
    """Take back all that was said of a round: its state, its board, its words. Raises
    RefusedError where nothing was."""
    async with turn(desk, "live.clear") as air:
        if round_name not in _of_rounds(air):
            raise refused("live_no_said", round=round_name)
        drafts = [partial(Clear, round=round_name)]
        await say(desk, air, "live.clear", drafts, {"round": round_name})


def _of_rounds(air: OnAir) -> set[str | None]:
    return {*air.rounds, *air.boards, *(words.round for words in air.words.values())} - {None}


async def take_off(desk: Desk, release: str) -> None:
    """Take every round off that was replayed of a release, as whoever withdrew it. What is over
    stays readable to the public, so the broadcast need not run any more."""
    async with turn(desk, "live.clear") as air:
        names = {
            line.detail["round"]
            async for line in audit.entries(desk.database, subject=SUBJECT, act=REPLAY)
            if line.detail["release"] == release and min(line.detail["entries"]) > air.begun
        }
        drafts = [partial(Clear, round=name) for name in sorted(names & _of_rounds(air))]
        if drafts:
            await say(desk, air, "live.clear", drafts, {"release": release})


async def refuse_before_hour(desk: Desk, *, already_public: bool) -> None:
    """Raise RefusedError where admissions wait for their hour, unless somebody says that the
    numbers are public already."""
    if already_public:
        return
    for release in await list_releases(desk.database):
        pointer = desk.store.pointer(release.kind)
        upcoming = pointer.upcoming if pointer else None
        if upcoming is None or upcoming.reference.release != release.id:
            continue
        batch = await get_batch(desk.database, release.batch)
        if upcoming.opens_at > desk.clock() and replayable(batch.kind):
            raise refused("live_before_hour", title=release.title)


async def tell_round(
    desk: Desk,
    round_name: str,
    state: str,
    *,
    candidates: int | None = None,
    forwarded: int | None = None,
    plan: int | None = None,
    admitted: int | None = None,
    already_public: bool = False,
) -> None:
    """Say how far a round is; a number that is not given stays what it was, 0 at first.

    Numbers of candidates are refused before the hour of admissions, as in `refuse_before_hour`.
    """
    async with turn(desk, "live.round") as air:
        refuse_silence(air)
        if candidates or forwarded or admitted:
            await refuse_before_hour(desk, already_public=already_public)
        given = {
            "candidates": candidates,
            "forwarded": forwarded,
            "plan": plan,
            "admitted": admitted,
        }
        before = air.rounds.get(round_name)
        counts: dict[str, Any] = {
            name: value if value is not None else getattr(before, name, 0)
            for name, value in given.items()
        }
        drafts = [partial(Round, round=round_name, state=state, **counts)]
        detail = {"round": round_name, "state": state, **counts} | _noted(already_public)
        await say(desk, air, "live.round", drafts, detail)


def boards(round_name: str, schools: Sequence[School]) -> list[Draft]:
    """Rows of a round's board as entries."""
    parts = [tuple(schools[n : n + MAX_SCHOOLS]) for n in range(0, len(schools), MAX_SCHOOLS)]
    return [partial(Board, round=round_name, schools=part) for part in parts]


def _noted(already_public: bool) -> dict[str, bool]:
    """What somebody vouched for, as the audit keeps it."""
    return {"already_public": True} if already_public else {}


async def show_table(
    desk: Desk,
    round_name: str,
    schools: Sequence[School],
    sha256: str,
    *,
    already_public: bool = False,
) -> None:
    """Put a table that was read from a file on a round's board; `sha256` is the file's. Refused
    before the hour of admissions, as in `refuse_before_hour`."""
    async with turn(desk, "live.import") as air:
        refuse_silence(air)
        await refuse_before_hour(desk, already_public=already_public)
        detail = {"round": round_name, "schools": len(schools), "sha256": sha256}
        await say(
            desk, air, "live.import", boards(round_name, schools), detail | _noted(already_public)
        )


async def stop(desk: Desk) -> None:
    """Tell the replay that runs to stop. Raises RefusedError where none does."""
    async with turn(desk, "live.stop"):
        if not replaying(desk):
            raise refused("replay_none")
        async with desk.act("live.stop", SUBJECT):
            pass


async def end(desk: Desk) -> None:
    """End the broadcast; what it said stays, and a replay that runs stops."""
    async with turn(desk, "live.end") as air:
        refuse_silence(air)
        if not replaying(desk):
            await cut_off(desk)
        await say(desk, air, "live.end", [End], {})


def _said(text: Text) -> dict[str, str | None]:
    return {"zh": text.zh, "en": text.en}
