"""The clocks everything is handed; tests hand in others."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MAX_DRIFT_S = 1.0
"""More than time servers slew; beyond it somebody or something has set the clock."""


def utc_now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)


def boot_s() -> float:
    """Seconds since the machine started, sleep included: nobody can set them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def read_time(text: str, zone: ZoneInfo) -> datetime:
    """A time as people type it, UTC; in `zone` unless it names its own offset.

    Raises ValueError where it names no time of day, or one that the zone's clocks show twice or
    never: what is meant by it could be an hour later.
    """
    found = datetime.fromisoformat(text)
    if ":" not in text:
        raise ValueError("a date without a time of day")
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
        if found.utcoffset() != found.replace(fold=1).utcoffset():
            raise ValueError("a time that is there twice, or never")
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time beyond all calendars") from error


class SteadyClock:
    """The wall clock, held against one that nobody can set since this object was made.

    Called, it says the time that both clocks agree has come: where the wall clock was set
    forward, the steady time; where it was set back, the wall clock's. So nothing that waits for
    an hour by it is ever early. A clock that is rightly set forward is believed from the next
    start on.
    """

    def __init__(
        self, wall: Callable[[], datetime] = utc_now, boot: Callable[[], float] = boot_s
    ) -> None:
        self._wall = wall
        self._boot = boot
        self._started_at = wall()
        self._started_s = boot()

    def __call__(self) -> datetime:
        """The earlier of the two times, aware, UTC; the wall clock's while they agree."""
        wall, steady = self._wall(), self._steady()
        return min(wall, steady) if self._apart(wall, steady) else wall

    def drift_s(self) -> float:
        """How far the wall clock runs ahead of the steady one; below zero where it is behind."""
        return (self._wall() - self._steady()).total_seconds()

    def agree(self) -> bool:
        """Whether nobody has set the wall clock since the start."""
        return not self._apart(self._wall(), self._steady())

    def _steady(self) -> datetime:
        return self._started_at + timedelta(seconds=self._boot() - self._started_s)

    @staticmethod
    def _apart(wall: datetime, steady: datetime) -> bool:
        return abs((wall - steady).total_seconds()) > MAX_DRIFT_S
