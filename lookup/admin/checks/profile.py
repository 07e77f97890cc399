"""A batch in a few numbers: what the next one of its kind is compared with."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Marks:
    """One score field: `mean` and `spread` (standard deviation) are shares of the full mark;
    `zeros` and `maxima` count marks of 0 and of the full mark."""

    count: int
    mean: float
    spread: float
    zeros: int
    maxima: int

    @staticmethod
    def of(counts: Mapping[Any, int], full_mark: int) -> "Marks":
        """The marks among counted values; texts and empty cells are none."""
        marks = [(v / full_mark, n) for v, n in counts.items() if isinstance(v, int | float)]
        total = sum(n for _, n in marks)
        if not total:
            return Marks(0, 0.0, 0.0, 0, 0)
        mean = math.fsum(v * n for v, n in marks) / total
        variance = math.fsum((v - mean) ** 2 * n for v, n in marks) / total
        zeros, maxima = counts.get(0, 0), counts.get(full_mark, 0)
        return Marks(total, mean, math.sqrt(variance), zeros, maxima)


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts of a whole batch, of nobody in particular.

    `outcomes` count the codes of each outcome field; `missing` counts, for each score field
    and group (school), the records without a mark in it, `groups` all records of the group.
    """

    records: int = 0
    marks: Mapping[str, Marks] = field(default_factory=dict)
    outcomes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The profile as JSON, for keeping beside its batch."""
        return orjson.dumps(asdict(self))

    @staticmethod
    def from_json(text: bytes) -> "Profile":
        """What `to_json` wrote. Raises ValueError for anything else."""
        try:
            document = orjson.loads(text)
            marks = {name: Marks(**marks) for name, marks in document.pop("marks").items()}
            return Profile(marks=marks, **document)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("not a profile") from error
