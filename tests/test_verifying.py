"""Verifying: a release against files, and every planted difference counted."""

from pathlib import Path

import pytest

from lookup.errors import DamagedError, RefusedError
from lookup.release_file import ReleaseFile
from tests.admin_makers import HEADER, Office, candidate, candidates, kind_called, write_rows

COUNT = 12


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_release_equals_its_own_files_in_any_order(office: Office) -> None:
    release = office.made(COUNT)
    rows = candidates(COUNT)[::-1]
    one = write_rows(office.root / "one.csv", rows[:5])
    two = write_rows(office.root / "two.csv", rows[5:])
    comparison = office.verify(release, one, two)
    assert (comparison.compared, comparison.differences) == (COUNT, 0)
    assert office.verify(release).differences == 0


@pytest.mark.parametrize(
    ("rows", "counts", "place"),
    [
        ([candidate(1, 总分="600"), *candidates(COUNT)[1:]], (0, 0, 1, 0), "line 2: different"),
        ([candidate(1, 姓名="别人"), *candidates(COUNT)[1:]], (0, 0, 1, 0), "line 2: different"),
        (candidates(COUNT)[1:], (0, 0, 0, 2), None),
        (candidates(COUNT + 1), (0, 1, 0, 0), "line 14: missing"),
        (candidates(COUNT + 1)[1:], (0, 1, 0, 2), "line 13: missing"),
        (
            [candidate(1, 身份证号后六位="99999X"), *candidates(COUNT)[1:]],
            (0, 1, 0, 1),
            "line 2: missing",
        ),
        ([candidate(1, 总分="1e1"), *candidates(COUNT)[1:]], (1, 0, 0, 2), "line 2: unreadable"),
        ([*candidates(COUNT), ["x"]], (1, 0, 0, 0), "line 14: unreadable"),
    ],
)
def test_a_planted_difference_is_counted(
    office: Office, rows: list[list[str]], counts: tuple[int, ...], place: str | None
) -> None:
    found = office.verify(office.made(COUNT), write_rows(office.root / "planted.csv", rows))
    assert (found.unreadable, found.missing, found.different, found.unmatched) == counts
    assert found.differences == sum(counts)
    assert found.shown == ([f"planted.csv, {place}"] if place else [])


def test_what_is_shown_names_places_and_no_values(office: Office) -> None:
    rows = [candidate(n, 总分="1") for n in range(1, COUNT + 1)]
    found = office.verify(office.made(COUNT), write_rows(office.root / "planted.csv", rows))
    assert found.different == COUNT
    assert not any(cell in line for line in found.shown for row in rows for cell in row[:4])


def test_issued_codes_are_taken_from_the_batch(office: Office) -> None:
    rows = candidates(COUNT)
    path = write_rows(office.root / "s.csv", rows)
    loaded = office.load(kind_called("scores"), path, codes_path=office.root / "codes.csv")
    release = office.build(loaded.batch)
    assert office.verify(release, path).differences == 0
    rows[3] = candidate(4, 总分="600")
    assert office.verify(release, write_rows(office.root / "t.csv", rows)).different == 1


@pytest.mark.parametrize("content", ["", "姓名,总分\n张三,1\n"])
def test_a_file_that_cannot_be_compared_is_refused(office: Office, content: str) -> None:
    path = office.root / "other.csv"
    release = office.made(COUNT)
    path.write_text(content)
    with pytest.raises(RefusedError):
        office.verify(release, path)


@pytest.mark.parametrize("where", [0, 4096, -1])
def test_a_damaged_file_is_refused(office: Office, where: int) -> None:
    release = office.made(COUNT)
    path = office.store.path(release.reference)
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(DamagedError, match="digest"):
        office.verify(release)


def test_a_missing_file_or_key_is_refused(office: Office) -> None:
    release = office.made(COUNT)
    key = office.root / "admin" / "keys" / f"{release.id}.key"
    content = key.read_text()
    for broken in ("", content[:10], "not hex"):
        key.write_text(broken)
        with pytest.raises(RefusedError, match="key"):
            office.verify(release)
    key.write_text("00" * 32)
    with pytest.raises(DamagedError, match="key"):
        office.verify(release)
    office.store.path(release.reference).unlink()
    with pytest.raises(DamagedError):
        office.verify(release, write_rows(office.root / "s.csv", candidates(1), HEADER))


def test_a_way_in_that_is_not_marked_is_missing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = office.made(COUNT)
    pre_checked, asked = ReleaseFile.pre_checked, []

    def forgetful(file: ReleaseFile, key: bytes, credential: bytes) -> bool:
        asked.append(credential)
        return len(asked) != 2 and pre_checked(file, key, credential)

    monkeypatch.setattr(ReleaseFile, "pre_checked", forgetful)
    comparison = office.verify(release, office.root / f"scores-{COUNT}.csv")
    assert (comparison.missing, comparison.differences) == (1, 2)
    assert len(set(asked)) == 2 * COUNT


def test_a_release_with_marks_too_few_is_refused_without_its_files(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = office.made(COUNT)
    monkeypatch.setattr(ReleaseFile, "marks", lambda *_: 2 * COUNT - 1)
    with pytest.raises(DamagedError, match="does not mark its ways in"):
        office.verify(release)
