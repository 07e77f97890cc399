"""Replaying: a round of an open release told step by step, in file-forwarding order.

Its line in the audit says who began it, of which release, and from which entry on; another says
how it ended. A replay that was stopped or killed leaves the round as far as its last step says;
begun again, it goes on from there. To begin a round anew, clear it, or end the broadcast and
begin another.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random, SystemRandom

from lookup.admin import audit
from lookup.admin.broadcasting import (
    REPLAY,
    SUBJECT,
    Draft,
    boards,
    cut_off,
    note_end,
    number,
    refuse_silence,
    replay_lock,
    say,
    turn,
)
from lookup.admin.desk import Desk, Progress, untold
from lookup.admin.locks import only_one
from lookup.admin.on_air import Listener, OnAir
from lookup.admin.refusals import misused, refused
from lookup.admin.replay_round import Stage, open_release, read_stage
from lookup.admin.replay_steps import Step, board_after, steps, told_before, words_of
from lookup.stores.entries import Round, Words

SLICE_S = 1.0
"""So often a waiting replay looks whether it is to stop."""
DONE, STOPPED, ENDED, FAILED = "done", "stopped", "ended", "cut"

MAX_SPAN_S = 86_400
_SPAN = re.compile(r"([0-9]{1,5})(s|m|h)")
_UNIT_S = {"s": 1, "m": 60, "h": 3600}

Sleeper = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay ended: `done`, `stopped` by somebody, or `ended` with the broadcast; and how
    many candidates of the round have been forwarded."""

    how: str
    forwarded: int
    candidates: int


@dataclass
class _Replay:
    """One replay under way."""

    desk: Desk
    stage: Stage
    listener: Listener
    every: Sequence[Step]
    begun: int = 0
    line: int = 0
    told: int = 0
    how: str = FAILED

    @property
    def done(self) -> int:
        """How many candidates have been told."""
        return self.every[self.told - 1].forwarded if self.told else 0

    def round(self, forwarded: int) -> Draft:
        """The round as it is after so many."""
        count = len(self.stage.seats)
        return partial(
            Round,
            round=self.stage.round,
            state="done" if forwarded == count else "under_way",
            candidates=count,
            forwarded=forwarded,
            plan=sum(place.plan for place in self.stage.places.values()),
            admitted=forwarded,
        )

    async def start(self, over: timedelta) -> None:
        """The first entries, with the line of the audit: the board as it stands."""
        stage = self.stage
        async with turn(self.desk, REPLAY, self.listener) as air:
            refuse_silence(air)
            await cut_off(self.desk)
            await self._refuse_other(air)
            said = [w.text.zh for w in air.words.values() if w.round == stage.round]
            self.begun = air.begun
            self.told = told_before(self.every, len(stage.seats), said)
            self._refuse_told()
            board = board_after(self.every[: self.told], stage.places)
            detail = {
                "batch": stage.batch,
                "release": stage.release,
                "round": stage.round,
                "forwarded": self.done,
                "seconds": round(over.total_seconds()),
            }
            drafts = [*boards(stage.round, board), self.round(self.done)]
            await say(self.desk, air, REPLAY, drafts, detail)
            self.line, _ = await audit.head(self.desk.database)

    def _refuse_told(self) -> None:
        stage = self.stage
        if not self.every:
            raise refused("replay_few", round=stage.round)
        if self.told == len(self.every):
            raise refused("replay_done", round=stage.round)

    async def _refuse_other(self, air: OnAir) -> None:
        """Two versions of a round, one told after the other, would tell who was corrected."""
        stage, since = self.stage, max(air.begun, air.cleared.get(self.stage.round, 0))
        async for line in audit.entries(self.desk.database, subject=SUBJECT, act=REPLAY):
            detail = line.detail
            if min(detail["entries"]) < since:
                return
            if detail["round"] == stage.round and detail["release"] != stage.release:
                raise refused("replay_other", round=stage.round)

    async def tell(self, step: Step) -> bool:
        """One step's entries; False where the broadcast is over. Raises RefusedError where the
        release is not open any more."""
        desk, stage = self.desk, self.stage
        async with turn(desk, REPLAY, self.listener) as air:
            # Inside: whoever withdraws the release takes its rounds off in a turn after that.
            await open_release(desk, stage.batch)
            if not air.running or air.begun != self.begun:
                return False
            words = partial(Words, text=words_of(step, len(stage.seats)), round=stage.round)
            drafts: list[Draft] = [
                *boards(stage.round, step.board),
                self.round(step.forwarded),
                words,
            ]
            entries = number(air, desk.clock(), drafts)
            self.listener.broadcast.append(lambda last: entries)
        self.told += 1
        return True

    async def wait(self, seconds: float, sleep: Sleeper) -> bool:
        """Wait for the next step; False where somebody said to stop."""
        while seconds > 0:
            await sleep(min(seconds, SLICE_S))
            seconds -= SLICE_S
            if await self._told_to_stop():
                return False
        return not await self._told_to_stop()

    async def _told_to_stop(self) -> bool:
        acts = audit.entries(self.desk.database, subject=SUBJECT, act="live.stop", limit=1)
        return any([line.id > self.line async for line in acts])

    async def note_end(self) -> None:
        """Say in the audit how far it came."""
        async with turn(self.desk, REPLAY, self.listener) as air:
            detail = {"round": self.stage.round, "how": self.how, "last": air.last}
            await note_end(self.desk, detail | {"forwarded": self.done})


async def replay(
    desk: Desk,
    batch: int,
    round_name: str,
    over: timedelta,
    *,
    sleep: Sleeper = asyncio.sleep,
    progress: Progress = untold,
    chance: Random | None = None,
) -> Replayed:
    """Replay a round of a batch whose release is open, its steps spread over a time.

    Nothing of fewer than ten is told: no row changes by fewer, numbers are masked, and there is
    no score but a school's public cut-off line at the end. `sleep` waits so many seconds;
    `progress` hears how many candidates are forwarded.
    Raises RefusedError where the release is not open (any more), another replay runs, nothing
    is on the air, or the round is told already or has no school that may be told of; UsageError.
    """
    desk.actor.check(REPLAY)
    with only_one(replay_lock(desk), refused("replay_running")):
        stage = await read_stage(desk, batch, round_name)
        every = tuple(steps(stage.seats, stage.places, chance or SystemRandom()))
        work = _Replay(desk, stage, Listener(desk.store.live), every)
        await work.start(over)
        try:
            work.how = await _tell_all(work, over, sleep, progress)
        finally:
            await work.note_end()
    return Replayed(work.how, work.done, len(stage.seats))


async def _tell_all(work: _Replay, over: timedelta, sleep: Sleeper, progress: Progress) -> str:
    """Step after step; how it ended."""
    left = work.every[work.told :]
    pace_s = over.total_seconds() / len(left)
    wait_s = 0.0
    for step in left:
        if not await work.wait(wait_s, sleep):
            return STOPPED
        if not await work.tell(step):
            return ENDED
        progress(work.done)
        wait_s = pace_s
    return DONE


def span(text: str) -> timedelta:
    """A span as people type it: 90s, 10m, 1h. Raises UsageError."""
    found = _SPAN.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else MAX_SPAN_S + 1
    if seconds > MAX_SPAN_S:
        raise misused("no_span")
    return timedelta(seconds=seconds)
