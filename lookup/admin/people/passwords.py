"""Passwords: argon2id, slow on purpose, away from the event loop and at most two at once."""

import asyncio
import functools
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lookup.admin.refusals import refused

HASHER = PasswordHasher()
MIN_LENGTH, MAX_LENGTH = 12, 128
# Each takes 64 MiB and a core: a flood of sign-ins must not take the machine.
_WORKERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")


def _plain(password: str) -> str:
    """One spelling, whatever keyboard typed it."""
    return unicodedata.normalize("NFKC", password)


def _bytes(plain: str) -> bytes:
    """Half a surrogate pair is nobody's password, and no reason to fail either."""
    return plain.encode("utf-8", "surrogatepass")


def refuse_weak(name: str, password: str) -> None:
    """Raise RefusedError where a password of this person is too easily guessed."""
    plain = _plain(password)
    if not MIN_LENGTH <= len(plain) <= MAX_LENGTH:
        raise refused("password_length", least=MIN_LENGTH, most=MAX_LENGTH)
    if plain.casefold() == name.casefold() or len(set(plain)) == 1:
        raise refused("password_guessed")


async def hash_password(password: str) -> str:
    """The password as it is kept."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_WORKERS, HASHER.hash, _bytes(_plain(password)))


async def verify_password(kept: str | None, password: str) -> bool:
    """Whether it is the password kept; where none is kept, the same work and False."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_WORKERS, _verify, kept, password)


def needs_rehash(kept: str) -> bool:
    """Whether it was hashed with other parameters than today's."""
    return HASHER.check_needs_rehash(kept)


def _verify(kept: str | None, password: str) -> bool:
    # Nobody's password is longer: what is cut off here could not have been right.
    plain = _plain(password[: MAX_LENGTH * 2])[: MAX_LENGTH + 1]
    try:
        return HASHER.verify(kept or _dummy(HASHER), _bytes(plain)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def _dummy(hasher: PasswordHasher) -> str:
    """A hash of nobody's password, made once with today's parameters."""
    return hasher.hash("nobody has this password")
