"""Phrases: what is said to people, in both languages, from TOML files."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookup.kinds import Label

LANGUAGES = ("zh", "en")


class Phrases:
    """The texts of a wing in both languages; a phrase that is missing is a KeyError."""

    def __init__(self, labels: Mapping[str, Label]) -> None:
        self._labels = labels

    def say(self, key: str, language: str, **values: object) -> str:
        """The phrase with its `{names}` filled in."""
        text = self._labels[key].in_language(language)
        return text.format_map(values) if values else text


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
