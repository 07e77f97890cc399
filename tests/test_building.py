"""Building: the file says what the batch says, and nothing to whoever has no key."""

import contextlib
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from lookup.admin.desk import Desk
from lookup.admin.publishing.building import build
from lookup.admin.publishing.releases import Release
from lookup.candidate import CANONICAL, credential
from lookup.errors import DamagedError, RefusedError
from lookup.kind_file import load_kind
from lookup.release_file import Manifest, ReleaseFile, digest_of
from lookup.sealing import MARK_BYTES, fingerprint, pre_check_key
from lookup.spool import Spool
from tests.admin_makers import (
    HEADER,
    SAMPLES,
    START,
    THPT,
    Office,
    candidate,
    candidates,
    holds_key,
    kind_called,
    write_rows,
)

SCORES = kind_called("scores")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def asks(*pairs: tuple[str, str]) -> bytes:
    """A credential as a candidate would type it into fields of these types."""
    types = {"candidate_number": "code", "access_code": "access_code", "id_suffix": "id_suffix"}
    return credential((name, CANONICAL[types[name]](text)) for name, text in pairs)


def test_a_release_answers_every_record_by_each_way_in(office: Office) -> None:
    release = office.made(40)
    file = ReleaseFile(office.store.path(release.reference))
    key = office.keys.get(release.id)
    for row in candidates(40):
        cells = dict(zip(HEADER, row, strict=True))
        number = ("candidate_number", cells["准考证号"])
        bodies = {
            file.find(key, asks(number, ("access_code", cells["查询码"].lower()))),
            file.find(key, asks(number, ("id_suffix", cells["身份证号后六位"].lower()))),
        }
        (body,) = bodies
        assert body is not None
        assert len(body) % 64 == 0
        assert orjson.loads(body) == {
            "kind": "scores",
            "release": {"id": release.id, "version": 1, "title": "测试"},
            "record": {
                "candidate_number": cells["准考证号"],
                "name": cells["姓名"],
                "chinese": int(cells["语文"]),
                "total": int(cells["总分"]),
                "flag": "normal",
            },
        }
        assert file.find(key, asks(number, ("id_suffix", "00000X"))) is None
    assert file.entries() == 80
    file.close()


@pytest.mark.parametrize("rows", [[candidate(1, 总分="x"), candidate(2)], [candidate(1)] * 2])
def test_a_batch_with_errors_is_refused(office: Office, rows: list[list[str]]) -> None:
    loaded = office.load(SCORES, write_rows(office.root / "s.csv", rows))
    with pytest.raises(RefusedError, match=f"batch show {loaded.batch}"):
        office.build(loaded.batch)
    assert office.releases() == []
    assert office.public_bytes() == {}


def test_versions_count_up_within_a_title_and_name_what_they_supersede(office: Office) -> None:
    first, other = office.made(3), office.made(3, "别的")
    office.open(first.id)
    second = office.made(4)
    assert [release.version for release in (first, other, second)] == [1, 1, 2]
    manifests = [
        ReleaseFile(office.store.path(release.reference)).manifest for release in (first, second)
    ]
    assert [manifest.supersedes for manifest in manifests] == [None, first.id]


def test_one_batch_built_twice_makes_two_releases_under_two_keys(office: Office) -> None:
    first = office.made(3)
    second = office.build(first.batch)
    assert first.id != second.id
    assert office.keys.get(first.id) != office.keys.get(second.id)


def test_the_manifest_says_where_a_release_came_from_and_nothing_of_anybody(
    office: Office,
) -> None:
    release = office.made(12)
    manifest = ReleaseFile(office.store.path(release.reference)).manifest
    assert manifest.sources == (
        fingerprint(office.keys.get(release.id), digest_of(office.root / "scores-12.csv")),
    )
    assert (manifest.records, manifest.entries) == (12, 24)
    assert manifest.created_at == START.isoformat()
    assert manifest.read_kind() == SCORES
    plain = {**office.release(release.id).__dict__} if hasattr(release, "__dict__") else {}
    text = f"{manifest}{plain}"
    for row in candidates(12):
        for secret in row[:4]:
            assert secret not in text


