"""Whether a batch looks like the one before it: warnings for the reviewer, never errors.

Every comparison asks two questions and warns only where both say yes. Is the difference larger
than chance, by its standard error? And is it large enough to matter? With 24,000 candidates
every year's exam differs from the last one's beyond chance, so the first question alone would
warn each time; with 50 candidates a large difference is often chance.

* Mean, as a share of the full mark: more than 5 standard errors, √(s²/n + s₀²/n₀), and more than
  0.06. A harder paper moves it by 0.02 to 0.05; halved or doubled marks, or a column of another
  full mark in its place, by 0.1 or more.
* Spread: |ln(s/s₀)| above 5·√(1/2n + 1/2n₀), and s/s₀ above 3/2 or below 2/3. Two columns of one
  full mark that were swapped show here.
* Share of zeros, of full marks, of an outcome: more than 5 standard errors of the pooled share,
  and more than 0.02 + 0.25·p₀. So one in a thousand may double, one half may become 0.64.
* Share without a mark, in one school: the same against the school's last share, or against the
  rest of the batch where the school is new; and more than 0.10.

Without a batch before: more than 5 % zeros in a score. Always: a school of 5 or more where a
score that others have is missing throughout. Fewer than 30 records on either side are not compared,
and nothing is where more than one row in a hundred was left out for an error: those left out are no
chance sample (everyone absent, where the word for it was misspelt).

False alarms: z > 5 alone gives 6 × 10⁻⁷ a comparison. Measured: none in 1,000 pairs of simulated
years (40, 200 and 2,000 candidates, nine comparisons a score), none in 20 years of the made-up
city (24,000 candidates each, 90 schools of new strength every year). A part of both runs as a test.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lookup.admin.checks.profile import Marks, Profile
from lookup.admin.checks.rules import BLOCK, WHOLE, Context, Found, Rule, Values
from lookup.admin.findings import WARNING
from lookup.kinds import Kind

LEAST_RECORDS = 30
STANDARD_ERRORS = 5.0
MEAN_SHIFT = 0.06
SPREAD_RATIO = 1.5
SHARE_SHIFT, SHARE_RATIO = 0.02, 0.25
MISSING_SHIFT = 0.10
ZEROS = 0.05
WHOLE_SCHOOL = 5
MOST_LEFT_OUT = 0.01


class Distribution(Rule):
    """The means, spreads and shares of `fields` against the release before; missing marks by
    the field `by`. `profile` is what the next release is compared with."""

    def __init__(self, kind: Kind, options: Mapping[str, Any], context: Context) -> None:
        fields = [kind.field(name) for name in options["fields"]]
        self._scores = [field for field in fields if field.type != "outcome"]
        self._outcomes = [field for field in fields if field.type == "outcome"]
        self._by: str | None = options.get("by")
        self._previous = context.previous
        self._left_out = math.inf if context.left_out is None else context.left_out
        self._counts: dict[str, Counter[Any]] = {field.name: Counter() for field in fields}
        self._missing: dict[str, Counter[Any]] = {field.name: Counter() for field in self._scores}
        self._groups: Counter[Any] = Counter()
        self._names = [*self._counts, self._by or ""]
        self._rows: list[list[Any]] = []
        self._records = 0

    def add(self, index: int, values: Values) -> Iterable[Found]:
        self._rows.append([*map(values.get, self._names)])
        if len(self._rows) == BLOCK:
            self._take()
        return ()

    def _take(self) -> None:
        """Count the rows held so far."""
        if not self._rows:
            return
        *columns, groups = zip(*self._rows, strict=True)
        self._records += len(self._rows)
        self._rows = []
        self._groups.update(groups)
        for name, cells in zip(self._counts, columns, strict=True):
            self._counts[name].update(cells)
            if self._by and name in self._missing:
                self._missing[name].update(
                    [
                        group
                        for group, cell in zip(groups, cells, strict=True)
                        if cell is None or cell.__class__ is str
                    ]
                )

    def profile(self) -> Profile:
        """The batch so far in numbers."""
        self._take()
        return Profile(
            records=self._records,
            marks={
                field.name: Marks.of(self._counts[field.name], field.full_mark or field.maximum)
                for field in self._scores
            },
            outcomes={field.name: _known(self._counts[field.name]) for field in self._outcomes},
            missing={name: _known(counts) for name, counts in self._missing.items()},
            groups=_known(self._groups),
        )

    def finish(self) -> Iterator[Found]:
        now, before = self.profile(), self._previous
        if self._left_out > MOST_LEFT_OUT * now.records:
            return
        for field in self._scores:
            marks = now.marks[field.name]
            if before and field.name in before.marks:
                yield from _compare(field.label.zh, marks, before.marks[field.name])
            elif marks.count >= LEAST_RECORDS and marks.zeros > ZEROS * marks.count:
                yield _found("zeros", field.label.zh, share=_percent(marks.zeros, marks.count))
            if marks.count:
                yield from self._missing_marks(field.name, field.label.zh, now)
        for field in self._outcomes:
            if before and field.name in before.outcomes:
                for value in field.values:
                    counts = [p.outcomes[field.name].get(value.code, 0) for p in (now, before)]
                    found = _share(counts[0], now.records, counts[1], before.records)
                    if found:
                        yield _found("share_moved", field.label.zh, what=value.label.zh, **found)

    def _missing_marks(self, name: str, column: str, now: Profile) -> Iterator[Found]:
        """Schools whose share without a mark is out of line."""
        before = self._previous
        everywhere = sum(now.missing[name].values())
        for group, missing in now.missing[name].items():
            size = now.groups[group]
            if missing == size:
                if size >= WHOLE_SCHOOL:
                    yield _found("school_missing", column, group=group, count=size)
                continue
            if before and group in before.groups and name in before.missing:
                old = before.missing[name].get(group, 0), before.groups[group]
            else:
                old = everywhere - missing, sum(now.groups.values()) - size
            found = _share(missing, size, *old, (MISSING_SHIFT, 0))
            if found:
                yield _found("school_missing_share", column, group=group, **found)


def _known(counts: Counter[Any]) -> dict[str, int]:
    """The counts without that of nothing."""
    return {what: count for what, count in counts.items() if what is not None}


def _found(rule: str, column: str, **values: str | int | float) -> Found:
    return Found(WHOLE, rule, column, values, severity=WARNING)


def _percent(part: int, of: int) -> str:
    return f"{part / of:.1%}"


def _compare(column: str, now: Marks, before: Marks) -> Iterator[Found]:
    if min(now.count, before.count) < LEAST_RECORDS:
        return
    error = math.sqrt(now.spread**2 / now.count + before.spread**2 / before.count)
    shift = abs(now.mean - before.mean)
    if shift > MEAN_SHIFT and shift > STANDARD_ERRORS * error:
        yield _found("mean_moved", column, share=f"{now.mean:.1%}", before=f"{before.mean:.1%}")
    ratio = max(now.spread, 1e-6) / max(before.spread, 1e-6)
    error = math.sqrt(1 / (2 * now.count) + 1 / (2 * before.count))
    if abs(math.log(ratio)) > max(math.log(SPREAD_RATIO), STANDARD_ERRORS * error):
        yield _found(
            "spread_moved", column, share=f"{now.spread:.1%}", before=f"{before.spread:.1%}"
        )
    for rule in ("zeros", "maxima"):
        counts = getattr(now, rule), now.count, getattr(before, rule), before.count
        found = _share(*counts)
        if found:
            yield _found(f"{rule}_moved", column, **found)


def _share(
    part: int, of: int, part_before: int, of_before: int, matters: tuple[float, float] | None = None
) -> dict[str, str]:
    """Both shares in words where they differ beyond chance and matter; else nothing."""
    if min(of, of_before) < LEAST_RECORDS:
        return {}
    share, before = part / of, part_before / of_before
    pooled = (part + part_before) / (of + of_before)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before))
    least, ratio = matters or (SHARE_SHIFT, SHARE_RATIO)
    shift = abs(share - before)
    if shift <= max(least + ratio * before, STANDARD_ERRORS * error):
        return {}
    return {"share": f"{share:.1%}", "before": f"{before:.1%}"}
