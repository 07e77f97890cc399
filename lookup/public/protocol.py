"""The fast path: `POST /api/v1/KIND` answered in the parser's callbacks, in one write; and whoever
asks for the broadcast's events, whose connection is theirs from then on (lookup.public.watching).

Everything else goes on to the application as uvicorn would take it there. Whether a request is
served at all (lookup.public.admission) is decided when its head is complete.
"""

import logging
from functools import lru_cache
from typing import NoReturn
from urllib.parse import unquote

import httptools

from lookup.pages import choose_language
from lookup.public.admission import Admission
from lookup.public.answers import CONSTANT, MAX_BODY_BYTES, Answer
from lookup.public.bodies import OVERSIZED
from lookup.public.guarded import MAX_HEADERS, Stop
from lookup.public.handler import Asked, Handler, network_from
from lookup.public.refusals import EXEMPT, Refusals
from lookup.public.watching import EVENTS, WatchingProtocol, place
from lookup.public.wire import CONTINUE, application

PATH = "/api/v1/"
"""What stands before the kind."""
BROADCAST = (b"/live", b"/live.json", EVENTS)
"""What is refused first."""
FAST, ASGI, SKIPPED, WATCH = "fast", "asgi", "skipped", "watch"
"""What happens to a request: answered here, by the application, not at all, or until one of us
goes."""
log = logging.getLogger("lookup.public")


@lru_cache(maxsize=256)
def target(url: bytes) -> tuple[str, bytes] | None:
    """The kind and the query of an API URL, split as uvicorn and Starlette split it; None where
    it is another path, or none."""
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError):
        return None
    path = unquote(path) if "%" in path else path
    kind = path.removeprefix(PATH)
    if not path.startswith(PATH) or not kind or "/" in kind:
        return None
    return kind, parsed.query or b""


@lru_cache(maxsize=1024)
def language_for(query: bytes, accepted: bytes) -> str:
    """The language of a request, as `language_of` finds it."""
    return choose_language(query, accepted.decode("latin-1"))


