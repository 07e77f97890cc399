"""Findings: what is wrong or odd in a batch, as data; the sentence is said when somebody reads.

Every rule has its sentence in both languages in `phrases/`, a chapter for each part of the work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from lookup.phrases import Phrases, parse_phrases

ERROR, WARNING = "error", "warning"
MAX_VALUE_SHOWN = 40
CHAPTERS = ("reading", "layout", "cells", "loading", "checks")


def _phrases() -> Phrases:
    folder = files("lookup.admin").joinpath("phrases")
    texts = (folder.joinpath(f"{chapter}.toml").read_text("utf-8") for chapter in CHAPTERS)
    return parse_phrases(*texts)


PHRASES = _phrases()


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `line` counts from 1, 0 is the whole file; `value` is the cell's start;
    `values` fill the names in the rule's sentence."""

    rule: str
    line: int = 0
    column: str = ""
    severity: str = ERROR
    value: str = ""
    values: Mapping[str, str | int | float] = field(default_factory=dict)

    def reason(self, language: str = "en") -> str:
        """The sentence: what is wrong and what to do."""
        return PHRASES.say(self.rule, language, **self.values)
