"""Sampling: records worth looking at, the same for whoever looks."""

from pathlib import Path

import pytest

from lookup.admin.sampling import Sample, samples
from tests.admin_makers import SAMPLES, Office, candidate, candidates, kind_called, write_rows

SCORES = kind_called("scores")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def taken(office: Office, *rows: list[str]) -> list[Sample]:
    batch = office.load(SCORES, write_rows(office.root / "s.csv", rows)).batch
    return office.at_desk(lambda desk: samples(desk, batch))


def test_the_ends_the_extremes_and_each_outcome_are_there(office: Office) -> None:
    rows = [candidate(n, 总分=str(300 + n)) for n in range(1, 41)]
    rows[20] = candidate(21, 总分="600")
    rows[22] = candidate(23, 总分="99", 考试情况="缺考")
    found = {sample.why: sample for sample in taken(office, *rows)}
    assert found["first"].identifier == rows[0][0]
    assert found["last"].identifier == rows[-1][0]
    assert found["highest"].body["total"] == 600
    assert found["lowest"].body["total"] == 99
    assert len(found) == len({sample.identifier for sample in found.values()})


def test_some_are_drawn_and_nobody_twice(office: Office) -> None:
    found = taken(office, *candidates(60))
    assert len(found) <= 8
    assert [sample.why for sample in found].count("random") >= 2
    assert len({sample.identifier for sample in found}) == len(found)


def test_the_draw_is_the_same_for_equal_content_and_another_for_other(office: Office) -> None:
    first, second = taken(office, *candidates(99)), taken(office, *candidates(99))
    assert first == second
    other = taken(office, *candidates(99)[:-1], candidate(99, 总分="1"))
    assert [s.identifier for s in other] != [s.identifier for s in first]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_small_batch_is_shown_whole(office: Office, count: int) -> None:
    found = taken(office, *candidates(count))
    assert {sample.identifier for sample in found} == {row[0] for row in candidates(count)}


@pytest.mark.parametrize("name", ["lottery", "admissions"])
def test_every_kind_can_be_sampled_by_its_outcomes(office: Office, name: str) -> None:
    batch = office.load(kind_called(name), SAMPLES / f"{name}.csv").batch
    found = office.at_desk(lambda desk: samples(desk, batch))
    assert any("=" in sample.why for sample in found)
