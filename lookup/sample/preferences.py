"""Preferences (志愿): candidates aim a little above, at and below where they stand."""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from lookup.sample.high_schools import HighSchool, Round
from lookup.sample.scores import Sheet
from lookup.sample.streams import stream


@dataclass(frozen=True, slots=True)
class Choice:
    """One stated preference: a school in a round, named by `round_name`."""

    round_name: str
    school: HighSchool


@dataclass(frozen=True, slots=True)
class _Habit:
    """How candidates use a round.

    Positions are shares of the candidates ahead: 0 is the best, 1 the last. The
    offers are thought to fill from position `start`. Those ahead of `sure` state
    preferences with the chance `ahead`, those behind `hopeless` with `behind`,
    and everyone between does.
    """

    start: float
    sure: float
    hopeless: float
    ahead: float
    behind: float


# Early: a gamble for the better half. First: whoever may reach a general school.
# Second: also a safety net for those who expect to be admitted before.
_HABITS = (
    _Habit(start=0.0, sure=0.01, hopeless=0.12, ahead=0.9, behind=0.15),
    _Habit(start=0.05, sure=0.0, hopeless=0.65, ahead=1.0, behind=0.25),
    _Habit(start=0.51, sure=0.35, hopeless=1.0, ahead=0.55, behind=1.0),
)
_AIMS = (-0.04, 0.01, 0.08)
_NO_PREFERENCES = 0.006


class _Chooser:
    """Picks schools of one round by position."""

    def __init__(self, stage: Round, habit: _Habit, candidates: int) -> None:
        self._stage = stage
        self._habit = habit
        shares = (offer.places / candidates for offer in stage.offers)
        self._ends = [habit.start + end for end in accumulate(shares)]

    def choose(self, rng: random.Random, position: float) -> list[Choice]:
        habit, stage = self._habit, self._stage
        chance = 1.0
        if position < habit.sure:
            chance = habit.ahead
        elif position > habit.hopeless:
            chance = habit.behind
        if rng.random() >= chance:
            return []
        last, picked = len(stage.offers) - 1, list[int]()
        for aim in _AIMS[: stage.limit]:
            index = min(bisect_right(self._ends, position + rng.gauss(aim, 0.03)), last)
            # The next safer school that is not on the list yet; at the end there is none.
            while index in picked:
                index += 1
            if index <= last:
                picked.append(index)
        return [Choice(stage.name, stage.offers[index].school) for index in picked]


def make_preferences(
    seed: int, sheets: Sequence[Sheet], rounds: Sequence[Round]
) -> dict[str, tuple[Choice, ...]]:
    """Preferences by exam number, in the order of the rounds, packed from the first.

    Whoever has no mark at all, and a few others, state none.
    """
    rng = stream(seed, "preferences")
    count = len(sheets)
    choosers = [_Chooser(stage, habit, count) for stage, habit in zip(rounds, _HABITS, strict=True)]
    stated: dict[str, tuple[Choice, ...]] = {}
    for sheet in sheets:
        choices: list[Choice] = []
        if rng.random() >= _NO_PREFERENCES and sheet.sat:
            position = (sheet.rank - 1) / count
            for chooser in choosers:
                choices += chooser.choose(rng, position)
        stated[sheet.candidate.number] = tuple(choices)
    return stated
