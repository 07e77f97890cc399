"""Entering: a finished batch file gets its name in the act that notes its batch.

A kill at any step leaves the batch with its file, or no batch: a file under a random name is
swept by the next who enters one, and a named file without a batch is replaced by the next batch.
"""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lookup.admin.batch_file import SUFFIX, batch_path
from lookup.admin.batches import subject_of
from lookup.admin.database import FILE_MODE, FOLDER_MODE
from lookup.admin.desk import Desk, Line
from lookup.admin.locks import together
from lookup.admin.states import LOADED
from lookup.durable import PARTIAL, make_folder, publish, storage

LOCK = ".lock"
JOURNAL = "-journal"

_INSERT = (
    "INSERT INTO batch (kind, title, document, state, loaded_at, loaded_by, records, errors,"
    " warnings, sha256, issued, expected, corrects, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What is noted of a batch that enters; `corrects` and `reason` belong to a correction."""

    kind: str
    title: str
    document: bytes
    records: int
    errors: int
    warnings: int
    sha256: str
    issued: bool
    expected: int | None
    corrects: int | None = None
    reason: str | None = None


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A free name for a batch file to be; whatever is left there at the end is removed.

    Raises StorageError.
    """
    make_folder(folder, FOLDER_MODE)
    with together(folder / LOCK, lambda: _sweep(folder)):
        partial = folder / f"{secrets.token_hex(8)}{SUFFIX}{PARTIAL}"
        try:
            yield partial
        finally:
            # What a full disk does not let go of, the next sweep finds.
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def forget_killed(folder: Path) -> None:
    """Remove what killed loads and corrections left; nothing while somebody is at work."""
    make_folder(folder, FOLDER_MODE)
    with together(folder / LOCK, lambda: _sweep(folder)):
        pass


def _sweep(folder: Path) -> None:
    with storage(folder):
        for leftover in folder.glob(f"*{PARTIAL}*"):
            leftover.unlink()


async def enter(desk: Desk, line: Line, partial: Path, new: NewBatch) -> int:
    """Note a loaded batch and give its file its name, inside the transaction of an act."""
    values = (
        new.kind,
        new.title,
        new.document,
        LOADED,
        desk.clock().isoformat(),
        desk.actor.name,
        new.records,
        new.errors,
        new.warnings,
        new.sha256,
        new.issued,
        new.expected,
        new.corrects,
        new.reason,
    )
    cursor = await desk.database.execute(_INSERT, values)
    batch = int(cursor.lastrowid or 0)
    final = batch_path(desk.batches, batch)
    _forget_journal(final)
    publish(partial, final, FILE_MODE)
    line.subject = subject_of(batch)
    line.after = new.sha256
    line.detail |= {"records": new.records, "errors": new.errors, "warnings": new.warnings}
    return batch


def _forget_journal(final: Path) -> None:
    # SQLite would play the journal of a lost batch of this number into the new file.
    with storage(final):
        final.with_name(final.name + JOURNAL).unlink(missing_ok=True)
