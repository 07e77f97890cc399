"""What is made once and kept: a document that changes seldom, and what was made lately."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from lookup.public.tagged import Body, reply, tagged

MAX_AGE = "public, max-age=60"
Value = TypeVar("Value")


class Document:
    """One document, made anew only when what it is made of has changed."""

    def __init__(self, media_type: str, more: Mapping[str, str] | None = None) -> None:
        self._media_type = media_type
        self._headers = {"Cache-Control": MAX_AGE, **(more or {})}
        self._made_of: object = None
        self._body: Body | None = None

    def answer(self, request: Request, made_of: object, make: Callable[[], bytes]) -> Response:
        """The document, or that the client has it. `made_of` is all that `make` looks at."""
        if self._body is None or self._made_of != made_of:
            self._body = tagged(make())
            self._made_of = made_of
        return reply(request, self._body, self._media_type, self._headers)


class Recent(Generic[Value]):
    """What was made lately, so heavy in all at most; the longest unused goes first."""

    def __init__(self, most: int, weight: Callable[[Value], int] = lambda _: 1) -> None:
        self._most, self._weight = most, weight
        self._held: OrderedDict[object, Value] = OrderedDict()
        self._sum = 0

    def get(self, key: object, make: Callable[[], Value]) -> Value:
        """What is kept under `key`, else what `make` makes, which is kept from now on."""
        if key not in self._held:
            self._held[key] = made = make()
            self._sum += self._weight(made)
            while self._sum > self._most and len(self._held) > 1:
                self._sum -= self._weight(self._held.popitem(last=False)[1])
        self._held.move_to_end(key)
        return self._held[key]
