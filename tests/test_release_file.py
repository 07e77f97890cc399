"""The sealed release file: each record is found by its candidate, nothing by anybody else."""

import hashlib
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lmdb
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookup.candidate import access_code, credential
from lookup.errors import DamagedError, RefusedError, StorageError
from lookup.kind_file import load_kind
from lookup.release_file import (
    Envelope,
    Manifest,
    ReleaseFile,
    digest_of,
    verify_digest,
)
from lookup.release_writer import ReleaseWriter
from lookup.sealing import locate, new_key, pre_check_key, seal

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
RELEASE = "scores-2026-1"
STATISTICS = orjson.dumps({"total": [[600, 1], [599, 3]], "note": "only-with-the-key"})
KIND = load_kind(Path(__file__).parent.parent / "data" / "kinds" / "scores.toml")
RECORDS = 400


def manifest(records: int, entries: int) -> Manifest:
    return Manifest(
        release=RELEASE,
        kind=KIND.document,
        title="二〇二六年中考成绩",
        version=1,
        supersedes=None,
        records=records,
        entries=entries,
        batch="a" * 64,
        sources=("b" * 64, "c" * 64),
        builder="lookup 0.1.0",
        created_at="2026-06-27T08:00:00+00:00",
    )


def by_code(number: str, code: str) -> bytes:
    return credential([("candidate_number", number), ("access_code", code)])


def by_suffix(number: str, suffix: str) -> bytes:
    return credential([("candidate_number", number), ("id_suffix", suffix)])


def candidate(index: int) -> tuple[str, str, str, bytes]:
    """Number, access code, ID suffix and record of a made-up candidate."""
    chance = random.Random(index)
    record = {"candidate_number": f"33010{index:04d}", "name": f"欧阳小{index}明", "total": "587.5"}
    return (
        f"33010{index:04d}",
        access_code(chance.randrange(32**8)),
        f"{chance.randrange(10**5):05d}X",
        orjson.dumps(record),
    )


