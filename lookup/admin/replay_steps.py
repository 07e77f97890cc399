"""A round of file forwarding, cut into steps that tell of nobody in particular.

Candidates go in order of their totals, and each step covers at least `MINIMUM_CELL` of them: so
many are forwarded between one state of the board and the next, and the examples that the account
gives of them say neither a school nor a score. Nothing here knows where the seats come from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import NamedTuple

from lookup.phrases import LANGUAGES, parse_phrases
from lookup.statistics import MINIMUM_CELL
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
    """One candidate whom a school of the round took: the position and the total they have in the
    whole city, if any, the school's code, whether it was their first preference, their number."""

    position: int | None
    total: float | None
    code: str
    first: bool
    number: str


@dataclass(frozen=True, slots=True)
class Place:
    """A school of the round: its name and the places it planned."""

    school: str
    plan: int


@dataclass(frozen=True, slots=True)
class Step:
    """What happens at once: `size` candidates, `forwarded` with all before them; how many went to
    their first preference, None where too few did or did not; masked numbers of some, in no
    order; and the rows of the board that changed."""

    size: int
    forwarded: int
    first: int | None
    examples: tuple[str, ...]
    board: tuple[School, ...]


def ends(count: int, done: int = 0) -> list[int]:
    """How many candidates are done after each step, when `done` of `count` were told before.

    Never fewer than `MINIMUM_CELL` apart; empty where that leaves no step. Without `done`, or
    with one that was itself the end of a step, these are always the same ends.
    """
    number = min(MOST_STEPS, count // MINIMUM_CELL)
    every = [count * (step + 1) // number for step in range(number)]
    return [end for end in every if end - done >= MINIMUM_CELL]


def in_order(seats: Sequence[Seat]) -> list[Seat]:
    """The seats as files are forwarded: by position, those without one last."""
    return sorted(seats, key=lambda seat: (seat.position is None, seat.position or 0))


def masked(number: str) -> str:
    """All of a number hidden but its end; all of it where it is short."""
    shown = SHOWN if len(number) >= SHOWN + LEAST_HIDDEN else 0
    return "*" * (len(number) - shown) + number[len(number) - shown :]


def steps(
    seats: Sequence[Seat], places: Mapping[str, Place], chance: Random, done: int = 0
) -> Iterator[Step]:
    """The steps of a round whose seats are in order, after `done` of them were told."""
    board = Filling(places)
    board.take(seats[:done])
    board.changed()
    start = done
    for end in ends(len(seats), done):
        part = seats[start:end]
        board.take(part)
        first = sum(seat.first for seat in part)
        told = MINIMUM_CELL <= first <= len(part) - MINIMUM_CELL
        examples = chance.sample(part, min(EXAMPLES, len(part)))
        yield Step(
            len(part),
            end,
            first if told else None,
            tuple(masked(seat.number) for seat in examples),
            board.changed(),
        )
        start = end


class Filling:
    """The board of a round as it fills."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places
        self._admitted = dict.fromkeys(places, 0)
        self._last: dict[str, Seat] = {}
        self._touched: dict[str, None] = {}

    def take(self, seats: Sequence[Seat]) -> None:
        """Forward these, in order."""
        for seat in seats:
            self._admitted[seat.code] += 1
            self._touched[seat.code] = None
            if seat.position is not None:
                self._last[seat.code] = seat

    def changed(self) -> tuple[School, ...]:
        """The rows of the schools that took somebody since the last call, by code."""
        codes, self._touched = sorted(self._touched), {}
        return tuple(map(self._row, codes))

    def rows(self) -> tuple[School, ...]:
        """Every row, by code."""
        return tuple(map(self._row, sorted(self._places)))

    def _row(self, code: str) -> School:
        place, last = self._places[code], self._last.get(code)
        admitted = self._admitted[code]
        return School(
            code,
            place.school,
            place.plan,
            admitted,
            last.position if last else None,
            last.total if last else None,
            0 < place.plan <= admitted,
        )


def words_of(step: Step, count: int) -> Text:
    """A step of a round of `count` candidates in words, in both languages."""
    zh, en = (_sentences(step, count, language) for language in LANGUAGES)
    return Text(zh, en)


def _sentences(step: Step, count: int, language: str) -> str:
    def say(key: str, **values: object) -> str:
        return PHRASES.say(key, language, **values)

    told = say("step", size=step.size, forwarded=f"{step.forwarded:,}", count=f"{count:,}")
    if step.first is not None:
        told += say("step.first", first=step.first)
    return told + say("step.examples", examples=say("joint").join(step.examples))