def test_the_sealed_file_shows_no_name_number_or_code(office: Office) -> None:
    release = office.made(30)
    path = office.store.path(release.reference)
    content = path.read_bytes()
    printed = subprocess.run(
        [
            "/usr/bin/env",
            "python3",
            "-c",
            "import re,sys;print(re.findall(rb'[0-9A-Z]{6,}', open(sys.argv[1],'rb').read()))",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for row in candidates(30):
        for secret in row[:4]:
            for encoding in ("utf-8", "gb18030", "utf-16-le"):
                assert secret.encode(encoding) not in content
        assert row[0] not in printed


def test_the_key_is_nowhere_public_until_the_release_opens(office: Office) -> None:
    release = office.made()
    key = office.keys.get(release.id)
    office.schedule(release.id, START.replace(hour=5))
    assert office.public_bytes()
    assert not any(holds_key(content, key) for content in office.public_bytes().values())
    office.clock.now = START.replace(hour=5)
    office.open(release.id)
    holders = [name for name, content in office.public_bytes().items() if holds_key(content, key)]
    assert holders == ["scores.json"]


def test_modes_keep_the_release_unwritten_and_the_rest_private(office: Office) -> None:
    release = office.made()
    office.open(release.id)
    path = office.store.path(release.reference)
    modes = {
        path: 0o444,
        path.with_name(path.name + ".sha256"): 0o444,
        office.root / "admin": 0o700,
        office.root / "admin" / "admin.db": 0o600,
        office.root / "admin" / "keys": 0o700,
        office.root / "admin" / "keys" / f"{release.id}.key": 0o600,
        office.store.live / "scores.json": 0o640,
    }
    assert {p: stat.S_IMODE(p.stat().st_mode) for p in modes} == modes
    assert path.with_name(path.name + ".sha256").read_text().split() == [
        digest_of(path),
        path.name,
    ]
    named = [found for found in office.store.releases.iterdir() if found.name != ".build.lock"]
    assert sorted(named) == [path, path.with_name(path.name + ".sha256")]


@pytest.fixture
def loaded(office: Office) -> int:
    path = write_rows(office.root / "s.csv", candidates(9))
    return office.load(SCORES, path).batch


@pytest.fixture
def nothing_left(office: Office, loaded: int) -> Iterator[None]:
    yield
    assert office.releases() == []
    assert not [name for name in office.public_bytes() if name.endswith((".lmdb", ".partial"))]
    assert not list(office.store.releases.glob("*.spool"))


@pytest.mark.usefixtures("nothing_left")
def test_a_changed_body_is_caught(
    office: Office, loaded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookup.release_writer import ReleaseWriter

    add = ReleaseWriter.add

    def wrong(writer: ReleaseWriter, credentials: Iterator[bytes], body: bytes) -> None:
        add(writer, credentials, body.replace(b'"total":303', b'"total":330'))

    monkeypatch.setattr(ReleaseWriter, "add", wrong)
    with pytest.raises(DamagedError, match="differs"):
        office.build(loaded)


@pytest.mark.usefixtures("nothing_left")
def test_a_dropped_record_is_caught(
    office: Office, loaded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookup.release_writer import ReleaseWriter

    add = ReleaseWriter.add

    def wrong(writer: ReleaseWriter, credentials: Iterator[bytes], body: bytes) -> None:
        if b'"total":303' not in body:
            add(writer, credentials, body)

    monkeypatch.setattr(ReleaseWriter, "add", wrong)
    with pytest.raises(DamagedError, match="differs"):
        office.build(loaded)


@pytest.mark.usefixtures("nothing_left")
def test_an_entry_nobody_loaded_is_caught(
    office: Office, loaded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookup.release_writer import ReleaseWriter

    add = ReleaseWriter.add

    def wrong(writer: ReleaseWriter, credentials: Iterator[bytes], body: bytes) -> None:
        several = list(credentials)
        add(writer, iter([*several, several[0] + b"x"]), body)

    monkeypatch.setattr(ReleaseWriter, "add", wrong)
    with pytest.raises(DamagedError, match="differs"):
        office.build(loaded)


@pytest.mark.parametrize("change", [lambda mark: b"", lambda mark: mark * 2], ids=["none", "twice"])
@pytest.mark.usefixtures("nothing_left")
def test_a_mark_too_few_or_too_many_is_caught(
    office: Office,
    loaded: int,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[bytes], bytes],
) -> None:
    buckets, marks = Spool.buckets, [0]

    def wrong(spool: Spool) -> Iterator[bytes]:
        for bucket in buckets(spool):
            if len(bucket) == MARK_BYTES:
                marks[0] += 1
            yield change(bucket) if len(bucket) == MARK_BYTES and marks[0] == 1 else bucket

    monkeypatch.setattr(Spool, "buckets", wrong)
    with pytest.raises(DamagedError, match="differs"):
        office.build(loaded)
    assert marks[0] > 0


def test_every_way_in_can_be_tried_beforehand_and_no_other(office: Office) -> None:
    release = office.made(40)
    key = pre_check_key(office.keys.get(release.id))
    with contextlib.closing(ReleaseFile(office.store.path(release.reference))) as file:
        for row in candidates(40):
            for field, value in (("access_code", row[1]), ("id_suffix", row[2])):
                assert file.pre_checked(key, asks(("candidate_number", row[0]), (field, value)))
            assert not file.pre_checked(key, asks(("candidate_number", row[0])))
        assert (file.marks(key), file.entries(), file.manifest.pre_check) == (80, 80, True)


def test_a_release_corrects_what_is_open_under_its_title_and_nothing_else(office: Office) -> None:
    first = office.made(3)
    office.open(first.id)
    same, other = office.made(4), office.made(5, "别的")
    manifests = [manifest_of(office, release) for release in (first, same, other)]
    assert [manifest.corrects for manifest in manifests] == [None, first.id, None]
    assert [manifest.supersedes for manifest in manifests] == [None, first.id, first.id]


@pytest.mark.parametrize("name", ["scores", "lottery", "admissions"])
def test_a_sample_builds_and_equals_its_file(office: Office, name: str) -> None:
    path = SAMPLES / f"{name}.csv"
    release = office.build(office.load(kind_called(name), path).batch)
    comparison = office.verify(release, path)
    assert (comparison.differences, comparison.compared) == (
        0,
        len(path.read_bytes().splitlines()) - 1,
    )


def test_a_fourth_kind_is_a_file_and_no_code(office: Office) -> None:
    path = write_rows(office.root / "t.csv", [["01000001", "4.40", "-1"]], ["SBD", "Toán", "GDCD"])
    codes = office.root / "codes.csv"
    release = office.build(office.load(load_kind(THPT), path, codes_path=codes).batch)
    assert release.id.startswith("thpt-v1-")
    assert not manifest_of(office, release).pre_check
    assert office.verify(release, path).differences == 0


def manifest_of(office: Office, release: Release) -> Manifest:
    with contextlib.closing(ReleaseFile(office.store.path(release.reference))) as file:
        return file.manifest


def test_a_manifest_says_that_nobody_had_to_sign(office: Office) -> None:
    manifest = manifest_of(office, office.made(3))
    assert (manifest.required_approvals, manifest.approvals) == (0, ())


def set_state(office: Office, *statements: str) -> None:
    async def work(desk: Desk) -> None:
        for statement in statements:
            await desk.database.execute(statement)

    office.at_desk(work)


def test_approvals_are_in_the_manifest_and_name_nobody(tmp_path: Path) -> None:
    office = Office(tmp_path, required_approvals=1)
    batch = office.load(SCORES, write_rows(tmp_path / "s.csv", candidates(3))).batch
    sha256 = office.batch(batch).sha256
    set_state(
        office,
        "INSERT INTO approval (batch, person, at, sha256, disclosure)"
        " SELECT id, '李审核', '2026-06-01', sha256, '{}' FROM batch",
        "UPDATE batch SET state = 'approved'",
    )
    release = office.build(batch)
    manifest = manifest_of(office, release)
    signature = fingerprint(office.keys.get(release.id), f"李审核\n2026-06-01\n{sha256}")
    assert (manifest.required_approvals, manifest.approvals) == (1, (signature,))
    assert "李审核".encode() not in office.store.path(release.reference).read_bytes()


def test_where_approval_is_required_a_checked_batch_is_not_built(tmp_path: Path) -> None:
    office = Office(tmp_path, required_approvals=1)
    batch = office.load(SCORES, write_rows(tmp_path / "s.csv", candidates(3))).batch
    with pytest.raises(RefusedError, match="approv"):
        office.build(batch)
    assert office.public_bytes() == {}


@pytest.mark.parametrize("column", ["body", "secrets", "withheld"])
@pytest.mark.usefixtures("nothing_left")
def test_records_that_changed_after_loading_are_never_sealed(
    office: Office, loaded: int, column: str
) -> None:
    with contextlib.closing(sqlite3.connect(office.batch_file(loaded))) as file:
        text = f"replace(CAST({column} AS TEXT), '{{', '{{ ')"
        file.execute(f"UPDATE record SET {column} = CAST({text} AS BLOB) WHERE id = 3")  # noqa: S608
        file.commit()
    with pytest.raises(RefusedError, match="not what it was"):
        office.build(loaded)


def test_a_rejection_in_mid_build_wins(office: Office, loaded: int) -> None:
    sql = "UPDATE batch SET state = 'rejected', reason = 'x', rejected_by = 'y'"

    def reject(_: int) -> None:
        with contextlib.closing(sqlite3.connect(office.root / "admin" / "admin.db")) as database:
            database.execute(sql)
            database.commit()

    with pytest.raises(RefusedError):
        office.at_desk(lambda desk: build(desk, loaded, reject))
    assert office.releases() == []
    assert not [name for name in office.public_bytes() if name.endswith((".lmdb", ".partial"))]


def test_a_build_is_in_the_audit_from_content_to_file(office: Office) -> None:
    release = office.made(3)
    with contextlib.closing(sqlite3.connect(office.root / "admin" / "admin.db")) as database:
        sql = "SELECT subject, before, after, person FROM audit WHERE act = 'release.build'"
        lines = database.execute(sql).fetchall()
    content = office.batch(release.batch).sha256
    assert lines == [(release.id, content, release.sha256, "os:test")]
    assert release.built_by == "os:test"


def test_the_admin_database_is_free_while_a_release_is_built(office: Office, loaded: int) -> None:
    seen: list[str] = []

    def meanwhile(_: int) -> None:
        with ThreadPoolExecutor(1) as pool:
            path = write_rows(office.root / f"m{len(seen)}.csv", candidates(2))
            seen.append(pool.submit(office.load, SCORES, path).result().state)

    office.at_desk(lambda desk: build(desk, loaded, meanwhile))
    assert set(seen) == {"checked"}
