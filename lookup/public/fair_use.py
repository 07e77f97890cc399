"""Fair use: how often one may be wrong. A ladder, not a wall.

Failures are counted for each candidate number, whoever asks, and for each network, whatever
it asks for; both leak. The rungs, for a number as seen from a network:

1. free, while the number has fewer than `free_failures` and the network than
   `network_failures`;
2. proof of work, harder as failures grow; or, for whoever cannot reckon, `wait_s` of patience;
3. from `failure_budget` failures at the number on: proof of work, and one try in `wait_s` for
   each pair of number and network. So whoever burns a number's budget from elsewhere keeps
   its candidate from nothing but a proof of work.

A network alone never leads to the third rung: a school, or a city's mobile carrier, may stand
behind it. Numbers that exist and numbers that do not are counted alike. What is right costs
nothing on the first two rungs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from lookup.allowance import NETWORK_LEAK_S, NUMBER_LEAK_S
from lookup.clock import boot_s
from lookup.public.challenge import Challenge, Challenges, Proof, Shown
from lookup.public.shared_table import TICKS, SharedTable, open_table
from lookup.settings import Settings

LIFE_S = 300
"""How long a challenge is good for, and remembered once it is spent."""
HARDEST = 3
"""How often the proof of work doubles: eight times `challenge_numbers` at most."""
NETWORKS_REMEMBERED = 4096
TABLE = ("live", "workers", "fair_use.map")
"""Where the table lies below the data folder."""
Cause = Literal["number", "network"]
"""Whose failures are too many: the candidate number's, whoever asked, or else the network's."""
Flaw = Literal["too_early", "used", "invalid"]
"""`invalid` is also what has expired, or is for another number or network."""


@dataclass(frozen=True, slots=True)
class Go:
    """Look it up."""


@dataclass(frozen=True, slots=True)
class Solve:
    """A challenge comes first; its `wait` is the seconds after which patience does as well.

    `flaw` is why the solution that was sent did not do; None where none was sent.
    """

    challenge: Challenge
    cause: Cause = "number"
    flaw: Flaw | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The proof is good, but the pair's next try is in so many seconds; bring it back then."""

    seconds: int
    cause: Cause = "number"


Step = Go | Solve | Wait
GO = Go()


