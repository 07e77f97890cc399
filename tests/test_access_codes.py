"""Access codes that are issued: random, written down, no two alike."""

from pathlib import Path

import pytest

from lookup.admin import access_codes
from lookup.admin.access_codes import CodeList, random_codes
from lookup.candidate import is_access_code


def test_every_code_is_one_a_candidate_can_type() -> None:
    codes = random_codes(1000)
    assert len(codes) == 1000
    assert all(map(is_access_code, codes))


def test_no_two_candidates_are_given_one_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["AAAAAAAA", "AAAAAAAA", "BBBBBBBB", "BBBBBBBB", "AAAAAAAA", "CCCCCCCC"])
    monkeypatch.setattr(access_codes, "random_codes", lambda n: [next(drawn) for _ in range(n)])
    codes = CodeList(tmp_path / "codes.csv", ("准考证号", "查询码"))
    given = [*codes.issue(["1", "2"]), *codes.issue(["3"])]
    codes.publish()
    assert given == ["AAAAAAAA", "BBBBBBBB", "CCCCCCCC"]
    assert (tmp_path / "codes.csv").read_text("utf-8-sig").count("\n") == 4
