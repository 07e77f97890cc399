"""Reading a file as it was sent: the parsing happens in a child process, nothing is believed.

The parent opens and hashes the file, hands it to the child and checks every word that comes
back. However the child ends, the parent ends with findings.
"""

import contextlib
import fcntl
import hashlib
import io
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from lookup.admin.findings import Finding
from lookup.admin.readers import frames
from lookup.admin.readers.answers import Answers, BadAnswerError, Event
from lookup.admin.readers.sniffing import MEMOS
from lookup.admin.readers.tables import Source
from lookup.durable import storage

_READ_BYTES = 1 << 20
_ROOT = str(Path(__file__).parents[3])
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from lookup.admin.readers.child import main; "
    "main(sys.argv[2], *map(int, sys.argv[3:]))"
)
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_ENDINGS = {
    frames.EXIT_MEMORY: "memory",
    # Where memory runs out in the whole machine, the kernel kills.
    -signal.SIGKILL: "memory",
    -signal.SIGXCPU: "too_long",
}


class _TooLongError(Exception):
    """The child was given its time and used it."""


def read(path: Path, *, memory_mb: int, seconds: int) -> Iterator[Event]:
    """Everything a file holds: its source first, then findings and tables with their rows.

    A table's rows and findings follow it. `seconds` limits the child's processor time and the
    time waited for it, not the time the caller takes. Whatever goes wrong with the file's
    content is an error finding, and the last event. Closing the generator kills the child.
    Raises StorageError where the file cannot be read at all.
    """
    with _opened(path) as (file, memo):
        with storage(path):
            before = _stamp(file)
            digest = hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()
            file.seek(0)
        answers = Answers(path.name, digest)
        failure = ""
        with _started(path, file, memo, memory_mb, seconds) as child:
            try:
                for frame in _frames(child, seconds):
                    yield from answers.events(frame)
                failure = _ending(child, answers)
            except BadAnswerError as error:
                failure = error.rule
            except (_TooLongError, subprocess.TimeoutExpired):
                failure = "too_long"
        if not answers.begun:
            yield Source(path.name, digest, "")
        if failure:
            yield Finding(failure, values={"memory": memory_mb, "seconds": seconds})
        elif _stamp(file) != before:
            yield Finding("changed")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO | None]]:
    """The file, and the memo file that belongs to it if one lies beside it."""
    with contextlib.ExitStack() as stack:
        with storage(path):
            file = stack.enter_context(path.open("rb"))
            memo = None
            if path.suffix.lower() == ".dbf":
                beside = sorted(p for p in path.parent.iterdir() if _is_memo_of(p, path))
                memo = stack.enter_context(beside[0].open("rb")) if beside else None
        yield file, memo


def _is_memo_of(found: Path, path: Path) -> bool:
    return found.suffix.lower() in MEMOS and found.stem.lower() == path.stem.lower()


def _stamp(file: BinaryIO) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextlib.contextmanager
def _started(
    path: Path, file: BinaryIO, memo: BinaryIO | None, memory_mb: int, seconds: int
) -> Iterator["subprocess.Popen[bytes]"]:
    """A child that reads `file`; at the end of the block there is none."""
    suffix = path.suffix.lower()
    beside = memo.fileno() if memo else -1
    arguments = (suffix if _SUFFIX.fullmatch(suffix) else "", beside, memory_mb, seconds)
    child = subprocess.Popen(  # noqa: S603  # our own program, and no word of the file's
        [sys.executable, "-I", "-c", _PROGRAM, _ROOT, *map(str, arguments)],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(beside,) if memo else (),
        cwd="/",
        env={"LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        yield child
    finally:
        # The group too: a child that broke out might have children.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        if child.stdout is not None:
            child.stdout.close()
        child.wait()


def _frames(child: "subprocess.Popen[bytes]", seconds: float) -> Iterator[bytes]:
    """The child's frames until it says no more. Raises BadAnswerError, _TooLongError."""
    assert child.stdout is not None  # noqa: S101  # asked for above
    descriptor = child.stdout.fileno()
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _READ_BYTES)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    buffer = bytearray()
    while True:
        asked = time.monotonic()
        if seconds <= 0 or not poll.poll(seconds * 1000):
            raise _TooLongError
        chunk = os.read(descriptor, _READ_BYTES)
        seconds -= time.monotonic() - asked
        if not chunk:
            child.wait(max(seconds, 1))
            return
        buffer += chunk
        while len(buffer) >= frames.LENGTH.size:
            (length,) = frames.LENGTH.unpack_from(buffer)
            if length > frames.MAX_FRAME_BYTES:
                raise BadAnswerError("reader_failed")
            end = frames.LENGTH.size + length
            if len(buffer) < end:
                break
            frame = bytes(buffer[frames.LENGTH.size : end])
            del buffer[:end]
            yield frame


def _ending(child: "subprocess.Popen[bytes]", answers: Answers) -> str:
    """The rule that tells how the child failed; '' where it came to its end."""
    status = child.returncode
    if status == 0 and answers.ended:
        return ""
    return _ENDINGS.get(status, "reader_failed")
