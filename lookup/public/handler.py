"""One question, one answer: the same function behind the fast path, the API route and the form.

The order of the steps is the policy: the hour, what was typed, fair use, the record. What is not
a whole credential costs nothing and is looked up nowhere; a number that exists and one that does
not are counted alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter_ns
from typing import Protocol

from lookup.clock import SteadyClock
from lookup.kinds import Kind
from lookup.public.answers import Answer, render
from lookup.public.asking import (
    NO_MATCH,
    ChallengeRequired,
    Credentials,
    Invalid,
    Outcome,
    Refusal,
    TryLater,
    Ways,
    find,
    gate,
    pre_check,
    pre_check_gate,
)
from lookup.public.bodies import TOO_LARGE, json_fields
from lookup.public.fair_use import Go, Solve, Step, Wait
from lookup.public.live import LiveReleases, PreCheck, View
from lookup.public.network import network_of
from lookup.public.tally import Tally
from lookup.public.wire import CLOSE

MICROSECOND = timedelta(microseconds=1)
HOLD_NS = 100_000_000
"""The pointers are looked at far more often; where that has stopped, the gate is still asked."""


@dataclass(slots=True)
class Asked:
    """The parts of `POST /api/v1/KIND` that an answer depends on.

    `body` may be cut one byte above `MAX_BODY_BYTES`; `network` is where it came from, as fair
    use counts it; `solution` is the `X-Altcha-Solution` header, empty where there is none.
    """

    kind: str
    content_type: str
    body: bytes
    language: str
    network: bytes
    solution: str


class FairUse(Protocol):
    """What stands between a whole credential and the search."""

    def step(self, number: bytes, network: bytes, solution: str) -> Step:
        """Whether this number may be looked up from this network now."""

    def failed(self, number: bytes, network: bytes) -> None:
        """Count one search that found nothing."""

    def states(self) -> Mapping[str, int]:
        """Counts since the start, by decision."""

    def close(self) -> None:
        """Nothing is asked any more."""


@dataclass(slots=True)
class _Opening:
    """What `gate` said of a kind, and until when it need not be asked again."""

    view: View | Refusal
    revision: int
    until_ns: int


class Handler:
    """Answers over what is live now. Use it from one thread; nothing here waits.

    `steady_ns` never goes back. Where the clock of `live` is steady, too, what the gate said
    holds until the pointers are looked at again or a kind opens or closes; a clock that can be
    set is asked every time.
    """

    def __init__(
        self,
        live: LiveReleases,
        fair_use: FairUse,
        tally: Tally,
        steady_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self._live = live
        self._fair_use = fair_use
        self._tally = tally
        self._steady_ns = steady_ns
        self._hold_ns = HOLD_NS if isinstance(live.clock, SteadyClock) else 0
        self._openings: dict[str, _Opening] = {}
        self._ways: dict[str, Ways] = {}
        self._pre_check_ways: dict[str, Ways] = {}

    def answer(self, asked: Asked) -> Answer:
        """The API's answer, counted; a body beyond the cap also ends the connection."""
        started = self._steady_ns()
        fields = json_fields(asked.content_type, asked.body)
        outcome = self._outcome(asked.kind, fields, asked.network, asked.solution, started)
        answer = render(outcome, asked.language)
        if fields is TOO_LARGE:
            answer = replace(answer, headers=(*answer.headers, CLOSE))
        self._tally.count(asked.kind, outcome, self._steady_ns() - started)
        return answer

    def outcome(
        self, kind: str, fields: Mapping[str, object] | Invalid, network: bytes, solution: str
    ) -> Outcome:
        """What asking `kind` with `fields` comes to; not counted in the tally."""
        return self._outcome(kind, fields, network, solution, self._steady_ns())

    def _outcome(
        self,
        kind: str,
        fields: Mapping[str, object] | Invalid,
        network: bytes,
        solution: str,
        now_ns: int,
    ) -> Outcome:
        opening = self._openings.get(kind)
        if opening is None or now_ns >= opening.until_ns or opening.revision != self._live.revision:
            opening = self._open(kind, now_ns)
        view = opening.view
        if not isinstance(view, View):
            return view
        if isinstance(fields, Invalid):
            return fields
        return self._tried(self._ways[kind], fields, network, solution, partial(find, view))

    def _tried(
        self,
        ways: Ways,
        fields: Mapping[str, object],
        network: bytes,
        solution: str,
        look: Callable[[Credentials], Outcome],
    ) -> Outcome:
        """Read what was typed and look it up, where fair use lets it through."""
        credentials = ways.read(fields)
        if isinstance(credentials, Invalid):
            return credentials
        number = credentials.number
        step = self._fair_use.step(number, network, solution)
        if not isinstance(step, Go):
            return held(step)
        found = look(credentials)
        if found is NO_MATCH:
            self._fair_use.failed(number, network)
        return found

    def pre_check(
        self, kind: str, fields: Mapping[str, object] | Invalid, network: bytes, solution: str
    ) -> Outcome:
        """Whether `fields` will open a record of `kind` at its hour; not counted in the tally.

        The steps are those of a lookup, and so is the budget: a failure here is a failure there.
        """
        release = pre_check_gate(self._live, kind, self._live.clock())
        if not isinstance(release, PreCheck):
            return release
        if isinstance(fields, Invalid):
            return fields
        ways = self._ways_of(self._pre_check_ways, release.kind)
        return self._tried(ways, fields, network, solution, partial(pre_check, release))

    def _open(self, kind: str, now_ns: int) -> _Opening:
        """Ask the gate."""
        live, now = self._live, self._live.clock()
        view = gate(live, kind, now)
        opening = _Opening(view, live.revision, now_ns + self._hold(kind, now))
        if isinstance(view, View) and view.kind is not None:
            self._ways_of(self._ways, view.kind)
            self._openings[kind] = opening
        return opening

    @staticmethod
    def _ways_of(known: dict[str, Ways], kind: Kind) -> Ways:
        """The ways into a kind, made anew only where it is another one."""
        ways = known.get(kind.name)
        if ways is None or ways.kind is not kind:
            ways = known[kind.name] = Ways(kind)
        return ways

    def _hold(self, kind: str, now: datetime) -> int:
        changes_at = self._live.changes_at(kind, now)
        if self._hold_ns == 0 or changes_at is None:
            return self._hold_ns
        return min(self._hold_ns, (changes_at - now) // MICROSECOND * 1000)


def held(step: Solve | Wait) -> ChallengeRequired | TryLater:
    """What fair use asks for, as an outcome."""
    if isinstance(step, Solve):
        return ChallengeRequired(step.challenge, step.cause, step.flaw)
    return TryLater(step.seconds, step.cause)


def network_from(client: tuple[str, int] | None, real_ip: bytes | None) -> bytes:
    """The network of a request. `client` is the peer's address, None on a unix socket: only
    there is nginx in front, and only there is what it says of the client (`X-Real-IP`)
    believed."""
    if client is not None:
        return network_of(client[0])
    return network_of((real_ip or b"").decode("latin-1").strip())