class LookupProtocol(WatchingProtocol):
    """One connection. Give it to uvicorn as `http`."""

    def prepare(self) -> None:
        super().prepare()
        self.handler: Handler = self.app_state["handler"]
        self.admission: Admission = self.app_state["admission"]
        self.refusals: Refusals = self.app_state["refusals"]
        self.network: bytes | None = None
        self.way = ASGI
        self.found: dict[bytes, bytes] = {}  # the first header of each name; replaced, not changed
        self.target = ("", b"")
        self.keep_alive = True
        self.body = b""

    # The parser's callbacks

    def on_headers_complete(self) -> None:
        self.in_head = False
        if self.raw_bytes or len(self.headers) > MAX_HEADERS:
            self.check_head()
        # The first of a name counts, as in Starlette.
        self.found = found = dict(reversed(self.headers))
        aimed = target(self.url) if self.parser.get_method() == b"POST" else None
        if aimed is None or b"upgrade" in found:
            self._let_watch() if self._asks_to_watch() else self._pass_on()
            return
        self.target = aimed
        self.keep_alive = self._keeps_alive()
        length = found.get(b"content-length")
        if length is not None and int(length) > MAX_BODY_BYTES:
            self._refuse_body()
        if self._pending():
            self._pass_on()
            return
        if self.admission.shedding and not self.admission.admits(0):
            self._turn_away(self.url, self._language(aimed[1]))
            return
        self.way = FAST
        self.body = b""
        if b"expect" in found and self._expects():
            self.say(CONTINUE)

    def on_body(self, body: bytes) -> None:
        if self.way is FAST:
            self.body += body
            if len(self.body) > MAX_BODY_BYTES:
                self._refuse_body()
        elif self.way is ASGI:
            super().on_body(body)
        else:
            self.body_bytes += len(body)
            if self.body_bytes > MAX_BODY_BYTES:
                self._end(b"")
                raise Stop

    def on_message_complete(self) -> None:
        if self.way is ASGI:
            super().on_message_complete()
            return
        self.message_complete()
        if self.way is WATCH:
            self._watch()
        if self.way is FAST:
            self._tell(self._answer(self.body))
        if not self.deaf:
            self.lie_down()

    # The broadcast

    def _asks_to_watch(self) -> bool:
        """Whether it is for events, and its turn: after others the application has it."""
        path, method = self.url.partition(b"?")[0], self.parser.get_method()
        if path != EVENTS or method not in (b"GET", b"HEAD"):
            return False
        return b"upgrade" not in self.found and not self._pending()

    def _let_watch(self) -> None:
        path, _, query = self.url.partition(b"?")
        if self.hub.full(self._network()) or self.admission.shedding:
            self._turn_away(path, self._language(query))
        else:
            self.way = WATCH

    def _watch(self) -> NoReturn:
        self.tally.requests += 1
        self.server_state.total_requests += 1
        after = place(self.found.get(b"last-event-id"), self.url.partition(b"?")[2])
        network = self._network()
        self.found, self.body = {}, b""
        self.watch(after, network, self.parser.get_method() == b"HEAD")
        raise Stop

    # Answers

    def _answer(self, body: bytes) -> Answer:
        found, network, (kind, query) = self.found, self._network(), self.target
        language = self._language(query)
        content_type = found.get(b"content-type", b"").decode("latin-1")
        solution = found.get(b"x-altcha-solution", b"").decode("latin-1")
        self.tally.requests += 1
        self.server_state.total_requests += 1
        try:
            return self.handler.answer(Asked(kind, content_type, body, language, network, solution))
        except Exception as error:  # as in pages.Catcher: the type only, the rest could be personal
            self.tally.failures += 1
            log.error("a request failed: %s", type(error).__name__)
            return CONSTANT["error", language]

    def _tell(self, answer: Answer) -> None:
        if self.keep_alive and not self.draining:
            self.say(self.wire.answer(answer, True))
        else:
            self._end(self.wire.answer(answer, False))

    def _refuse_body(self) -> NoReturn:
        self._end(self.wire.answer(self._answer(OVERSIZED), True))
        raise Stop

    def _pass_on(self) -> None:
        """Everything that is not answered here."""
        self.way = ASGI
        path, _, query = self.url.partition(b"?")
        language = self._language(query)
        if _announced(self.found) > MAX_BODY_BYTES:
            self._end(self._words(self.refusals.too_large(path, language), False))
            raise Stop
        if path.startswith(EXEMPT) or self._admits(path):
            self.start_application(self._expects())
        elif self._pending():
            # In its turn, after the answers before it.
            self.tally.busy += 1
            self.start_application(False, application(self.refusals.busy(path, language)))
        else:
            self._turn_away(path, language)

    def _admits(self, path: bytes) -> bool:
        # As long as any are refused, whoever only watches is: lookups come first.
        if self.admission.shedding and path in BROADCAST:
            return False
        return self.admission.admits(len(self.tasks))

    def _turn_away(self, path: bytes, language: str) -> None:
        """Too much to do: say so now, and skip the body."""
        self.way = SKIPPED
        self.tally.busy += 1
        self.server_state.total_requests += 1
        self.wake()
        # Whoever waits for a 100 may send the body or not: where the next request begins is open.
        unclear = b"expect" in self.found or _announced(self.found) > MAX_BODY_BYTES
        keep_alive = self._keeps_alive() and not unclear
        words = self._words(self.refusals.busy(path, language), keep_alive)
        if keep_alive:
            self.say(words)
        else:
            self._end(words)
            raise Stop

    def _words(self, answer: Answer, keep_alive: bool) -> bytes:
        write = self.wire.head if self.parser.get_method() == b"HEAD" else self.wire.answer
        return write(answer, keep_alive)

    def _network(self) -> bytes:
        network = self.network
        if network is None:
            network = network_from(self.client, self.found.get(b"x-real-ip"))
            # Behind a proxy each request has a client of its own.
            self.network = network if self.client is not None else None
        return network

    def _keeps_alive(self) -> bool:
        parser = self.parser
        if self.draining or not parser.should_keep_alive():
            return False
        # Only an old client has to ask for it, and uvicorn does not listen to those.
        return b"connection" not in self.found or parser.get_http_version() != "1.0"

    def _language(self, query: bytes) -> str:
        accepted = self.found.get(b"accept-language")
        return language_for(query[:2000], accepted[:200] if accepted else b"")

    def _expects(self) -> bool:
        return any(n == b"expect" and v.lower() == b"100-continue" for n, v in self.headers)


def _announced(found: dict[bytes, bytes]) -> int:
    """The body's length as its head says, 0 where it does not."""
    return int(found.get(b"content-length", 0))
