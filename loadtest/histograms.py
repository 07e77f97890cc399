"""Latencies kept in little room: HDR histograms, true to three significant digits.

From a microsecond up to ten minutes; what took longer counts as ten minutes. Gil Tene's HDR
histogram through the library of that name; histograms of the parts of a run add up to the run's.
"""

from typing import Self

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

LEAST_US, MOST_US, DIGITS = 1, 600_000_000, 3
WORD_BYTES = 4
SHARES = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p999_ms": 99.9}


class Histogram:
    """How often each latency was met."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        # Most seconds of most phases stay empty, and an empty one costs 90 kB.
        self._kept: HdrHistogram | None = None

    def note(self, seconds: float) -> None:
        """Count one latency; one below a microsecond, or below zero, counts as a microsecond."""
        if self._kept is None:
            self._kept = _empty()
        self._kept.record_value(min(max(int(seconds * 1_000_000), LEAST_US), MOST_US))

    @property
    def count(self) -> int:
        """How many were noted."""
        return 0 if self._kept is None else int(self._kept.get_total_count())

    def add(self, other: "Histogram") -> None:
        """Count everything that the other one counted."""
        if other._kept is None:
            return
        if self._kept is None:
            self._kept = _empty()
        self._kept.add(other._kept)

    def at_ms(self, percent: float) -> float | None:
        """The latency in ms of rank `percent` (0 to 100) of all, rounded to the nearest one; None
        where there is none."""
        if self._kept is None:
            return None
        return float(self._kept.get_value_at_percentile(percent)) / 1000

    def percentiles(self) -> dict[str, float | None]:
        """50, 90, 99 and 99.9 of a hundred and the largest, in ms; None where there is none."""
        found = {name: self.at_ms(percent) for name, percent in SHARES.items()}
        return found | {"max_ms": self.at_ms(100.0)}

    def encode(self) -> str:
        """Base64 of the HDR format V2, empty where nothing was noted."""
        return "" if self._kept is None else self._kept.encode().decode("ascii")

    @classmethod
    def decode(cls, text: str) -> Self:
        """What `encode` made. Raises ValueError where it is nothing of the kind."""
        made = cls()
        if text:
            made._kept = _empty()
            try:
                made._kept.decode_and_add(text)
            except Exception as error:
                # The library raises what its parts raise: zlib, base64, struct, its own.
                raise ValueError("This is no HDR histogram.") from error
        return made


def _empty() -> HdrHistogram:
    return HdrHistogram(LEAST_US, MOST_US, DIGITS, word_size=WORD_BYTES)
