"""What pages with a form share: what was sent, what is wrong with it, why there is no form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from lookup.kinds import Kind
from lookup.pages import language_of
from lookup.public.answers import CODES, retry_after_s, status_of
from lookup.public.asking import (
    ChallengeRequired,
    Invalid,
    NoMatch,
    NotOpen,
    Outcome,
    TryLater,
    Ways,
)
from lookup.public.bodies import TOO_LARGE, read_body, read_form
from lookup.public.challenge import encode
from lookup.public.fair_use import Cause
from lookup.public.handler import network_from
from lookup.public.live import State, View
from lookup.public.site.frame import Frame, title_of
from lookup.public.site.moments import Return

Failed = NoMatch | Invalid | ChallengeRequired | TryLater
"""What is said above the form it was sent with."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What fair use asks of whoever sent a form: so many seconds, whose failures are the cause,
    and what to send back after them. That is a new challenge (`new`), which may be solved
    before, or the solution that was sent, which is good but came before its turn."""

    seconds: int
    cause: Cause
    altcha: str
    new: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that was sent: its fields, the solution that came along, the network it is from."""

    fields: dict[str, str] | Invalid
    solution: str
    network: bytes


async def read(request: Request) -> Sent:
    """What a request sends as a form."""
    fields = read_form(request.headers.get("content-type", ""), await read_body(request))
    solution = "" if isinstance(fields, Invalid) else fields.pop("altcha", "")
    return Sent(fields, solution, network_of_scope(request.scope))


class Forms:
    """The pages with a kind's form, and those that say why there is none."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._live = frame.live
        self._return = Return()

    def page(
        self,
        scope: Scope,
        template: str,
        view: View,
        outcome: Failed | None = None,
        sent: Sent | None = None,
        **values: object,
    ) -> Response:
        """The form of `view`; where it was `sent`, with what came of it."""
        response = self._frame.page(
            scope,
            template,
            200 if outcome is None else status_of(outcome),
            kind=view.kind,
            view=view,
            no_match=isinstance(outcome, NoMatch),
            faults=_faults(view.kind, outcome, sent),
            held=_held(outcome, sent.solution if sent else ""),
            way_used=_way(view.kind, sent),
            words=self._frame.words(language_of(scope)),
            **values,
        )
        if sent and sent.fields is TOO_LARGE:
            response.headers["Connection"] = "close"
        return _with_retry_after(response, outcome)

    def refusal(self, scope: Scope, outcome: Outcome, kind_name: str) -> Response:
        """Why there is no form: a page in words, before the hour one that waits for it."""
        view = self._live.view(kind_name, self._live.clock())
        title = title_of(view, language_of(scope)) if view else None
        if view and isinstance(outcome, NotOpen):
            response = self._opening(scope, view, outcome)
        else:
            code, status = CODES[type(outcome)], status_of(outcome)
            response = self._frame.message(scope, code, status, title)
        return _with_retry_after(response, outcome)

    def _opening(self, scope: Scope, view: View, outcome: NotOpen) -> Response:
        now, opens_at = self._live.clock(), outcome.opens_at
        # The view may be of a moment later than the outcome: what was said first holds.
        view = replace(view, state=State.NOT_OPEN, opens_at=opens_at, serving=None)
        return self._frame.page(
            scope,
            "opening.html",
            status_of(outcome),
            kind=view.kind,
            view=view,
            title=title_of(view, language_of(scope)),
            now=now,
            again_s=self._return.after_s([opens_at], now),
            words=self._frame.words(language_of(scope)),
            no_match=False,
            faults=(),
            held=None,
            way_used=None,
        )


def network_of_scope(scope: Scope) -> bytes:
    """The network a request came from, as fair use counts it."""
    real_ip = next((value for name, value in scope["headers"] if name == b"x-real-ip"), None)
    return network_from(scope.get("client"), real_ip)


def _with_retry_after(response: Response, outcome: Outcome | None) -> Response:
    seconds = None if outcome is None else retry_after_s(outcome)
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def _held(outcome: Outcome | None, solution: str) -> HeldBack | None:
    if isinstance(outcome, TryLater):
        return HeldBack(outcome.seconds, outcome.cause, solution, new=False)
    if isinstance(outcome, ChallengeRequired):
        wait_s, altcha = int(outcome.challenge["wait"]), encode(outcome.challenge)
        return HeldBack(wait_s, outcome.cause, altcha, new=True)
    return None


def _faults(kind: Kind | None, outcome: Outcome | None, sent: Sent | None) -> Sequence[Invalid]:
    """Everything that is wrong with what was sent, so that it is put right in one go."""
    if not isinstance(outcome, Invalid):
        return ()
    if kind is None or sent is None or isinstance(sent.fields, Invalid):
        return (outcome,)
    # Another view than the outcome's may find nothing wrong.
    return Ways(kind).faults(sent.fields) or (outcome,)


def _way(kind: Kind | None, sent: Sent | None) -> str | None:
    """The way in whose form was sent, as far as its fields tell."""
    if kind is None or sent is None or isinstance(sent.fields, Invalid) or not sent.fields:
        return None
    names = frozenset(sent.fields)
    return max(kind.ways, key=lambda way: len(names & set(way.fields))).name
