"""Loading: files in, one batch out, and nothing dropped in silence."""

import contextlib
import copy
import csv
import json
import sqlite3
import stat
import zipfile
from pathlib import Path

import orjson
import pytest

from lookup.admin.finding_store import MAX_FINDINGS
from lookup.admin.intake.choice import Choice
from lookup.admin.people.roles import Actor
from lookup.candidate import is_access_code
from lookup.errors import RefusedError, UsageError
from lookup.kind_file import load_kind
from lookup.kinds import read_kind
from tests.admin_makers import (
    HEADER,
    SAMPLES,
    THPT,
    Office,
    as_csv,
    candidate,
    candidates,
    kind_called,
    lookup,
    write_rows,
)

SCORES = kind_called("scores")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def stored(office: Office, table: str, batch: int = 1) -> list[sqlite3.Row]:
    """The rows of a table of the admin database, or of a batch's file."""
    admin = office.root / "admin" / "admin.db"
    path = admin if table in ("batch", "mapping", "audit") else office.batch_file(batch)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608


def left(office: Office) -> list[str]:
    """What lies among the batch files, but for locks."""
    names = [path.name for path in (office.root / "admin" / "batches").iterdir()]
    return sorted(name for name in names if not name.endswith(".lock"))


@pytest.mark.parametrize(
    ("name", "count"),
    [("scores", 200), ("lottery", 120), ("school_plans", 48), ("admissions", 200)],
)
def test_a_sample_loads_without_findings(office: Office, name: str, count: int) -> None:
    if name == "admissions":
        office.load(kind_called("school_plans"), SAMPLES / "school_plans.csv")
    loaded = office.load(kind_called(name), SAMPLES / f"{name}.csv")
    assert (loaded.records, loaded.errors, loaded.warnings) == (count, 0, 0)
    (source,) = stored(office, "source", loaded.batch)
    assert (source["rows"], source["encoding"]) == (count, "utf-8")


