"""Credentials and names: what every lookup is asked, whatever its kind declares."""

import tracemalloc
from collections.abc import Mapping, Sequence

import pytest

from lookup.admin.checks import Checker, Context, Place
from lookup.admin.checks.credentials import SharedCodes
from lookup.admin.findings import WARNING, Finding
from tests.admin_makers import kind_called

SCORES = kind_called("scores")
CODES = ["36RBEJWN", "KX7R4BFC", "MMMM7777"]
Typed = Mapping[str, str]


def found_in(typed: Sequence[Typed], names: Sequence[str] = ()) -> list[Finding]:
    """The findings about candidates who type these, by line from 1."""
    checker = Checker(SCORES, Context())
    found: list[tuple[str, Finding]] = []
    for line, one in enumerate(typed, 1):
        name = names[line - 1] if names else "测试"
        found += checker.add(Place("甲.csv", line), {"name": name}, one)
    found += checker.finish()
    return [finding for _, finding in found]


def holder(number: int, code: str = "", suffix: str = "") -> Typed:
    """One candidate's credentials, without those that are empty."""
    typed = {"candidate_number": str(number), "access_code": code, "id_suffix": suffix}
    return {name: value for name, value in typed.items() if value}


def test_a_code_of_two_candidates_is_a_warning_that_never_says_it() -> None:
    typed = [holder(n, CODES[n % 2]) for n in range(3)]
    (finding,) = found_in(typed)
    assert (finding.rule, finding.line, finding.severity) == ("shared_code", 3, WARNING)
    assert finding.values == {"file": "甲.csv", "line": 1}
    assert finding.value == ""
    assert not any(code in finding.reason(language) for code in CODES for language in ("zh", "en"))


def test_a_code_of_many_is_told_of_each_but_the_first() -> None:
    assert [f.line for f in found_in([holder(n, CODES[0]) for n in range(5)])] == [2, 3, 4, 5]


def test_a_candidate_who_stands_twice_shares_a_code_with_nobody() -> None:
    assert found_in([holder(1, CODES[0]), holder(1, CODES[0])]) == []


def test_an_id_suffix_may_be_shared() -> None:
    assert found_in([holder(n, CODES[n], "123456") for n in range(3)]) == []


def test_a_factor_that_some_lack_is_told_with_their_share() -> None:
    typed = [holder(0, CODES[0]), holder(1, CODES[1], "123456"), holder(2, CODES[2], "123456")]
    several = found_in([*typed, holder(3, suffix="123456")])
    assert [(f.rule, f.line, f.column, f.values["count"]) for f in several] == [
        ("factor_empty", 0, "查询码", 1),
        ("factor_empty", 0, "身份证号后六位", 1),
    ]
    assert {(f.values["share"], f.severity) for f in several} == {("25.0%", WARNING)}


def test_a_factor_that_nobody_has_is_a_way_in_that_is_not_offered() -> None:
    assert found_in([holder(n, CODES[n]) for n in range(3)]) == []


@pytest.mark.parametrize(
    "name",
    [
        "王?",
        "王？",
        "=cmd()",
        "<b>x</b>",
        "李@",
        "王2",
        "王２",
        "王\ufffd",
        "张…",
        "王①",
        "张(大)",
        "_",
    ],
)
def test_a_character_no_name_has_is_a_warning(name: str) -> None:
    (finding,) = found_in([holder(1, CODES[0])], [name])
    assert (finding.rule, finding.line, finding.severity) == ("odd_name", 1, WARNING)
    assert (finding.column, finding.value) == ("姓名", name)


@pytest.mark.parametrize(
    "name",
    [
        "李琪丹",
        "阿·卜杜拉",
        "买买提•艾力",
        "𠮷田",
        "O'Brien",
        "Anne-Marie J.",
        "Nguye\u0302\u0303n",
        "〇",
    ],
)
def test_a_name_as_people_have_them_is_none(name: str) -> None:
    assert found_in([holder(1, CODES[0])], [name]) == []


def test_a_reference_has_neither_candidates_nor_credentials() -> None:
    checker = Checker(kind_called("cut_offs"), Context())
    assert list(checker.add(Place("a", 1), {"name": "??"})) == []
    assert list(checker.finish()) == []


@pytest.mark.parametrize("different", [50_000, 25_000])
def test_shared_codes_need_no_more_than_a_hundred_bytes_a_record(different: int) -> None:
    count = 50_000
    codes = SharedCodes(SCORES)
    tracemalloc.start()
    for number in range(count):
        codes.add(number, {"candidate_number": f"{number}", "access_code": f"{number % different}"})
    found = sum(1 for _ in codes.finish())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == count - different
    assert peak < 100 * count
