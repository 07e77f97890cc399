"""The demo's broadcast: its rounds told one after another, then again, as long as it runs."""

import asyncio
import contextlib
import csv
import signal
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from lookup.admin import broadcasting
from lookup.admin.desk import Desk, open_desk
from lookup.admin.publishing.releases import list_releases
from lookup.admin.replaying import DONE, Sleeper, replay
from lookup.demo.people import actor
from lookup.errors import ServiceError
from lookup.settings import Settings
from lookup.stores.entries import Text

TITLE = Text(
    "2015年高中录取网上直播（虚构数据）", "Senior high-school admissions 2015, live (made-up)"
)
OPENING = (
    Text("各位考生、家长好，录取现在开始。", "Good morning: the admissions begin now."),
    Text(
        "各批次按总分从高到低，依次检索志愿，有空额即投档。",
        "In each round files are forwarded in the order of totals, to the first preference that"
        " still has a place.",
    ),
)
CLOSING = Text("各批次录取结束，谢谢关注。", "All rounds are done. Thank you for watching.")
ROUND = timedelta(seconds=200)
"""How long a round takes: all three some ten minutes."""
REST_S = 180.0
"""How long a broadcast that is over stays, before the next begins."""


def rounds_in(plans: Path) -> list[tuple[str, int]]:
    """The rounds of a file of plans in its order, each with its places."""
    rounds: dict[str, int] = {}
    with plans.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rounds[row["录取批次"]] = rounds.get(row["录取批次"], 0) + int(row["计划数"])
    return list(rounds.items())


async def begin(desk: Desk, rounds: Sequence[tuple[str, int]]) -> None:
    """Begin a broadcast: words of welcome, and the rounds that will come."""
    await broadcasting.begin(desk, TITLE)
    for words in OPENING:
        await broadcasting.post(desk, words)
    for name, places in rounds:
        await broadcasting.tell_round(desk, name, "waiting", plan=places)


async def tell(desk: Desk, rounds: Sequence[tuple[str, int]], sleep: Sleeper) -> None:
    """Replay every round of the open admissions, then end; whoever sits at the console may stop
    or end it before. Raises RefusedError where they said something else meanwhile."""
    releases = await list_releases(desk.database)
    batch = next(release.batch for release in releases if release.kind == "admissions")
    for name, _ in rounds:
        ended = await replay(desk, batch, name, ROUND, sleep=sleep)
        if ended.how != DONE:
            return
    await broadcasting.post(desk, CLOSING)
    await broadcasting.end(desk)


async def run(settings: Settings, plans: Path, sleep: Sleeper = asyncio.sleep) -> None:
    """Tell the broadcast that was begun, and after a rest begin the next, without end."""
    rounds = rounds_in(plans)
    while True:
        async with open_desk(settings, actor("duty")) as desk:
            # Somebody at the console may have other plans, and a city too small for a round.
            with contextlib.suppress(ServiceError):
                await tell(desk, rounds, sleep)
            await sleep(REST_S)
            with contextlib.suppress(ServiceError):
                await begin(desk, rounds)


def serve(settings: Settings, plans: Path) -> None:
    """The same as a process, until it is terminated."""
    # Ctrl-C reaches every process of the terminal: whoever started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(run(settings, plans))
