"""Exam marks: correlated across subjects, counted in half marks."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from lookup.sample.candidates import Candidate
from lookup.sample.streams import stream


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject and how its marks spread.

    `full` is the full mark and `step` the smallest difference, both in half marks.
    A mark is `full` times the logistic function of `centre` + `spread` · z, where z
    is standard normal and correlates by `load` with the candidate's ability.
    """

    name: str
    full: int
    step: int
    centre: float
    spread: float
    load: float


SUBJECTS = (
    Subject("语文", 240, 1, 1.25, 0.50, 0.75),
    Subject("数学", 240, 2, 1.35, 1.00, 0.85),
    Subject("英语", 240, 1, 1.50, 1.00, 0.85),
    Subject("科学", 320, 2, 1.15, 0.90, 0.90),
    Subject("社会", 100, 2, 1.30, 0.75, 0.80),
    Subject("体育", 60, 2, 2.90, 1.20, 0.25),
)

NORMAL = "正常"
_SCHOOL_LOAD = 0.45


@dataclass(frozen=True, slots=True)
class _Lapse:
    """A way not to sit: of how many, and how often in all subjects or in sport alone."""

    word: str
    share: float
    all_subjects: float
    sport: float


_LAPSES = (
    _Lapse("缺考", 0.0028, 0.8, 0.05),
    _Lapse("违纪", 0.0007, 0.0, 0.0),
    _Lapse("缓考", 0.0006, 0.0, 0.7),
    _Lapse("免考", 0.0013, 0.0, 0.9),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One candidate's results: half marks by subject, None where `status` stands instead."""

    candidate: Candidate
    marks: tuple[int | None, ...]
    status: str
    total: int
    rank: int

    @property
    def sat(self) -> bool:
        """Whether there is a mark in any subject."""
        return any(mark is not None for mark in self.marks)

    @property
    def standing(self) -> tuple[int, int, int, int]:
        """The order for admission: total, then 语文+数学, then 英语, then 科学."""
        chinese, maths, english, science = (mark or 0 for mark in self.marks[:4])
        return self.total, chinese + maths, english, science


def in_marks(halves: int) -> str:
    """Half marks as offices write them: 202 is 101, 203 is 101.5."""
    return f"{halves // 2}.5" if halves % 2 else f"{halves // 2}"


def _mark(rng: random.Random, subject: Subject, ability: float) -> int:
    own = math.sqrt(1 - subject.load**2) * rng.gauss(0, 1)
    share = 1 / (1 + math.exp(-subject.centre - subject.spread * (subject.load * ability + own)))
    return round(subject.full * share / subject.step) * subject.step


def _marks(rng: random.Random, strength: float) -> list[int]:
    own = math.sqrt(1 - _SCHOOL_LOAD**2) * rng.gauss(0, 1)
    ability = _SCHOOL_LOAD * strength + own
    return [_mark(rng, subject, ability) for subject in SUBJECTS]


def _lapse(rng: random.Random) -> tuple[str, range]:
    """The status of one candidate and the subjects it stands in for."""
    drawn = rng.random()
    for lapse in _LAPSES:
        if drawn < lapse.share:
            break
        drawn -= lapse.share
    else:
        return NORMAL, range(0)
    extent, last = rng.random(), len(SUBJECTS) - 1
    if extent < lapse.all_subjects:
        return lapse.word, range(len(SUBJECTS))
    if extent < lapse.all_subjects + lapse.sport:
        return lapse.word, range(last, last + 1)
    subject = rng.randrange(last)
    return lapse.word, range(subject, subject + 1)


def _ranks(totals: Sequence[int]) -> dict[int, int]:
    """Total to competition rank: 1, 2, 2, 4."""
    ranks: dict[int, int] = {}
    for place, total in enumerate(sorted(totals, reverse=True), start=1):
        ranks.setdefault(total, place)
    return ranks


def make_scores(seed: int, candidates: Sequence[Candidate]) -> list[Sheet]:
    """One sheet a candidate, in the same order."""
    marking, lapsing = stream(seed, "marks"), stream(seed, "lapses")
    drafts: list[tuple[Candidate, tuple[int | None, ...], str, int]] = []
    for candidate in candidates:
        full = _marks(marking, candidate.school.strength)
        status, missed = _lapse(lapsing)
        marks = tuple(None if i in missed else mark for i, mark in enumerate(full))
        drafts.append((candidate, marks, status, sum(mark or 0 for mark in marks)))
    ranks = _ranks([total for *_, total in drafts])
    return [Sheet(*draft, rank=ranks[draft[-1]]) for draft in drafts]