def build(path: Path, count: int = RECORDS, key: bytes = KEY) -> None:
    envelope = Envelope(manifest(count, 2 * count))
    with ReleaseWriter(path, key, RELEASE) as writer:
        for index in range(count):
            number, code, suffix, record = candidate(index)
            ways = [by_code(number, code), by_suffix(number, suffix)]
            writer.add(ways, envelope.around(record))
        writer.finish(manifest(count, writer.entries), STATISTICS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("release") / "scores.lmdb"
    build(path)
    return path


def test_every_record_is_found_by_every_way_in(built: Path) -> None:
    release = ReleaseFile(built)
    for index in range(RECORDS):
        number, code, suffix, record = candidate(index)
        found = release.find(KEY, by_code(number, code))
        assert found is not None
        assert found == release.find(KEY, by_suffix(number, suffix))
        assert len(found) % 64 == 0
        assert orjson.loads(found) == {
            "kind": "scores",
            "release": {"id": RELEASE, "version": 1, "title": "二〇二六年中考成绩"},
            "record": orjson.loads(record),
        }
    assert release.entries() == 2 * RECORDS
    release.close()


def test_the_manifest_comes_back_and_its_kind_too(built: Path) -> None:
    release = ReleaseFile(built)
    assert release.manifest == manifest(RECORDS, 2 * RECORDS)
    assert release.manifest.read_kind() == KIND
    release.close()


@given(
    records=st.dictionaries(
        st.text(min_size=1, max_size=12), st.binary(max_size=9000), min_size=1, max_size=25
    ),
    key=st.binary(min_size=32, max_size=32),
)
def test_whatever_is_sealed_is_found(
    tmp_path_factory: pytest.TempPathFactory, records: dict[str, bytes], key: bytes
) -> None:
    path = tmp_path_factory.mktemp("release") / "file.lmdb"
    with ReleaseWriter(path, key, RELEASE) as writer:
        for typed, body in records.items():
            writer.add([credential([("code", typed)])], body)
        writer.finish(manifest(len(records), writer.entries), b"{}")
    release = ReleaseFile(path)
    for typed, body in records.items():
        assert release.find(key, credential([("code", typed)])) == body
    release.close()


def test_a_wrong_factor_an_unknown_number_and_a_mixed_pair_find_nothing(built: Path) -> None:
    release = ReleaseFile(built)
    number, code, suffix, _ = candidate(1)
    assert release.find(KEY, by_code(number, candidate(2)[1])) is None
    assert release.find(KEY, by_code(number, suffix)) is None
    assert release.find(KEY, by_suffix(number, code)) is None
    assert release.find(KEY, by_code("999999999", code)) is None
    assert release.find(KEY, b"") is None
    assert release.find(OTHER_KEY, by_code(number, code)) is None
    release.close()


def test_statistics_open_with_the_key_only(built: Path) -> None:
    release = ReleaseFile(built)
    assert orjson.loads(release.statistics(KEY)) == orjson.loads(STATISTICS)
    with pytest.raises(DamagedError, match=r"^The key does not open "):
        release.statistics(OTHER_KEY)
    release.close()


def test_nothing_of_any_candidate_stands_in_the_file(built: Path) -> None:
    content = built.read_bytes()
    for index in range(RECORDS):
        number, code, suffix, _ = candidate(index)
        for secret in (number, code, suffix, f"欧阳小{index}明", by_code(number, code).decode()):
            assert secret.encode() not in content
    for secret_bytes in (b"587.5", b"only-with-the-key", KEY, KEY.hex().encode()):
        assert secret_bytes not in content


def test_two_builds_of_the_same_records_share_no_entry(built: Path, tmp_path: Path) -> None:
    build(tmp_path / "again.lmdb", key=new_key())
    content = (tmp_path / "again.lmdb").read_bytes()
    number, code, *_ = candidate(0)
    locator, _ = locate(KEY, by_code(number, code))
    assert locator in built.read_bytes()
    assert locator not in content


def test_equal_credentials_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    path = tmp_path / "file.lmdb"
    with (  # noqa: PT012
        pytest.raises(RefusedError, match="answer to the same credentials"),
        ReleaseWriter(path, KEY, RELEASE) as writer,
    ):
        writer.add([b"same"], b"one")
        writer.add([b"same"], b"two")
        writer.finish(manifest(2, 2), b"{}")
    assert list(tmp_path.iterdir()) == []


def test_leaving_by_an_error_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "file.lmdb"
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        ReleaseWriter(path, KEY, RELEASE) as writer,
    ):
        writer.add([b"one"], b"body")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_leaving_without_finishing_leaves_no_file(tmp_path: Path) -> None:
    with ReleaseWriter(tmp_path / "file.lmdb", KEY, RELEASE) as writer:
        writer.add([b"one"], b"body")
    assert list(tmp_path.iterdir()) == []


def test_an_error_after_finishing_leaves_no_file(tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        ReleaseWriter(tmp_path / "file.lmdb", KEY, RELEASE) as writer,
    ):
        writer.finish(manifest(0, 0), b"{}")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_behind_is_built_over(tmp_path: Path) -> None:
    path = tmp_path / "file.lmdb"
    path.write_bytes(b"half a file")
    (tmp_path / "file.lmdb.spool").mkdir()
    (tmp_path / "file.lmdb.spool" / "00").write_bytes(b"half a bucket")
    build(path, 3)
    release = ReleaseFile(path)
    assert release.entries() == 6
    release.close()
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not there"):
        ReleaseWriter(tmp_path / "nowhere" / "file.lmdb", KEY, RELEASE)


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_release_file as tests
from lookup.errors import StorageError

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
path = Path(sys.argv[2])
step = "add"
try:
    with tests.ReleaseWriter(path, tests.KEY, tests.RELEASE) as writer:
        for index in range(int(sys.argv[5])):
            writer.add([str(index).encode()], bytes(int(sys.argv[4])))
        step = "finish"
        writer.finish(tests.manifest(1, writer.entries), b"{}")
except StorageError as error:
    print(step, error)
