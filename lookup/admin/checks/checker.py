"""All checks of a kind over one batch: the table of rules, and a limit to what is told of each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from lookup.admin.checks.arithmetic import Cumulative, Sum
from lookup.admin.checks.bounds import AtLeast, WithinPlan
from lookup.admin.checks.credentials import Everywhere
from lookup.admin.checks.distribution import Distribution
from lookup.admin.checks.order import Rank, Unbroken
from lookup.admin.checks.outcomes import Excludes, Flags, Requires
from lookup.admin.checks.profile import Profile
from lookup.admin.checks.rules import WHOLE, Context, Found, Place, Places, Rule, Said, Values
from lookup.admin.checks.runs import Runs
from lookup.admin.checks.uniqueness import Unique
from lookup.admin.findings import MAX_VALUE_SHOWN, Finding
from lookup.kinds import Kind

MOST_TOLD = 1000
"""Findings of one rule that are listed; the rest is one finding with their number."""
UNLISTED = "unlisted"
"""The rule of that finding; its `more` is how many findings it stands for."""

NO_CREDENTIALS: Mapping[str, str] = MappingProxyType({})

RULES: dict[str, type[Rule]] = {
    "sum": Sum,
    "flags": Flags,
    "rank": Rank,
    "unique": Unique,
    "requires": Requires,
    "excludes": Excludes,
    "at_least": AtLeast,
    "places": WithinPlan,
    "sequence": Unbroken,
    "cumulative": Cumulative,
    "distribution": Distribution,
    "runs": Runs,
}
"""Every check of `lookup.check_rules.CHECKS` at work."""


class Checker:
    """The checks of one batch: `add` every record in the order of the files, then `finish` once.

    What comes out are pairs of a source's name ('' for the whole batch) and a finding. Of each
    rule the first `MOST_TOLD` are listed; `counts` is the honest number, by severity.
    """

    def __init__(self, kind: Kind, context: Context) -> None:
        self._rules = [RULES[check.rule](kind, check.options, context) for check in kind.checks]
        self._everywhere = Everywhere(kind)
        self._context = context
        self._places = Places()
        self._told: Counter[tuple[str, str]] = Counter()

    @property
    def counts(self) -> Counter[str]:
        """How many findings of each severity there are so far, listed or not."""
        counts: Counter[str] = Counter()
        for (_, severity), count in self._told.items():
            counts[severity] += count
        return counts

    def add(
        self, place: Place, values: Values, typed: Mapping[str, str] = NO_CREDENTIALS
    ) -> Iterable[tuple[str, Finding]]:
        """Check the next record: its body, what is withheld from it, what its candidate types."""
        index = self._places.add(place)
        told: list[tuple[str, Finding]] = []
        odd = self._everywhere.add(index, values, typed)
        if odd:
            told += self._tell(odd)
        for rule in self._rules:
            found = rule.add(index, values)
            if found:
                told += self._tell(found)
        return told

    def finish(self) -> Iterator[tuple[str, Finding]]:
        """What shows only when every record is known; then what was not listed."""
        yield from self._tell(self._miscounted())
        yield from self._tell(self._everywhere.finish())
        for rule in self._rules:
            yield from self._tell(rule.finish())
        for (name, severity), count in list(self._told.items()):
            if count > MOST_TOLD:
                rest: Said = {"rule": name, "more": count - MOST_TOLD}
                yield "", Finding(UNLISTED, severity=severity, values=rest)

    def profile(self) -> Profile:
        """The batch in numbers, from the kind's `distribution` checks."""
        parts = [rule.profile() for rule in self._rules if isinstance(rule, Distribution)]
        return Profile(
            records=len(self._places),
            marks={name: marks for part in parts for name, marks in part.marks.items()},
            outcomes={name: codes for part in parts for name, codes in part.outcomes.items()},
            missing={name: counts for part in parts for name, counts in part.missing.items()},
            groups={name: count for part in parts for name, count in part.groups.items()},
        )

    def _miscounted(self) -> Iterator[Found]:
        """The clerk's figure against the rows that were sent, left out for errors or not."""
        expected, left_out = self._context.expected, self._context.left_out
        if expected is None or left_out is None:
            return
        count = len(self._places) + left_out
        if not count - self._context.doubled <= expected <= count:
            numbers: Said = {"expected": expected, "count": count}
            yield Found(WHOLE, "count", values=numbers)

    def _tell(self, found: Iterable[Found]) -> Iterator[tuple[str, Finding]]:
        for one in found:
            self._told[one.rule, one.severity] += 1
            if self._told[one.rule, one.severity] <= MOST_TOLD:
                yield self._finding(one)

    def _finding(self, found: Found) -> tuple[str, Finding]:
        place = Place("", 0) if found.at == WHOLE else self._places[found.at]
        values: dict[str, str | int | float] = dict(found.values)
        if found.other != WHOLE:
            other = self._places[found.other]
            values |= {"file": other.source, "line": other.line}
        shown = str(found.value)[:MAX_VALUE_SHOWN]
        finding = Finding(found.rule, place.line, found.column, found.severity, shown, values)
        return place.source, finding
