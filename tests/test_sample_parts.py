"""The parts that the sample is made of, and samples of a few."""

import csv
import random
from datetime import date
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.sample import write_sample
from lookup.sample.apportion import apportion
from lookup.sample.candidates import make_candidates
from lookup.sample.city import districts, middle_schools
from lookup.sample.high_schools import admission_rounds
from lookup.sample.identity import check_character, id_tail
from lookup.sample.lottery import MOST_FAMILIES, draw_lots, make_lottery
from lookup.sample.names import full_name
from lookup.sample.scores import in_marks
from lookup.sample.streams import stream


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_check_character_is_that_of_the_standards_own_examples() -> None:
    assert check_character("11010519491231002") == "X"
    assert check_character("44052418800101001") == "4"


@given(st.integers(), st.booleans())
def test_an_id_tail_has_a_day_a_sequence_by_sex_and_a_check(seed: int, girl: bool) -> None:
    tail = id_tail(random.Random(seed), region="330106", first_day=date(1999, 9, 1), girl=girl)
    assert len(tail) == 6
    assert 1 <= int(tail[:2]) <= 31
    assert int(tail[2:5]) % 2 == (0 if girl else 1)
    assert tail[5] in "0123456789X"


@given(st.integers(0, 10_000), st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_shares_add_up_and_are_within_one_of_exact(total: int, weights: list[float]) -> None:
    shares = apportion(total, weights)
    assert sum(shares) == total
    exact = [total * weight / sum(weights) for weight in weights]
    assert all(abs(a - b) <= 1.000001 for a, b in zip(shares, exact, strict=True))


def test_streams_of_different_topics_differ_and_of_one_topic_agree() -> None:
    assert stream(1, "a").random() == stream(1, "a").random()
    assert len({stream(1, "a").random(), stream(1, "b").random(), stream(2, "a").random()}) == 3


@pytest.mark.parametrize(("halves", "text"), [(0, "0"), (1, "0.5"), (202, "101"), (203, "101.5")])
def test_half_marks_are_written_without_trailing_zeros(halves: int, text: str) -> None:
    assert in_marks(halves) == text


def test_every_name_can_be_written_in_gb18030_and_has_two_characters_or_more() -> None:
    rng = stream(1, "test")
    names = [full_name(rng, girl=girl) for girl in (True, False) for _ in range(20_000)]
    assert all(name.encode("gb18030").decode("gb18030") == name for name in names)
    assert min(map(len, names)) == 2
    assert any(name.startswith(("欧阳", "诸葛")) for name in names)
    dotted = [name for name in names if "·" in name]
    assert all(all(part for part in name.split("·")) for name in dotted)
    assert 0.001 < len(dotted) / len(names) < 0.006


def test_rare_characters_are_beyond_the_basic_plane_or_four_bytes_in_gb18030() -> None:
    rng = stream(2, "test")
    characters = set(chain.from_iterable(full_name(rng, girl=True) for _ in range(40_000)))
    long = {char for char in characters if len(char.encode("gb18030")) == 4}
    assert {len(char.encode()) for char in long} == {3, 4}


def test_the_city_has_thirteen_districts_and_ninety_schools_of_different_names() -> None:
    assert [district.code for district in districts()] == [f"{n:02d}" for n in range(1, 14)]
    assert len({school.name for school in middle_schools(1)}) == 90


def test_places_grow_with_the_candidates_and_no_offer_is_empty() -> None:
    small, large = (
        sum(offer.places for stage in admission_rounds(n) for offer in stage.offers)
        for n in (24_000, 48_000)
    )
    assert large == pytest.approx(2 * small, rel=0.01)
    assert all(o.places == 1 for stage in admission_rounds(1) for o in stage.offers)


def test_there_are_forty_high_schools_with_codes_of_three_digits() -> None:
    schools = {offer.school for stage in admission_rounds(24_000) for offer in stage.offers}
    assert len(schools) == len({school.name for school in schools}) == 40
    assert sorted(school.code for school in schools) == [f"{n:03d}" for n in range(1, 41)]


@given(st.integers(0, 40), st.integers(0, 40), st.frozensets(st.integers(0, 39)))
def test_a_draw_numbers_the_eligible_unbroken_and_takes_the_first(
    applicants: int, places: int, disqualified: frozenset[int]
) -> None:
    results = draw_lots(random.Random(1), applicants, places, disqualified)
    out = {i for i in disqualified if i < applicants}
    assert {i for i, (outcome, _) in enumerate(results) if outcome == "资格取消"} == out
    eligible = applicants - len(out)
    if eligible <= places:
        assert results.count(("免派全录", None)) == eligible
        return
    orders = {order: outcome for outcome, order in results if order is not None}
    assert sorted(orders) == list(range(1, eligible + 1))
    assert all((orders[n] == "派中") == (n <= places) for n in orders)


@pytest.mark.parametrize(("candidates", "families"), [(1, 1), (2, 3), (7, 40), (300, 100)])
def test_a_sample_of_a_few_works(tmp_path: Path, candidates: int, families: int) -> None:
    files = write_sample(tmp_path / "new" / "folder", candidates=candidates, families=families)
    assert len(rows(files.scores)) == len(rows(files.admissions)) == candidates
    assert len(rows(files.lottery)) == families


@pytest.mark.parametrize(("candidates", "families"), [(0, 1), (1, 0), (-5, 10)])
def test_less_than_one_is_refused_before_anything_is_written(
    tmp_path: Path, candidates: int, families: int
) -> None:
    with pytest.raises(ValueError, match="at least one"):
        write_sample(tmp_path / "none", candidates=candidates, families=families)
    assert not (tmp_path / "none").exists()


def test_more_than_the_numbers_can_count_is_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        make_candidates(1, 10_000_000)
    with pytest.raises(ValueError, match="too many"):
        make_lottery(1, MOST_FAMILIES + 1)
