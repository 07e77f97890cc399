"""Sealing: one hash of what a candidate typed says where to look and opens what is there.

    h = BLAKE2b(key=K, person, digest 48)(credential)
    h[:16]   the locator, the name under which the sealed bytes are kept
    h[16:48] the AES-256-GCM key of those bytes, used for nothing else, nonce zero

The locator and the release's id are authenticated with the bytes. An unknown number and a
wrong second factor are therefore the same event: a locator that is not there.
Source: DESIGN.md, "The sealed release file".
"""

import hashlib
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lookup.errors import DamagedError

KEY_BYTES = 32
LOCATOR_BYTES = 16
PAD_BYTES = 64
MARK_BYTES = 8
RECORD, PUBLIC, CONTENT = b"lookup-record", b"lookup-public", b"lookup-content"
"""BLAKE2b personalisations: candidates' records, documents that open for everybody, digests."""
PRE_CHECK, BUCKET = b"lookup-precheck", b"lookup-prebucket"
"""The same for the pre-check key and the marks under it, and for the names of their buckets."""

_DIGEST_BYTES = LOCATOR_BYTES + KEY_BYTES
_NONCE = bytes(12)


def new_key() -> bytes:
    """A release key: 32 random bytes, new for every build."""
    return secrets.token_bytes(KEY_BYTES)


def pad(body: bytes) -> bytes:
    """`body` with trailing spaces up to a multiple of 64 bytes, so that lengths tell less."""
    return body.ljust(-(-len(body) // PAD_BYTES) * PAD_BYTES)


def locate(key: bytes, credential: bytes, person: bytes = RECORD) -> tuple[bytes, bytes]:
    """The locator and the record key that belong to a credential under a release key."""
    digest = hashlib.blake2b(credential, digest_size=_DIGEST_BYTES, key=key, person=person).digest()
    return digest[:LOCATOR_BYTES], digest[LOCATOR_BYTES:]


def fingerprint(key: bytes, sha256: str) -> str:
    """A digest as a manifest may show it, hexadecimal: BLAKE2b of it under the release key.

    A plain digest of a small file would let anybody test guesses of its marks before the hour.
    """
    return hashlib.blake2b(sha256.encode(), key=key, person=CONTENT, digest_size=32).hexdigest()


def pre_check_key(key: bytes) -> bytes:
    """What pre-checks of a release are made with: 32 bytes that say nothing of the release key."""
    return hashlib.blake2b(key=key, person=PRE_CHECK, digest_size=KEY_BYTES).digest()


class Marks:
    """Marks under one pre-check key: each stands for a credential in a file that does not know
    it. `buckets` are the locators of what holds them, by a mark's first byte.

    Some two of N credentials share a mark once in 2⁶⁵ / N² releases.
    """

    def __init__(self, key: bytes) -> None:
        # Copied for every credential: half the time of a new one.
        self._keyed = hashlib.blake2b(key=key, person=PRE_CHECK, digest_size=MARK_BYTES)
        self.buckets = tuple(
            hashlib.blake2b(
                bytes([first]), key=key, person=BUCKET, digest_size=LOCATOR_BYTES
            ).digest()
            for first in range(256)
        )

    def of(self, credential: bytes) -> bytes:
        """The mark of a credential, 8 bytes."""
        keyed = self._keyed.copy()
        keyed.update(credential)
        return keyed.digest()


marks_under = lru_cache(8)(Marks)
"""The marks under a pre-check key, made once for a few keys."""


def seal(record_key: bytes, locator: bytes, release: bytes, plaintext: bytes) -> bytes:
    """Ciphertext and tag. A record key seals one plaintext only, hence the zero nonce."""
    return AESGCM(record_key).encrypt(_NONCE, plaintext, locator + release)


def unseal(record_key: bytes, locator: bytes, release: bytes, sealed: bytes) -> bytes:
    """The plaintext. Raises DamagedError where the bytes are not those that were sealed."""
    try:
        return AESGCM(record_key).decrypt(_NONCE, sealed, locator + release)
    except InvalidTag:
        raise DamagedError(
            "A record of this release does not open: the file is damaged; copy it again."
        ) from None
