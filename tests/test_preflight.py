"""Preflight: every single thing that would keep a release shut is named before its hour."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from lookup.admin.publishing.heartbeat import beat
from lookup.admin.publishing.preflight import FAILED, ITEMS, OK, WAIT, Item, preflight, sentence
from lookup.errors import UsageError
from lookup.stores.workers import Counts, Standing, WorkerReport
from tests.desk_makers import HOUR, START, Bureau, Hands


class Pad(Bureau):
    """A bureau with a scheduled release and everything ready for it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.hands = Hands()
        self.steady = self.hands.clock()
        self.clock = self.steady
        self.id = self.ready()
        self.schedule(self.id)
        self.worker(1, self.id)
        self.worker(2, self.id)
        beat(root, self.clock())

    def worker(self, pid: int, *upcoming: str) -> None:
        """What a public worker says of itself."""
        report = WorkerReport(pid, START, self.clock(), {}, upcoming, {}, 0, 0)
        self.store.report(report)

    def look(self) -> dict[str, Item]:
        """Every item by name."""
        items = self.at_desk(lambda desk: preflight(desk, self.id, self.steady))
        return {item.name: item for item in items}

    def not_ok(self) -> dict[str, str]:
        """The items that are not ok."""
        return {name: item.state for name, item in self.look().items() if item.state != OK}

    @property
    def path(self) -> Path:
        """The sealed file, made writable."""
        path = self.store.path(self.release(self.id).reference)
        path.chmod(0o644)
        return path


@pytest.fixture
def pad(tmp_path: Path) -> Pad:
    return Pad(tmp_path)


def test_with_everything_right_every_item_is_ok(pad: Pad) -> None:
    assert {name: item.state for name, item in pad.look().items()} == dict.fromkeys(ITEMS, OK)


def wrong_content(pad: Pad) -> None:
    pad.execute("UPDATE batch SET sha256 = 'other'")
    pad.execute("UPDATE approval SET sha256 = 'other'")


def lose_pointer(pad: Pad) -> None:
    (pad.store.live / "scores.json").unlink()


def lose_file(pad: Pad) -> None:
    pad.path.unlink()


def stop_publisher(pad: Pad) -> None:
    (pad.root / "admin" / "publisher.json").unlink()


def stop_workers(pad: Pad) -> None:
    for path in (pad.store.live / "workers").iterdir():
        path.unlink()


def set_clock(pad: Pad) -> None:
    pad.hands.set_s = 5


def set_clock_back_before_the_start(pad: Pad) -> None:
    pad.hands.real_s = -10
    pad.steady = pad.clock = pad.hands.clock()


FAULTS: dict[str, tuple[Callable[[Pad], object], dict[str, str]]] = {
    "the approval is revoked": (
        lambda pad: pad.execute("UPDATE approval SET revoked_at = 'now'"),
        {"approval": FAILED},
    ),
    "the file is gone": (
        lose_file,
        {"file": FAILED, "key": FAILED, "content": FAILED},
    ),
    "the file is damaged": (
        lambda pad: pad.path.write_bytes(pad.path.read_bytes()[:-1] + b"!"),
        {"file": FAILED, "key": FAILED, "content": FAILED},
    ),
    "the key is gone": (
        lambda pad: pad.keys.destroy(pad.id),
        {"key": FAILED, "content": FAILED},
    ),
    "the key is another": (
        lambda pad: pad.keys.keep(pad.id, bytes(32)),
        {"key": FAILED, "content": FAILED},
    ),
    "the batch has other content": (wrong_content, {"content": FAILED}),
    "the pointer is lost": (
        lose_pointer,
        {"pointer": FAILED},
    ),
    "the pointer is damaged": (
        lambda pad: (pad.store.live / "scores.json").write_text("{"),
        {"pointer": FAILED},
    ),
    "the clock was set": (set_clock, {"clock": FAILED}),
    "the clock is behind the audit": (set_clock_back_before_the_start, {"clock": FAILED}),
    "a worker is not ready": (lambda pad: pad.worker(3), {"workers": WAIT}),
    "no worker runs": (
        stop_workers,
        {"workers": FAILED},
    ),
    "no publisher runs": (
        stop_publisher,
        {"publisher": FAILED},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen_and_named_when(pad: Pad, fault: str) -> None:
    assert pad.not_ok() == {}
    breaks, seen = FAULTS[fault]
    breaks(pad)
    found = pad.not_ok()
    if "behind" in fault:
        # Ten seconds apart, reports and heartbeat are of another moment too.
        found = {name: state for name, state in found.items() if name in seen}
    assert found == seen


def test_every_item_has_its_sentence(pad: Pad) -> None:
    assert all(map(sentence, pad.look().values()))
    pad.path.unlink()
    assert "copy the release file again" in sentence(pad.look()["file"])


def test_a_worker_that_serves_it_already_is_ready(pad: Pad) -> None:
    standing = {"scores": Standing(1, pad.id)}
    counts: dict[str, Counts] = {}
    pad.store.report(WorkerReport(3, START, pad.clock(), standing, (), counts, 0, 0))
    assert pad.look()["workers"].values == {"ready": 3, "workers": 3}


def test_a_heartbeat_of_another_moment_is_none(pad: Pad) -> None:
    for seconds in (-60, 60):
        beat(pad.root, pad.clock() + timedelta(seconds=seconds))
        assert pad.look()["publisher"].state == FAILED


def test_what_is_not_scheduled_yet_only_waits_for_its_pointer(tmp_path: Path) -> None:
    bureau = Bureau(tmp_path)
    release = bureau.ready()
    hands = Hands()
    items = bureau.at_desk(lambda desk: preflight(desk, release, hands.clock()))
    assert {item.name: item.state for item in items}["pointer"] == WAIT


def test_a_release_that_is_none_is_wrong_use(pad: Pad) -> None:
    with pytest.raises(UsageError):
        pad.at_desk(lambda desk: preflight(desk, "nothing", pad.steady))


def test_looking_changes_nothing(pad: Pad) -> None:
    before = pad.pointer(), pad.audit(), pad.release(pad.id)
    pad.look()
    pad.hands.real_s = HOUR.total_seconds()
    pad.look()
    assert (pad.pointer(), pad.audit(), pad.release(pad.id)) == before
