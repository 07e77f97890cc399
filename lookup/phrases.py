"""Phrases: what is said to people, in both languages, from TOML files."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from lookup.kinds import Label

LANGUAGES = ("zh", "en")


class _Count(int):
    """A number that chooses between the words for one and for more: `{count:row is|rows are}`."""

    def __format__(self, words: str) -> str:
        one, bar, more = words.partition("|")
        return (one if self == 1 else more) if bar else super().__format__(words)


class Phrases:
    """The texts of a wing in both languages; a phrase that is missing is a KeyError."""

    def __init__(self, labels: Mapping[str, Label]) -> None:
        self._labels = labels

    def say(self, key: str, language: str, **values: object) -> str:
        """The phrase with its `{names}` filled in; a number may choose words, as `_Count` says."""
        text = self._labels[key].in_language(language)
        if not values:
            return text
        numbers = {name: _Count(value) for name, value in values.items() if type(value) is int}
        return text.format_map({**values, **numbers})


def day_values(phrases: Phrases, day: date, language: str) -> dict[str, str]:
    """What a phrase about a day is filled with: `year`, `month`, `day` and `weekday`, by the names
    in the phrases `date.months` and `date.weekdays`."""
    months = phrases.say("date.months", language).split()
    weekdays = phrases.say("date.weekdays", language).split()
    return {
        "year": str(day.year),
        "month": months[day.month - 1],
        "day": str(day.day),
        "weekday": weekdays[day.weekday()],
    }


def parse_phrases(*texts: str) -> Phrases:
    """The phrases of TOML texts of `key = { zh = "…", en = "…" }`."""
    documents: list[dict[str, Any]] = [tomllib.loads(text) for text in texts]
    return Phrases(
        {
            key: Label(text["zh"], text["en"])
            for document in documents
            for key, text in document.items()
        }
    )


def read_phrases(*paths: Path) -> Phrases:
    """The phrases of such TOML files together."""
    return parse_phrases(*(path.read_text("utf-8") for path in paths))
