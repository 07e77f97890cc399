"""Admissions: the rounds one after another, then returns and the waiting list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lookup.sample.forwarding import Applicant, forward
from lookup.sample.high_schools import Round, admission_rounds
from lookup.sample.preferences import Choice, make_preferences
from lookup.sample.scores import Sheet
from lookup.sample.streams import stream

ADMITTED, REFUSED, WAITING, RETURNED = "已录取", "未录取", "待投档", "退档"
TAKEN, FULL, UNREAD = "录取", "未达线", "未检索"

_ONE_RETURNED_IN = 2_000
_ONE_WAITING_IN = 1_600

Forwarded = Mapping[str, int]
"""Exam number to the index, in the candidate's whole list, of the preference that took them."""


@dataclass(frozen=True, slots=True)
class Admission:
    """One candidate's admission.

    `result` is one of 已录取, 未录取, 待投档, 退档. `outcomes` says for each of
    `choices` what came of it. `taken` is the index of the choice that admitted or
    returned the candidate; `line` is that school's last admitted total in that
    round, in half marks, and only set for those admitted.
    """

    sheet: Sheet
    result: str
    choices: tuple[Choice, ...]
    outcomes: tuple[str, ...]
    taken: int | None
    line: int | None


def forward_rounds(
    sheets: Sequence[Sheet],
    rounds: Sequence[Round],
    preferences: Mapping[str, tuple[Choice, ...]],
) -> dict[str, int]:
    """File forwarding in each round, of those not admitted in an earlier one.

    Ranked by `Sheet.standing`; what it leaves tied goes in the order of `sheets`.
    """
    forwarded: dict[str, int] = {}
    for stage in rounds:
        applicants, offsets = [], {}
        for sheet in sheets:
            number = sheet.candidate.number
            choices = preferences[number]
            here = [i for i, choice in enumerate(choices) if choice.round_name == stage.name]
            if here and number not in forwarded:
                offsets[number] = here[0]
                codes = tuple(choices[i].school.code for i in here)
                applicants.append(Applicant(number, sheet.standing, codes))
        places = {offer.school.code: offer.places for offer in stage.offers}
        for number, index in forward(applicants, places).items():
            forwarded[number] = offsets[number] + index
    return forwarded


def _returned(seed: int, forwarded: Forwarded, candidates: int) -> frozenset[str]:
    """Those whose file the school sends back, for instance after the health check.

    Their places stay empty until the additional round, as does their own case.
    """
    count = min(len(forwarded), round(candidates / _ONE_RETURNED_IN))
    return frozenset(stream(seed, "returned").sample(list(forwarded), count))


def _waiting(
    sheets: Sequence[Sheet],
    preferences: Mapping[str, tuple[Choice, ...]],
    forwarded: Forwarded,
) -> frozenset[str]:
    """The best of those without a school: they wait for the additional round (补录)."""
    without = [
        sheet
        for sheet in sheets
        if sheet.candidate.number not in forwarded and preferences[sheet.candidate.number]
    ]
    best = sorted(without, key=lambda sheet: sheet.standing, reverse=True)
    count = round(len(sheets) / _ONE_WAITING_IN)
    return frozenset(sheet.candidate.number for sheet in best[:count])


def _lines(
    sheets: Sequence[Sheet],
    preferences: Mapping[str, tuple[Choice, ...]],
    forwarded: Forwarded,
    returned: frozenset[str],
) -> dict[Choice, int]:
    """The lowest total that each school admitted in each round; a return does not count."""
    lines: dict[Choice, int] = {}
    for sheet in sheets:
        number = sheet.candidate.number
        if number in forwarded and number not in returned:
            choice = preferences[number][forwarded[number]]
            lines[choice] = min(sheet.total, lines.get(choice, sheet.total))
    return lines


def _outcomes(choices: tuple[Choice, ...], taken: int | None, word: str) -> tuple[str, ...]:
    if taken is None:
        return (FULL,) * len(choices)
    return (FULL,) * taken + (word,) + (UNREAD,) * (len(choices) - taken - 1)


def make_admissions(seed: int, sheets: Sequence[Sheet]) -> list[Admission]:
    """One admission a sheet, in the same order, by the three rounds' file forwarding."""
    rounds = admission_rounds(len(sheets))
    preferences = make_preferences(seed, sheets, rounds)
    forwarded = forward_rounds(sheets, rounds, preferences)
    returned = _returned(seed, forwarded, len(sheets))
    waiting = _waiting(sheets, preferences, forwarded)
    lines = _lines(sheets, preferences, forwarded, returned)
    made = []
    for sheet in sheets:
        number = sheet.candidate.number
        choices, taken = preferences[number], forwarded.get(number)
        if taken is None:
            result, word, line = (WAITING if number in waiting else REFUSED), "", None
        elif number in returned:
            result, word, line = RETURNED, RETURNED, None
        else:
            result, word, line = ADMITTED, TAKEN, lines[choices[taken]]
        outcomes = _outcomes(choices, taken, word)
        made.append(Admission(sheet, result, choices, outcomes, taken, line))
    return made