BROKEN = {
    "准考证号": ("1234", "short_code"),
    "查询码": ("UUUUUUUU", "access_code"),
    "身份证号后六位": ("12345", "short_code"),
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
    assert stored(office, "source")[0]["rows"] == 4


def test_a_duplicate_across_files_is_found_with_both_places(office: Office, tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.csv", [candidate(1), candidate(2)])
    two = write_rows(tmp_path / "two.csv", [candidate(3), candidate(2, 总分="1"), candidate(2)])
    loaded = office.load(SCORES, one, two)
    found = [f for f in office.findings(loaded.batch) if f["rule"] == "duplicate"]
    assert [(f["file"], f["line"]) for f in found] == [("two.csv", 3), ("two.csv", 4)]
    assert all("line 3 of one.csv" in f["reason"] for f in found)
    assert loaded.records == 5


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty"),
        (",".join(HEADER).encode(), "no_records"),
        ("姓名,总分\n张三,1\n".encode(), "missing_column"),
        (",".join([*HEADER, "考号"]).encode() + b"\n", "double_column"),
        (b"abcdefghijklmnopqrstuvwxyz\n\0", "nul"),
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
    path = write_rows(tmp_path / "s.csv", [*candidates(1), *[["x"]] * 20_000])
    loaded = office.load(SCORES, path)
    assert 10 < loaded.errors < 20_000 < MAX_FINDINGS
    last = stored(office, "finding", loaded.batch)[-1]
    assert last["rule"] == "too_many_findings"


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
    office: Office, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(9))

    def fail(records: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.load(SCORES, path, codes_path=tmp_path / "codes.csv", progress=fail)
    assert list(tmp_path.glob("codes.csv*")) == []
    assert stored(office, "batch") == []
    assert left(office) == []


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


def test_a_load_is_checked_at_once_and_says_who_did_it(office: Office, tmp_path: Path) -> None:
    loaded = office.load(SCORES, write_rows(tmp_path / "s.csv", candidates(3)))
    batch = office.batch(loaded.batch)
    assert (batch.state, batch.loaded_by, loaded.state) == ("checked", "os:test", "checked")
    acts = [(line["act"], line["subject"], line["person"]) for line in stored(office, "audit")]
    assert acts == [
        ("batch.load", "batch 1", "os:test"),
        ("batch.check", "batch 1", "os:test"),
    ]
    assert stored(office, "audit")[0]["after"] == batch.sha256


def test_the_audit_of_a_load_holds_nothing_of_anybody(office: Office, tmp_path: Path) -> None:
    office.load(SCORES, write_rows(tmp_path / "s.csv", [*candidates(3), candidate(3)]))
    text = str([tuple(line) for line in stored(office, "audit")])
    assert not any(cell in text for row in candidates(3) for cell in row[:4])


def test_only_a_loader_loads(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(1))
    with pytest.raises(RefusedError, match="loader"):
        office.load(SCORES, path, actor=Actor("somebody", frozenset({"reviewer"})))
    assert stored(office, "batch") == []


def test_the_next_load_sweeps_what_a_killed_one_left(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(1))
    office.load(SCORES, path)
    folder = office.batch_file(1).parent
    (folder / "0123.db.partial").write_text("half")
    (folder / "2.db").write_text("named, but never noted")
    (folder / "2.db-journal").write_text("of a batch that is lost")
    assert office.load(SCORES, path).batch == 2
    assert left(office) == ["1.db", "2.db"]
    assert office.findings(2) == []


def test_a_load_under_way_is_not_swept_by_another(office: Office, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(2))
    inner: list[int] = []

    def meanwhile(records: int) -> None:
        if not inner:
            inner.append(0)
            done = lookup(tmp_path, "batch", "load", "scores", str(path), "--json")
            inner[0] = json.loads(done.stdout)["id"]

    loaded = office.load(SCORES, path, progress=meanwhile)
    assert {loaded.batch, inner[0]} == {1, 2}
    assert [office.batch(number).state for number in (1, 2)] == ["checked", "checked"]
    assert left(office) == ["1.db", "2.db"]


def test_batch_files_are_private(office: Office, tmp_path: Path) -> None:
    office.load(SCORES, write_rows(tmp_path / "s.csv", candidates(1)))
    path = office.batch_file(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def with_names(names: dict[str, str]) -> list[str]:
    return [names.get(name, name) for name in HEADER]


def test_a_mapping_that_worked_is_remembered_for_files_of_its_shape(
    office: Office, tmp_path: Path
) -> None:
    header = with_names({"总分": "折后"})
    path = write_rows(tmp_path / "s.csv", candidates(2), header)
    assert office.load(SCORES, path).errors
    choice = Choice({"折后": "total"})
    assert office.load(SCORES, path, choice=choice).errors == 0
    again = office.load(SCORES, write_rows(tmp_path / "t.csv", candidates(5), header))
    assert (again.errors, again.records) == (0, 5)
    (mapping,) = stored(office, "mapping")
    assert (mapping["kind"], mapping["person"]) == ("scores", "os:test")


@pytest.mark.parametrize("remembering", [True, False])
def test_a_mapping_is_not_remembered_of_a_failed_load_or_against_ones_will(
    office: Office, tmp_path: Path, remembering: bool
) -> None:
    rows = [candidate(1, 总分="x" if remembering else "1")]
    path = write_rows(tmp_path / "s.csv", rows, with_names({"总分": "折后"}))
    office.load(SCORES, path, choice=Choice({"折后": "total"}), remembering=remembering)
    assert stored(office, "mapping") == []


def test_withheld_fields_are_kept_and_change_the_digest(office: Office, tmp_path: Path) -> None:
    document = copy.deepcopy(dict(SCORES.document))
    for field in document["field"]:
        if field["name"] == "middle_school":
            field["disclosure"] = "withheld"
    document["group"][0]["fields"] = [
        name for name in document["group"][0]["fields"] if name != "middle_school"
    ]
    kind = read_kind(document)
    header = [*HEADER, "毕业学校"]
    digests = set()
    for school in ("甲校", "乙校"):
        path = write_rows(tmp_path / f"{school}.csv", [[*candidate(1), school]], header)
        loaded = office.load(kind, path)
        (record,) = stored(office, "record", loaded.batch)
        assert orjson.loads(record["withheld"]) == {"middle_school": school}
        assert school not in record["body"].decode()
        digests.add(office.batch(loaded.batch).sha256)
    assert len(digests) == 2


def test_a_letter_beside_the_tables_is_named_and_counts_as_no_row(
    office: Office, tmp_path: Path
) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("东区.csv", as_csv([HEADER, *candidates(3)]))
        archive.writestr("西区.csv", as_csv([HEADER, candidate(4), candidate(5)]))
        archive.writestr("readme.docx", b"PK\3\4junk")
    batch = office.load(SCORES, path).batch
    assert [(f["rule"], f["file"]) for f in office.findings(batch)] == [
        ("no_table", "two.zip/readme.docx")
    ]
    assert {row["name"]: row["rows"] for row in stored(office, "source", batch)} == {
        "two.zip/东区.csv": 3,
        "two.zip/西区.csv": 2,
    }


def test_two_candidates_with_one_code_are_a_warning_that_never_says_it(
    office: Office, tmp_path: Path
) -> None:
    rows = [candidate(1), candidate(2, 查询码=candidate(1)[1])]
    loaded = office.load(SCORES, write_rows(tmp_path / "s.csv", rows))
    (finding,) = office.findings(loaded.batch)
    assert (loaded.state, finding["rule"], finding["line"]) == ("checked", "shared_code", 3)
    assert candidate(1)[1] not in str(finding)
