"""Whole attacks and a whole school, on a clock of our own: the figures that DESIGN states."""

import dataclasses
import math
import random
from collections import Counter

import pytest

from lookup.allowance import DAY_S, most_tries
from lookup.public.challenge import encode
from lookup.public.fair_use import FairUse, Go, Solve, Wait
from lookup.public.shared_table import private_table
from tests.fair_use_makers import EASY, HOME, NUMBER, Ladder, Seconds, make_ladder, solved

FREE_WORK = dataclasses.replace(EASY, challenge_numbers=1)
"""An attacker's proofs of work cost nothing."""
PHONE_NUMBERS_A_SECOND = 50_000
REAL_NUMBERS = 50_000


def a_network(index: int) -> bytes:
    return b"\x04" + index.to_bytes(3, "big") + bytes(3)


def a_number(index: int) -> bytes:
    return b"scores:%09d" % index


def tries_at_once(ladder: Ladder, number: bytes, network: bytes) -> int:
    """The wrong tries that an attacker gets in one moment."""
    tries = 0
    while ladder.tries(number, network):
        tries += 1
    return tries


# What an attacker gets


def test_walking_all_numbers_gets_the_budget_at_each_and_one_more() -> None:
    ladder = make_ladder(FREE_WORK)
    found = Counter(tries_at_once(ladder, a_number(index), HOME) for index in range(400))
    assert found == {most_tries(FREE_WORK, 1, 0): 400}
    # Another network adds its one try each and no second budget.
    assert tries_at_once(ladder, a_number(0), a_network(1)) == 1


@pytest.mark.parametrize("networks", [1, 4])
def test_one_number_for_a_day_never_exceeds_the_formula(networks: int) -> None:
    ladder = make_ladder(FREE_WORK)
    tries = 0
    for second in range(0, DAY_S + 1, EASY.wait_s):
        ladder.seconds.now = 10_000.0 + second
        tries += sum(tries_at_once(ladder, NUMBER, a_network(i)) for i in range(networks))
        assert tries <= most_tries(FREE_WORK, networks, second)
    assert tries > 0.9 * most_tries(FREE_WORK, networks, DAY_S)


@pytest.mark.parametrize("seed", range(3))
def test_whenever_an_attacker_tries_the_formula_holds(seed: int) -> None:
    dice, ladder = random.Random(seed), make_ladder(FREE_WORK)
    start, tries = ladder.seconds.now, 0
    while (elapsed := ladder.seconds.now - start) < 2 * 3600:
        tries += ladder.tries(NUMBER, a_network(dice.randrange(3)))
        assert tries <= most_tries(FREE_WORK, 3, int(elapsed) + 1)
        ladder.seconds.now += dice.choice([0.0, 0.01, 1.0, 29.9, 30.0, 200.0])


def test_workers_asked_in_one_moment_let_one_more_through_each() -> None:
    table, seconds = private_table(), Seconds()
    workers = [FairUse(table, FREE_WORK, seconds) for _ in range(4)]
    for _ in range(FREE_WORK.failure_budget - 1):
        workers[0].failed(NUMBER, HOME)
    held = [worker.step(NUMBER, HOME, "") for worker in workers * 2]
    solutions = [solved(step.challenge) for step in held if isinstance(step, Solve)]
    for worker, solution in zip(workers, solutions[:4], strict=True):
        assert isinstance(worker.step(NUMBER, HOME, solution), Go)
    for worker in workers:
        worker.failed(NUMBER, HOME)
    steps = [
        worker.step(NUMBER, HOME, solution)
        for worker, solution in zip(workers, solutions[4:], strict=True)
    ]
    assert [type(step) for step in steps] == [Go, Wait, Wait, Wait]


def opened(secrets: list[int], guesses: list[int]) -> int:
    """How many of these records a walk opens that tries `guesses` in their order at each."""
    ladder, found = make_ladder(FREE_WORK), 0
    for index, secret in enumerate(secrets):
        for guess in guesses:
            step = ladder.step("", a_number(index))
            if isinstance(step, Solve):
                step = ladder.step(solved(step.challenge), a_number(index))
            if not isinstance(step, Go):
                break
            if guess == secret:
                found += 1
                break
            ladder.fail(1, a_number(index))
    return found


def test_of_an_even_factor_a_walk_opens_the_share_that_is_stated() -> None:
    # The last six of an ID number, a hundred times fewer of them: 310 in place of 31,000.
    values, records, dice = 310, 1000, random.Random(5)
    secrets = [dice.randrange(values) for _ in range(records)]
    expected = records * most_tries(FREE_WORK, 1, 0) / values
    assert abs(opened(secrets, list(range(values))) - expected) < 4 * math.sqrt(expected)


