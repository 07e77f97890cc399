"""Loading: files in, one batch out, and nothing dropped in silence."""

import csv
import sqlite3
import stat
from pathlib import Path

import orjson
import pytest

from lookup.admin.loading import MAX_FINDINGS
from lookup.candidate import is_access_code
from lookup.errors import RefusedError, UsageError
from lookup.kind_file import load_kind
from tests.admin_makers import (
    HEADER,
    SAMPLES,
    THPT,
    Office,
    candidate,
    candidates,
    kind_called,
    write_rows,
)

SCORES = kind_called("scores")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def stored(office: Office, table: str) -> list[sqlite3.Row]:
    with sqlite3.connect(office.root / "admin" / "admin.db") as database:
        database.row_factory = sqlite3.Row
        found = database.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()  # noqa: S608
    database.close()
    return found


@pytest.mark.parametrize(
    ("name", "count"), [("scores", 200), ("lottery", 120), ("admissions", 200)]
)
def test_a_sample_loads_without_findings(office: Office, name: str, count: int) -> None:
    loaded = office.load(kind_called(name), SAMPLES / f"{name}.csv")
    assert (loaded.records, loaded.errors, loaded.warnings) == (count, 0, 0)
    (source,) = stored(office, "source")
    assert (source["rows"], source["encoding"]) == (count, "utf-8")


BROKEN = {
    "准考证号": ("1234", "length"),
    "查询码": ("UUUUUUUU", "access_code"),
    "身份证号后六位": ("12345", "id_suffix"),
    "姓名": ("\ue000", "private_character"),
    "语文": ("120.5", "full_mark"),
    "总分": ("1e2", "mark"),
    "考试情况": ("病假", "outcome"),
}


@pytest.mark.parametrize("column", BROKEN)
def test_a_broken_rule_is_a_finding_at_its_place(
    office: Office, tmp_path: Path, column: str
) -> None:
    value, rule = BROKEN[column]
    path = write_rows(
        tmp_path / "scores.csv", [*candidates(3), candidate(4, **{column: value}), candidate(5)]
    )
    loaded = office.load(SCORES, path)
    (finding,) = office.findings(loaded.batch)
    assert (finding["file"], finding["line"], finding["column"], finding["rule"]) == (
        "scores.csv",
        5,
        column,
        rule,
    )
    assert (finding["severity"], finding["value"]) == ("error", value)
    assert (loaded.records, loaded.errors) == (4, 1)


@pytest.mark.parametrize(
    ("row", "rules"),
    [
        (candidate(9)[:-1], ["ragged"]),
        ([*candidate(9), ""], ["ragged"]),
        (candidate(9, 姓名="", 总分=" "), ["required", "required"]),
        (candidate(9, 查询码="", 身份证号后六位=""), ["way_in"]),
        (candidate(9, 准考证号="x", 语文="nan"), ["characters", "mark"]),
    ],
)
def test_every_row_is_a_record_or_has_findings(
    office: Office, tmp_path: Path, row: list[str], rules: list[str]
) -> None:
    path = write_rows(tmp_path / "scores.csv", [candidate(1), row, candidate(2)])
    loaded = office.load(SCORES, path)
    found = office.findings(loaded.batch)
    assert [finding["rule"] for finding in found] == rules
    assert {finding["line"] for finding in found} == {3}
    assert loaded.records + 1 == stored(office, "source")[0]["rows"] == 3


def test_a_way_in_is_enough_where_the_other_is_empty(office: Office, tmp_path: Path) -> None:
    rows = [candidate(1, 查询码=""), candidate(2, 身份证号后六位="")]
    assert office.load(SCORES, write_rows(tmp_path / "s.csv", rows)).errors == 0


def test_a_broken_line_does_not_hide_the_rows_before_it(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", [candidate(1), candidate(2, 总分="x"), candidate(3)])
    with path.open("a") as file:
        file.write('"unfinished')
    loaded = office.load(SCORES, path)
    found = {(finding["line"], finding["rule"]) for finding in office.findings(loaded.batch)}
    assert found == {(3, "mark"), (5, "quotes")}
    assert loaded.records == 2
    assert stored(office, "source")[0]["rows"] == 3


def test_a_duplicate_across_files_is_found_with_both_places(office: Office, tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.csv", [candidate(1), candidate(2)])
    two = write_rows(tmp_path / "two.csv", [candidate(3), candidate(2, 总分="1"), candidate(2)])
    loaded = office.load(SCORES, one, two)
    found = office.findings(loaded.batch)
    assert [(f["file"], f["line"], f["rule"]) for f in found] == [
        ("two.csv", 3, "duplicate"),
        ("two.csv", 4, "duplicate"),
    ]
    assert all("line 3 of one.csv" in f["reason"] for f in found)
    assert loaded.records == 5


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty"),
        (",".join(HEADER).encode(), "empty"),
        ("姓名,总分\n张三,1\n".encode(), "missing_column"),
        (",".join([*HEADER, "考号"]).encode() + b"\n", "double_column"),
        (b"abcdefghijklmnopqrstuvwxyz\n\0", "missing_column"),
        (b"abcdefghijklmnopqrstuvw\0xyz\n", "nul"),
    ],
)
def test_a_file_that_says_nothing_is_an_error(
    office: Office, tmp_path: Path, content: bytes, rule: str
) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    loaded = office.load(SCORES, path)
    assert rule in {finding["rule"] for finding in office.findings(loaded.batch)}
    assert loaded.errors
    assert not loaded.records


