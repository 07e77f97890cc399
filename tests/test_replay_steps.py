"""The steps of a replay: no row, no count and no difference of them tells of fewer than ten."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from lookup.admin.replay_steps import (
    EXAMPLES,
    MOST_STEPS,
    Place,
    Seat,
    Step,
    board_after,
    ends,
    in_order,
    masked,
    of_enough,
    steps,
    told_before,
    words_of,
)
from lookup.statistics import MINIMUM_CELL, is_few
from lookup.stores.entries import MAX_TEXT, School

CODES = ("001", "002", "003", "004")
PLACES = {code: Place(f"第{code}中学", 30, 531.5) for code in CODES}

seats = st.builds(
    lambda total, rank, code, first, number: Seat(total, rank, code, first, f"{number:09d}"),
    st.none() | st.integers(200, 700).map(float),
    st.none() | st.integers(1, 9),
    st.sampled_from(("001", "001", "001", "002", "002", "003", "004")),
    st.booleans(),
    st.integers(0, 10**9 - 1),
)
batches = st.lists(seats, max_size=250)
rounds = batches.map(of_enough).map(in_order)


def rows(step: Step) -> dict[str, School]:
    return {row.code: row for row in step.board}


@given(st.integers(0, 100_000))
def test_no_part_of_a_round_covers_fewer_than_ten(count: int) -> None:
    found = ends(count)
    assert len(found) <= MOST_STEPS
    assert all(b - a >= MINIMUM_CELL for a, b in zip([0, *found], found, strict=False))
    assert found[-1:] == ([count] if count >= MINIMUM_CELL else [])


@given(batches)
def test_schools_of_fewer_than_ten_are_left_out_and_those_left_out_are_no_small_number(
    batch: list[Seat],
) -> None:
    taken, kept = Counter(s.code for s in batch), Counter(s.code for s in of_enough(batch))
    assert all(taken[code] == count >= MINIMUM_CELL for code, count in kept.items())
    assert not is_few(taken.total() - kept.total()) or not kept


@given(rounds)
def test_every_change_of_a_row_is_of_ten_people_or_more_and_the_sums_fit(
    round_seats: list[Seat],
) -> None:
    admitted = dict.fromkeys(CODES, 0)
    for step in steps(round_seats, PLACES, Random(0)):
        before = dict(admitted)
        admitted |= {row.code: row.admitted for row in step.board}
        changes = [admitted[code] - before[code] for code in CODES]
        assert all(change == 0 or change >= MINIMUM_CELL for change in changes)
        assert step.size == sum(changes) >= MINIMUM_CELL
        assert step.forwarded == sum(admitted.values())
    assert Counter(admitted) == Counter(seat.code for seat in round_seats)
    assert not any(is_few(count) for count in admitted.values())


@given(rounds)
def test_no_row_has_a_position_nor_a_score_before_the_end_and_then_the_public_one(
    round_seats: list[Seat],
) -> None:
    for step in steps(round_seats, PLACES, Random(0)):
        done = step.forwarded == len(round_seats)
        assert {row.position for row in step.board} == {None}
        assert {row.score for row in step.board} == ({531.5} if done else {None})
        assert {row.full for row in step.board if row.admitted < 30} <= {False}
        if done:
            assert set(rows(step)) == {seat.code for seat in round_seats}


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
def test_nobody_is_named_where_one_school_took_them_all(round_seats: list[Seat]) -> None:
    admitted = Counter[str]()
    for step in steps(round_seats, PLACES, Random(0)):
        changed = [code for code, row in rows(step).items() if row.admitted != admitted[code]]
        assert bool(step.examples) == (len(changed) > 1)
        admitted.update({code: rows(step)[code].admitted - admitted[code] for code in changed})


@given(rounds)
def test_preferences_are_counted_only_where_ten_went_to_each_side(round_seats: list[Seat]) -> None:
    for step in steps(round_seats, PLACES, Random(0)):
        if step.first is not None:
            assert MINIMUM_CELL <= step.first <= step.size - MINIMUM_CELL


@given(rounds, st.data())
def test_a_replay_that_goes_on_has_the_steps_that_were_left_whatever_else_was_said(
    round_seats: list[Seat], data: st.DataObject
) -> None:
    every = list(steps(round_seats, PLACES, Random(1)))
    again = list(steps(round_seats, PLACES, Random(2)))
    told = data.draw(st.integers(0, len(every)))
    count = len(round_seats)
    said = ["又有 12 名考生投档。", *(words_of(step, count).zh for step in every[:told]), "十二名"]
    assert told_before(again, count, said) == told
    board = board_after(again[:told], PLACES)
    assert [row.code for row in board] == list(CODES)
    assert sum(row.admitted for row in board) == (every[told - 1].forwarded if told else 0)


def test_files_are_forwarded_by_total_then_rank_and_those_without_a_total_last() -> None:
    made = [Seat(t, r, "001", True, "1") for t, r in [(None, None), (5.0, 2), (5.0, 1), (9.0, 9)]]
    assert [(s.total, s.rank) for s in in_order(made)] == [(9, 9), (5, 1), (5, 2), (None, None)]


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


def test_the_last_step_says_whom_it_left_out() -> None:
    said = words_of(Step(34, 1334, None, (), ()), 1334)
    assert said.zh.endswith("公开统计不单列的学校不在回放之列。")
    assert said.en is not None
    assert said.en.endswith("as they took too few, are left out.")
