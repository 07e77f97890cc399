"""Correcting: a new batch, one record other, everything else as it was."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from lookup.admin.batches import Batch
from lookup.admin.correcting import correct
from lookup.admin.differences import differences
from lookup.candidate import credential
from lookup.errors import RefusedError, UsageError
from lookup.release_file import ReleaseFile
from tests.admin_makers import Office, candidate, candidates, kind_called, lookup, write_rows

SCORES = kind_called("scores")
COUNT = 6
NUMBER = candidate(2)[0]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.load(SCORES, write_rows(tmp_path / "s.csv", candidates(COUNT)))
    return office


def corrected(office: Office, identifier: str = NUMBER, **changes: str) -> Batch:
    return office.at_desk(lambda desk: correct(desk, 1, identifier, changes, "复核"))


def stored(office: Office, batch: int) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(office.batch_file(batch))) as database:
        return database.execute("SELECT * FROM record ORDER BY id").fetchall()


def test_one_record_changes_and_the_rest_stays(office: Office) -> None:
    before, old = stored(office, 1), office.batch(1)
    batch = corrected(office, total="444")
    after = stored(office, batch.id)
    assert stored(office, 1) == before
    assert office.batch(1) == old
    assert [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [1]
    assert orjson.loads(after[1][4])["total"] == 444
    assert (batch.state, batch.corrects, batch.reason) == ("checked", 1, "复核")
    assert batch.sha256 != old.sha256


def test_a_correction_is_what_loading_the_mended_file_would_have_been_and_says_so(
    office: Office,
) -> None:
    batch = corrected(office, total="444", chinese="", flag="缺考")
    rows = candidates(COUNT)
    rows[1] = candidate(2, 总分="444", 语文="", 考试情况="缺考")
    mended = office.load(SCORES, write_rows(office.root / "t.csv", rows))
    records = zip(stored(office, mended.batch), stored(office, batch.id), strict=True)
    assert [new[:-1] for new, _ in records] == [new[:-1] for new in stored(office, batch.id)]
    assert office.batch(mended.batch).sha256 != batch.sha256


def test_a_record_once_corrected_stays_so_and_no_other_is(office: Office) -> None:
    first = corrected(office, total="444")
    again = office.at_desk(
        lambda desk: correct(desk, first.id, candidate(3)[0], {"total": "445"}, "x")
    )
    marks = [[row[-1] for row in stored(office, number)] for number in (1, first.id, again.id)]
    assert marks == [[0] * COUNT, [0, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0]]


def test_what_nobody_reads_in_the_record_is_no_correction_of_it(office: Office) -> None:
    assert not any(row[-1] for row in stored(office, corrected(office, id_suffix="99999x").id))


def test_that_a_record_was_corrected_is_among_what_is_signed_for(office: Office) -> None:
    batch = corrected(office, total="444")
    with contextlib.closing(sqlite3.connect(office.batch_file(batch.id))) as file:
        file.execute("UPDATE record SET corrected = 0")
        file.commit()
    with pytest.raises(RefusedError, match="not what it was"):
        office.build(batch.id)


def test_a_batch_from_before_the_mark_is_built_and_corrected_as_ever(office: Office) -> None:
    with contextlib.closing(sqlite3.connect(office.batch_file(1))) as file:
        file.execute("ALTER TABLE record DROP COLUMN corrected")
        file.commit()
    before = office.batch_file(1).read_bytes()
    path = office.root / "s.csv"
    assert office.verify(office.build(1), path).differences == 0
    batch = corrected(office, total="444")
    assert [row[-1] for row in stored(office, batch.id)] == [0, 1, 0, 0, 0, 0]
    assert office.batch_file(1).read_bytes() == before


def test_a_corrected_record_is_served_as_one_and_the_others_as_they_were(office: Office) -> None:
    release = office.build(corrected(office, total="444").id)
    rows = candidates(COUNT)
    rows[1] = candidate(2, 总分="444")
    mended = write_rows(office.root / "t.csv", rows)
    assert office.verify(release, mended).differences == 0
    key = office.keys.get(release.id)
    with contextlib.closing(ReleaseFile(office.store.path(release.reference))) as file:
        for index, row in enumerate(rows):
            credential_of = [("candidate_number", row[0]), ("access_code", row[1])]
            body = orjson.loads(file.find(key, credential(credential_of)) or b"")
            assert body.pop("corrected", None) == (True if index == 1 else None)
            assert list(body) == ["kind", "release", "record"]


def test_a_second_factor_can_be_corrected(office: Office) -> None:
    batch = corrected(office, id_suffix="99999x")
    found = office.at_desk(lambda desk: differences(desk, batch.id, 1))
    assert [change.field for change in found.fields] == ["credentials"]
    assert orjson.loads(stored(office, batch.id)[1][5])["id_suffix"] == "99999X"


def test_issued_codes_stay(office: Office) -> None:
    path = write_rows(office.root / "t.csv", candidates(3))
    loaded = office.load(SCORES, path, codes_path=office.root / "codes.csv")
    batch = office.at_desk(lambda desk: correct(desk, loaded.batch, NUMBER, {"total": "1"}, "x"))
    assert batch.issued
    codes = [
        [orjson.loads(row[5])["access_code"] for row in stored(office, number)]
        for number in (loaded.batch, batch.id)
    ]
    assert codes[0] == codes[1]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, UsageError),
        ({"candidate_number": "999999999"}, UsageError),
        ({"nothing": "1"}, UsageError),
        ({"total": "x"}, RefusedError),
        ({"total": "9999"}, RefusedError),
        ({"total": ""}, RefusedError),
        ({"name": "\ue000"}, RefusedError),
        ({"total": "302"}, RefusedError),
        ({"access_code": "", "id_suffix": ""}, RefusedError),
    ],
)
def test_what_breaks_a_rule_is_refused_and_leaves_nothing(
    office: Office, changes: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        corrected(office, **changes)
    assert len(list(office.batch_file(1).parent.glob("*.db*"))) == 1


def test_a_number_nobody_has_and_a_missing_reason_are_refused(office: Office) -> None:
    with pytest.raises(RefusedError, match="no record") as caught:
        corrected(office, "999999999", total="1")
    assert "999999999" not in str(caught.value)
    with pytest.raises(UsageError, match="why"):
        office.at_desk(lambda desk: correct(desk, 1, NUMBER, {"total": "1"}, " "))


def test_a_number_may_be_typed_as_a_candidate_would(office: Office) -> None:
    wide = NUMBER.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    assert corrected(office, wide, total="1").corrects == 1


def test_the_audit_names_the_fields_and_nothing_of_anybody(office: Office) -> None:
    corrected(office, name="张三丰", id_suffix="99999X")
    with contextlib.closing(sqlite3.connect(office.root / "admin" / "admin.db")) as database:
        lines = database.execute("SELECT act, subject, detail, before, after FROM audit").fetchall()
    acts = [line[0] for line in lines]
    assert acts == ["batch.load", "batch.check", "batch.correct", "batch.check"]
    detail = orjson.loads(lines[2][2])
    assert (detail["corrects"], detail["fields"]) == (1, ["id_suffix", "name"])
    assert detail["reason"] == office.batch(2).reason
    assert (lines[2][3], lines[2][4]) == (office.batch(1).sha256, office.batch(2).sha256)
    assert not any(text in str(lines) for text in ("张三丰", "99999X", NUMBER))


def test_a_correction_that_no_longer_adds_up_is_rejected_by_its_check(office: Office) -> None:
    batch = corrected(office, chinese="100", total="1")
    assert (batch.state, batch.errors > 0) == ("rejected", True)


def test_the_number_and_the_value_come_by_standard_input(office: Office, tmp_path: Path) -> None:
    done = lookup(
        tmp_path,
        *("batch", "correct", "1", "--set", "total", "--reason", "复核"),
        typed=f"{NUMBER}\n444\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "corrects" not in done.stderr
    assert orjson.loads(stored(office, 2)[1][4])["total"] == 444


def test_a_corrected_release_is_the_next_version(office: Office) -> None:
    office.open(office.build(1).id)
    release = office.build(corrected(office, total="444").id)
    assert release.version == 2
    assert office.open(release.id).opened_over is not None
