"""Backup: everything the service cannot make again, copied while it runs, and put back.

A backup is one folder with the data folder's own layout and `SHA256SUMS`, for `sha256sum -c`
on any machine. It holds keys and records: whoever has it has them. The order keeps it
consistent: the database first, then what it names (a batch or a release that came later is not
in the copy of the database), the live pointers after the files they name. Uploads are left out:
what was read of them is in the batches. The broadcast is read before the database: the audit may
tell of words that are not in the file, never the other way round.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lookup.admin.batch_file import SUFFIX as BATCH_SUFFIX
from lookup.admin.database import FILE_MODE, FOLDER_MODE, sqlite_storage
from lookup.admin.desk import Desk
from lookup.durable import PARTIAL, make_folder, publish, storage, sync_folder, write
from lookup.errors import DamagedError, RefusedError, UsageError
from lookup.release_file import DIGEST_SUFFIX, SUFFIX, digest_of
from lookup.stores.broadcast import NAME as BROADCAST
from lookup.stores.embedded import POINTER_MODE, POINTER_SUFFIX, RELEASE_MODE

LIST = "SHA256SUMS"
DATABASE = Path("admin/admin.db")
BATCHES, KEYS = Path("admin/batches"), Path("admin/keys")
RELEASES, LIVE = Path("releases"), Path("live")
PRIVATE = (Path("admin"), BATCHES, KEYS)
MODES = {RELEASES: RELEASE_MODE, LIVE: POINTER_MODE}
"""What is not private to the admin wing, with the modes it is put back with."""
PAGES_AT_ONCE = 2000


async def back_up(desk: Desk, folder: Path) -> Path:
    """Copy the data folder into a new folder in `folder`, named by the time; that folder.

    Others may work meanwhile. Raises UsageError where the place is inside the data folder,
    RefusedError, StorageError; then what was copied is removed.
    """
    desk.actor.check("database.back_up")
    source = desk.settings.data_dir
    final = _name(folder, desk.clock(), source)
    partial = final.with_name(final.name + PARTIAL)
    _sweep(folder)
    make_folder(folder, FOLDER_MODE)
    make_folder(partial, FOLDER_MODE)
    try:
        with _locked(partial):
            count = await asyncio.to_thread(_copy_all, source, partial)
            async with desk.act("database.back_up", "backup") as line:
                line.after = digest_of(partial / LIST)
                line.detail = {"files": count}
            _give_name(partial, final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return final


def _sweep(folder: Path) -> None:
    """Remove what killed backups left there: it holds keys and records."""
    for leftover in folder.glob(f"*T*Z{PARTIAL}"):
        with storage(leftover), contextlib.suppress(BlockingIOError), _locked(leftover):
            shutil.rmtree(leftover)


@contextlib.contextmanager
def _locked(partial: Path) -> Iterator[None]:
    """Hold a backup under way. Raises BlockingIOError where somebody does."""
    descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _name(folder: Path, now: datetime, source: Path) -> Path:
    final = folder / f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if final.resolve().is_relative_to(source.resolve()):
        raise UsageError("A backup inside the data folder is none: name a place elsewhere.")
    if final.exists():
        raise UsageError(f"{final} is there already: wait a second, or name another place.")
    return final


def _give_name(partial: Path, final: Path) -> None:
    with storage(final):
        partial.rename(final)
        sync_folder(final.parent)


def _copy_all(source: Path, target: Path) -> int:
    """Copy everything and list it; how many files."""
    for folder in (*PRIVATE, RELEASES, LIVE):
        make_folder(target / folder, FOLDER_MODE if folder in PRIVATE else 0o755)
    said = _contents(source / LIVE, BROADCAST)
    _copy_database(source / DATABASE, target / DATABASE)
    # Read at once, so that they tell of the releases the database tells of; written last.
    pointers = _contents(source / LIVE, f"*{POINTER_SUFFIX}")
    for batch in _batches(target / DATABASE):
        path = BATCHES / f"{batch}{BATCH_SUFFIX}"
        # One that retention destroyed since the database was copied is not missed.
        if (source / path).is_file():
            _copy_database(source / path, target / path)
    for folder, pattern in ((KEYS, "*.key"), (RELEASES, f"*{SUFFIX}*")):
        for path in sorted((source / folder).glob(pattern)):
            if path.is_file() and path.suffix in (".key", SUFFIX, DIGEST_SUFFIX):
                _copy_file(path, target / folder / path.name)
    for name, (content, mode) in (pointers | said).items():
        write(target / LIVE / name, content, mode)
    return _list(target)


def _copy_database(source: Path, target: Path) -> None:
    """A consistent copy by SQLite's own means, synced."""
    partial = target.with_name(target.name + PARTIAL)
    with storage(target):
        partial.touch(mode=FILE_MODE)
    with (
        sqlite_storage(source),
        contextlib.closing(
            sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)
        ) as old,
        contextlib.closing(sqlite3.connect(partial)) as new,
    ):
        old.backup(new, pages=PAGES_AT_ONCE)
    publish(partial, target, FILE_MODE)


