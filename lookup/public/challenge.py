"""Proof of work by ALTCHA (its version 1): a number to be found by trying, checked by one hash.

A challenge is for one candidate number asked for from one network, for some minutes. It is
redeemed once, in one of two ways: solved, at once; or brought back unsolved when its time has
come, for whoever cannot reckon (no script, no secure context). Nothing about it is stored
until then: the salt carries when it ends (`until`) and when patience does (`ripe`), in seconds
since the machine started, and a keyed hash (`for`) of those, the number and the network.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl

import orjson
from altcha.v1 import SHA256, ChallengeOptions, PayloadType, create_challenge, verify_solution

MAX_SOLUTION_CHARACTERS = 1024
MAX_NUMBER = 1 << 53
_NONCE_BYTES = 12
_MEMBER_CHARACTERS = 200
UNSOLVED = -1

Challenge = Mapping[str, str | int]


class Proof(Enum):
    """What a solution shows."""

    NONE = "none"
    SOLVED = "solved"
    WAITED = "waited"


@dataclass(frozen=True, slots=True)
class Shown:
    """A proof, and the challenge's nonce, by which it is spent."""

    proof: Proof
    nonce: bytes


NOTHING = Shown(Proof.NONE, b"")


class Challenges:
    """Makes challenges and looks at what comes back; all workers with one `key` agree.

    `life_s` is how long one is good for.
    """

    def __init__(self, key: bytes, life_s: int) -> None:
        self._life_s = life_s
        self._sign = hashlib.blake2b(key=key, person=b"sign").hexdigest()
        self._bind = hashlib.blake2b(key=key, person=b"bind").digest()

    def make(
        self, number: bytes, network: bytes, now_s: float, wait_s: int, numbers: int
    ) -> Challenge:
        """A challenge as it is sent: ALTCHA's five members, and `wait`, the seconds after which
        it may be brought back unsolved. `numbers` is how many have to be tried at most."""
        nonce = secrets.token_hex(_NONCE_BYTES)
        until, ripe = str(int(now_s) + self._life_s), str(int(now_s) + wait_s)
        bound = self._bound(nonce, until, ripe, number, network)
        made = create_challenge(
            ChallengeOptions(
                max_number=numbers,
                hmac_key=self._sign,
                salt=nonce,
                params={"until": until, "ripe": ripe, "for": bound},
            )
        )
        return {
            "algorithm": made.algorithm,
            "challenge": made.challenge,
            "maxnumber": made.max_number,
            "salt": made.salt,
            "signature": made.signature,
            "wait": wait_s,
        }

    def look(self, solution: str, number: bytes, network: bytes, now_s: float) -> Shown:
        """What a solution (base64 of JSON, of any bytes a client may send) proves now, for this
        number and network. Whether it was spent before is not known here."""
        payload = _payload(solution)
        if payload is None:
            return NOTHING
        nonce, _, query = payload["salt"].partition("?")
        told = dict(parse_qsl(query))
        until, ripe = told.get("until", ""), told.get("ripe", "")
        bound = self._bound(nonce, until, ripe, number, network)
        if not secrets.compare_digest(told.get("for", "").encode(), bound.encode()):
            return NOTHING
        # From here on the salt is our own, and its numbers are numbers.
        if now_s >= int(until):
            return NOTHING
        if payload["number"] == UNSOLVED:
            return Shown(Proof.WAITED, nonce.encode()) if now_s >= int(ripe) else NOTHING
        solved, _ = verify_solution(payload, self._sign, check_expires=False)
        return Shown(Proof.SOLVED, nonce.encode()) if solved else NOTHING

    def _bound(self, nonce: str, until: str, ripe: str, number: bytes, network: bytes) -> str:
        parts = (nonce.encode(), until.encode(), ripe.encode(), network, number)
        framed = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        return hashlib.blake2b(framed, key=self._bind, digest_size=16).hexdigest()


def encode(challenge: Mapping[str, str | int]) -> str:
    """A challenge, or its solution, as a client sends it back."""
    return base64.b64encode(orjson.dumps(dict(challenge))).decode()


def _payload(solution: str) -> PayloadType | None:
    """The members of a solution, each of its type; None where it has not all of them."""
    if not solution or len(solution) > MAX_SOLUTION_CHARACTERS:
        return None
    try:
        found = orjson.loads(base64.b64decode(solution, validate=True))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(found, dict) or found.get("algorithm") != SHA256:
        return None
    challenge, salt = _text(found.get("challenge")), _text(found.get("salt"))
    signature, number = _text(found.get("signature")), found.get("number", UNSOLVED)
    # A text would let part of the number and part of the salt change places under one hash.
    if type(number) is not int or not UNSOLVED <= number <= MAX_NUMBER:
        return None
    return PayloadType(
        algorithm=SHA256, challenge=challenge, number=number, salt=salt, signature=signature
    )


def _text(member: object) -> str:
    """A member that is a text of ours, or nothing, which no check accepts."""
    fits = isinstance(member, str) and member.isascii() and len(member) <= _MEMBER_CHARACTERS
    return str(member) if fits else ""
