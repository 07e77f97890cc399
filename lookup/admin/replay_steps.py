"""A round of file forwarding, cut into steps that tell of nobody in particular.

Candidates go in order of their totals. A school's row changes only when it took at least
`MINIMUM_CELL` more since it was last told, and never leaves fewer than that for later; what is
counted of the round is the sum of the rows, so that no difference tells of fewer either. Nothing
here knows where the seats come from.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import NamedTuple

from lookup.phrases import LANGUAGES, parse_phrases
from lookup.statistics import MINIMUM_CELL, is_few
from lookup.stores.entries import School, Text

PHRASES = parse_phrases(
    files("lookup.admin").joinpath("phrases", "broadcast.toml").read_text("utf-8")
)

MOST_STEPS = 40
EXAMPLES = 3
SHOWN = 2
"""So many last characters of a candidate's number are shown, where it has enough before them."""
LEAST_HIDDEN = 4


class Seat(NamedTuple):
    """One candidate whom a school of the round took: their total, if any, and a rank that breaks
    ties of it; the school's code, whether it was their first preference, their number."""

    total: float | None
    rank: int | None
    code: str
    first: bool
    number: str


@dataclass(frozen=True, slots=True)
class Place:
    """A school of the round: its name, the places it planned, and the cut-off line that the
    public statistics tell, if they do."""

    school: str
    plan: int
    line: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What is told at once: `size` candidates, `forwarded` with all told before them; how many
    went to their first preference, None where too few did or did not; masked numbers of some, in
    no order; and the rows of the board that changed, each by `MINIMUM_CELL` people or more. The
    last step has every row, with its cut-off line."""

    size: int
    forwarded: int
    first: int | None
    examples: tuple[str, ...]
    board: tuple[School, ...]


def ends(count: int) -> list[int]:
    """How many of `count` candidates are forwarded after each part of a round, at most
    `MOST_STEPS` of them, none smaller than `MINIMUM_CELL`; empty where that leaves none."""
    number = min(MOST_STEPS, count // MINIMUM_CELL)
    return [count * (step + 1) // number for step in range(number)]


def of_enough(seats: Sequence[Seat]) -> list[Seat]:
    """The seats of the schools that a replay may tell of: those that took `MINIMUM_CELL` or
    more, but for as many of the smallest as it takes to leave nobody out or as many as that."""
    taken = Counter(seat.code for seat in seats)
    own = [(code, n) for code, n in taken.most_common() if n >= MINIMUM_CELL]
    left = len(seats) - sum(n for _, n in own)
    while own and is_few(left):
        left += own.pop()[1]
    codes = {code for code, _ in own}
    return [seat for seat in seats if seat.code in codes]


def in_order(seats: Iterable[Seat]) -> list[Seat]:
    """The seats as files are forwarded: by total, ties by rank, those without one last."""
    return sorted(seats, key=lambda s: (s.total is None, -(s.total or 0), s.rank or 0))


def masked(number: str) -> str:
    """All of a number hidden but its end; all of it where it is short."""
    shown = SHOWN if len(number) >= SHOWN + LEAST_HIDDEN else 0
    return "*" * (len(number) - shown) + number[len(number) - shown :]


def steps(seats: Sequence[Seat], places: Mapping[str, Place], chance: Random) -> Iterator[Step]:
    """The steps of a round whose seats are in order and `of_enough`; their places, sizes and
    rows are the same every time, the examples are not."""
    left = Counter(seat.code for seat in seats)
    waiting: dict[str, list[Seat]] = {}
    admitted: Counter[str] = Counter()
    start = 0
    for end in ends(len(seats)):
        for seat in seats[start:end]:
            waiting.setdefault(seat.code, []).append(seat)
            left[seat.code] -= 1
        start = end
        ripe = [
            code
            for code, fresh in sorted(waiting.items())
            if len(fresh) >= MINIMUM_CELL and not is_few(left[code])
        ]
        if ripe:
            fresh = [waiting.pop(code) for code in ripe]
            admitted.update(seat.code for part in fresh for seat in part)
            yield _step(fresh, admitted, places, len(seats), chance)


def _step(
    fresh: Sequence[Sequence[Seat]],
    admitted: Counter[str],
    places: Mapping[str, Place],
    count: int,
    chance: Random,
) -> Step:
    """What is told when these took so many more each, of a round of `count`."""
    part = [seat for seats in fresh for seat in seats]
    first = sum(seat.first for seat in part)
    told = MINIMUM_CELL <= first <= len(part) - MINIMUM_CELL
    # Where one school took them all, a number would be tied to it.
    examples = chance.sample(part, EXAMPLES) if len(fresh) > 1 else []
    done = admitted.total() == count
    codes = sorted(admitted if done else {seat.code for seat in part})
    return Step(
        len(part),
        admitted.total(),
        first if told else None,
        tuple(masked(seat.number) for seat in examples),
        tuple(_row(code, places[code], admitted[code], done=done) for code in codes),
    )


def _row(code: str, place: Place, admitted: int, *, done: bool = False) -> School:
    """A row of the board. It has no position, and no score but the public cut-off line at the
    end: the last admitted is one person."""
    line = place.line if done else None
    full = 0 < place.plan <= admitted
    return School(code, place.school, place.plan, admitted, None, line, full)


def board_after(told: Iterable[Step], places: Mapping[str, Place]) -> tuple[School, ...]:
    """Every row as it is after these steps, by code."""
    rows = {code: _row(code, places[code], 0) for code in sorted(places)}
    for step in told:
        rows |= {row.code: row for row in step.board}
    return tuple(rows.values())


def told_before(every: Sequence[Step], count: int, said: Iterable[str]) -> int:
    """How many of the steps of a round of `count` stand in what was said in Chinese; what
    anybody said of the round otherwise does not count."""
    texts = tuple(said)
    return max(
        (
            number
            for number, step in enumerate(every, 1)
            if any(text.startswith(_counted(step, count, "zh")) for text in texts)
        ),
        default=0,
    )


def words_of(step: Step, count: int) -> Text:
    """A step of a round of `count` candidates in words, in both languages."""
    zh, en = (_sentences(step, count, language) for language in LANGUAGES)
    return Text(zh, en)


def _counted(step: Step, count: int, language: str) -> str:
    """The sentence that no other step of the round has."""
    return PHRASES.say(
        "step", language, size=step.size, forwarded=f"{step.forwarded:,}", count=f"{count:,}"
    )


def _sentences(step: Step, count: int, language: str) -> str:
    def say(key: str, **values: object) -> str:
        return PHRASES.say(key, language, **values)

    told = _counted(step, count, language)
    if step.first is not None:
        told += say("step.first", first=step.first)
    if step.examples:
        told += say("step.examples", examples=say("joint").join(step.examples))
    if step.forwarded == count:
        told += say("step.last")
    return told