class _Bucket:
    """A leaky bucket's measures, in ticks: where a rung begins, and where it is full."""

    def __init__(self, leak: int, first: int, full: int) -> None:
        self.leak = leak
        self.full = max(full, first + 1) * leak
        # The last failure counts whole until it has leaked away: hence one below.
        self.free = (first - 1) * leak
        self.last = self.full - leak
        self._first = first * leak

    def doublings(self, left: int) -> int:
        """How far up from the first rung's end to the bucket's brim, in `HARDEST` steps."""
        return max(0, (left - self._first) * HARDEST // (self.full - self._first))


class FairUse:
    """The ladder over one table. `clock` gives seconds since the machine started.

    Challenges are signed with `secret`, or with one of the table's: workers that could not share
    a table must know each other's all the same.
    """

    def __init__(
        self,
        table: SharedTable,
        settings: Settings,
        clock: Callable[[], float] = boot_s,
        secret: bytes | None = None,
    ) -> None:
        self._table = table
        self._clock = clock
        self._wait_s = settings.wait_s
        # Whoever waits must have time left to come back.
        self._life_s = max(LIFE_S, 2 * settings.wait_s)
        self._numbers = settings.challenge_numbers
        self._number = _Bucket(
            NUMBER_LEAK_S * TICKS, settings.free_failures, settings.failure_budget
        )
        leak = max(1, NETWORK_LEAK_S * TICKS // settings.network_failures)
        self._network = _Bucket(leak, settings.network_failures, 2 * settings.network_failures)
        self._challenges = Challenges(secret or table.key(b"challenges"), self._life_s)
        self._place_of_network = lru_cache(NETWORKS_REMEMBERED)(self._find_network)
        self._states = dict.fromkeys(
            ("free", "solved", "waited", "challenge_required", "try_later", "failures"), 0
        )

    def step(self, number: bytes, network: bytes, solution: str) -> Step:
        """Whether this number may be looked up from this network now.

        `number` is any bytes that stand for one candidate of one kind, `network` what
        `network_of` gives, `solution` what the client sent or "".
        """
        now_s = self._clock()
        now = int(now_s * TICKS)
        number_left = self._table.left(self._table.place(b"number" + number), now)
        network_left = self._table.left(self._place_of_network(network), now)
        if number_left <= self._number.free and network_left <= self._network.free:
            self._states["free"] += 1
            return GO
        cause: Cause = "number" if number_left > self._number.free else "network"
        pair = self._table.place(b"pair" + network + number)
        turn = self._table.left(pair, now)
        shown = self._challenges.look(solution, number, network, now_s)
        flaw = self._flaw(solution, shown, now)
        if flaw is None and shown.proof is not Proof.NONE:
            paced = number_left > self._number.last or shown.proof is Proof.WAITED
            if paced and turn:
                self._states["try_later"] += 1
                return Wait(_seconds(turn), cause)
            if self._admit(shown.nonce, pair if paced else None, now):
                self._states[shown.proof.value] += 1
                return GO
            # Another request was quicker, with this solution or with the pair's turn.
            flaw, turn = "used", self._table.left(pair, now)
        self._states["challenge_required"] += 1
        if flaw == "too_early" and shown.challenge is not None:
            # Whoever sends too soon goes on waiting, and does not begin again.
            wait_s = max(int(shown.challenge["wait"]), _seconds(turn))
            return Solve({**shown.challenge, "wait": wait_s}, cause, flaw)
        harder = max(self._number.doublings(number_left), self._network.doublings(network_left))
        wait_s = _seconds(turn) if turn else self._wait_s
        numbers = self._numbers << harder
        return Solve(self._challenges.make(number, network, now_s, wait_s, numbers), cause, flaw)

    def failed(self, number: bytes, network: bytes) -> None:
        """Count a try that found nothing."""
        now = int(self._clock() * TICKS)
        place, bucket = self._table.place(b"number" + number), self._number
        self._table.add(place, now, bucket.leak, bucket.full)
        place, bucket = self._place_of_network(network), self._network
        self._table.add(place, now, bucket.leak, bucket.full)
        self._states["failures"] += 1

    def states(self) -> Mapping[str, int]:
        """Steps of this worker since its start, by what came of them, and `failures`."""
        return dict(self._states)

    def close(self) -> None:
        """Let go of the table."""
        self._table.close()

    def _find_network(self, network: bytes) -> int:
        return self._table.place(b"network" + network)

    def _spent(self, nonce: bytes) -> int:
        return self._table.place(b"spent" + nonce)

    def _flaw(self, solution: str, shown: Shown, now: int) -> Flaw | None:
        """What is wrong with a solution as far as one can tell without spending it."""
        if not solution:
            return None
        if shown.proof is Proof.NONE:
            return "invalid"
        if self._table.left(self._spent(shown.nonce), now):
            return "used"
        return "too_early" if shown.proof is Proof.EARLY else None

    def _admit(self, nonce: bytes, pair: int | None, now: int) -> bool:
        """Spend a challenge, and take the pair's turn where there is one to take; false where
        either was taken before."""
        if not self._table.take(self._spent(nonce), now, self._life_s * TICKS):
            return False
        return pair is None or self._table.take(pair, now, self._wait_s * TICKS)


def open_fair_use(
    settings: Settings, clock: Callable[[], float] = boot_s, secret: bytes | None = None
) -> FairUse:
    """Fair use over the machine's table below the data folder. Never raises."""
    return FairUse(open_table(settings.data_dir.joinpath(*TABLE)), settings, clock, secret)


def _seconds(ticks: int) -> int:
    """Whole seconds, none too few."""
    return -(-ticks // TICKS)
