"""Things on their way to a file, parted into 256 buckets by their first byte.

What arrives in order makes LMDB's files smallest and fastest; sorting bucket by bucket needs
memory for one bucket only, however many things there are.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BUCKETS = 256


class Spool:
    """Buckets as files of a folder that is made here. Raises OSError, all of it."""

    def __init__(self, folder: Path, buffer_bytes: int) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700)
        self._files: list[BinaryIO] = []
        try:
            for number in range(BUCKETS):
                self._files.append(self._path(number).open("wb", buffering=buffer_bytes))
        except OSError:
            self.give_up()
            raise

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:02x}"

    def add(self, content: bytes) -> None:
        """Put something into the bucket of its first byte."""
        self._files[content[0]].write(content)

    def buckets(self) -> Iterator[bytes]:
        """What was put into each bucket, in the order of the first bytes; adding is over."""
        for file in self._files:
            file.close()
        for number in range(BUCKETS):
            yield self._path(number).read_bytes()

    def give_up(self) -> None:
        """Let go of the files; their folder is the caller's to remove."""
        for file in self._files:
            # What could not be flushed to a full disk is of no use to anybody.
            with contextlib.suppress(OSError):
                file.close()
