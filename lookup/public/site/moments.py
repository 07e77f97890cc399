"""Moments as the public pages say them, and when a page without a script comes back by itself."""

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from itertools import cycle

from lookup.phrases import day_values
from lookup.public.answers import PHRASES

SOON = timedelta(minutes=10)
SPREAD_S = range(2, 20)
LATE_S = 5
"""Where the hour has passed and nothing opened yet: as if it were in so many seconds."""


def in_words(moment: datetime, zone: tzinfo, language: str) -> str:
    """`moment` as people in `zone` say it, the day in words with its weekday, to the minute."""
    local = moment.astimezone(zone)
    offset = f"{local:%z}"
    return PHRASES.say(
        "moment",
        language,
        **day_values(PHRASES, local, language),
        time=f"{local:%H:%M}",
        offset=f"{offset[:3]}:{offset[3:5]}",
    )


class Return:
    """When pages without a script come back: once, after the hour, and not all in one second."""

    def __init__(self) -> None:
        self._spread = cycle(SPREAD_S)

    def after_s(self, openings: Iterable[datetime | None], now: datetime) -> int | None:
        """Seconds until the first of `openings` is over; None where it is not soon."""
        first = min((each for each in openings if each is not None), default=None)
        if first is None or first - now > SOON:
            return None
        return max(int((first - now).total_seconds()), LATE_S) + next(self._spread)
