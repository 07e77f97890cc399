"""A made-up town of any size: its sealed release, and what its candidates send and get.

Everything about candidate `i` follows from `i`, so that an answer can be checked without asking
anybody. Releases are cached under a folder; a kill while one is built leaves no town.
"""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from lookup.candidate import access_code, credential
from lookup.kind_file import load_kind
from lookup.release_file import DIGEST_SUFFIX, Envelope, Manifest, digest_of
from lookup.release_writer import ReleaseWriter
from lookup.stores.embedded import EmbeddedStore
from lookup.stores.pointer import Current, Pointer, Reference

ROOT = Path(__file__).parent.parent.parent
KIND = "scores"
KEY = hashlib.sha256(b"bench").digest()
OPENED_AT = datetime(2026, 7, 1, tzinfo=UTC)
RECORD = (
    b'{"candidate_number":"%09d","name":"\xe6\x9d\x8e\xe7\x90\xaa\xe4\xb8\xb9",'
    b'"middle_school":"\xe6\xb8\x85\xe6\x99\x96\xe5\xae\x9e\xe9\xaa\x8c\xe5\xad\xa6\xe6\xa0\xa1",'
    b'"chinese":%d.5,"mathematics":%d,"english":%d,"science":%d,"society":%d,"sport":%d,'
    b'"total":%d.5,"rank":%08d,"flag":"normal"}'
)
FULL_MARKS = (90, 90, 90, 70, 70, 30)


@dataclass(frozen=True, slots=True)
class Person:
    """One candidate: what is typed, and the padded response body it opens."""

    number: str
    code: str
    body: bytes

    @property
    def typed(self) -> dict[str, str]:
        """The fields of the way in."""
        return {"candidate_number": self.number, "access_code": self.code}

    @property
    def credential(self) -> bytes:
        """The canonical credential."""
        return credential(self.typed.items())


@dataclass(frozen=True, slots=True)
class Town:
    """A release of `size` records, sealed and open in a data folder."""

    folder: Path
    size: int
    path: Path
    envelope: Envelope

    def person(self, i: int) -> Person:
        """The candidate `i`, from 0 up to the size; beyond it nobody is in the release."""
        return _person(self.envelope, i)


def _person(envelope: Envelope, i: int) -> Person:
    # Ranks as many digits wide as numbers: every answer of a town has one size.
    marks = [10 + (i * (7 + at)) % full for at, full in enumerate(FULL_MARKS)]
    record = RECORD % (i, *marks, 100 + sum(marks), 10_000_000 + i)
    # A code that does not follow from the number by a pattern a cache could learn.
    code = access_code(int.from_bytes(hashlib.blake2b(b"%d" % i, digest_size=5).digest(), "big"))
    return Person(f"{i:09d}", code, envelope.around(record))


def _manifest(size: int) -> Manifest:
    kind = load_kind(ROOT / "data" / "kinds" / f"{KIND}.toml")
    return Manifest(
        f"bench-{size}", kind.document, "试验发布", 1, None, size, size,
        "0" * 64, (), "bench", OPENED_AT.isoformat(),
    )  # fmt: skip


def town(folder: Path, size: int) -> Town:
    """The town of `size` candidates below `folder`, built there the first time."""
    home = (folder / "towns" / str(size)).absolute()
    manifest = _manifest(size)
    envelope = Envelope(manifest)
    # Another format or kind is another town: the cache must not outlive what it was made by.
    made_of = hashlib.sha256(orjson.dumps(manifest.kind) + RECORD + bytes([manifest.format]))
    stamp = home / "stamp"
    if not stamp.is_file() or stamp.read_text() != made_of.hexdigest():
        shutil.rmtree(home, ignore_errors=True)
        _build(EmbeddedStore(home), manifest, envelope)
        stamp.write_text(made_of.hexdigest())
    path = next((home / "releases").glob("*.lmdb"))
    return Town(home, size, path, envelope)


def _build(store: EmbeddedStore, manifest: Manifest, envelope: Envelope) -> None:
    store.prepare()
    with ReleaseWriter(store.partial(manifest.release), KEY, manifest.release) as writer:
        for i in range(manifest.records):
            person = _person(envelope, i)
            writer.add([person.credential], person.body)
        writer.finish(manifest, b"{}")
    reference = store.keep(manifest.release, digest_of(store.partial(manifest.release)))
    store.move(Pointer(KIND, 1, Current(reference, KEY, OPENED_AT)))


def linked(made: Town, home: Path) -> tuple[EmbeddedStore, Current]:
    """A data folder of its own at `home` with the town's release in it and nothing announced,
    and what its pointer has to say to open it."""
    shutil.rmtree(home, ignore_errors=True)
    store = EmbeddedStore(home.absolute())
    store.prepare()
    (store.releases / made.path.name).hardlink_to(made.path)
    sha256 = made.path.with_name(made.path.name + DIGEST_SUFFIX).read_text().split()[0]
    reference = Reference(f"bench-{made.size}", made.path.name, sha256)
    return store, Current(reference, KEY, OPENED_AT)


def spread(size: int, count: int) -> Iterator[int]:
    """`count` candidates of `size`, a power of ten, far apart and none twice up to the size."""
    # No multiple of 2 or 5, so its multiples come round to a candidate only after all others.
    step = 7_368_787
    return ((i * step + 12_345) % size for i in range(count))
