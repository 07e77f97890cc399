"""Running the demo: the city made anew, the public site and the console served."""

import asyncio
import contextlib
import csv
import dataclasses
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console

from lookup.admin.desk import open_desk
from lookup.admin.people.roles import NOBODY
from lookup.demo import broadcast
from lookup.demo.people import PEOPLE, SignIn, actor, codes, register
from lookup.demo.publication import AWAITED, leave_work, publish
from lookup.durable import make_folder, write
from lookup.errors import RefusedError, UsageError
from lookup.sample import SampleFiles, write_sample
from lookup.settings import Settings

FOLDER = "demo"
MARKER = "made-up"
"""Only a folder that carries this file is ever cleared."""


def _clear(folder: Path) -> None:
    if folder.exists():
        if not (folder / MARKER).exists():
            raise RefusedError(f"{folder} was not made by the demo: name another --data-dir.")
        shutil.rmtree(folder)
    make_folder(folder)
    write(folder / MARKER, b"The demo clears this folder at every start.\n", 0o644)


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


@dataclasses.dataclass(frozen=True, slots=True)
class Addresses:
    """Where the demo serves, with how many public workers."""

    host: str
    port: int
    console_port: int
    workers: int

    @property
    def site(self) -> str:
        """The public site's address."""
        return f"http://{self.host}:{self.port}"


def run_demo(
    settings: Settings, console: Console, addresses: Addresses, candidates: int, families: int
) -> None:
    """Make the city's data anew, publish all three kinds, broadcast, and serve until stopped.

    Raises RefusedError where the demo's folder holds something else, UsageError where an
    address cannot be had.
    """
    from lookup.admin.serving import serve as serve_console
    from lookup.public.serving import serve
    from lookup.sockets import bind

    # Before a minute of work: an address that is taken.
    for port in (addresses.port, addresses.console_port):
        bind(addresses.host, port).close()
    folder = settings.data_dir / FOLDER
    _clear(folder)
    files = write_sample(folder / "sample", candidates=candidates, families=families)
    # Fewer families, or every school would have had as many the year before.
    before = max(3, families * 11 // 12)
    earlier = write_sample(folder / "sample-2014", candidates=3, families=before, seed=2014)
    url = settings.site_url or addresses.site
    settings = dataclasses.replace(settings, data_dir=folder, required_approvals=1, site_url=url)
    password, hour = asyncio.run(_prepare(settings, files, earlier, console))
    _tell(console, addresses, files, password, f"{hour.astimezone(settings.timezone):%H:%M}")
    with (
        _beside(serve_console, settings, addresses.host, addresses.console_port),
        _beside(broadcast.serve, settings, files.school_plans),
    ):
        serve(settings, addresses.host, addresses.port, addresses.workers)


async def _prepare(
    settings: Settings, files: SampleFiles, earlier: SampleFiles, console: Console
) -> tuple[str, datetime]:
    """Publish and begin the broadcast; everybody's password, and the hour that is to come."""
    password = await register(settings)
    hour = await publish(settings, files, earlier, console)
    await leave_work(settings, files)
    async with open_desk(settings, actor("duty")) as desk:
        await broadcast.begin(desk, broadcast.rounds_in(files.school_plans))
    return password, hour


def _tell(
    console: Console, addresses: Addresses, files: SampleFiles, password: str, hour: str
) -> None:
    site = addresses.site
    console.print(f"\nOpen {site}/ and try one of these made-up candidates:")
    for name, typed in candidates_to_try(files):
        values = ", ".join(f"{field} {value}" for field, value in typed.items())
        opens = f"  (opens at {hour})" if name == AWAITED else ""
        console.print(f"  {site}/{name}  {values}{opens}")
    console.print(f"The broadcast of the admissions: {site}/live")
    console.print(f"\nThe console: http://{addresses.host}:{addresses.console_port}/")
    console.print(f"  names {', '.join(PEOPLE)}; password {password}")
    console.print("  one-time codes, good for half a minute: scripts/demo codes")
    console.print("Stop with Ctrl-C.\n")


@contextlib.contextmanager
def _beside(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """A process of its own, as long as the block runs."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=target, args=arguments, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def demo_codes(settings: Settings) -> list[SignIn]:
    """What the running demo's people type as code now. Raises UsageError without a demo."""
    folder = settings.data_dir / FOLDER
    if not (folder / MARKER).exists():
        raise UsageError("There is no demo here: run scripts/demo first.")

    async def read() -> list[SignIn]:
        async with open_desk(dataclasses.replace(settings, data_dir=folder), NOBODY) as desk:
            return await codes(desk)

    return asyncio.run(read())
