"""Batches: what their files hold, read some at a time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lookup.admin.batch_file import create_batch_file, open_batch_file
from lookup.admin.batches import (
    CHUNK_ROWS,
    finding_groups,
    findings,
    get_batch,
    list_batches,
    record_of,
    records,
    secrets_of,
)
from lookup.admin.finding_store import LOADING, keep_findings
from lookup.admin.findings import WARNING, Finding
from lookup.errors import DamagedError, StorageError, UsageError
from tests.admin_makers import Office, candidate, candidates, kind_called, write_rows

SCORES = kind_called("scores")
FOUND = [
    ("b.csv", Finding("required", 3, "姓名")),
    ("a.csv", Finding("required", 9, "姓名", severity=WARNING)),
    ("a.csv", Finding("way_in", 4)),
    ("a.csv", Finding("required", 2, "姓名")),
]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def with_findings(path: Path, act: Any) -> Any:
    async def work() -> Any:
        async with create_batch_file(path) as file:
            await keep_findings(file, LOADING, FOUND)
        async with open_batch_file(path) as file:
            return await act(file)

    return asyncio.run(work())


def test_findings_come_errors_first_then_by_file_and_line(tmp_path: Path) -> None:
    found = with_findings(tmp_path / "1.db", lambda file: findings(file, 9))
    assert [(f["severity"], f["file"], f["line"]) for f in found] == [
        ("error", "a.csv", 2),
        ("error", "a.csv", 4),
        ("error", "b.csv", 3),
        ("warning", "a.csv", 9),
    ]


def test_findings_can_be_paged_and_narrowed_to_a_rule(tmp_path: Path) -> None:
    whole = with_findings(tmp_path / "1.db", lambda file: findings(file, 9))
    paged = with_findings(tmp_path / "2.db", lambda file: findings(file, 2, after=1))
    assert paged == whole[1:3]
    narrow = with_findings(tmp_path / "3.db", lambda file: findings(file, 9, rule="way_in"))
    assert narrow == [whole[1]]


def test_findings_are_said_in_the_readers_language(tmp_path: Path) -> None:
    zh = with_findings(tmp_path / "1.db", lambda file: findings(file, 9, language="zh"))
    en = with_findings(tmp_path / "2.db", lambda file: findings(file, 9))
    assert all(a["reason"] != b["reason"] for a, b in zip(zh, en, strict=True))


def test_groups_count_by_rule_and_column_with_the_first_places(tmp_path: Path) -> None:
    groups = with_findings(tmp_path / "1.db", finding_groups)
    assert [(g.severity, g.rule, g.count) for g in groups] == [
        ("error", "required", 2),
        ("error", "way_in", 1),
        ("warning", "required", 1),
    ]
    assert [example["line"] for example in groups[0].examples] == [2, 3]


def test_records_come_in_order_and_whole(office: Office) -> None:
    count = CHUNK_ROWS + 7
    rows = [candidate(n % 20_000) for n in range(1, count + 1)]
    office.load(SCORES, write_rows(office.root / "s.csv", rows))

    async def work() -> tuple[list[int], list[int]]:
        async with open_batch_file(office.batch_file(1)) as file:
            chunks = [chunk async for chunk in records(file)]
        return [len(chunk) for chunk in chunks], [r.line for chunk in chunks for r in chunk]

    sizes, lines = asyncio.run(work())
    assert sizes == [CHUNK_ROWS, 7]
    assert lines == list(range(2, count + 2))


def test_secrets_are_found_by_number_in_any_quantity(office: Office) -> None:
    office.load(SCORES, write_rows(office.root / "s.csv", candidates(1200)))
    wanted = [row[0] for row in candidates(1200)]

    async def work() -> tuple[Any, Any, Any]:
        async with open_batch_file(office.batch_file(1)) as file:
            found = await secrets_of(file, [*wanted, "nobody"])
            return found, await record_of(file, wanted[3]), await record_of(file, "nobody")

    found, record, nobody = asyncio.run(work())
    assert found.keys() == set(wanted)
    assert found[wanted[0]]["access_code"] == candidate(1)[1]
    assert (record.identifier, nobody) == (wanted[3], None)


def test_batches_are_listed_the_newest_first_and_unknown_ones_refused(office: Office) -> None:
    path = write_rows(office.root / "s.csv", candidates(1))
    for _ in range(3):
        office.load(SCORES, path)
    assert [b.id for b in office.at_desk(lambda d: list_batches(d.database))] == [3, 2, 1]
    for number in (0, -1, 4, 2**70):
        with pytest.raises(UsageError):
            office.at_desk(lambda desk, n=number: get_batch(desk.database, n))  # type: ignore[misc]


def test_a_batch_file_is_never_made_by_opening_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_batch_file(tmp_path / "1.db"):
            pass

    with pytest.raises(DamagedError, match="backup"):
        asyncio.run(work())
    assert list(tmp_path.iterdir()) == []


def test_a_batch_file_is_never_made_over_another(tmp_path: Path) -> None:
    async def work() -> None:
        async with create_batch_file(tmp_path / "1.db"):
            pass

    asyncio.run(work())
    with pytest.raises(StorageError):
        asyncio.run(work())
    assert (tmp_path / "1.db").stat().st_mode & 0o777 == 0o600


def test_a_path_with_odd_characters_is_opened_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "数据?mode=memory#%20 x"
    folder.mkdir()
    assert len(with_findings(folder / "1.db", lambda file: findings(file, 9))) == 4
