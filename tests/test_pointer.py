"""The live pointer's bytes: all of a pointer comes back, and nothing else is taken for one."""

import datetime as dt
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.errors import DamagedError
from lookup.stores.pointer import Current, Ended, Pointer, Reference, Upcoming, decode, encode

OPENED = dt.datetime(2026, 6, 28, 10, 0, tzinfo=dt.UTC)
FIRST = Reference("scores-1", "scores-1.0123456789abcdef.lmdb", "0" * 64)
SECOND = Reference("scores-2", "scores-2.fedcba9876543210.lmdb", "f" * 64)
FULL = Pointer(
    "scores",
    7,
    current=Current(FIRST, bytes(range(32)), OPENED, OPENED + dt.timedelta(days=30)),
    upcoming=Upcoming(SECOND, OPENED + dt.timedelta(days=1), None, bytes(range(32, 64))),
    ended=Ended(FIRST, OPENED - dt.timedelta(days=300), withdrawn=True),
)

REFERENCES = st.builds(
    Reference,
    st.from_regex(r"[a-z][a-z0-9\-]{0,20}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,60}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
)
TIMES = st.datetimes(timezones=st.just(dt.UTC))
POINTERS = st.builds(
    Pointer,
    st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
    st.integers(1, 2**53),
    st.none()
    | st.builds(Current, REFERENCES, st.binary(min_size=32, max_size=32), TIMES, st.none() | TIMES),
    st.none()
    | st.builds(
        Upcoming,
        REFERENCES,
        TIMES,
        st.none() | TIMES,
        st.none() | st.binary(min_size=32, max_size=32),
    ),
    st.none() | st.builds(Ended, REFERENCES, TIMES, st.booleans()),
)
KEYS = st.sampled_from(
    [
        "kind",
        "epoch",
        "current",
        "upcoming",
        "ended",
        "release",
        "file",
        "sha256",
        "key",
        "opened_at",
        "opens_at",
        "closes_at",
        "pre_check",
        "ended_at",
        "withdrawn",
    ]
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=10
)


def changed(part: str, name: str, value: Any) -> bytes:
    document = orjson.loads(encode(FULL))
    document[part][name] = value
    return orjson.dumps(document)


@given(pointer=POINTERS)
def test_a_pointer_comes_back_as_it_was(pointer: Pointer) -> None:
    assert decode(encode(pointer)) == pointer


def test_every_truncation_is_damaged() -> None:
    content = encode(FULL)
    assert content.endswith(b"}\n")
    for length in range(len(content) - 1):
        with pytest.raises(DamagedError):
            decode(content[:length])


@given(content=st.binary() | JSON.map(orjson.dumps))
def test_nothing_breaks_the_reader(content: bytes) -> None:
    try:
        decode(content)
    except DamagedError as error:
        assert str(error).startswith("A live pointer under live/ cannot be read:")  # noqa: PT017


@settings(max_examples=300)
@given(
    part=st.sampled_from(["current", "upcoming", "ended"]), name=KEYS, value=JSON, data=st.data()
)
def test_no_value_in_a_right_pointer_breaks_the_reader(
    part: str, name: str, value: Any, data: st.DataObject
) -> None:
    try:
        found = decode(changed(part, name, value))
    except DamagedError:
        return
    for reference in (found.current, found.upcoming, found.ended):
        assert reference is None or isinstance(reference.reference.release, str)


@pytest.mark.parametrize("part", ["current", "upcoming", "ended"])
@pytest.mark.parametrize(
    "file",
    ["../admin/keys/k", "/etc/passwd", "..", ".", "", ".hidden", "a/b", "a\\b", "a\x00b", "a b",
     "a\n", "é.lmdb", "x" * 201, None, 5, ["a"]],
)  # fmt: skip
def test_a_file_that_leaves_the_folder_is_refused(part: str, file: Any) -> None:
    with pytest.raises(DamagedError):
        decode(changed(part, "file", file))


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("current", "key", "00"),
        ("current", "key", "zz" * 32),
        ("current", "key", None),
        ("current", "sha256", "F" * 64),
        ("current", "sha256", "0" * 63),
        ("current", "opened_at", "2026-06-28T10:00:00"),
        ("current", "opened_at", "tomorrow"),
        ("current", "opened_at", 5),
        ("current", "opened_at", "0001-01-01T00:00:00+14:00"),
        ("upcoming", "opens_at", "9999-12-31T23:59:59-14:00"),
        ("upcoming", "opens_at", None),
        ("upcoming", "pre_check", "00"),
        ("upcoming", "pre_check", ""),
        ("upcoming", "pre_check", "zz" * 32),
        ("upcoming", "pre_check", 5),
        ("current", "release", 5),
        ("current", "release", None),
    ],
)
def test_a_value_that_cannot_be_is_refused(part: str, name: str, value: Any) -> None:
    with pytest.raises(DamagedError):
        decode(changed(part, name, value))


@pytest.mark.parametrize(
    "change",
    [{"epoch": True}, {"epoch": -1}, {"epoch": "7"}, {"kind": None}, {"kind": "../admin/admin"}],
    ids=str,
)
def test_an_epoch_or_kind_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DamagedError):
        decode(orjson.dumps(orjson.loads(encode(FULL)) | change))


def test_times_of_another_offset_become_utc() -> None:
    found = decode(changed("current", "opened_at", "2026-06-28T18:00:00+08:00"))
    assert found.current is not None
    assert found.current.opened_at == OPENED
    assert found.current.opened_at.tzinfo is dt.UTC


def test_what_comes_next_and_what_has_ended_carry_no_key() -> None:
    document = orjson.loads(encode(FULL))
    assert "key" in document["current"]
    assert "key" not in document["upcoming"]
    assert "key" not in document["ended"]


def test_what_comes_next_may_carry_a_pre_check_key_and_nothing_else_does() -> None:
    document = orjson.loads(encode(FULL))
    assert document["upcoming"]["pre_check"] == bytes(range(32, 64)).hex()
    assert "pre_check" not in document["current"] | document["ended"]


@pytest.mark.parametrize("old", [True, False], ids=["from before pre-checks", "without one"])
def test_a_pointer_without_a_pre_check_key_is_read(old: bool) -> None:
    document = orjson.loads(encode(FULL))
    document["upcoming"]["pre_check"] = None
    if old:
        del document["upcoming"]["pre_check"]
    found = decode(orjson.dumps(document)).upcoming
    assert found is not None
    assert found.pre_check is None
