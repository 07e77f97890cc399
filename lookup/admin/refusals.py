"""Refusals in words: why an act was not done, in the language of whoever reads it.

A refusal carries its rule and values; the sentences stand in `phrases/refusals.toml`. As text it
is the English one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol, runtime_checkable

from lookup.errors import RefusedError, ServiceError, UsageError
from lookup.phrases import parse_phrases

PHRASES = parse_phrases(
    files("lookup.admin").joinpath("phrases", "refusals.toml").read_text("utf-8")
)


@runtime_checkable
class Said(Protocol):
    """A value that differs by language: a kind's label, a word, a finding's reason."""

    def in_language(self, language: str) -> str:
        """The value in words."""


@dataclass(frozen=True, slots=True)
class Words:
    """States or roles in a sentence, joined by `or` or `comma`."""

    names: tuple[str, ...]
    joined: str = "or"

    def in_language(self, language: str) -> str:
        """The words, joined as the language does."""
        joint = PHRASES.say(f"word.{self.joined}", language)
        return joint.join(PHRASES.say(f"word.{name}", language) for name in self.names)


@dataclass(frozen=True, slots=True)
class Joined:
    """Labels in a sentence, joined as a list."""

    labels: tuple[Said, ...]

    def in_language(self, language: str) -> str:
        """The labels, joined as the language does."""
        joint = PHRASES.say("word.comma", language)
        return joint.join(label.in_language(language) for label in self.labels)


def word(name: str) -> Words:
    """One state or role."""
    return Words((name,))


def refused(rule: str, **values: Any) -> RefusedError:
    """The refusal of a rule, to be raised: the data or its state forbids the act."""
    return RefusedError(_say(rule, "en", values), rule, values)


def misused(rule: str, **values: Any) -> UsageError:
    """The same where the call itself was wrong."""
    return UsageError(_say(rule, "en", values), rule, values)


def sentence(error: ServiceError, language: str) -> str:
    """What an error says; English where it has no rule."""
    return _say(error.rule, language, error.values) if error.rule else str(error)


def _say(rule: str, language: str, values: Mapping[str, Any]) -> str:
    words = {
        name: value.in_language(language) if isinstance(value, Said) else value
        for name, value in values.items()
    }
    return PHRASES.say(rule, language, **words)
