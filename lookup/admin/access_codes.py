"""Issued access codes: a random one for every candidate, and the list the bureau prints."""

import base64
import contextlib
import csv
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from lookup.candidate import ACCESS_CODE_LENGTH, CROCKFORD
from lookup.durable import PARTIAL, publish, storage
from lookup.errors import UsageError
from lookup.kinds import Kind

CODES_MODE = 0o600
CODE_BYTES = 5
"""Forty bits are eight characters of thirty-two."""
_SPELLING = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", CROCKFORD.encode())
"""From RFC 4648's thirty-two characters to those of access codes."""


def random_codes(count: int) -> list[str]:
    """That many access codes, each of forty random bits."""
    text = base64.b32encode(secrets.token_bytes(CODE_BYTES * count)).translate(_SPELLING).decode()
    size = ACCESS_CODE_LENGTH
    return [text[start : start + size] for start in range(0, size * count, size)]


class CodeList:
    """The list of issued access codes the bureau prints: written beside, named at the end."""

    def __init__(self, path: Path, header: tuple[str, str]) -> None:
        self.path = path
        self._partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
        self._published = False
        self._given: set[str] = set()
        with storage(path):
            if path.exists():
                raise UsageError(f"{path} is there already: name a new file for the codes.")
            # Not reused: what a killed load left may be readable by others.
            self._partial.unlink(missing_ok=True)
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, CODES_MODE)
            self._file: TextIO = os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(header)

    def issue(self, identifiers: Sequence[str]) -> list[str]:
        """A random code for each candidate, no two alike, noted in the list."""
        codes: list[str] = []
        # Among a million, two alike are as likely as not; checks would take them for a mistake.
        while missing := len(identifiers) - len(codes):
            fresh = [c for c in dict.fromkeys(random_codes(missing)) if c not in self._given]
            self._given.update(fresh)
            codes += fresh
        with storage(self.path):
            self._writer.writerows(zip(identifiers, codes, strict=True))
        return codes

    def publish(self) -> None:
        """Give the list, complete, its name; never the name of another list."""
        with storage(self.path):
            self._file.close()
        if self.path.exists():
            raise UsageError(f"{self.path} is there already: name a new file for the codes.")
        publish(self._partial, self.path, CODES_MODE)
        self._published = True

    def drop(self, *, named: bool = True) -> None:
        """No batch, no list; one that has its name already stays unless `named`."""
        # What could not be flushed to a full disk is of no use to anybody.
        with contextlib.suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)
        if self._published and named:
            self.path.unlink(missing_ok=True)


def code_list(kind: Kind, path: Path) -> CodeList:
    """A list for a kind's candidates. Raises UsageError, StorageError."""
    if not any("access_code" in way.fields for way in kind.ways):
        raise UsageError(f"{kind.name} has no way in by access code: leave the option out.")
    identifier = kind.field(kind.identifier).label.zh
    return CodeList(path, (identifier, kind.field("access_code").label.zh))
