"""The steps of an answer, in their order: the hour, the input, fair use, the record."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from lookup.candidate import CANONICAL, DIGIT_LOOKALIKES, credential
from lookup.clock import SteadyClock
from lookup.public.answers import MAX_BODY_BYTES
from lookup.public.app import create_app
from lookup.public.asking import (
    NO_MATCH,
    ChallengeRequired,
    Credentials,
    Found,
    Invalid,
    NoMatch,
    NoPreCheck,
    NotOpen,
    Right,
    TryLater,
    Unavailable,
    UnknownKind,
    Ways,
    _canonical,
)
from lookup.public.fair_use import GO, Solve, Step, Wait
from lookup.public.handler import Asked, Handler, network_from
from lookup.public.live import LiveReleases
from lookup.public.tally import Tally
from lookup.sealing import pre_check_key
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Upcoming
from tests.makers import (
    KEY,
    OPENING,
    TYPED,
    Clock,
    make_kind,
    make_release,
    move,
    open_release,
    send,
)

NETWORK = b"\x04\xc0\x00\x02\x00\x00\x00"
NUMBER = b"scores:100000001"
WRONG = TYPED | {"access_code": "ZZZZ9999"}
UNKNOWN = TYPED | {"candidate_number": "999999999"}
CHALLENGE: dict[str, str | int] = {
    "algorithm": "SHA-256",
    "challenge": "c",
    "maxnumber": 9,
    "salt": "s",
    "wait": 30,
}


@dataclass
class Ladder:
    """Fair use that says what it is told to, and remembers what it was asked."""

    says: Step = GO
    steps: list[tuple[bytes, bytes, str]] = field(default_factory=list)
    failures: list[tuple[bytes, bytes]] = field(default_factory=list)

    def step(self, number: bytes, network: bytes, solution: str) -> Step:
        self.steps.append((number, network, solution))
        return self.says

    def failed(self, number: bytes, network: bytes) -> None:
        self.failures.append((number, network))

    def states(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        pass


@pytest.fixture
def ladder() -> Ladder:
    return Ladder()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(tmp_path: Path, clock: Clock) -> Iterator[LiveReleases]:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    live = LiveReleases(store, clock)
    live.settle()
    yield live
    live.close()


@pytest.fixture
def handler(live: LiveReleases, ladder: Ladder) -> Handler:
    return Handler(live, ladder, Tally())


def asked(body: bytes = orjson.dumps(TYPED), kind: str = "scores", solution: str = "") -> Asked:
    return Asked(kind, "application/json", body, "en", NETWORK, solution)


def test_a_record_passes_fair_use_by_number_network_and_solution(
    handler: Handler, ladder: Ladder
) -> None:
    assert handler.answer(asked(solution="solved")).status == 200
    assert ladder.steps == [(NUMBER, NETWORK, "solved")]
    assert ladder.failures == []


@pytest.mark.parametrize("typed", [WRONG, UNKNOWN])
def test_a_failure_counts_alike_whether_the_number_is_there_or_not(
    handler: Handler, ladder: Ladder, typed: dict[str, object]
) -> None:
    assert handler.answer(asked(orjson.dumps(typed))).status == 404
    assert ladder.failures == [(f"scores:{typed['candidate_number']}".encode(), NETWORK)]


def test_all_ways_of_writing_a_number_are_one_number(handler: Handler, ladder: Ladder) -> None:
    for number in (
        "100000001",
        " 1000 00001",
        "\uff11\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff11",
    ):
        handler.answer(asked(orjson.dumps(TYPED | {"candidate_number": number})))
    handler.answer(asked(orjson.dumps({"candidate_number": "100000001", "id_suffix": "12345x"})))
    assert {number for number, _, _ in ladder.steps} == {NUMBER}


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"more": "x"}', orjson.dumps(TYPED | {"access_code": "1"}),
     b" " * (MAX_BODY_BYTES + 1)],
)  # fmt: skip
def test_what_is_no_credential_costs_nothing(handler: Handler, ladder: Ladder, body: bytes) -> None:
    assert handler.answer(asked(body)).status >= 400
    assert (ladder.steps, ladder.failures) == ([], [])


def test_nothing_is_counted_before_the_hour(handler: Handler, ladder: Ladder, clock: Clock) -> None:
    clock.now = OPENING - timedelta(seconds=1)
    assert isinstance(handler.outcome("scores", WRONG, NETWORK, ""), NotOpen)
    assert isinstance(handler.outcome("nothing", WRONG, NETWORK, ""), UnknownKind)
    assert ladder.steps == []


@pytest.mark.parametrize(
    ("says", "outcome", "status"),
    [
        (Solve(CHALLENGE), ChallengeRequired(CHALLENGE), 429),
        (Wait(7), TryLater(7), 429),
    ],
)
def test_what_fair_use_asks_for_comes_before_the_record(
    handler: Handler, ladder: Ladder, says: Step, outcome: object, status: int
) -> None:
    ladder.says = says
    for typed in (TYPED, WRONG):
        assert handler.outcome("scores", typed, NETWORK, "") == outcome
    answer = handler.answer(asked())
    assert answer.status == status
    assert b"retry-after" in dict(answer.headers)
    assert ladder.failures == []


def test_equal_outcomes_are_equal_answers(handler: Handler) -> None:
    one, two = (handler.answer(asked(orjson.dumps(typed))) for typed in (WRONG, UNKNOWN))
    assert one == two


def test_an_oversized_body_ends_the_connection_and_names_no_unknown_kind(
    handler: Handler,
) -> None:
    answer = handler.answer(asked(b" " * (MAX_BODY_BYTES + 1)))
    assert (answer.status, dict(answer.headers)[b"connection"]) == (413, b"close")
    assert handler.answer(asked(b" " * (MAX_BODY_BYTES + 1), "nothing")).status == 404


# The page goes the same way


@pytest.fixture
def app(tmp_path: Path, ladder: Ladder) -> Iterator[Starlette]:
    store = EmbeddedStore(tmp_path)
    open_release(store, make_release(store, make_kind()))
    app = create_app(Settings(data_dir=tmp_path), store, Clock(), ladder)
    app.state.live.settle()
    yield app
    app.state.live.close()


def test_a_form_passes_fair_use_with_the_solution_it_brings(app: Starlette, ladder: Ladder) -> None:
    assert send(app, "POST", "/scores", data=TYPED | {"altcha": "solved"}).status_code == 200
    assert send(app, "POST", "/scores", data=WRONG).status_code == 404
    number, network, solution = ladder.steps[0]
    assert (number, solution) == (NUMBER, "solved")
    assert ladder.failures == [(NUMBER, network)]


@pytest.mark.parametrize("says", [Solve(CHALLENGE), Wait(7)])
def test_a_form_that_is_held_back_says_for_how_long(
    app: Starlette, ladder: Ladder, says: Step
) -> None:
    ladder.says = says
    page = send(app, "POST", "/scores?lang=en", data=TYPED)
    seconds = 7 if isinstance(says, Wait) else 30
    assert (page.status_code, page.headers["retry-after"]) == (429, str(seconds))
    assert f"{seconds} seconds" in page.text
    assert ('name="altcha"' in page.text) == isinstance(says, Solve)
    assert "512.5" not in page.text


def test_a_form_beyond_the_cap_ends_the_connection(app: Starlette) -> None:
    page = send(app, "POST", "/scores", data={"candidate_number": "1" * 5000})
    assert (page.status_code, page.headers["connection"]) == (413, "close")


# Where a request comes from


def test_only_a_unix_socket_is_believed_about_its_client() -> None:
    assert network_from(("192.0.2.77", 1), b"198.51.100.1") == NETWORK
    assert network_from(None, b"192.0.2.77") == NETWORK
    assert network_from(None, b"nonsense") == network_from(None, None)


# The gate is not asked for every answer


@dataclass
class Hands:
    """A wall clock and two steady ones, all moved together or not."""

    wall: datetime = OPENING - timedelta(seconds=1)
    steady_s: float = 50.0

    def boot(self) -> float:
        return self.steady_s

    def nanoseconds(self) -> int:
        return int(self.steady_s * 1e9)

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.steady_s += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def steady(tmp_path: Path, hands: Hands) -> Iterator[tuple[EmbeddedStore, Handler]]:
    store = EmbeddedStore(tmp_path)
    closes_at = OPENING + timedelta(seconds=1)
    open_release(store, make_release(store, make_kind()), closes_at=closes_at)
    live = LiveReleases(store, SteadyClock(lambda: hands.wall, hands.boot))
    live.settle()
    handler = Handler(live, Ladder(), Tally(), hands.nanoseconds)
    yield store, handler
    live.close()


def codes(handler: Handler) -> str:
    return type(handler.outcome("scores", TYPED, NETWORK, "")).__name__


def test_it_opens_and_closes_at_its_hour_and_not_a_thousandth_later(
    steady: tuple[EmbeddedStore, Handler], hands: Hands
) -> None:
    _, handler = steady
    seen = []
    for step in (0.999, 0.0011, 0.95, 0.0489, 0.0011):
        hands.pass_by(step)
        seen.append(codes(handler))
    assert seen == ["NotOpen", "Found", "Found", "Found", "Closed"]


def test_a_wall_clock_set_forward_opens_nothing(
    steady: tuple[EmbeddedStore, Handler], hands: Hands
) -> None:
    _, handler = steady
    hands.wall += timedelta(hours=5)
    assert codes(handler) == "NotOpen"


def test_what_was_withdrawn_is_gone_with_the_next_look_at_the_pointers(
    steady: tuple[EmbeddedStore, Handler], hands: Hands
) -> None:
    store, handler = steady
    hands.pass_by(1.5)
    assert codes(handler) == "Found"
    move(store)
    handler._live.settle()
    assert codes(handler) == "Closed"


# Reading quickly is reading


TEXTS = st.one_of(
    st.text(max_size=12),
    st.text("0123456789X -oilOIL\uff11", max_size=12),
    st.from_regex(r"[0-9]{9}", fullmatch=True),
    st.from_regex(r"[0-9]{5}[0-9X]", fullmatch=True),
    st.sampled_from(["100000001", "ABCD2345", "12345X", "abcd-2345", "ABCD2345\n", "100000001\n"]),
)


@given(TEXTS, TEXTS, st.sampled_from(["access_code", "id_suffix"]))
@hypothesis_settings(max_examples=400)
def test_canonical_spelling_is_recognised_and_never_mistaken(
    number: str, secret: str, name: str
) -> None:
    kind = make_kind()
    read = Ways(kind).read({"candidate_number": number, name: secret})
    slow = [
        _canonical(kind.field(field), value)
        for field, value in (("candidate_number", number), (name, secret))
    ]
    assert isinstance(read, Invalid) == any(isinstance(value, Invalid) for value in slow)
    if isinstance(read, Credentials):
        values = {
            "candidate_number": CANONICAL["code"](number).translate(DIGIT_LOOKALIKES),
            name: CANONICAL[name](secret),
        }
        assert read.opening == credential(values.items())
        assert read.number == b"scores:" + values["candidate_number"].encode()


@pytest.mark.parametrize("typed", ["1OOOOOOO1", "looooooo1", "I0000000I", " ｌＯ0000001 "])
def test_letters_that_look_like_digits_are_forgiven_where_only_digits_can_be(
    handler: Handler, typed: str
) -> None:
    fields = TYPED | {"candidate_number": typed}
    assert isinstance(handler.outcome("scores", fields, NETWORK, ""), Found)


def test_other_letters_are_refused_in_a_number(handler: Handler) -> None:
    fields = TYPED | {"candidate_number": "1000B0001"}
    assert handler.outcome("scores", fields, NETWORK, "") == Invalid("candidate_number", "digits")


@given(TEXTS, TEXTS, st.sampled_from(["access_code", "id_suffix"]))
def test_the_faults_of_a_form_begin_with_the_answers(number: str, secret: str, name: str) -> None:
    ways, fields = Ways(make_kind()), {"candidate_number": number, name: secret}
    read, faults = ways.read(fields), ways.faults(fields)
    assert [read] == list(faults[:1]) if isinstance(read, Invalid) else faults == ()


def test_names_that_are_no_way_in_are_one_fault() -> None:
    ways = Ways(make_kind())
    assert ways.faults({"candidate_number": "1"}) == (ways.read({"candidate_number": "1"}),)


def test_a_found_record_and_a_miss_are_what_they_were(handler: Handler) -> None:
    assert isinstance(handler.outcome("scores", TYPED, NETWORK, ""), Found)
    assert isinstance(handler.outcome("scores", WRONG, NETWORK, ""), NoMatch)


# Before the hour


@pytest.fixture
def sealed(tmp_path: Path, clock: Clock) -> Iterator[LiveReleases]:
    """A release that is scheduled, with marks."""
    store = EmbeddedStore(tmp_path)
    reference = make_release(store, make_kind(), pre_check=True)
    move(store, upcoming=Upcoming(reference, OPENING, pre_check=pre_check_key(KEY)))
    clock.now = OPENING - timedelta(days=3)
    live = LiveReleases(store, clock)
    live.settle()
    yield live
    live.close()


@pytest.mark.parametrize(
    "typed",
    [TYPED, TYPED | {"access_code": "abcd-2345"},
     {"candidate_number": "１０００００００１", "id_suffix": "12345x"}],
)  # fmt: skip
def test_whoever_types_what_will_open_a_record_is_told_so_and_nothing_else(
    sealed: LiveReleases, ladder: Ladder, typed: dict[str, str]
) -> None:
    handler = Handler(sealed, ladder, Tally())
    assert handler.pre_check("scores", typed, NETWORK, "solved") == Right()
    assert (ladder.steps, ladder.failures) == ([(NUMBER, NETWORK, "solved")], [])
    assert handler.outcome("scores", typed, NETWORK, "") == NotOpen(OPENING)


@pytest.mark.parametrize("typed", [WRONG, UNKNOWN])
def test_a_wrong_pre_check_is_one_event_and_a_failure_of_the_number(
    sealed: LiveReleases, ladder: Ladder, typed: dict[str, str]
) -> None:
    handler = Handler(sealed, ladder, Tally())
    assert handler.pre_check("scores", typed, NETWORK, "") is NO_MATCH
    assert ladder.failures == [(f"scores:{typed['candidate_number']}".encode(), NETWORK)]


def test_a_pre_check_stands_on_the_same_ladder(sealed: LiveReleases, ladder: Ladder) -> None:
    handler = Handler(sealed, ladder, Tally())
    for says, outcome in ((Solve(CHALLENGE), ChallengeRequired(CHALLENGE)), (Wait(9), TryLater(9))):
        ladder.says = says
        assert handler.pre_check("scores", TYPED, NETWORK, "") == outcome
        assert handler.pre_check("scores", WRONG, NETWORK, "") == outcome
    assert ladder.failures == []


def test_what_is_no_credential_costs_a_pre_check_nothing(
    sealed: LiveReleases, ladder: Ladder
) -> None:
    handler = Handler(sealed, ladder, Tally())
    for fields in ({}, TYPED | {"access_code": "1"}, Invalid(None, "not_form")):
        assert isinstance(handler.pre_check("scores", fields, NETWORK, ""), Invalid)
    assert (ladder.steps, ladder.failures) == ([], [])


def test_there_is_no_pre_check_of_what_is_open_and_of_what_is_not_scheduled(
    handler: Handler, ladder: Ladder, live: LiveReleases, clock: Clock
) -> None:
    assert handler.pre_check("scores", TYPED, NETWORK, "") == NoPreCheck(opened=True)
    clock.now -= timedelta(seconds=1)
    assert handler.pre_check("scores", TYPED, NETWORK, "") == NoPreCheck(opened=False)
    assert handler.pre_check("other", TYPED, NETWORK, "") == UnknownKind()
    assert ladder.steps == []


def test_marks_that_cannot_be_read_are_no_failure_of_the_number(
    tmp_path: Path, clock: Clock, ladder: Ladder
) -> None:
    store = EmbeddedStore(tmp_path)
    reference = make_release(store, make_kind(), pre_check=True)
    move(store, upcoming=Upcoming(reference, OPENING, pre_check=KEY))
    clock.now = OPENING - timedelta(days=3)
    live = LiveReleases(store, clock)
    live.settle()
    handler = Handler(live, ladder, Tally())
    assert handler.pre_check("scores", TYPED, NETWORK, "") == Unavailable()
    assert ladder.failures == []
    live.close()


def test_a_right_pre_check_is_counted_as_one_and_a_wrong_one_as_any_other() -> None:
    tally = Tally()
    for outcome in (Right(), NO_MATCH, NoPreCheck(opened=True)):
        tally.count("scores", outcome, 1)
    counts = tally.counts()["scores"]
    assert (counts.hits, counts.misses) == (0, 1)
    assert counts.refused == {"pre_checked": 1, "no_pre_check": 1}
