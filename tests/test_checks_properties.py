"""Checks on any table: what is consistent passes, and no corruption of the arithmetic is missed."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lookup.admin.checks.order import longest_rising
from tests.check_makers import FULL, PARTS, Row, checked, kind_with, told

SUM = kind_with({"rule": "sum", "total": "total", "parts": PARTS})
RANK = kind_with({"rule": "rank", "rank": "rank", "score": "total"})
SEQUENCE = kind_with({"rule": "sequence", "field": "order"})
TABLE = kind_with(
    {"rule": "cumulative", "score": "total", "count": "count", "cumulative": "cumulative"}
)
TENTHS = st.integers(0, FULL * 10)
CELLS = TENTHS | st.sampled_from(["absent", "exempt"])


def in_marks(tenths: int) -> float:
    """A mark as the cells' reader gives it: 101 or 101.5."""
    return tenths / 10 if tenths % 10 else tenths // 10


@st.composite
def consistent(draw: st.DrawFn) -> list[Row]:
    rows: list[Row] = []
    for cells in draw(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=30)):
        total = sum(cell for cell in cells if isinstance(cell, int))
        marks = [in_marks(cell) if isinstance(cell, int) else cell for cell in cells]
        rows.append(dict(zip(PARTS, marks, strict=True)) | {"total": in_marks(total)})
    return rows


def ranked(totals: list[int]) -> list[Row]:
    return [
        {"total": in_marks(total), "rank": 1 + sum(other > total for other in totals)}
        for total in totals
    ]


@given(rows=consistent())
def test_right_sums_pass(rows: list[Row]) -> None:
    assert told(SUM, rows) == []


@given(rows=consistent(), data=st.data())
def test_every_corruption_of_a_sum_is_found_where_it_is(
    rows: list[Row], data: st.DataObject
) -> None:
    places = data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1))
    for place in places:
        name = data.draw(st.sampled_from(["total", *PARTS]))
        held = rows[place][name]
        worth = 0 if isinstance(held, str) else round(held * 10)
        other = data.draw(TENTHS)
        assume(other != worth)
        rows[place] = rows[place] | {name: in_marks(other)}
    assert told(SUM, rows) == [(place + 2, "sum") for place in sorted(places)]


TOTALS = st.lists(st.integers(0, 60), min_size=2, max_size=40)


@given(totals=TOTALS)
def test_right_ranks_pass(totals: list[int]) -> None:
    assert told(RANK, ranked(totals)) == []


@given(totals=TOTALS, data=st.data())
def test_no_corruption_of_ranks_is_missed(totals: list[int], data: st.DataObject) -> None:
    rows = ranked(totals)
    places = data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1))
    for place in places:
        rank = data.draw(st.integers(1, 99))
        assume(rank != rows[place]["rank"])
        rows[place] = rows[place] | {"rank": rank}
    assert told(RANK, rows)


@given(totals=TOTALS, data=st.data())
def test_one_wrong_rank_is_at_most_three_findings(totals: list[int], data: st.DataObject) -> None:
    rows = ranked(totals)
    place = data.draw(st.integers(0, len(rows) - 1))
    rows[place] = rows[place] | {"rank": data.draw(st.integers(1, 99))}
    assert len(told(RANK, rows)) <= 3


@given(order=st.permutations(range(1, 15)), data=st.data())
def test_any_order_of_unbroken_numbers_passes_and_any_change_is_found(
    order: list[int], data: st.DataObject
) -> None:
    rows: list[Row] = [{"order": number} for number in order]
    assert told(SEQUENCE, rows) == []
    place = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(st.integers(1, 999))
    assume(other != order[place])
    rows[place] = {"order": other}
    assert told(SEQUENCE, rows)


@given(counts=st.lists(st.integers(0, 500), min_size=2, max_size=40), data=st.data())
def test_running_sums_pass_and_any_change_of_one_is_one_finding(
    counts: list[int], data: st.DataObject
) -> None:
    rows: list[Row] = []
    running = 0
    for place, count in enumerate(counts):
        running += count
        rows.append({"total": 600 - place, "count": count, "cumulative": running})
    assert told(TABLE, rows) == []
    place = data.draw(st.integers(1, len(rows) - 1))
    name = data.draw(st.sampled_from(["count", "cumulative"]))
    held = rows[place][name]
    rows[place] = rows[place] | {name: data.draw(st.integers(0, 9999).filter(lambda n: n != held))}
    # What stands above the first counted row is the office's to hide.
    if sum(counts[:place]):
        assert told(TABLE, rows) == [(place + 2, "cumulative")]


