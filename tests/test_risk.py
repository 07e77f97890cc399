"""Risk: the numbers of a few small batches, worked out by hand."""

import copy

import pytest

from lookup.admin.risk import RiskCount
from lookup.kinds import Kind, read_kind
from lookup.settings import Settings
from tests.admin_makers import kind_called


def kind_with(fields: list[str]) -> Kind:
    document = copy.deepcopy(dict(kind_called("scores").document))
    document["way_in"] = [{"name": "way", "label": {"zh": "用", "en": "with"}, "fields": fields}]
    return read_kind(document)


def expected(fields: list[str], records: list[dict[str, str]], budget: int) -> float:
    count = RiskCount(kind_with(["candidate_number", *fields]))
    for number, record in enumerate(records):
        count.add({"candidate_number": str(number), **record})
    (risk,) = count.risks(Settings(failure_budget=budget - 1))
    assert risk.tries == budget
    return risk.expected


@pytest.mark.parametrize(
    ("factor", "budget", "share"),
    [
        ("access_code", 100, 100 / 32**8),
        ("id_suffix", 100, 100 / 31_000),
        ("id_suffix", 31_000, 1.0),
        ("id_suffix", 99_999, 1.0),
    ],
)
def test_an_even_factor_opens_the_budgets_share(factor: str, budget: int, share: float) -> None:
    assert expected([factor], [{factor: "x"}] * 7, budget) == pytest.approx(7 * share)


def test_two_factors_multiply() -> None:
    records = [{"access_code": "x", "id_suffix": "y"}] * 4
    found = expected(["access_code", "id_suffix"], records, 10)
    assert found == pytest.approx(40 / (32**8 * 31_000))


@pytest.mark.parametrize(("budget", "opened"), [(1, 3), (2, 5), (3, 6), (100, 6)])
def test_names_are_tried_the_commonest_first(budget: int, opened: int) -> None:
    records = [{"name": name} for name in "甲甲甲乙乙丙"]
    assert expected(["name"], records, budget) == opened


def test_nothing_is_said_of_a_way_in_that_no_record_has() -> None:
    assert RiskCount(kind_with(["candidate_number", "access_code"])).risks(Settings()) == []


def test_a_day_opens_what_its_tries_do() -> None:
    count = RiskCount(kind_with(["candidate_number", "id_suffix"]))
    count.add({"candidate_number": "1", "id_suffix": "x"})
    (risk,) = count.risks(Settings())
    assert risk.tries_a_day == 20 + 240 + 2881
    assert risk.expected_a_day == pytest.approx(risk.tries_a_day / 31_000)


def test_a_record_without_the_factor_is_at_no_risk() -> None:
    assert expected(["id_suffix"], [{"id_suffix": "x"}, {}], 31_000) == 1