def test_of_names_a_walk_opens_the_commonest() -> None:
    dice = random.Random(6)
    secrets = [min(int(dice.paretovariate(0.5)), 5000) for _ in range(600)]
    common = [name for name, _ in Counter(secrets).most_common()]
    tries = most_tries(FREE_WORK, 1, 0)
    assert opened(secrets, common) == sum(n for _, n in Counter(secrets).most_common(tries))


# What a student gets


def takes(challenge: dict[str, str | int] | object, script: bool) -> float:
    """Seconds that a phone needs for a challenge at its worst, or that patience does."""
    assert isinstance(challenge, dict)
    if not script:
        return float(challenge["wait"])
    harder = int(challenge["maxnumber"]) / FREE_WORK.challenge_numbers
    return harder * REAL_NUMBERS / PHONE_NUMBERS_A_SECOND


def kept_out_s(ladder: Ladder, script: bool, dice: random.Random) -> float:
    """Seconds from the student's asking until the lookup, the attack going on all the while."""
    start, solution = ladder.seconds.now, ""
    while True:
        step = ladder.step(solution)
        if isinstance(step, Go):
            return ladder.seconds.now - start
        pause = float(step.seconds) if isinstance(step, Wait) else takes(step.challenge, script)
        if isinstance(step, Solve):
            solution = solved(step.challenge) if script else encode(step.challenge)
        attack(ladder, dice, pause)


def attack(ladder: Ladder, dice: random.Random, seconds: float) -> None:
    """Burn the number and everything else from thirty other networks, for so long."""
    until = ladder.seconds.now + seconds
    while ladder.seconds.now < until:
        ladder.tries(NUMBER, a_network(1 + dice.randrange(30)))
        ladder.tries(a_number(dice.randrange(10**9)), a_network(1 + dice.randrange(30)))
        ladder.seconds.now = min(until, ladder.seconds.now + dice.choice([0.05, 0.5, 1.0]))


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_attackers_who_burn_every_budget_keep_no_student_out_beyond_30_s(script: bool) -> None:
    dice, ladder = random.Random(7), make_ladder(FREE_WORK)
    for network in range(1, 31):
        ladder.fail(EASY.failure_budget, NUMBER, a_network(network))
        ladder.fail(3 * EASY.network_failures, a_number(network), a_network(network))
    waits = []
    for _ in range(6):
        waits.append(kept_out_s(ladder, script, dice))
        # The student mistypes too, and comes back at once.
        ladder.fail(1)
    assert max(waits) <= EASY.wait_s
    if script:
        assert waits[0] <= 8


def test_who_shares_the_attackers_network_gets_in_from_another() -> None:
    ladder = make_ladder(FREE_WORK)
    for _ in range(50):
        while ladder.tries(NUMBER, HOME):
            pass
        assert isinstance(ladder.step(solved(ladder.challenge())), Wait)
        ladder.seconds.now += EASY.wait_s
    assert isinstance(
        ladder.step(solved(ladder.challenge(network=a_network(2))), network=a_network(2)), Go
    )


# A school


def school_minute(mistyping: float, retries: int) -> tuple[Counter[str], int]:
    """2,000 candidates behind one address within a minute: how each got in, and the failures.

    Those who mistype send the same slip once more for every retry before they see it.
    """
    dice, ladder = random.Random(8), make_ladder(FREE_WORK)
    how: Counter[str] = Counter()
    asking = sorted((dice.uniform(0, 60), index) for index in range(2000))
    for second, index in asking:
        ladder.seconds.now = max(ladder.seconds.now, 10_000 + second)
        slips = 1 + retries if dice.random() < mistyping else 0
        for _ in range(slips):
            assert ladder.tries(a_number(index), HOME)
        step = ladder.step("", a_number(index))
        how[type(step).__name__] += 1
        if isinstance(step, Solve):
            assert takes(step.challenge, script=True) <= 8
            assert isinstance(ladder.step(solved(step.challenge), a_number(index)), Go)
    return how, ladder.fair_use.states()["failures"]


def test_a_school_behind_one_address_is_not_even_asked() -> None:
    how, failures = school_minute(mistyping=0.08, retries=2)
    assert failures > 400
    assert how == {"Go": 2000}


def test_a_school_that_mistypes_wildly_works_and_never_waits() -> None:
    how, failures = school_minute(mistyping=0.4, retries=2)
    assert failures > 2000
    assert how["Wait"] == 0
    assert how["Go"] + how["Solve"] == 2000
