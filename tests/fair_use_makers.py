"""Makers for fair use: a clock that nobody sets, and clients that solve or wait."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from altcha.v1 import solve_challenge

from lookup.public.challenge import encode
from lookup.public.fair_use import FairUse, Go, Solve, Step
from lookup.public.network import network_of
from lookup.public.shared_table import private_table
from lookup.settings import Settings

NUMBER = b"scores:100000001"
HOME = network_of("192.0.2.1")
ELSEWHERE = network_of("198.51.100.1")
EASY = Settings(challenge_numbers=50, failure_budget=20)
"""The settings as they are, with challenges a test can solve."""


@dataclass
class Seconds:
    """Seconds since the machine started; they stand until they are moved."""

    now: float = 10_000.0

    def __call__(self) -> float:
        return self.now


def solved(challenge: Mapping[str, str | int]) -> str:
    """The solution of a challenge, found by trying."""
    found = solve_challenge(
        str(challenge["challenge"]),
        str(challenge["salt"]),
        "SHA-256",
        int(challenge["maxnumber"]),
    )
    assert found is not None
    return encode({**challenge, "number": found.number})


def changed(solution: str, **members: object) -> str:
    """A solution with other members; None takes one away."""
    found = orjson.loads(base64.b64decode(solution)) | members
    kept = {name: value for name, value in found.items() if value is not None}
    return base64.b64encode(orjson.dumps(kept)).decode()


@dataclass
class Ladder:
    """Fair use with its clock."""

    fair_use: FairUse
    seconds: Seconds

    def step(self, solution: str = "", number: bytes = NUMBER, network: bytes = HOME) -> Step:
        return self.fair_use.step(number, network, solution)

    def challenge(self, number: bytes = NUMBER, network: bytes = HOME) -> Mapping[str, str | int]:
        """The challenge that is set now."""
        step = self.step("", number, network)
        assert isinstance(step, Solve)
        return step.challenge

    def fail(self, times: int, number: bytes = NUMBER, network: bytes = HOME) -> None:
        """So many tries that found nothing, however they were let through."""
        for _ in range(times):
            self.fair_use.failed(number, network)

    def tries(self, number: bytes = NUMBER, network: bytes = HOME) -> bool:
        """One wrong try, with a solution where one is asked for; whether it was let through."""
        step = self.step("", number, network)
        if isinstance(step, Solve):
            step = self.step(solved(step.challenge), number, network)
        if isinstance(step, Go):
            self.fair_use.failed(number, network)
        return isinstance(step, Go)


def make_ladder(settings: Settings = EASY) -> Ladder:
    """Fair use over a table of its own."""
    seconds = Seconds()
    return Ladder(FairUse(private_table(), settings, seconds), seconds)
