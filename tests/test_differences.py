"""Differences: every planted change is counted, by field, and shown once."""

import asyncio
from pathlib import Path

import pytest

from lookup.admin.differences import Differences, FieldChange, differences
from lookup.errors import UsageError
from tests.admin_makers import SAMPLES, Office, candidate, candidates, kind_called, write_rows

SCORES = kind_called("scores")
COUNT = 9


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.open(office.made(COUNT).id)
    return office


def load(office: Office, rows: list[list[str]]) -> int:
    return office.load(SCORES, write_rows(office.root / "new.csv", rows)).batch


def diff(office: Office, batch: int, against: int | None = None) -> Differences:
    return office.at_desk(lambda desk: differences(desk, batch, against))


def test_the_same_rows_in_any_order_differ_in_nothing(office: Office) -> None:
    found = diff(office, load(office, candidates(COUNT)[::-1]))
    assert (found.against, found.added, found.removed, found.changed) == (1, 0, 0, 0)
    assert (found.fields, found.examples) == ((), ())


def test_added_and_removed_records_are_counted_and_named(office: Office) -> None:
    found = diff(office, load(office, candidates(COUNT + 2)[1:]))
    assert (found.added, found.removed, found.changed) == (2, 1, 0)
    shown = [(example.what, example.identifier) for example in found.examples]
    assert shown == [
        ("added", candidate(COUNT + 1)[0]),
        ("added", candidate(COUNT + 2)[0]),
        ("removed", candidate(1)[0]),
    ]


def test_a_changed_record_says_what_changed_from_what_to_what(office: Office) -> None:
    rows = [
        candidate(1, 总分="444", 语文=""),
        candidate(2, 考试情况="缺考"),
        *candidates(COUNT)[2:],
    ]
    found = diff(office, load(office, rows))
    assert (found.added, found.removed, found.changed) == (0, 0, 2)
    assert found.fields == (
        FieldChange("chinese", 1, 0, 1),
        FieldChange("total", 1, 0, 0),
        FieldChange("flag", 1, 0, 0, (("normal", "absent", 1),)),
    )
    assert [example.fields for example in found.examples] == [
        {"chinese": (61, None), "total": (301, 444)},
        {"flag": ("normal", "absent")},
    ]


def test_a_changed_second_factor_is_counted_and_not_shown(office: Office) -> None:
    rows = [candidate(1, 查询码="00000000"), *candidates(COUNT)[1:]]
    found = diff(office, load(office, rows))
    assert found.fields == (FieldChange("credentials", 1, 0, 0),)
    assert "00000000" not in str(found)


def test_a_changed_name_is_the_names_change_alone(office: Office) -> None:
    rows = [candidate(1, 姓名="别人"), *candidates(COUNT)[1:]]
    found = diff(office, load(office, rows))
    assert [change.field for change in found.fields] == ["name"]


def test_any_batch_can_be_held_against_any_other_of_its_kind(office: Office) -> None:
    first, second = load(office, candidates(2)), load(office, candidates(3))
    assert diff(office, second, first).added == 1
    assert diff(office, first, second).removed == 1


def test_batches_of_two_kinds_cannot_be_compared(office: Office) -> None:
    other = office.load(kind_called("lottery"), SAMPLES / "lottery.csv").batch
    with pytest.raises(UsageError, match="kind"):
        diff(office, other, 1)


def test_where_nothing_is_live_everything_is_added(tmp_path: Path) -> None:
    office = Office(tmp_path)
    found = diff(office, load(office, candidates(4)))
    assert (found.against, found.added, found.changed, found.removed) == (None, 4, 0, 0)


def test_there_is_an_end_to_examples(office: Office) -> None:
    rows = [candidate(n, 总分=str(100 + n)) for n in range(1, 70)]
    old = load(office, [candidate(n) for n in range(1, 70)])
    found = diff(office, load(office, rows), old)
    assert (found.changed, len(found.examples)) == (69, 50)


def test_a_comparison_leaves_both_files_as_they_are(office: Office) -> None:
    batch = load(office, candidates(3))
    before = [office.batch_file(number).read_bytes() for number in (1, batch)]

    async def twice() -> None:
        async with office.desk() as one, office.desk() as two:
            await asyncio.gather(differences(one, batch), differences(two, batch))

    asyncio.run(twice())
    assert [office.batch_file(number).read_bytes() for number in (1, batch)] == before
