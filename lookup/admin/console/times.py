"""The time until an hour, as a page shows it and its script counts it on."""

from datetime import datetime, timedelta
from typing import Any


def ms(time: datetime) -> int:
    """Milliseconds since 1970, as scripts count."""
    return int(time.timestamp() * 1000)


def countdown(now: datetime, hour: datetime) -> dict[str, Any]:
    """What a page needs for a countdown to an hour: the server's time, the hour, the text now."""
    return {"now_ms": ms(now), "opens_ms": ms(hour), "countdown": _text(hour - now)}


def _text(left: timedelta) -> str:
    seconds = max(0, int(left.total_seconds()))
    time = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{seconds // 86400} d {time}" if seconds >= 86400 else time
