"""The ladder: free, then proof of work or patience, then one try in half a minute."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.allowance import NETWORK_LEAK_S, NUMBER_LEAK_S, most_tries
from lookup.public.challenge import encode
from lookup.public.fair_use import HARDEST, FairUse, Go, Solve, Wait, open_fair_use
from lookup.public.shared_table import private_table
from lookup.settings import Settings
from tests.fair_use_makers import (
    EASY,
    ELSEWHERE,
    HOME,
    NUMBER,
    Ladder,
    Seconds,
    make_ladder,
    solved,
)

OTHER = b"scores:100000002"


@pytest.fixture
def ladder() -> Ladder:
    return make_ladder()


# Free


def test_the_first_failures_cost_nothing(ladder: Ladder) -> None:
    for _ in range(EASY.free_failures):
        assert isinstance(ladder.step(), Go)
        ladder.fail(1)
    assert isinstance(ladder.step(), Solve)


def test_what_is_right_costs_nothing(ladder: Ladder) -> None:
    assert all(isinstance(ladder.step(), Go) for _ in range(1000))


def test_failures_leak_one_by_one(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    ladder.seconds.now += NUMBER_LEAK_S - 1
    assert isinstance(ladder.step(), Solve)
    ladder.seconds.now += 1
    assert isinstance(ladder.step(), Go)
    ladder.fail(1)
    assert isinstance(ladder.step(), Solve)


def test_one_numbers_failures_are_not_anothers(ladder: Ladder) -> None:
    ladder.fail(EASY.failure_budget)
    assert isinstance(ladder.step(number=OTHER), Go)


def test_failures_count_whichever_network_they_come_from(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures, network=ELSEWHERE)
    assert isinstance(ladder.step(), Solve)


# Proof of work


def test_a_solution_lets_one_try_through_and_no_second(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    solution = solved(ladder.challenge())
    assert isinstance(ladder.step(solution), Go)
    assert isinstance(ladder.step(solution), Solve)


def test_a_solution_stays_spent_until_it_expires(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    solution = solved(ladder.challenge())
    assert isinstance(ladder.step(solution), Go)
    for _ in range(60):
        ladder.seconds.now += 5
        ladder.fail(1)
        assert not isinstance(ladder.step(solution), Go)


def test_a_solution_is_for_one_number_and_one_network(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    ladder.fail(EASY.free_failures, number=OTHER)
    solution = solved(ladder.challenge())
    assert isinstance(ladder.step(solution, number=OTHER), Solve)
    assert isinstance(ladder.step(solution, network=ELSEWHERE), Solve)
    assert isinstance(ladder.step(solution), Go)


def test_the_work_grows_with_the_failures_and_no_further() -> None:
    ladder = make_ladder()
    asked = []
    for _ in range(EASY.failure_budget * 2):
        ladder.fail(1)
        step = ladder.step()
        asked.append(step.challenge["maxnumber"] if isinstance(step, Solve) else 0)
    assert asked == sorted(asked)
    base = EASY.challenge_numbers
    assert set(asked) == {0, *(base << harder for harder in range(HARDEST + 1))}


# Patience


def test_patience_does_where_there_is_no_script(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    ticket = encode(ladder.challenge())
    assert isinstance(ladder.step(ticket), Solve)
    ladder.seconds.now += EASY.wait_s
    assert isinstance(ladder.step(ticket), Go)
    assert not isinstance(ladder.step(ticket), Go)


def test_whoever_sends_too_early_goes_on_waiting_and_does_not_begin_again(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    challenge = first = ladder.challenge()
    for _ in range(2):
        ladder.seconds.now += 10
        step = ladder.step(encode(challenge))
        assert isinstance(step, Solve)
        assert step == Solve({**first, "wait": int(challenge["wait"]) - 10}, "number", "too_early")
        challenge = step.challenge
    assert isinstance(ladder.step(encode(challenge), network=ELSEWHERE), Solve)
    ladder.seconds.now += 10
    assert isinstance(ladder.step(encode(challenge)), Go)


def test_a_challenge_sent_too_early_may_still_be_solved(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    step = ladder.step(encode(ladder.challenge()))
    assert isinstance(step, Solve)
    assert isinstance(ladder.step(solved(step.challenge)), Go)


def test_a_wait_that_goes_on_is_no_shorter_than_the_pairs_turn(ladder: Ladder) -> None:
    ladder.fail(EASY.failure_budget)
    early, quick = ladder.challenge(), solved(ladder.challenge())
    ladder.seconds.now += 20
    assert isinstance(ladder.step(quick), Go)
    step = ladder.step(encode(early))
    assert isinstance(step, Solve)
    assert step.challenge["wait"] == EASY.wait_s


def test_a_spent_challenge_is_never_given_out_again(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    challenge = ladder.challenge()
    assert isinstance(ladder.step(solved(challenge)), Go)
    step = ladder.step(encode(challenge))
    assert isinstance(step, Solve)
    assert step.flaw == "used"
    assert step.challenge["salt"] != challenge["salt"]


def test_many_tickets_drawn_at_once_let_one_try_through(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    tickets = [encode(ladder.challenge()) for _ in range(20)]
    ladder.seconds.now += EASY.wait_s
    assert sum(isinstance(ladder.step(ticket), Go) for ticket in tickets) == 1


# One try in wait_s


def test_at_a_burned_number_a_pair_has_one_try_in_wait_s(ladder: Ladder) -> None:
    ladder.fail(EASY.failure_budget)
    solutions = [solved(ladder.challenge()) for _ in range(3)]
    assert isinstance(ladder.step(solutions[0]), Go)
    ladder.fail(1)
    assert ladder.step(solutions[1]) == Wait(EASY.wait_s)
    ladder.seconds.now += EASY.wait_s - 1
    assert ladder.step(solutions[1]) == Wait(1)
    ladder.seconds.now += 1
    # Waiting did not spend it.
    assert isinstance(ladder.step(solutions[1]), Go)
    assert ladder.step(solutions[2]) == Wait(EASY.wait_s)


def test_a_burned_number_is_open_at_once_to_another_network(ladder: Ladder) -> None:
    ladder.fail(10_000, network=ELSEWHERE)
    assert isinstance(ladder.step(solved(ladder.challenge())), Go)


def test_without_a_script_a_burned_number_is_open_after_wait_s(ladder: Ladder) -> None:
    ladder.fail(10_000, network=ELSEWHERE)
    challenge = ladder.challenge()
    assert challenge["wait"] == EASY.wait_s
    ladder.seconds.now += EASY.wait_s
    assert isinstance(ladder.step(encode(challenge)), Go)
    ladder.fail(1)
    # The next ticket is good when the pair's time has come, and not half a minute after it.
    ladder.seconds.now += 10
    challenge = ladder.challenge()
    assert challenge["wait"] == EASY.wait_s - 10
    ladder.seconds.now += EASY.wait_s - 10
    assert isinstance(ladder.step(encode(challenge)), Go)


def test_a_burned_number_is_free_again_an_hour_and_a_half_after_the_attack(
    ladder: Ladder,
) -> None:
    ladder.fail(10_000)
    ladder.seconds.now += (EASY.failure_budget - EASY.free_failures) * NUMBER_LEAK_S
    assert isinstance(ladder.step(), Solve)
    ladder.seconds.now += NUMBER_LEAK_S
    assert isinstance(ladder.step(), Go)


def test_a_spent_solution_gets_a_new_challenge_where_a_good_one_would_wait(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    ticket = encode(ladder.challenge())
    ladder.seconds.now += EASY.wait_s
    assert isinstance(ladder.step(ticket), Go)
    ladder.seconds.now += 10
    step = ladder.step(ticket)
    assert isinstance(step, Solve)
    assert (step.flaw, step.challenge["wait"]) == ("used", EASY.wait_s - 10)


# Why, and what is wrong with a solution


def test_a_step_says_whose_failures_are_too_many(ladder: Ladder) -> None:
    for number in range(EASY.network_failures):
        ladder.fail(1, number=b"%d" % number)
    step = ladder.step()
    assert isinstance(step, Solve)
    assert step.cause == "network"
    ticket, second = encode(step.challenge), encode(ladder.challenge())
    ladder.seconds.now += EASY.wait_s
    ladder.fail(10, number=OTHER)
    assert isinstance(ladder.step(ticket), Go)
    assert ladder.step(second) == Wait(EASY.wait_s, "network")
    step = ladder.step(number=OTHER)
    assert isinstance(step, Solve)
    assert step.cause == "number"


def test_a_step_says_why_a_solution_did_not_do(ladder: Ladder) -> None:
    ladder.fail(EASY.free_failures)
    unsolved = ladder.challenge()
    solution = solved(ladder.challenge())
    ladder.step(solution)
    told = {
        "": None,
        "nonsense": "invalid",
        encode({**unsolved, "number": int(unsolved["maxnumber"]) + 1}): "invalid",
        encode(unsolved): "too_early",
        solution: "used",
    }
    for sent, flaw in told.items():
        step = ladder.step(sent)
        assert isinstance(step, Solve)
        assert step.flaw == flaw


# Networks


def test_a_network_with_many_failures_must_work_whatever_it_asks_for(ladder: Ladder) -> None:
    for number in range(EASY.network_failures):
        assert isinstance(ladder.step(number=b"%d" % number), Go)
        ladder.fail(1, number=b"%d" % number)
    assert isinstance(ladder.step(), Solve)
    assert isinstance(ladder.step(network=ELSEWHERE), Go)
    ladder.seconds.now += NETWORK_LEAK_S
    assert isinstance(ladder.step(), Go)


def test_a_network_alone_never_makes_anybody_wait(ladder: Ladder) -> None:
    for number in range(EASY.network_failures * 4):
        ladder.fail(1, number=b"%d" % number)
    for _ in range(100):
        assert isinstance(ladder.step(solved(ladder.challenge())), Go)


# Any order of things


ACTS = st.lists(
    st.tuples(
        st.sampled_from([NUMBER, OTHER]),
        st.sampled_from([HOME, ELSEWHERE]),
        st.floats(0, 120),
        st.sampled_from(["nothing", "solve", "patience"]),
    ),
    max_size=80,
)


@given(ACTS)
@settings(max_examples=40)
def test_whatever_is_tried_the_admitted_failures_stay_within_the_budget(
    acts: list[tuple[bytes, bytes, float, str]],
) -> None:
    ladder = make_ladder(dataclasses.replace(EASY, challenge_numbers=2))
    start = ladder.seconds.now
    admitted = dict.fromkeys((NUMBER, OTHER), 0)
    held: dict[tuple[bytes, bytes], str] = {}
    for number, network, pause, how in acts:
        ladder.seconds.now += pause
        solution = held.pop((number, network), "") if how != "nothing" else ""
        step = ladder.step(solution, number, network)
        if isinstance(step, Solve):
            challenge = step.challenge
            held[number, network] = solved(challenge) if how == "solve" else encode(challenge)
        elif isinstance(step, Wait):
            assert 0 < step.seconds <= EASY.wait_s
        else:
            ladder.fail(1, number, network)
            admitted[number] += 1
        elapsed = int(ladder.seconds.now - start) + 1
        assert max(admitted.values()) <= most_tries(EASY, 2, elapsed)


# Settings, workers, counts


@pytest.mark.parametrize(
    "odd",
    [
        {"free_failures": 1, "failure_budget": 1},
        {"free_failures": 50, "failure_budget": 3},
        {"network_failures": 1},
        {"network_failures": 10_000_000},
        {"wait_s": 100_000},
        {"challenge_numbers": 1},
    ],
    ids=str,
)
def test_any_settings_make_a_ladder(odd: dict[str, int]) -> None:
    ladder = make_ladder(dataclasses.replace(EASY, **odd))  # type: ignore[arg-type]  # all are int
    assert isinstance(ladder.step(), Go)
    assert any(not ladder.tries() for _ in range(200))


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[FairUse]]:
    seconds = Seconds()
    found = [open_fair_use(dataclasses.replace(EASY, data_dir=tmp_path), seconds) for _ in range(2)]
    yield found
    for fair_use in found:
        fair_use.close()


def test_all_workers_count_as_one(workers: list[FairUse]) -> None:
    one, other = workers
    for _ in range(EASY.free_failures):
        one.failed(NUMBER, HOME)
    step = other.step(NUMBER, HOME, "")
    assert isinstance(step, Solve)
    solution = solved(step.challenge)
    assert isinstance(one.step(NUMBER, HOME, solution), Go)
    assert isinstance(other.step(NUMBER, HOME, solution), Solve)


def test_workers_that_share_no_table_know_each_others_challenges() -> None:
    one, other = (
        Ladder(FairUse(private_table(), EASY, seconds, bytes(32)), seconds)
        for seconds in (Seconds(), Seconds())
    )
    for ladder in (one, other):
        for _ in range(EASY.free_failures + 1):
            ladder.fair_use.failed(NUMBER, HOME)
    step = one.step()
    assert isinstance(step, Solve)
    assert isinstance(other.step(solved(step.challenge)), Go)


def test_what_came_of_the_steps_is_counted(ladder: Ladder) -> None:
    ladder.step()
    ladder.fail(EASY.free_failures)
    ladder.step(solved(ladder.challenge()))
    found = ladder.fair_use.states()
    assert found == {
        "free": 1,
        "solved": 1,
        "waited": 0,
        "challenge_required": 1,
        "try_later": 0,
        "failures": EASY.free_failures,
    }


def test_the_default_settings_leave_a_student_half_a_minute_at_most() -> None:
    assert Settings().wait_s <= 30
