"""Sealing: only the right key, credential and release open what was sealed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import DamagedError
from lookup.sealing import (
    KEY_BYTES,
    LOCATOR_BYTES,
    MARK_BYTES,
    PAD_BYTES,
    PUBLIC,
    RECORD,
    Marks,
    fingerprint,
    locate,
    new_key,
    pad,
    pre_check_key,
    seal,
    unseal,
)

KEY = bytes(range(KEY_BYTES))
RELEASE = b"scores-2026-1"
CREDENTIAL = b"16:candidate_number,9:330100123,"
KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)


@given(key=KEYS, credential=st.binary(max_size=200), body=st.binary(max_size=500))
def test_what_was_sealed_opens(key: bytes, credential: bytes, body: bytes) -> None:
    locator, record_key = locate(key, credential)
    sealed = seal(record_key, locator, RELEASE, body)
    assert unseal(record_key, locator, RELEASE, sealed) == body
    assert (len(locator), len(record_key)) == (LOCATOR_BYTES, KEY_BYTES)


@pytest.mark.parametrize("wrong", ["key", "locator", "release"])
def test_nothing_opens_with_a_wrong_part(wrong: str) -> None:
    locator, record_key = locate(KEY, CREDENTIAL)
    sealed = seal(record_key, locator, RELEASE, b"{}")
    parts = {"key": record_key, "locator": locator, "release": RELEASE}
    parts[wrong] = bytes([parts[wrong][0] ^ 1]) + parts[wrong][1:]
    with pytest.raises(DamagedError, match=r"^A record of this release does not open"):
        unseal(parts["key"], parts["locator"], parts["release"], sealed)


@given(body=st.binary(max_size=200), data=st.data())
def test_a_flipped_bit_anywhere_is_found(body: bytes, data: st.DataObject) -> None:
    locator, record_key = locate(KEY, CREDENTIAL)
    sealed = bytearray(seal(record_key, locator, RELEASE, body))
    at = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[at // 8] ^= 1 << (at % 8)
    with pytest.raises(DamagedError):
        unseal(record_key, locator, RELEASE, bytes(sealed))


@pytest.mark.parametrize("kept", range(18))
def test_a_cut_entry_is_found(kept: int) -> None:
    locator, record_key = locate(KEY, CREDENTIAL)
    sealed = seal(record_key, locator, RELEASE, b"{}")
    assert len(sealed) == 18
    with pytest.raises(DamagedError):
        unseal(record_key, locator, RELEASE, sealed[:kept])


def test_an_error_tells_nothing_of_the_record() -> None:
    locator, record_key = locate(KEY, CREDENTIAL)
    sealed = seal(record_key, locator, RELEASE, "王小明 587.5".encode())
    with pytest.raises(DamagedError) as caught:
        unseal(record_key, locator, b"another", sealed)
    assert "王" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(credentials=st.lists(st.binary(max_size=60), min_size=2, max_size=40, unique=True), key=KEYS)
def test_an_unknown_number_and_a_wrong_factor_are_both_no_such_locator(
    credentials: list[bytes], key: bytes
) -> None:
    known, *others = credentials
    kept = {locate(key, known)[0]}
    assert all(locate(key, other)[0] not in kept for other in others)


def test_another_release_key_finds_nothing() -> None:
    assert locate(new_key(), CREDENTIAL)[0] != locate(KEY, CREDENTIAL)[0]


def test_records_and_public_documents_never_share_a_locator_or_key() -> None:
    record, public = locate(KEY, CREDENTIAL, RECORD), locate(KEY, CREDENTIAL, PUBLIC)
    assert record[0] != public[0]
    assert record[1] != public[1]


def test_the_locator_tells_nothing_of_the_record_key() -> None:
    locator, record_key = locate(KEY, CREDENTIAL)
    assert locator not in record_key


def test_every_release_key_is_new() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert len(new_key()) == KEY_BYTES


@given(body=st.binary(max_size=400))
def test_padding_goes_to_the_next_multiple_and_adds_spaces_only(body: bytes) -> None:
    padded = pad(body)
    assert len(padded) % PAD_BYTES == 0
    assert len(body) <= len(padded) < len(body) + PAD_BYTES
    assert padded == body + b" " * (len(padded) - len(body))


def test_a_fingerprint_tells_nothing_without_the_key() -> None:
    digest = "ab" * 32
    assert fingerprint(bytes(32), digest) == fingerprint(bytes(32), digest)
    assert fingerprint(bytes(32), digest) != fingerprint(b"\1" * 32, digest)
    assert digest not in fingerprint(bytes(32), digest)


def test_a_pre_check_key_is_another_for_every_release_and_none_of_its_keys() -> None:
    key = pre_check_key(KEY)
    assert len(key) == KEY_BYTES
    assert key not in (KEY, pre_check_key(key), pre_check_key(bytes(KEY_BYTES)))
    for person in (RECORD, PUBLIC):
        assert key not in locate(KEY, b"", person)


def test_marks_of_one_key_say_nothing_under_another() -> None:
    marks, others = Marks(pre_check_key(KEY)), Marks(KEY)
    assert len(marks.of(CREDENTIAL)) == MARK_BYTES
    assert marks.of(CREDENTIAL) == marks.of(CREDENTIAL)
    assert marks.of(CREDENTIAL) not in (others.of(CREDENTIAL), marks.of(CREDENTIAL + b","))
    assert len({*marks.buckets, *others.buckets}) == 512