def _batches(database: Path) -> list[int]:
    with (
        sqlite_storage(database),
        contextlib.closing(sqlite3.connect(database)) as copy,
    ):
        return [row[0] for row in copy.execute("SELECT id FROM batch ORDER BY id")]


def _contents(folder: Path, pattern: str) -> dict[str, tuple[bytes, int]]:
    with storage(folder):
        return {
            path.name: (path.read_bytes(), path.stat().st_mode & 0o777)
            for path in sorted(folder.glob(pattern))
        }


def _copy_file(source: Path, target: Path, mode: int | None = None) -> None:
    """A copy under its name, synced, with the same mode unless another is given; nothing where
    the source is gone now."""
    partial = target.with_name(target.name + PARTIAL)
    with storage(target):
        try:
            mode = mode or source.stat().st_mode & 0o777
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            with os.fdopen(descriptor, "wb") as new, source.open("rb") as old:
                shutil.copyfileobj(old, new, 1 << 20)
        except FileNotFoundError:
            partial.unlink(missing_ok=True)
            return
    publish(partial, target, mode)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        # No link is a backup's: it would bring in what lies outside.
        if path.is_file() and not path.is_symlink() and path != folder / LIST:
            yield path.relative_to(folder)


def _list(folder: Path) -> int:
    lines = [f"{digest_of(folder / path)}  {path.as_posix()}\n" for path in _files(folder)]
    write(folder / LIST, "".join(lines).encode(), FILE_MODE)
    return len(lines)


def check_backup(source: Path) -> list[Path]:
    """The files of a backup that is whole, by its list. Raises DamagedError, UsageError."""
    try:
        text = (source / LIST).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{source} is no backup: it has no {LIST} to read.") from error
    listed = dict(line.split("  ", 1)[::-1] for line in text.splitlines() if "  " in line)
    found = {path.as_posix() for path in _files(source)}
    if found != listed.keys() or DATABASE.as_posix() not in found:
        raise DamagedError(f"{source} has not the files its {LIST} names: copy it again.")
    for name, digest in listed.items():
        if digest_of(source / name) != digest:
            raise DamagedError(f"{name} of the backup is damaged: take another backup.")
    return [Path(name) for name in listed]


async def restore(source: Path, data_dir: Path) -> int:
    """Put a backup back as a data folder that is not there yet, or empty; how many files.

    Raises RefusedError where the folder holds something, DamagedError, UsageError, StorageError.
    """
    return await asyncio.to_thread(_restore, source, data_dir)


def _restore(source: Path, data_dir: Path) -> int:
    with storage(data_dir):
        if data_dir.exists() and any(data_dir.iterdir()):
            raise RefusedError(f"{data_dir} is not empty: restore into a new --data-dir.")
    files = check_backup(source)
    partial = data_dir.with_name(data_dir.name + PARTIAL)
    with storage(partial):
        shutil.rmtree(partial, ignore_errors=True)
    make_folder(partial)
    try:
        for folder in (*PRIVATE, RELEASES, LIVE):
            make_folder(partial / folder, FOLDER_MODE if folder in PRIVATE else 0o755)
        for path in files:
            # By its place: on its way a backup may have lost its modes, and it holds keys.
            _copy_file(source / path, partial / path, MODES.get(path.parent, FILE_MODE))
        with storage(data_dir):
            if data_dir.exists():
                data_dir.rmdir()
            partial.rename(data_dir)
            sync_folder(data_dir.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return len(files)
