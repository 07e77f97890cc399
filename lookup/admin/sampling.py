"""Sampling: the few records of a batch that a reviewer looks at as the public would see them.

The first and the last, the highest and the lowest, one of each outcome, and some drawn by the
content hash: the same for a reviewer today and for an auditor in a year.
"""

import random
from dataclasses import dataclass
from typing import Any

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import Batch, Stored, get_batch, records, refuse_destroyed
from lookup.admin.desk import Desk
from lookup.kinds import Field, Kind

MAX_SAMPLES = 8
MIN_RANDOM = 2
FIRST, LAST, HIGHEST, LOWEST, RANDOM = "first", "last", "highest", "lowest", "random"


@dataclass(frozen=True, slots=True)
class Sample:
    """One record and why it was taken: first, last, highest, lowest, random, or `field=value`."""

    identifier: str
    body: dict[str, Any]
    why: str
    corrected: bool = False


def _ranked(kind: Kind) -> Field | None:
    """The field by which records are high or low: the headline's, or the first score."""
    fields = {field.name: field for field in kind.fields}
    candidates = [fields[kind.headline]] if kind.headline in fields else []
    candidates += [field for field in kind.fields if field.type == "score"]
    return next((f for f in candidates if f.type in ("score", "integer") and not f.withheld), None)


class _Sampler:
    """Looks at every record once and keeps those worth looking at."""

    def __init__(self, batch: Batch) -> None:
        self._ranked = _ranked(batch.kind)
        self._outcomes = [
            field.name
            for field in batch.kind.fields
            if field.type == "outcome" and not field.withheld
        ]
        chooser = random.Random(batch.sha256)  # noqa: S311  # the same for everybody, on purpose
        count = min(MAX_SAMPLES, batch.records)
        self._drawn = set(chooser.sample(range(batch.records), count))
        self._seen = 0
        self._last: Stored | None = None
        self._extremes: dict[str, tuple[float, Stored]] = {}
        self._kept: dict[str, Stored] = {}
        self._random: list[Stored] = []

    def add(self, record: Stored) -> None:
        """Look at the next record."""
        values = record.values()
        if not self._seen:
            self._kept[FIRST] = record
        if self._seen in self._drawn:
            self._random.append(record)
        self._seen += 1
        self._last = record
        value = values.get(self._ranked.name) if self._ranked else None
        if isinstance(value, int | float):
            highest, lowest = self._extremes.get(HIGHEST), self._extremes.get(LOWEST)
            if highest is None or value > highest[0]:
                self._extremes[HIGHEST] = (value, record)
            if lowest is None or value < lowest[0]:
                self._extremes[LOWEST] = (value, record)
        for name in self._outcomes:
            if name in values:
                self._kept.setdefault(f"{name}={values[name]}", record)

    def samples(self) -> list[Sample]:
        """At most `MAX_SAMPLES`, none twice, at least two of them drawn."""
        wanted = {FIRST: self._kept.pop(FIRST)} if FIRST in self._kept else {}
        if self._last is not None:
            wanted[LAST] = self._last
        wanted |= {why: record for why, (_, record) in self._extremes.items()}
        wanted |= self._kept
        chosen: dict[int, tuple[str, Stored]] = {}
        for why, record in wanted.items():
            if len(chosen) < MAX_SAMPLES - MIN_RANDOM:
                chosen.setdefault(record.id, (why, record))
        for record in self._random:
            if len(chosen) < MAX_SAMPLES:
                chosen.setdefault(record.id, (RANDOM, record))
        return [
            Sample(record.identifier, _body(record), why, record.corrected)
            for why, record in chosen.values()
        ]


def _body(record: Stored) -> dict[str, Any]:
    return Stored.values(record._replace(withheld=b"{}"))


async def samples(desk: Desk, batch_id: int) -> list[Sample]:
    """The records of a batch to look at before signing. Raises RefusedError, UsageError."""
    batch = await get_batch(desk.database, batch_id)
    refuse_destroyed(batch)
    sampler = _Sampler(batch)
    async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
        async for chunk in records(file):
            for record in chunk:
                sampler.add(record)
    return sampler.samples()
