"""File forwarding as a rule, whatever the applicants and places."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.sample.forwarding import Applicant, forward

SCHOOLS = ("甲", "乙", "丙", "丁")

places_of_schools = st.dictionaries(st.sampled_from(SCHOOLS), st.integers(0, 4))
preference_lists = st.lists(st.sampled_from(SCHOOLS), unique=True).map(tuple)
standings = st.tuples(st.integers(0, 6), st.integers(0, 2))


@st.composite
def applicant_lists(draw: st.DrawFn) -> list[Applicant]:
    drafts = draw(st.lists(st.tuples(standings, preference_lists), max_size=25))
    return [Applicant(f"{n}", standing, wishes) for n, (standing, wishes) in enumerate(drafts)]


def ranked(applicants: list[Applicant]) -> list[Applicant]:
    """Best first, ties in the order given: an independent statement of the order."""
    order = sorted(range(len(applicants)), key=lambda n: ([-x for x in applicants[n].standing], n))
    return [applicants[n] for n in order]


def seats(applicants: list[Applicant], places: dict[str, int]) -> dict[str, str]:
    """Applicant key to the school that admitted them."""
    wishes = {applicant.key: applicant.preferences for applicant in applicants}
    return {key: wishes[key][index] for key, index in forward(applicants, places).items()}


@given(applicant_lists(), places_of_schools)
def test_no_school_admits_more_than_its_places(
    applicants: list[Applicant], places: dict[str, int]
) -> None:
    for school, admitted in Counter(seats(applicants, places).values()).items():
        assert admitted <= places.get(school, 0)


@given(applicant_lists(), places_of_schools)
def test_everyone_has_at_most_one_seat_and_only_where_they_asked(
    applicants: list[Applicant], places: dict[str, int]
) -> None:
    admitted = forward(applicants, places)
    wishes = {applicant.key: applicant.preferences for applicant in applicants}
    assert all(0 <= index < len(wishes[key]) for key, index in admitted.items())


@given(applicant_lists(), places_of_schools)
def test_nobody_is_refused_a_school_that_took_someone_ranked_lower(
    applicants: list[Applicant], places: dict[str, int]
) -> None:
    admitted = forward(applicants, places)
    seated = seats(applicants, places)
    order = ranked(applicants)
    for place, applicant in enumerate(order):
        until = admitted.get(applicant.key, len(applicant.preferences))
        refused = set(applicant.preferences[:until])
        assert all(seated.get(lower.key) not in refused for lower in order[place + 1 :])


@given(applicant_lists(), places_of_schools)
def test_nobody_is_refused_a_school_with_a_place_left(
    applicants: list[Applicant], places: dict[str, int]
) -> None:
    admitted = forward(applicants, places)
    used = Counter(seats(applicants, places).values())
    for applicant in applicants:
        until = admitted.get(applicant.key, len(applicant.preferences))
        assert all(
            used[school] == places.get(school, 0) for school in applicant.preferences[:until]
        )


@given(applicant_lists(), places_of_schools)
def test_the_answer_is_in_the_order_of_admission(
    applicants: list[Applicant], places: dict[str, int]
) -> None:
    admitted = forward(applicants, places)
    assert list(admitted) == [a.key for a in ranked(applicants) if a.key in admitted]


@given(applicant_lists(), places_of_schools)
def test_the_places_passed_in_are_left_alone(
    applicants: list[Applicant], places: dict[str, int]
) -> None:
    before = dict(places)
    forward(applicants, places)
    assert places == before


def test_the_better_candidate_takes_the_last_place_and_the_other_the_next_wish() -> None:
    better = Applicant("better", (600,), ("甲",))
    worse = Applicant("worse", (599,), ("甲", "乙"))
    assert forward([worse, better], {"甲": 1, "乙": 1}) == {"better": 0, "worse": 1}


def test_equal_totals_are_decided_by_the_next_item_of_the_standing() -> None:
    first = Applicant("first", (500, 200), ("甲",))
    second = Applicant("second", (500, 201), ("甲",))
    assert forward([first, second], {"甲": 1}) == {"second": 0}


def test_wholly_equal_standings_go_in_the_order_given() -> None:
    twins = [Applicant(key, (500, 200), ("甲",)) for key in ("b", "a")]
    assert forward(twins, {"甲": 1}) == {"b": 0}


def test_a_repeated_key_is_an_error() -> None:
    with pytest.raises(ValueError, match="same key"):
        forward([Applicant("a", (1,), ()), Applicant("a", (2,), ())], {})
