"""What a candidate types: every way of writing one thing has one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.candidate import (
    ACCESS_CODE_LENGTH,
    CANONICAL,
    CROCKFORD,
    access_code,
    credential,
    has_control_character,
    is_access_code,
    is_id_suffix,
)

FIELD_NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=12)
CREDENTIALS = st.dictionaries(FIELD_NAMES, st.text(max_size=20), max_size=4)
INVISIBLE = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff"]


@pytest.mark.parametrize(
    ("field_type", "typed", "canonical"),
    [
        ("code", "330100123", "330100123"),
        ("code", "３３０１００１２３", "330100123"),
        ("code", " 330 100\t123\n", "330100123"),
        ("code", "330\u3000100\u00a0123", "330100123"),
        ("code", "\ufeff330\u200b100\u2060123", "330100123"),
        ("code", "000123", "000123"),
        ("code", "ab12", "AB12"),
        ("id_suffix", "12345x", "12345X"),
        ("id_suffix", "１２３４５ｘ", "12345X"),
        ("access_code", "oil0-1abc", "0110" + "1ABC"),
        ("access_code", "OIL01ABC", "01101ABC"),
        ("access_code", "ＯＩＬ０１ＡＢＣ", "01101ABC"),
        ("access_code", "abcd efgh", "ABCDEFGH"),
        ("name", "欧阳 娜娜", "欧阳娜娜"),
        ("name", "mary ann", "MARYANN"),
    ],
)
def test_one_thing_has_one_spelling(field_type: str, typed: str, canonical: str) -> None:
    assert CANONICAL[field_type](typed) == canonical


@pytest.mark.parametrize("dot", list("·•‧∙⋅・･．.●"))
def test_every_middle_dot_in_a_name_is_the_same(dot: str) -> None:
    assert CANONICAL["name"](f"阿卜杜拉 {dot} 买买提") == "阿卜杜拉·买买提"


def test_a_character_beyond_the_basic_plane_stays_what_it_is() -> None:
    assert CANONICAL["name"]("𬍤 𫖯") == "𬍤𫖯"


@pytest.mark.parametrize("field_type", CANONICAL)
@given(text=st.text())
def test_a_canonical_spelling_is_its_own_spelling(field_type: str, text: str) -> None:
    once = CANONICAL[field_type](text)
    assert CANONICAL[field_type](once) == once


@pytest.mark.parametrize("field_type", CANONICAL)
@pytest.mark.parametrize(
    "typed",
    ["e\u200b\u0301", "\u0390", "\u01f0", "\u0130", "\ufb03", "\u1fb7"],
    ids=["accent behind zero width", "iota", "j caron", "dotted I", "ligature", "alpha"],
)
def test_a_canonical_spelling_is_its_own_spelling_where_unicode_is_hard(
    field_type: str, typed: str
) -> None:
    once = CANONICAL[field_type](typed)
    assert CANONICAL[field_type](once) == once


@given(
    number=st.text(alphabet="0123456789", min_size=1, max_size=20),
    noise=st.lists(st.sampled_from([" ", "\u3000", "\t", *INVISIBLE]), max_size=8),
    data=st.data(),
)
def test_noise_and_width_never_change_a_number(
    number: str, noise: list[str], data: st.DataObject
) -> None:
    characters = [
        chr(ord(digit) + 0xFEE0) if data.draw(st.booleans()) else digit for digit in number
    ]
    for mark in noise:
        characters.insert(data.draw(st.integers(0, len(characters))), mark)
    assert CANONICAL["code"]("".join(characters)) == number


@given(number=st.integers(0, 32**ACCESS_CODE_LENGTH - 1))
def test_every_access_code_is_canonical_and_one(number: int) -> None:
    code = access_code(number)
    assert is_access_code(code)
    assert CANONICAL["access_code"](code) == code
    assert CANONICAL["access_code"](f"{code[:4]}-{code[4:]}".lower()) == code


@given(st.lists(st.integers(0, 32**ACCESS_CODE_LENGTH - 1), min_size=2, max_size=2, unique=True))
def test_different_numbers_have_different_access_codes(numbers: list[int]) -> None:
    assert access_code(numbers[0]) != access_code(numbers[1])


@pytest.mark.parametrize("text", ["", "ABCDEFG", "ABCDEFGHJ", "ABCDEFGU", "abcdefgh", "ABCDEFG\n"])
def test_what_is_not_eight_crockford_characters_is_no_access_code(text: str) -> None:
    assert not is_access_code(text)


def test_crockford_leaves_out_the_four_letters_that_mislead() -> None:
    assert len(set(CROCKFORD)) == 32
    assert not set("ILOU") & set(CROCKFORD)


@pytest.mark.parametrize("text", ["123456", "12345X"])
def test_five_digits_and_a_digit_or_x_are_an_id_suffix(text: str) -> None:
    assert is_id_suffix(text)


@pytest.mark.parametrize(
    "text", ["", "12345", "1234567", "1234X5", "12345x", "１２３４５６", "123456\n"]
)
def test_anything_else_is_no_id_suffix(text: str) -> None:
    assert not is_id_suffix(text)


@pytest.mark.parametrize("text", ["a\x00", "\x1f", "\x7f", "\x85", "\ud800", "a\n"])
def test_control_characters_and_half_surrogates_are_seen(text: str) -> None:
    assert has_control_character(text)


def test_ordinary_text_has_no_control_character() -> None:
    assert not has_control_character("欧阳·娜娜 𬍤 Mary-Ann")


@given(first=CREDENTIALS, second=CREDENTIALS)
def test_no_two_different_sets_join_alike(first: dict[str, str], second: dict[str, str]) -> None:
    alike = credential(first.items()) == credential(second.items())
    assert alike == (first == second)


@given(values=CREDENTIALS, data=st.data())
def test_a_character_moved_over_a_boundary_joins_differently(
    values: dict[str, str], data: st.DataObject
) -> None:
    text = data.draw(st.text(min_size=1, max_size=20))
    at = data.draw(st.integers(0, len(text)))
    other = data.draw(st.integers(0, len(text)).filter(lambda place: place != at))
    assert credential([("a", text[:at]), ("b", text[at:])]) != credential(
        [("a", text[:other]), ("b", text[other:])]
    )


@given(values=CREDENTIALS, data=st.data())
def test_the_order_of_the_fields_does_not_matter(
    values: dict[str, str], data: st.DataObject
) -> None:
    pairs = data.draw(st.permutations(list(values.items())))
    assert credential(pairs) == credential(values.items())


def test_values_that_hold_the_separators_stay_apart() -> None:
    assert credential([("a", "1,1:b,1:2")]) != credential([("a", "1"), ("b", "2")])
