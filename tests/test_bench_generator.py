"""The load generator against a tiny service whose behaviour is known."""

import socket
import threading
from collections.abc import Iterator

import pytest

from loadtest.bench.burst import moments
from loadtest.bench.exchange import Exchange, Verdict, get
from loadtest.bench.generator import Arrived, OpenLoop, closed_loop, dial
from loadtest.bench.overload import BOUND_MS, WINDOW_S, arrivals, recovery_s
from loadtest.bench.service import HOST

BODY = b"hello"
RIGHT = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
GOOD, BAD = Exchange(get("/good"), BODY), Exchange(get("/bad"), BODY)
ANSWERS = {b"/good": RIGHT, b"/busy": BUSY, b"/bad": RIGHT.replace(b"hello", b"other")}


class _Service(threading.Thread):
    """Answers by path, in two pieces; closes after `/busy` and on anything it does not know."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server((HOST, 0))
        self.port = self.listening.getsockname()[1]
        self.connections = 0

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while request := connection.recv(4096):
                    path = request.split(b" ")[1]
                    answer = ANSWERS.get(path, b"")
                    connection.sendall(answer[:20])
                    connection.sendall(answer[20:])
                    if path not in (b"/good", b"/bad"):
                        return
            except OSError:
                return


@pytest.fixture
def service() -> Iterator[_Service]:
    made = _Service()
    made.start()
    yield made
    made.listening.shutdown(socket.SHUT_RDWR)
    made.listening.close()
    made.join()


def test_a_closed_loop_counts_what_was_right_and_what_was_not(service: _Service) -> None:
    tally = closed_loop(dial(HOST, service.port), [GOOD, BAD], 4, 0.2)
    assert tally.counts[Verdict.RIGHT] > 0
    assert tally.counts[Verdict.WRONG] > 0
    assert len(tally.latencies) == tally.right
    assert service.connections == 4


def test_a_closed_loop_takes_a_fresh_connection_as_often_as_it_is_told(service: _Service) -> None:
    tally = closed_loop(dial(HOST, service.port), [GOOD], 1, 0.2, fresh_every=1)
    # The last one may still be waiting to be accepted.
    assert abs(service.connections - tally.right) <= 2


def test_a_connection_that_ends_is_taken_anew(service: _Service) -> None:
    tally = closed_loop(dial(HOST, service.port), [Exchange(get("/gone"), BODY), GOOD], 1, 0.2)
    assert tally.dropped > 0
    assert tally.right > 0


@pytest.mark.parametrize("mode", [{"fresh_every": 1}, {"kept": 3}, {"fresh_every": 2, "kept": 2}])
def test_an_open_loop_tells_of_every_arrival(service: _Service, mode: dict[str, int]) -> None:
    exchanges = [GOOD, Exchange(get("/busy"), BODY), Exchange(get("/gone"), BODY), BAD]
    loop = OpenLoop(dial(HOST, service.port), exchanges, moments(40, 0.05), **mode)
    found = loop.run()
    verdicts = [each.verdict for each in found]
    expected = (Verdict.RIGHT, Verdict.REFUSED, None, Verdict.WRONG)
    assert {each: verdicts.count(each) for each in expected} == dict.fromkeys(expected, 10)
    assert all(each.took_s >= each.late_s >= 0 for each in found)
    assert sorted(each.due_s for each in found) == pytest.approx(moments(40, 0.05), abs=1e-6)


def test_moments_lie_evenly_within_their_time() -> None:
    assert moments(4, 1.0) == [0.0, 0.25, 0.5, 0.75]


def test_arrivals_are_the_same_for_the_same_seed_and_keep_their_rate() -> None:
    found = arrivals(1000.0, 10.0, 5.0, seed=1)
    assert found == arrivals(1000.0, 10.0, 5.0, seed=1) == sorted(found)
    assert found[0] >= 5.0
    assert found[-1] < 15.0
    assert len(found) == pytest.approx(10_000, rel=0.05)


def _after(*windows: tuple[Verdict | None, float]) -> list[Arrived]:
    return [
        Arrived(10.0 + (at + 0.5) * WINDOW_S, 0.0, took_s, verdict)
        for at, (verdict, took_s) in enumerate(windows)
    ]


@pytest.mark.parametrize(
    ("windows", "bad"),
    [
        ([(Verdict.RIGHT, 0.01)] * 4, 0),
        ([(Verdict.REFUSED, 0.01), *[(Verdict.RIGHT, 0.01)] * 3], 1),
        ([(Verdict.RIGHT, BOUND_MS), *[(Verdict.RIGHT, 0.01)] * 3], 1),
        ([*[(Verdict.RIGHT, 0.01)] * 2, (None, 5.0), (Verdict.RIGHT, 0.01)], 3),
        ([(Verdict.REFUSED, 0.01)] * 4, 4),
    ],
)
def test_recovery_lasts_until_the_last_window_that_was_not_well(
    windows: list[tuple[Verdict | None, float]], bad: int
) -> None:
    assert recovery_s(_after(*windows), 10.0, 10.0 + 4 * WINDOW_S) == bad * WINDOW_S
