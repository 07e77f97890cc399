"""The content hash: what a reviewer signs for, and what a build holds its records against."""

import hashlib

import orjson

from lookup.kinds import Kind


def document_of(kind: Kind) -> bytes:
    """A kind's document as a batch keeps it, JSON with sorted keys."""
    return orjson.dumps(kind.document, option=orjson.OPT_SORT_KEYS)


class ContentHash:
    """SHA-256 over a batch's kind, its title and every record in order.

    Two files that say the same have one hash; the change of any byte that is served, typed by
    a candidate or withheld makes another.
    """

    def __init__(self, document: bytes, title: str) -> None:
        self._digest = hashlib.sha256(document + b"\n" + title.encode() + b"\n")

    def add(self, body: bytes, secrets: bytes, withheld: bytes, *, corrected: bool = False) -> None:
        """One record, each part as JSON; that it was corrected is served, and so signed for."""
        self._digest.update(b"%b\n%b\n%b\n" % (body, secrets, withheld))
        if corrected:
            # No JSON begins so: a batch that nobody corrected keeps the hash it had.
            self._digest.update(b"corrected\n")

    def hexdigest(self) -> str:
        """The hash of what was added so far."""
        return self._digest.hexdigest()
