"""Refusals: each has one sentence in both languages, and says what a person can do."""

import ast
import pickle
import string
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from lookup.admin.people.roles import AUDITOR, Actor
from lookup.admin.refusals import misused, refused, sentence, word
from lookup.errors import RefusedError, UsageError

LOOKUP = Path(__file__).parent.parent / "lookup"
PHRASES = files("lookup.admin").joinpath("phrases", "refusals.toml")
SENTENCES = tomllib.loads(PHRASES.read_text("utf-8"))
ONLY_IN_ENGLISH = {
    "disclosure": {"parts"},
    "empty_field": {"field"},
    "cell": {"field"},
    "move": {"subject"},
    "no_such_field": {"fields"},
    "no_such_target": {"kind"},
    "in_use": {"kind"},
}
"""What a reader of Chinese is told with a label instead, or sees on the page."""
ONLY_IN_CHINESE = {"disclosure": {"fields"}, "empty_field": {"label"}, "cell": {"label"}}


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def raised() -> set[str]:
    """The rules that the code names."""
    found = set()
    for path in LOOKUP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                rule = {"refused": 0, "misused": 0, "RefusedError": 1}.get(node.func.id)
                if rule is not None and len(node.args) > rule:
                    constant = node.args[rule]
                    if isinstance(constant, ast.Constant):
                        found.add(str(constant.value))
    return found


@pytest.mark.parametrize("rule", SENTENCES)
def test_a_refusal_says_the_same_in_both_languages(rule: str) -> None:
    said = SENTENCES[rule]
    zh, en = names(said["zh"]), names(said["en"])
    assert en - zh <= ONLY_IN_ENGLISH.get(rule, set())
    assert zh - en <= ONLY_IN_CHINESE.get(rule, set())


def test_every_rule_that_is_raised_has_its_sentence_and_none_is_left_over() -> None:
    assert raised() == {rule for rule in SENTENCES if not rule.startswith("word.")}


def test_a_refusal_is_the_english_sentence_and_another_where_that_is_asked_for() -> None:
    error = refused("move", subject="Batch 3", state=word("open"), wanted=word("approved"))
    assert isinstance(error, RefusedError)
    assert str(error) == sentence(error, "en") == "Batch 3 is open and cannot become approved."
    assert sentence(error, "zh") == "目前状态为“开放中”，不能变为“已批准”。"
    assert isinstance(misused("why"), UsageError)


def test_an_error_without_a_rule_is_said_as_it_is() -> None:
    assert sentence(RefusedError("The disk is full."), "zh") == "The disk is full."


def test_the_roles_that_would_do_are_named_in_words() -> None:
    with pytest.raises(RefusedError) as caught:
        Actor("ji", frozenset({AUDITOR})).check("batch.check")
    assert str(caught.value) == "ji may not do this: it needs the role loader or reviewer."
    assert sentence(caught.value, "zh") == "ji 没有权限：需要录入员或审核员的角色。"


def test_a_refusal_crosses_from_one_process_to_another() -> None:
    error = pickle.loads(pickle.dumps(refused("own_batch", name="lin", batch=3)))  # noqa: S301
    assert sentence(error, "zh") == "批次 3 由 lin 导入或更正，须由另一人批准。"
