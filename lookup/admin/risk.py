"""How many records a patient attacker could expect to open.

The attacker knows every identifier (numbers can be counted through) and tries the likeliest
second factors of each, up to the b wrong tries that fair use lets him have at a number: at once,
and in a day (lookup.allowance). For a factor drawn evenly from s values
he opens min(1, b / s) of the records. For names, which are not even, he tries the commonest
first: the share of records that carry one of the b commonest names of the batch.

Sizes: access code 32**8. Last six characters of an ID number (GB 11643): 31 days and 1000
sequence numbers; the check character follows for whoever knows region, year and month.
Codes: 10 or 36 to the power of their shortest length.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lookup.allowance import DAY_S, most_tries
from lookup.candidate import ACCESS_CODE_LENGTH, CROCKFORD
from lookup.kind_rules import DIGITS
from lookup.kinds import Field, Kind, Way
from lookup.settings import Settings

ID_SUFFIXES = 31 * 1000


@dataclass(frozen=True, slots=True)
class Risk:
    """What one way in risks: of `records`, so many `expected` to be opened by so many wrong
    `tries` at each number; at once, and in a day."""

    way: Way
    records: int
    tries: int
    expected: float
    tries_a_day: int
    expected_a_day: float


def values_of(field: Field) -> int:
    """How many values a second factor of this type may have; 1 where nobody can say."""
    if field.type == "access_code":
        return int(len(CROCKFORD) ** ACCESS_CODE_LENGTH)
    if field.type == "id_suffix":
        return ID_SUFFIXES
    if field.type == "code":
        return int((10 if field.characters == DIGITS else 36) ** field.min_length)
    return 1


class RiskCount:
    """Counts, record by record, what `risks` needs to know."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._ways = [(way, frozenset(way.fields)) for way in kind.ways]
        self._records: Counter[str] = Counter()
        self._names: dict[str, Counter[str]] = {
            way.name: Counter()
            for way in kind.ways
            if any(kind.field(name).type == "name" for name in way.fields[1:])
        }

    def add(self, secrets: Mapping[str, str]) -> None:
        """Count one record by the fields its candidate would type."""
        for way, fields in self._ways:
            if fields.issubset(secrets):
                self._records[way.name] += 1
                if way.name in self._names:
                    named = (n for n in way.fields[1:] if self._kind.field(n).type == "name")
                    self._names[way.name]["\n".join(secrets[name] for name in named)] += 1

    def risks(self, settings: Settings) -> list[Risk]:
        """The risk of each way in that a record has, with the wrong tries that fair use lets
        one network have."""
        once, a_day = most_tries(settings, 1, 0), most_tries(settings, 1, DAY_S)
        return [
            Risk(
                way,
                self._records[way.name],
                once,
                self._expected(way, once),
                a_day,
                self._expected(way, a_day),
            )
            for way in self._kind.ways
            if self._records[way.name]
        ]

    def _expected(self, way: Way, budget: int) -> float:
        even = 1
        for name in way.fields[1:]:
            even *= values_of(self._kind.field(name))
        if way.name in self._names:
            tries = max(1, budget // even)
            opened = sum(count for _, count in self._names[way.name].most_common(tries))
            return opened * min(1.0, budget / even)
        return self._records[way.name] * min(1.0, budget / even)