"""


@pytest.mark.parametrize(
    ("step", "limit", "size", "count"),
    [
        ("add", 64 * 1024, 512 * 1024, 4),
        ("finish", 100, 1000, 20),
        ("finish", 16 * 1024, 1000, 200),
        ("finish", 256 * 1024, 1000, 2000),
    ],
    ids=["while adding", "while closing the spool", "at the first page", "in the middle"],
)
def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, step: str, limit: int, size: int, count: int
) -> None:
    arguments = [str(Path(__file__).parent), str(tmp_path / "file.lmdb")]
    numbers = [str(number) for number in (limit, size, count)]
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK, *arguments, *numbers],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert done.stderr == ""
    said, _, sentence = done.stdout.strip().partition(" ")
    assert said == step
    assert str(tmp_path / "file.lmdb") in sentence
    assert sentence.endswith(".")
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_seen_before_opening(
    built: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(built.read_bytes())
    sha256 = hashlib.sha256(content).hexdigest()
    page = data.draw(st.integers(0, len(content) // 4096 - 1))
    bit = data.draw(st.integers(0, 4096 * 8 - 1))
    content[page * 4096 + bit // 8] ^= 1 << (bit % 8)
    damaged = tmp_path / "damaged.lmdb"
    damaged.write_bytes(content)
    with pytest.raises(DamagedError, match="digest differs"):
        verify_digest(damaged, sha256)


@pytest.mark.parametrize("cut", [0, 1, 4096, -4096, -1])
def test_a_cut_file_is_seen_before_opening(built: Path, tmp_path: Path, cut: int) -> None:
    sha256 = digest_of(built)
    (tmp_path / "cut.lmdb").write_bytes(built.read_bytes()[:cut])
    with pytest.raises(DamagedError):
        verify_digest(tmp_path / "cut.lmdb", sha256)


def test_a_whole_file_passes_and_a_missing_one_does_not(built: Path, tmp_path: Path) -> None:
    verify_digest(built, digest_of(built))
    with pytest.raises(DamagedError, match="cannot be read"):
        verify_digest(tmp_path / "missing.lmdb", "0" * 64)


def test_damage_that_no_digest_caught_never_gives_a_wrong_record(
    built: Path, tmp_path: Path
) -> None:
    chance = random.Random(7)
    whole = built.read_bytes()
    for index in chance.sample(range(RECORDS), 25):
        number, code, _, record = candidate(index)
        locator, record_key = locate(KEY, by_code(number, code))
        body = Envelope(manifest(RECORDS, 0)).around(record)
        sealed = seal(record_key, locator, RELEASE.encode(), body)
        flipped = bytearray(sealed)
        flipped[chance.randrange(len(sealed))] ^= 1 << chance.randrange(8)
        assert sealed in whole
        # LMDB may keep an older copy of the page: change them all.
        content = whole.replace(sealed, flipped)
        path = tmp_path / f"{index}.lmdb"
        path.write_bytes(content)
        release = ReleaseFile(path)
        with pytest.raises(DamagedError, match="was damaged"):
            release.find(KEY, by_code(number, code))
        other = candidate((index + 1) % RECORDS)
        assert release.find(KEY, by_code(other[0], other[1])) is not None
        release.close()


@pytest.mark.parametrize("content", [b"", b"no database", bytes(8192), b"\xff" * 8192])
def test_what_is_no_release_file_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.lmdb").write_bytes(content)
    with pytest.raises(DamagedError):
        ReleaseFile(tmp_path / "file.lmdb")


def test_a_missing_release_file_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(DamagedError):
        ReleaseFile(tmp_path / "file.lmdb")


def test_reading_changes_nothing_and_needs_no_lock_file(built: Path) -> None:
    before = digest_of(built)
    release = ReleaseFile(built)
    release.find(KEY, b"nobody")
    release.close()
    assert digest_of(built) == before
    assert list(built.parent.iterdir()) == [built]


def test_a_file_that_is_open_in_this_process_is_not_called_damaged(built: Path) -> None:
    first = ReleaseFile(built)
    with pytest.raises(RefusedError, match="open in this process") as caught:
        ReleaseFile(built)
    assert not isinstance(caught.value, DamagedError)
    first.close()
    ReleaseFile(built).close()


# Marks


@given(
    ways=st.sets(st.binary(max_size=60), min_size=1, max_size=60),
    others=st.sets(st.binary(max_size=60), max_size=20),
    data=st.data(),
)
def test_a_credential_is_marked_if_and_only_if_it_opens_a_record(
    tmp_path_factory: pytest.TempPathFactory,
    ways: set[bytes],
    others: set[bytes],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("release") / "file.lmdb"
    with ReleaseWriter(path, KEY, RELEASE, pre_check=True) as writer:
        writer.add(sorted(ways), b"{}")
        marked = replace(manifest(1, writer.entries), pre_check=True)
        writer.finish(marked, b"{}")
    near = {way + b"," for way in ways} | {way[:-1] for way in ways}
    flipped = data.draw(st.sampled_from(sorted(ways)))
    near |= {bytes([*flipped[:-1], flipped[-1] ^ 1])} if flipped else set()
    release, key = ReleaseFile(path), pre_check_key(KEY)
    for credential_of in ways | others | near:
        assert release.pre_checked(key, credential_of) == (credential_of in ways)
    assert (release.marks(key), release.entries()) == (len(ways), len(ways))
    release.close()


def test_marks_tell_nothing_without_their_key_and_open_nothing_with_it(tmp_path: Path) -> None:
    path, key = tmp_path / "file.lmdb", pre_check_key(KEY)
    number, code, _, record = candidate(1)
    with ReleaseWriter(path, KEY, RELEASE, pre_check=True) as writer:
        writer.add([by_code(number, code)], record)
        writer.finish(replace(manifest(1, 1), pre_check=True), STATISTICS)
    release = ReleaseFile(path)
    for other in (KEY, OTHER_KEY, pre_check_key(OTHER_KEY)):
        with pytest.raises(DamagedError, match="no marks under this key"):
            release.pre_checked(other, by_code(number, code))
    assert release.pre_checked(key, by_code(number, code))
    assert release.find(key, by_code(number, code)) is None
    with pytest.raises(DamagedError, match="does not open"):
        release.statistics(key)
    release.close()
    assert key not in path.read_bytes()


def test_a_release_without_marks_has_none(built: Path) -> None:
    release = ReleaseFile(built)
    with pytest.raises(DamagedError, match="no marks"):
        release.pre_checked(pre_check_key(KEY), b"anything")
    release.close()


def test_a_cut_bucket_is_damage_and_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.lmdb"
    monkeypatch.setattr("lookup.release_writer._sorted", lambda bucket: bucket[:-1])
    with ReleaseWriter(path, KEY, RELEASE, pre_check=True) as writer:
        writer.add([b"one"], b"{}")
        writer.finish(replace(manifest(1, 1), pre_check=True), b"{}")
    release = ReleaseFile(path)
    with pytest.raises(DamagedError, match="was damaged"):
        release.pre_checked(pre_check_key(KEY), b"one")
    assert release.damaged
    release.close()


def test_a_file_from_before_marks_and_corrections_is_read_as_ever(
    built: Path, tmp_path: Path
) -> None:
    path = tmp_path / "old.lmdb"
    path.write_bytes(built.read_bytes())
    with (
        lmdb.open(str(path), subdir=False, lock=False, map_size=1 << 26) as environment,
        environment.begin(write=True) as transaction,
    ):
        document = orjson.loads(transaction.get(b"manifest") or b"")
        assert document.pop("pre_check") is False
        assert document.pop("corrects") is None
        transaction.put(b"manifest", orjson.dumps(document))
    release = ReleaseFile(path)
    assert release.manifest == manifest(RECORDS, 2 * RECORDS)
    number, code, _, _ = candidate(1)
    assert release.find(KEY, by_code(number, code)) is not None
    assert release.entries() == 2 * RECORDS
    release.close()


def test_only_a_corrected_record_says_that_it_is_one() -> None:
    envelope = Envelope(manifest(1, 1))
    plain = orjson.loads(envelope.around(b'{"total":1}'))
    body = envelope.around(b'{"total":1}', corrected=True)
    assert orjson.loads(body) == plain | {"corrected": True}
    assert "corrected" not in plain
    assert len(body) % 64 == 0
