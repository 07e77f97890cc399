"""The steps of a replay: never fewer than ten candidates, and a board that adds up."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from lookup.admin.replay_steps import (
    EXAMPLES,
    MOST_STEPS,
    Place,
    Seat,
    Step,
    ends,
    in_order,
    masked,
    steps,
    words_of,
)
from lookup.statistics import MINIMUM_CELL
from lookup.stores.entries import MAX_TEXT, School

CODES = ("001", "002", "003", "004")
PLACES = {code: Place(f"第{code}中学", 30) for code in CODES}

positions = st.none() | st.integers(1, 500)
seats = st.builds(
    lambda position, code, first, number: Seat(
        position, None if position is None else 700.0 - position, code, first, f"{number:09d}"
    ),
    positions,
    st.sampled_from(CODES),
    st.booleans(),
    st.integers(0, 10**9 - 1),
)
rounds = st.lists(seats, max_size=130).map(in_order)


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_no_step_covers_fewer_than_ten_whatever_the_round_and_whatever_was_told(
    count: int, done: int
) -> None:
    found = ends(count, done)
    assert len(found) <= MOST_STEPS
    assert all(b - a >= MINIMUM_CELL for a, b in zip([done, *found], found, strict=False))
    if count - done >= MINIMUM_CELL:
        assert found[-1] == count
    else:
        assert found == []


@given(st.integers(MINIMUM_CELL, 100_000), st.data())
def test_a_replay_that_goes_on_has_the_steps_that_were_left(
    count: int, data: st.DataObject
) -> None:
    every = ends(count)
    stopped = data.draw(st.sampled_from(range(len(every))))
    assert ends(count, every[stopped]) == every[stopped + 1 :]


def last_of(told: list[Seat], code: str) -> Seat | None:
    with_position = [s for s in told if s.code == code and s.position is not None]
    return with_position[-1] if with_position else None


@given(rounds)
def test_the_board_says_after_each_step_what_was_admitted_so_far(round_seats: list[Seat]) -> None:
    board: dict[str, School] = {}
    before = 0
    for step in steps(round_seats, PLACES, Random(0)):
        assert step.size == step.forwarded - before >= MINIMUM_CELL
        told = round_seats[: step.forwarded]
        changed = {seat.code for seat in round_seats[before : step.forwarded]}
        assert [row.code for row in step.board] == sorted(changed)
        board |= {row.code: row for row in step.board}
        for code, row in board.items():
            last = last_of(told, code)
            admitted = sum(seat.code == code for seat in told)
            assert row.admitted == admitted
            assert (row.position, row.score) == (
                (last.position, last.total) if last else (None, None)
            )
            assert row.full == (admitted >= row.plan)
        before = step.forwarded
    told_of = len(round_seats) if len(round_seats) >= MINIMUM_CELL else 0
    assert sum(row.admitted for row in board.values()) == before == told_of


@given(rounds)
def test_the_account_names_no_number_no_school_and_no_score(round_seats: list[Seat]) -> None:
    for step in steps(round_seats, PLACES, Random(0)):
        said = words_of(step, len(round_seats))
        assert said.en is not None
        for text in (said.zh, said.en):
            assert len(text) <= MAX_TEXT
            assert all(seat.number not in text for seat in round_seats)
            assert all(place.school not in text for place in PLACES.values())
        assert len(step.examples) <= EXAMPLES
        assert all(example.startswith("*" * 7) for example in step.examples)


@given(rounds)
def test_preferences_are_counted_only_where_ten_went_to_each_side(round_seats: list[Seat]) -> None:
    before = 0
    for step in steps(round_seats, PLACES, Random(0)):
        part = round_seats[before : step.forwarded]
        first = sum(seat.first for seat in part)
        small = min(first, len(part) - first) < MINIMUM_CELL
        assert step.first == (None if small else first)
        before = step.forwarded


def test_a_short_number_is_hidden_wholly() -> None:
    assert masked("010100037") == "*******37"
    assert masked("12345") == "*****"


def test_a_step_reads_well_in_both_languages() -> None:
    step = Step(34, 1334, 20, ("*******37", "*******05"), ())
    said = words_of(step, 12000)
    assert said.zh == (
        "按总分从高到低，又有 34 名考生投档，本批次累计 1,334 名，共 12,000 名。"
        "其中 20 名由志愿表上的第一个志愿录取。其中有考生 *******37、*******05。"
    )
    assert said.en == (
        "In the order of their totals 34 more candidates were forwarded, 1,334 of 12,000 in this"
        " round so far. 20 of them went to the first preference of their list."
        " Candidates *******37, *******05 are among them."
    )