def test_several_files_are_one_batch(office: Office, tmp_path: Path) -> None:
    paths = [write_rows(tmp_path / f"{n}.csv", [candidate(n)]) for n in range(1, 5)]
    assert office.load(SCORES, *paths).records == 4
    assert [row["name"] for row in stored(office, "source")] == [path.name for path in paths]


def test_the_same_file_twice_is_refused(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", [candidate(1)])
    with pytest.raises(RefusedError):
        office.load(SCORES, path, tmp_path / "." / "s.csv")


def test_too_many_errors_stop_the_reading_and_say_so(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookup.admin.loading.MAX_FINDINGS", 10)
    monkeypatch.setattr("lookup.admin.loading.CHUNK_ROWS", 5)
    path = write_rows(tmp_path / "s.csv", [["x"]] * 1000)
    loaded = office.load(SCORES, path)
    assert 10 < loaded.errors < 20 < MAX_FINDINGS
    assert office.findings(loaded.batch)[-1]["rule"] == "too_many_findings"


def test_issued_codes_open_every_candidate_and_are_listed_once(
    office: Office, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(30))
    out = tmp_path / "codes.csv"
    loaded = office.load(SCORES, path, codes_path=out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [left.name for left in tmp_path.glob("codes.csv*")] == ["codes.csv"]
    with out.open(encoding="utf-8-sig", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["准考证号", "查询码"]
    assert [number for number, _ in lines] == [row[0] for row in candidates(30)]
    assert all(is_access_code(code) for _, code in lines)
    assert len({code for _, code in lines}) == 30
    kept = [orjson.loads(row["secrets"])["access_code"] for row in stored(office, "record")]
    assert kept == [code for _, code in lines]
    assert loaded.warnings == 1  # the file's own codes were not read


def test_an_existing_list_of_codes_is_never_written_over(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(1))
    out = tmp_path / "codes.csv"
    out.write_text("printed already")
    with pytest.raises(UsageError):
        office.load(SCORES, path, codes_path=out)
    assert out.read_text() == "printed already"
    assert stored(office, "batch") == []


def test_a_batch_with_errors_leaves_no_list(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", [candidate(1, 总分="x"), candidate(2)])
    office.load(SCORES, path, codes_path=tmp_path / "codes.csv")
    assert list(tmp_path.glob("codes.csv*")) == []


def test_without_codes_a_kind_with_no_other_way_in_takes_no_record(
    office: Office, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "s.csv", [["01000001", "5"]], ["SBD", "Toán"])
    loaded = office.load(load_kind(THPT), path)
    assert (loaded.records, loaded.errors) == (0, 1)


CHANGES: list[dict[str, str]] = [
    {"总分": "1"},
    {"查询码": "00000000"},
    {"身份证号后六位": "000000"},
    {"姓名": "别人"},
    {"准考证号": "999999999"},
    {"语文": ""},
]


def digest(office: Office, rows: list[list[str]], name: str, title: str = "测试") -> str:
    office.load(SCORES, write_rows(office.root / name, rows), title=title)
    return str(stored(office, "batch")[-1]["sha256"])


def test_equal_content_has_an_equal_digest_and_any_change_another(office: Office) -> None:
    first = digest(office, candidates(3), "a.csv")
    assert digest(office, candidates(3), "b.csv") == first
    others = [
        digest(office, [candidate(1, **change), *candidates(3)[1:]], f"{n}.csv")
        for n, change in enumerate(CHANGES)
    ]
    others += [
        digest(office, candidates(3), "c.csv", "另一"),
        digest(office, candidates(2), "d.csv"),
    ]
    others.append(digest(office, candidates(3)[::-1], "e.csv"))
    assert len({first, *others}) == len(others) + 1


def test_an_exception_in_mid_load_leaves_no_batch_and_no_list(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookup.admin.loading.CHUNK_ROWS", 2)
    path = write_rows(tmp_path / "s.csv", candidates(9))

    def fail(records: int) -> None:
        if records > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.load(SCORES, path, codes_path=tmp_path / "codes.csv", progress=fail)
    assert list(tmp_path.glob("codes.csv*")) == []
    for table in ("batch", "source", "record", "finding"):
        assert stored(office, table) == []


@pytest.mark.parametrize("name", ["absent.csv", "folder"])
def test_a_path_that_is_no_file_is_refused_before_anything_is_read(
    office: Office, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError):
        office.load(SCORES, tmp_path / name)


def test_a_stray_quote_that_swallows_rows_is_an_error(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(8), [*HEADER])
    lines = path.read_text("utf-8").splitlines()
    lines = [lines[0] + ",说明", *(line + "," for line in lines[1:])]
    lines[1] += '"见附件'
    lines[5] += '完"'
    path.write_text("\n".join(lines), encoding="utf-8")
    loaded = office.load(SCORES, path)
    assert loaded.errors == 1
    assert next(f["rule"] for f in office.findings(loaded.batch)) == "line_break"


def test_a_gap_in_numbered_columns_is_an_error(office: Office, tmp_path: Path) -> None:
    header = [*HEADER[:4], "录取结果", "志愿1学校", "志愿2学校"]
    row = [*candidate(1)[:4], "未录取", "", "某校"]
    loaded = office.load(kind_called("admissions"), write_rows(tmp_path / "a.csv", [row], header))
    assert [f["rule"] for f in office.findings(loaded.batch)] == ["gap"]
