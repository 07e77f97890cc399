"""Statistics: no published cell stands for fewer than ten people, and the sums are right."""

import itertools
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lookup.statistics import MINIMUM_CELL, Tally
from tests.admin_makers import kind_called

SCORES = kind_called("scores")
MARKS = st.one_of(st.integers(0, 30), st.sampled_from([9.5, 10.5]), st.just("absent"))
FLAGS = st.sampled_from(["normal", "absent", "misconduct", "deferred", "exempt"])
RECORDS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"total": MARKS, "flag": FLAGS}),
        st.fixed_dictionaries({"total": MARKS}),
    ),
    max_size=300,
)


def tables(records: list[dict[str, Any]]) -> dict[str, Any]:
    tally = Tally(SCORES)
    for record in records:
        tally.add(record)
    return tally.tables()


@given(RECORDS)
def test_no_cell_is_below_ten_and_every_sum_is_right(records: list[dict[str, Any]]) -> None:
    found = tables(records)
    assert found["records"] == len(records)
    for table in found["tables"].values():
        assert all(row["count"] >= MINIMUM_CELL for row in table["rows"])
    marks = [r["total"] for r in records if not isinstance(r["total"], str)]
    if "total" in found["tables"]:
        rows = found["tables"]["total"]["rows"]
        assert rows[-1]["cumulative"] == sum(row["count"] for row in rows) == len(marks)
        for row in rows:
            assert row["count"] == sum(row["from"] <= mark <= row["to"] for mark in marks)
        assert all(low["to"] < high["from"] for high, low in itertools.pairwise(rows))
    else:
        assert len(marks) < MINIMUM_CELL
    flags = Counter(r["flag"] for r in records if "flag" in r)
    if "flag" in found["tables"]:
        rows = found["tables"]["flag"]["rows"]
        assert sum(row["count"] for row in rows) == flags.total()
        assert all(row["value"] is None or row["count"] == flags[row["value"]] for row in rows)


def test_an_empty_batch_publishes_its_size_only() -> None:
    assert tables([]) == {"records": 0, "tables": {}}


def test_neighbouring_marks_are_merged_from_the_top() -> None:
    records = [{"total": mark} for mark in [50] * 4 + [49] * 6 + [40] * 12 + [1] * 3]
    assert tables(records)["tables"]["total"]["rows"] == [
        {"from": 49, "to": 50, "count": 10, "cumulative": 10},
        {"from": 1, "to": 40, "count": 15, "cumulative": 25},
    ]


def test_a_rare_value_takes_the_next_rarest_with_it() -> None:
    records = [{"flag": flag} for flag in ["normal"] * 20 + ["absent"] * 11 + ["exempt"] * 2]
    assert tables(records)["tables"]["flag"]["rows"] == [
        {"value": "normal", "count": 20},
        {"value": None, "count": 13},
    ]
