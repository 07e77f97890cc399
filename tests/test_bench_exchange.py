"""How the load generator judges answers: never too early, never by their beginning."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.bench.exchange import Exchange, Verdict, get, post
from loadtest.bench.town import KEY, Town, linked, spread, town
from lookup.release_file import ReleaseFile

BODY = b'{"record":{"total":512}}        '
HEAD = b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: %d\r\n\r\n"
WHOLE = HEAD % len(BODY) + BODY
EXCHANGE = Exchange(b"", BODY)
PART_OF = Exchange(b"", b'"total":512', whole=False)


def test_the_expected_answer_is_right() -> None:
    assert EXCHANGE.judge(WHOLE) is Verdict.RIGHT
    assert PART_OF.judge(WHOLE) is Verdict.RIGHT


@given(st.integers(0, len(WHOLE) - 1))
def test_a_beginning_is_a_part(length: int) -> None:
    assert EXCHANGE.judge(WHOLE[:length]) is Verdict.PART
    assert PART_OF.judge(WHOLE[:length]) is Verdict.PART


@given(st.integers(0, len(BODY) - 1))
def test_one_other_byte_in_the_body_is_wrong(at: int) -> None:
    other = bytearray(WHOLE)
    other[len(WHOLE) - len(BODY) + at] ^= 1
    assert EXCHANGE.judge(bytes(other)) is Verdict.WRONG


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (WHOLE.replace(b"200 OK", b"404 Not Found"), Verdict.WRONG),
        (WHOLE + b" ", Verdict.WRONG),
        (HEAD % 0, Verdict.WRONG),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}", Verdict.REFUSED),
        (b"HTTP/1.1 429 Later\r\ncontent-length: 2\r\n\r\n{}", Verdict.REFUSED),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{", Verdict.PART),
    ],
)
def test_other_answers_are_told_apart(answer: bytes, verdict: Verdict) -> None:
    assert EXCHANGE.judge(answer) is verdict


def test_a_chunked_answer_ends_with_its_last_chunk() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" + BODY
    assert PART_OF.judge(answer) is Verdict.PART
    assert PART_OF.judge(answer + b"\r\n0\r\n\r\n") is Verdict.RIGHT


def test_a_request_announces_its_body() -> None:
    head, _, body = post({"a": "b"}).partition(b"\r\n\r\n")
    assert body == b'{"a": "b"}'
    assert b"Content-Length: %d" % len(body) in head
    assert get("/x").startswith(b"GET /x HTTP/1.1\r\nHost: ")
    assert get("/x").endswith(b"\r\n\r\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return town(tmp_path_factory.mktemp("bench"), 100)


def test_everybody_in_a_town_opens_their_own_record_and_nobody_else_does(made: Town) -> None:
    file = ReleaseFile(made.path)
    for i in range(made.size):
        person = made.person(i)
        assert file.find(KEY, person.credential) == person.body
    assert file.find(KEY, made.person(made.size).credential) is None
    assert len({len(made.person(i).body) for i in range(made.size)}) == 1
    file.close()


def test_a_town_is_built_once(made: Town) -> None:
    before = made.path.stat().st_mtime_ns
    assert town(made.folder.parent.parent, made.size).path.stat().st_mtime_ns == before


def test_a_linked_town_has_the_release_and_no_pointer(made: Town, tmp_path: Path) -> None:
    store, current = linked(made, tmp_path / "home")
    assert store.path(current.reference).samefile(made.path)
    assert store.stamps() == {}


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_spread_meets_everybody_once(size: int) -> None:
    assert sorted(spread(size, size)) == list(range(size))
