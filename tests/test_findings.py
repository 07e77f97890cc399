"""Findings: every rule has one sentence, in both languages, with the same values in it."""

import string
import tomllib
from collections import Counter
from importlib.resources import files

import pytest

from lookup.admin.findings import CHAPTERS, Finding

FOLDER = files("lookup.admin").joinpath("phrases")
SENTENCES = {
    chapter: tomllib.loads(FOLDER.joinpath(f"{chapter}.toml").read_text("utf-8"))
    for chapter in CHAPTERS
}
RULES = [
    pytest.param(said, id=f"{chapter}.{rule}")
    for chapter, rules in SENTENCES.items()
    for rule, said in rules.items()
]


def names(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_no_two_chapters_have_a_rule_of_the_same_name() -> None:
    counted = Counter(rule for rules in SENTENCES.values() for rule in rules)
    assert [rule for rule, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("said", RULES)
def test_a_rule_says_the_same_in_both_languages(said: dict[str, str]) -> None:
    assert said.keys() == {"zh", "en"}
    assert names(said["zh"]) == names(said["en"])
    assert all(sentence.strip() for sentence in said.values())


def test_a_finding_says_its_values() -> None:
    finding = Finding("ragged", 3, values={"cells": 6, "width": 7})
    assert finding.reason() == "has 6 cells where the header has 7"
    assert "7" in finding.reason("zh")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "1 formula has no stored result (B2)"),
        (2, "2 formulas have no stored result (B2)"),
        (0, "0 formulas have no stored result (B2)"),
    ],
)
def test_a_number_chooses_between_one_and_more(count: int, said: str) -> None:
    finding = Finding("formula_value", values={"count": count, "cells": "B2"})
    assert finding.reason().startswith(said)


@pytest.mark.parametrize("said", RULES)
def test_no_rule_names_an_option_or_a_command(said: dict[str, str]) -> None:
    """The console shows them too; the command line adds its own hints."""
    for word in ("--", "`", "lookup ", "release open"):
        assert not any(word in sentence for sentence in said.values())


def test_a_rule_without_a_sentence_is_an_error() -> None:
    with pytest.raises(KeyError):
        Finding("no_such_rule").reason()
