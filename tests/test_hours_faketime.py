"""Workers whose wall clock somebody sets while they serve: nothing opens before its hour."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import pytest

from lookup.stores.embedded import EmbeddedStore
from tests.makers import make_kind, make_release, open_release
from tests.service_makers import Service, status_on, tell

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
WORKERS = 3

pytestmark = pytest.mark.heavy


class Hands:
    """The wall clock of a service, set through the file that libfaketime reads at every look."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # Nobody can set the steady clock of a real machine either.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: float) -> None:
        """The wall clock is so far ahead of the true time from now on."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{seconds:+f}")
        part.replace(self._file)


class Site:
    """A service whose release opens at an hour, each worker asked on a socket of its own."""

    def __init__(self, data: Path, opens_in_s: float) -> None:
        self.hands = Hands(data)
        self.hour = datetime.now(UTC) + timedelta(seconds=opens_in_s)
        store = EmbeddedStore(data)
        open_release(store, make_release(store, make_kind()), opened_at=self.hour)
        self.sockets = data / "run"
        self.service = Service(
            data,
            "--sockets",
            str(self.sockets),
            "--workers",
            str(WORKERS),
            environment=self.hands.environment,
        )

    def socket(self, post: int) -> Path:
        return self.sockets / f"worker-{post}.sock"

    def codes(self) -> set[int]:
        """What the workers answer."""
        return {status_on(self.socket(post)) for post in range(WORKERS)}


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    site = Site(tmp_path, request.param)
    with site.service:
        site.service.ready(WORKERS)
        yield site


HOUR_S = 3600.0


@pytest.mark.parametrize("site", [HOUR_S], indirect=True)
def test_a_wall_clock_set_forward_opens_nothing(site: Site) -> None:
    assert site.codes() == {403}
    for ahead_s in (2 * HOUR_S, 0, 365 * 24 * HOUR_S, -HOUR_S, HOUR_S + 1):
        site.hands.set(ahead_s)
        for _ in range(50):
            assert site.codes() == {403}
    site.service.says("the wall clock was set")


@pytest.mark.parametrize("site", [HOUR_S], indirect=True)
def test_a_worker_that_starts_after_the_jump_opens_nothing_either(site: Site) -> None:
    site.hands.set(2 * HOUR_S)
    for post in range(WORKERS):
        os.kill(site.service.posts[post], signal.SIGKILL)
        site.service.says("ended by signal 9")
    site.service.ready(WORKERS)
    for _ in range(50):
        assert site.codes() == {403}


@pytest.mark.parametrize("site", [HOUR_S], indirect=True)
def test_a_restart_after_a_right_correction_believes_the_clock_again(site: Site) -> None:
    site.hands.set(2 * HOUR_S)
    assert site.codes() == {403}
    site.service.restart()
    assert site.codes() == {200}


@pytest.mark.parametrize("site", [12.0], indirect=True)
@pytest.mark.parametrize("ahead_s", [0, 3, 3000])
def test_every_worker_opens_right_after_the_hour_and_none_before(
    site: Site, ahead_s: float
) -> None:
    site.hands.set(ahead_s)
    opened_at: dict[int, float] = {}
    while len(opened_at) < WORKERS:
        for post in range(WORKERS):
            if status_on(site.socket(post)) == 200:
                opened_at.setdefault(post, time())
    late_s = [at - site.hour.timestamp() for at in opened_at.values()]
    assert min(late_s) >= 0
    tell(f"{ahead_s} s ahead: all workers answered {max(late_s) * 1000:.1f} ms after the hour")
