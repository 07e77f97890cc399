"""Proof of work by ALTCHA (its version 1): a number to be found by trying, checked by one hash.

A challenge is for one candidate number asked for from one network, for some minutes. It is
redeemed once, in one of two ways: solved, at once; or brought back unsolved when its time has
come, for whoever cannot reckon (no script, no secure context). Nothing about it is stored
until then: the salt carries when it ends (`until`) and when patience does (`ripe`), in seconds
since the machine started, how many numbers it may take (`most`), and a keyed hash (`for`) of
those, the number and the network. What is to be found comes from the salt and the key, so a
challenge that is brought back too early can be made once more, and its wait goes on.
"""

import base64
import binascii
import hashlib
import math
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
_TOLD = ("until", "ripe", "most")
UNSOLVED = -1

Challenge = Mapping[str, str | int]


class Proof(Enum):
    """What a solution shows."""

    NONE = "none"
    EARLY = "early"
    SOLVED = "solved"
    WAITED = "waited"


@dataclass(frozen=True, slots=True)
class Shown:
    """A proof, and the challenge's nonce, by which it is spent; of one that came too early also
    the challenge itself, with what is left of its wait."""

    proof: Proof
    nonce: bytes
    challenge: Challenge | None = None


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
        told = {"until": until, "ripe": ripe, "most": str(numbers)}
        return self._make(nonce, told | {"for": self._bound(nonce, told, number, network)}, wait_s)

    def look(self, solution: str, number: bytes, network: bytes, now_s: float) -> Shown:
        """What a solution (base64 of JSON, of any bytes a client may send) proves now, for this
        number and network. Whether it was spent before is not known here."""
        payload = _payload(solution)
        if payload is None:
            return NOTHING
        nonce, _, query = payload["salt"].partition("?")
        told = dict(parse_qsl(query))
        bound = self._bound(nonce, told, number, network)
        if not secrets.compare_digest(told.get("for", "").encode(), bound.encode()):
            return NOTHING
        # From here on the salt is our own, and its numbers are numbers.
        if now_s >= int(told["until"]):
            return NOTHING
        if payload["number"] == UNSOLVED:
            left_s = math.ceil(int(told["ripe"]) - now_s)
            if left_s <= 0:
                return Shown(Proof.WAITED, nonce.encode())
            return Shown(Proof.EARLY, nonce.encode(), self._make(nonce, told, left_s))
        solved, _ = verify_solution(payload, self._sign, check_expires=False)
        return Shown(Proof.SOLVED, nonce.encode()) if solved else NOTHING

    def _make(self, nonce: str, told: Mapping[str, str], wait_s: int) -> Challenge:
        """The challenge of a nonce and what its salt tells, every time the same but for `wait`."""
        most = int(told["most"])
        hidden = hashlib.blake2b(nonce.encode(), key=self._bind, digest_size=16, person=b"hidden")
        made = create_challenge(
            ChallengeOptions(
                max_number=most,
                number=int.from_bytes(hidden.digest(), "big") % (most + 1),
                hmac_key=self._sign,
                salt=nonce,
                params=dict(told),
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

    def _bound(self, nonce: str, told: Mapping[str, str], number: bytes, network: bytes) -> str:
        texts = (nonce, *(told.get(name, "") for name in _TOLD))
        parts = (*(text.encode() for text in texts), network, number)
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
