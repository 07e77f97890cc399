"""The lottery file at its default size."""

import csv
from collections import defaultdict

import pytest

from lookup.sample import write_sample

Row = dict[str, str]


@pytest.fixture(scope="module")
def lottery(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    path = write_sample(tmp_path_factory.mktemp("lottery"), candidates=1).lottery
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_lottery_outcome_occurs_and_two_schools_admit_all(lottery: list[Row]) -> None:
    outcomes: dict[str, set[str]] = defaultdict(set)
    for row in lottery:
        outcomes[row["报名学校"]].add(row["派位结果"])
        assert row["班级类别"] in ("普通班", "寄宿班")
    assert sorted(map(len, outcomes.values()))[:2] == [1, 1]
    assert sum(found == {"免派全录"} for found in outcomes.values()) == 2
    drawn = [found for found in outcomes.values() if found != {"免派全录"}]
    assert len(drawn) == 16
    assert all({"派中", "未派中"} <= found <= {"派中", "未派中", "资格取消"} for found in drawn)
    assert any("资格取消" in found for found in drawn)


def test_lottery_orders_run_unbroken_from_one_and_the_first_are_drawn(lottery: list[Row]) -> None:
    orders: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    drawn_rows = [row for row in lottery if row["派位结果"] in ("派中", "未派中")]
    for row in drawn_rows:
        orders[row["报名学校"], row["班级类别"]][int(row["派位序号"])] = row["派位结果"]
    assert sum(map(len, orders.values())) == len(drawn_rows)
    for found in orders.values():
        assert sorted(found) == list(range(1, len(found) + 1))
        places = list(found.values()).count("派中")
        assert all((found[n] == "派中") == (n <= places) for n in found)
    others = [row for row in lottery if row["派位结果"] not in ("派中", "未派中")]
    assert all(row["派位序号"] == "" for row in others)