@given(totals=TOTALS, counts=st.lists(st.integers(0, 500), min_size=1), data=st.data())
def test_no_rows_left_out_of_right_tables_are_held_against_the_others(
    totals: list[int], counts: list[int], data: st.DataObject
) -> None:
    table: list[Row] = [
        {"total": 600 - at, "count": count, "cumulative": sum(counts[: at + 1])}
        for at, count in enumerate(counts)
    ]
    numbers: list[Row] = [{"order": number} for number in range(1, len(totals) + 1)]
    for kind, rows in ((RANK, ranked(totals)), (SEQUENCE, numbers), (TABLE, table)):
        kept = [row for row in rows if data.draw(st.booleans())]
        left_out = len(rows) - len(kept)
        assert told(kind, kept, expected=len(rows), left_out=left_out) == []


@given(totals=TOTALS, data=st.data())
def test_a_rank_that_contradicts_the_order_is_found_whatever_was_left_out(
    totals: list[int], data: st.DataObject
) -> None:
    rows = sorted(ranked(totals), key=lambda row: row["rank"])
    assume(rows[0]["total"] > rows[-1]["total"])
    rows[-1] = rows[-1] | {"rank": rows[0]["rank"]}
    assert told(RANK, rows, left_out=data.draw(st.integers(0, 99)))


EVERY_CHECK = kind_with(
    {"rule": "sum", "total": "a", "parts": ["b", "c"]},
    {"rule": "flags", "flag": "flag"},
    {"rule": "rank", "rank": "rank", "score": "a", "within": ["school"]},
    {"rule": "unique", "fields": ["a", "school"]},
    {"rule": "requires", "when": "outcome", "is": ["admitted"], "fields": ["a"]},
    {"rule": "excludes", "when": "outcome", "is": ["waiting"], "fields": ["a"]},
    {"rule": "at_least", "field": "a", "other": "b"},
    {"rule": "places", "when": "flag", "is": ["absent"], "by": ["a"], "plan": "plan"},
    {"rule": "sequence", "field": "order", "within": ["a"]},
    {"rule": "cumulative", "score": "a", "count": "count", "cumulative": "cumulative"},
    {"rule": "distribution", "fields": ["a", "b", "rank", "flag", "outcome"], "by": "school"},
    {"rule": "runs", "fields": PARTS},
)
WHOLE = st.integers(1, 9)
MARKS = st.integers(0, 9) | st.sampled_from([0.5, "absent", "exempt"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "school": st.sampled_from("甲乙"),
            **dict.fromkeys(PARTS, MARKS),
            **dict.fromkeys(["rank", "order", "plan", "count", "cumulative"], WHOLE),
            "flag": st.sampled_from(["normal", "absent", "exempt"]),
            "outcome": st.sampled_from(["admitted", "waiting"]),
        },
    ),
    max_size=40,
)


@given(rows=ROWS, before=ROWS)
def test_no_rows_break_a_check_and_every_finding_speaks(rows: list[Row], before: list[Row]) -> None:
    profile = checked(EVERY_CHECK, before)[1].profile()
    findings, checker = checked(EVERY_CHECK, rows, previous=profile)
    assert checker.counts.total() == len(findings)
    assert checker.profile().records == len(rows)


@settings(max_examples=200)
@given(numbers=st.lists(st.integers(0, 30), max_size=12))
def test_the_longest_rising_part_is_the_longest(numbers: list[int]) -> None:
    kept = list(longest_rising(numbers))[::-1]
    assert kept == sorted(set(kept))
    assert [numbers[at] for at in kept] == sorted(numbers[at] for at in kept)
    best: list[int] = []
    for at, number in enumerate(numbers):
        best.append(1 + max((best[b] for b in range(at) if numbers[b] <= number), default=0))
    assert len(kept) == max(best, default=0)
