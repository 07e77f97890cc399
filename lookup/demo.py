"""The demo: a made-up city loaded, sealed, opened and served, in a folder of its own."""

import asyncio
import csv
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from lookup.admin.building import build
from lookup.admin.database import open_database
from lookup.admin.keys import Keys
from lookup.admin.loading import load
from lookup.admin.publishing import Publisher
from lookup.clock import utc_now
from lookup.durable import make_folder, write
from lookup.errors import RefusedError
from lookup.kind_file import load_named
from lookup.sample import SampleFiles, write_sample
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore

FOLDER = "demo"
MARKER = "made-up"
"""Only a folder that carries this file is ever cleared."""
TITLES = {
    "scores": "2015年中考成绩（虚构数据）",
    "lottery": "2015年民办初中电脑派位（虚构数据）",
    "admissions": "2015年各类高中录取（虚构数据）",
}


def _clear(folder: Path) -> None:
    if folder.exists():
        if not (folder / MARKER).exists():
            raise RefusedError(f"{folder} was not made by the demo: name another --data-dir.")
        shutil.rmtree(folder)
    make_folder(folder)
    write(folder / MARKER, b"The demo clears this folder at every start.\n", 0o644)


async def _publish(settings: Settings, files: SampleFiles, console: Console) -> None:
    store = EmbeddedStore(settings.data_dir)
    keys = Keys(settings.data_dir)
    async with open_database(settings.data_dir) as database:
        publisher = Publisher(database, store, keys, utc_now)
        for name, title in TITLES.items():
            loaded = await load(
                database,
                load_named(settings.kinds_dir, name),
                [getattr(files, name)],
                title=title,
                now=utc_now(),
                budget=settings.failure_budget,
            )
            release = await build(database, store, keys, loaded.batch, utc_now())
            await publisher.open(release.id)
            console.print(f"{name}: {loaded.records:,} records loaded, sealed and opened.")


def candidates_to_try(files: SampleFiles) -> Iterator[tuple[str, dict[str, str]]]:
    """For each kind its name and what the first candidate of its file types."""
    for name, identifier, header in (
        ("scores", "candidate_number", "准考证号"),
        ("lottery", "registration_number", "报名号"),
        ("admissions", "candidate_number", "准考证号"),
    ):
        with getattr(files, name).open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file))
        yield name, {identifier: row[header], "access_code": row["查询码"]}


def run_demo(
    settings: Settings,
    console: Console,
    host: str,
    port: int,
    workers: int,
    candidates: int,
    families: int,
) -> None:
    """Make the city's data anew, publish all three kinds, and serve until stopped.

    Raises RefusedError where the demo's folder holds something else.
    """
    from lookup.public.serving import bind, serve

    # Before a minute of work: an address that is taken.
    bind(host, port).close()
    folder = settings.data_dir / FOLDER
    _clear(folder)
    files = write_sample(folder / "sample", candidates=candidates, families=families)
    settings = dataclasses.replace(settings, data_dir=folder)
    asyncio.run(_publish(settings, files, console))
    console.print(f"\nOpen http://{host}:{port}/ and try one of these made-up candidates:")
    for name, typed in candidates_to_try(files):
        values = ", ".join(f"{field} {value}" for field, value in typed.items())
        console.print(f"  http://{host}:{port}/{name}  {values}")
    console.print("Stop with Ctrl-C.\n")
    serve(settings, host, port, workers)
