"""What the demo publishes, the way a bureau would: one loads, another approves, a third opens."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console

from lookup.admin.batches import Batch, get_batch, list_batches
from lookup.admin.correcting import correct
from lookup.admin.desk import open_desk
from lookup.admin.loading import load
from lookup.admin.publishing.building import build
from lookup.admin.publishing.publisher import Publisher
from lookup.admin.reviewing import approve
from lookup.clock import utc_now
from lookup.demo.people import actor
from lookup.kind_file import load_named
from lookup.sample import SampleFiles
from lookup.settings import Settings

TITLES = {
    "scores": "2015年中考成绩（虚构数据）",
    "lottery": "2015年民办初中电脑派位（虚构数据）",
    "admissions": "2015年各类高中录取（虚构数据）",
}
EARLIER = "2014年民办初中电脑派位（虚构数据）"
AWAITED = "lottery"
"""The kind whose hour is still to come when the demo starts."""
AWAITED_FOR = timedelta(minutes=5)
PLANS = "2015年各校招生计划（虚构数据）"
MISTAKES = (("语文", "125"), ("总分", "６O0"), ("准考证号", "01010O004"))
"""What the messy file of the demo says wrongly, a cell in each of its first rows."""


async def publish(
    settings: Settings, files: SampleFiles, earlier: SampleFiles, console: Console
) -> datetime:
    """Load and approve the schools' plans, then load, approve and seal all three kinds.

    Two are opened. Of the third, the lottery, an earlier year is opened and closed again, and
    this year's opens in some minutes: its hour is returned.
    """
    await _approved(settings, files.school_plans, "school_plans", PLANS)
    batch = await _approved(settings, earlier.lottery, AWAITED, EARLIER)
    await _opened(settings, batch)
    async with open_desk(settings, actor("duty")) as desk:
        await Publisher(desk).close(AWAITED, "查询期已过（虚构）")
    hour = (utc_now() + AWAITED_FOR).replace(second=0, microsecond=0)
    for name, title in TITLES.items():
        batch = await _approved(settings, getattr(files, name), name, title)
        awaited = name == AWAITED
        await (_scheduled(settings, batch, hour) if awaited else _opened(settings, batch))
        done = "scheduled" if awaited else "opened"
        console.print(f"{name}: {batch.records:,} records loaded, approved, sealed and {done}.")
    return hour


async def _opened(settings: Settings, batch: Batch) -> None:
    async with open_desk(settings, actor("duty")) as desk:
        release = await build(desk, batch.id)
        await Publisher(desk).open(release.id)


async def _scheduled(settings: Settings, batch: Batch, hour: datetime) -> None:
    async with open_desk(settings, actor("duty")) as desk:
        release = await build(desk, batch.id)
        await Publisher(desk).schedule(release.id, hour)


async def _approved(settings: Settings, path: Path, name: str, title: str) -> Batch:
    """One of the files, loaded by one person and approved by another."""
    kind = load_named(settings.kinds_dir, name)
    async with open_desk(settings, actor("clerk")) as desk:
        loaded = await load(desk, kind, [path], title=title)
    async with open_desk(settings, actor("reviewer")) as desk:
        await approve(desk, loaded.batch, {f.name: f.disclosure for f in kind.fields})
        return await get_batch(desk.database, loaded.batch)


async def leave_work(settings: Settings, files: SampleFiles) -> None:
    """Leave on the console what an office day leaves: a rejected file, a correction to approve."""
    kind = load_named(settings.kinds_dir, "scores")
    messy = _messy(files.scores)
    async with open_desk(settings, actor("clerk")) as desk:
        first = next(
            b for b in reversed(await list_batches(desk.database)) if b.kind.name == "scores"
        )
        await load(desk, kind, [messy], title=TITLES["scores"])
        with files.scores.open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file))
        change = {"middle_school": f"{row['毕业学校']}（南校区）"}
        await correct(desk, first.id, row["准考证号"], change, "学校更名（虚构）")


def _messy(path: Path) -> Path:
    """The file again as an office might send it: GB18030, a title above, three mistakes."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    for row, (column, cell) in zip(rows, MISTAKES, strict=False):
        row[header.index(column)] = cell
    messy = path.with_name("scores-with-mistakes.csv")
    title = ["2015年中考成绩汇总表", *[""] * (len(header) - 1)]
    with messy.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([title, header, *rows])
    return messy
