"""Arithmetic on measurements: nearest ranks, ratios, and whether two samples differ."""

import math
from collections.abc import Sequence
from itertools import groupby
from statistics import fmean, variance

SHARES = {"p50": 0.50, "p99": 0.99, "max": 1.0}


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank: the smallest value that `share` of them do not exceed.

    `share` above 0 up to 1; nan where there are no values.
    """
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """The ranks of latencies given in seconds, in ms; empty where there are none."""
    if not seconds:
        return {}
    ranked = sorted(seconds)
    return {name: round(percentile(ranked, share) * 1000, 2) for name, share in SHARES.items()}


def ratio(value: float, other: float) -> float | None:
    """`value` per `other`, None where there is nothing to divide by."""
    return round(value / other, 3) if other else None


def welch_t(first: Sequence[float], second: Sequence[float]) -> float:
    """Welch's t of two samples of two values or more: positive where the first is larger.

    Source: B. L. Welch, Biometrika 34 (1947). 0 where neither varies and the means are equal.
    """
    error = variance(first) / len(first) + variance(second) / len(second)
    apart = fmean(first) - fmean(second)
    if error:
        return apart / math.sqrt(error)
    return math.copysign(math.inf, apart) if apart else 0.0


def rank_z(first: Sequence[float], second: Sequence[float]) -> float:
    """The normal deviate of the rank-sum test, ties counted: positive where the first is larger.

    Outliers cannot sway it. Source: Mann and Whitney, Ann. Math. Statist. 18 (1947).
    """
    merged = sorted([(value, 1) for value in first] + [(value, 0) for value in second])
    ranks = ties = before = 0.0
    for _, run in groupby(merged, key=lambda pair: pair[0]):
        marks = [mark for _, mark in run]
        ranks += sum(marks) * (before + (len(marks) + 1) / 2)
        ties += len(marks) ** 3 - len(marks)
        before += len(marks)
    n, m = len(first), len(second)
    total = n + m
    spread = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    apart = ranks - n * (total + 1) / 2
    return apart / math.sqrt(spread) if spread else 0.0


def cropped(values: Sequence[float], limit: float) -> list[float]:
    """The values up to `limit`: what an attacker would keep."""
    return [value for value in values if value <= limit]
