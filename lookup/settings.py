"""The settings, read once at start. Nothing else in the project reads the environment."""

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lookup.errors import UsageError

SITE_URL = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")
CHECKOUT = Path(__file__).parent.parent
MOST_CHALLENGE_NUMBERS = 1_000_000
"""Eight times as many are three minutes on a phone, and a challenge is good for five."""
MOST_WAIT_S = 120
"""A challenge is good for five minutes: whoever waits must have time left to come back."""


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("give a whole number above 0")
    return int(text)


def _up_to(most: int) -> Callable[[str], int]:
    """Reads a whole number above 0 and not above `most`."""

    def read(text: str) -> int:
        try:
            number = _positive(text)
        except ValueError:
            number = 0
        if not 1 <= number <= most:
            raise ValueError(f"give a whole number from 1 to {most}")
        return number

    return read


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ValueError("give a whole number, 0 or more")
    return int(text)


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("give a name like Asia/Shanghai") from error


def _site_url(text: str) -> str:
    if not SITE_URL.fullmatch(text):
        raise ValueError("give scheme and host alone, like https://results.example.edu.cn")
    return text


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set; each field is `LOOKUP_` and its name in capitals."""

    data_dir: Path = Path("var")
    """Holds everything written: sealed releases, live pointers, the admin database, keys."""
    kinds_dir: Path = CHECKOUT / "data" / "kinds"
    """The kinds' TOML files, one a kind."""
    timezone: ZoneInfo = dataclasses.field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    """How times are shown, and how a time typed without an offset is read."""
    site_url: str = ""
    """The public site's own address. Nothing is made of what clients call it (Host)."""
    poll_ms: int = 20
    """How often a public worker looks at the live pointers."""
    free_failures: int = 5
    """Wrong tries at one candidate number before its next ones must solve a proof of work."""
    failure_budget: int = 20
    """The same before whoever asks must also wait between tries; a load's risk counts with it."""
    network_failures: int = 600
    """Wrong tries from one network (IPv4 /24, IPv6 /48) before the same: it may be a school's."""
    challenge_numbers: int = 50_000
    """How many numbers a proof of work searches at most; a phone tries some 50,000 a second."""
    wait_s: int = 30
    """The longest that fair use makes anybody wait for the next try."""
    max_connections: int = 20_000
    """Connections one public worker keeps; above it the one idle longest is closed."""
    required_approvals: int = 1
    """People other than the loader who must approve a batch; 0 only for demos and tests."""
    retention_days: int = 180
    """How long keys and records are kept after the end of their release; then destroyed."""
    reader_memory_mb: int = 1024
    """Memory the process that reads an uploaded file may use."""
    reader_seconds: int = 300
    """How long reading one file may take."""


READERS: dict[str, Callable[[str], object]] = {
    "data_dir": Path,
    "kinds_dir": Path,
    "timezone": _timezone,
    "site_url": _site_url,
    "poll_ms": _positive,
    "failure_budget": _positive,
    "free_failures": _positive,
    "network_failures": _positive,
    "challenge_numbers": _up_to(MOST_CHALLENGE_NUMBERS),
    "wait_s": _up_to(MOST_WAIT_S),
    "max_connections": _positive,
    "required_approvals": _whole,
    "retention_days": _positive,
    "reader_memory_mb": _positive,
    "reader_seconds": _positive,
}


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environment` (the process's own by default).

    Raises UsageError naming the variable, never its value.
    """
    found = os.environ if environment is None else environment
    values: dict[str, object] = {}
    for field in dataclasses.fields(Settings):
        variable = f"LOOKUP_{field.name.upper()}"
        text = found.get(variable, "")
        if not text:
            continue
        try:
            values[field.name] = READERS[field.name](text)
        except ValueError as error:
            raise UsageError(f"{variable} cannot be read: {error}.") from error
    settings = dataclasses.replace(Settings(), **values)  # type: ignore[arg-type]  # READERS holds the types
    if settings.free_failures >= settings.failure_budget:
        raise UsageError(
            "LOOKUP_FREE_FAILURES must be below LOOKUP_FAILURE_BUDGET, since a proof of work comes"
            " before waiting: set both, or neither."
        )
    return settings
