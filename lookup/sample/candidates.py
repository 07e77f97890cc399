"""The candidates of the senior-high entrance exam."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lookup.sample.apportion import apportion
from lookup.sample.city import MiddleSchool, middle_schools
from lookup.sample.identity import id_tail, query_code
from lookup.sample.names import full_name
from lookup.sample.streams import stream

MOST_OF_ONE_SCHOOL = 99_999
"""Five digits of the exam number count the candidates of one school."""

_BORN_FROM = date(1999, 9, 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate; `number` is the nine-digit exam number (准考证号)."""

    number: str
    code: str
    id_tail: str
    name: str
    school: MiddleSchool


def _numbered(seed: int, count: int) -> Iterator[tuple[str, MiddleSchool]]:
    schools = middle_schools(seed)
    sizes = apportion(count, [school.size for school in schools])
    if max(sizes) > MOST_OF_ONE_SCHOOL:
        raise ValueError(
            f"{count} candidates are too many: "
            f"an exam number counts at most {MOST_OF_ONE_SCHOOL} of one school."
        )
    for school, size in zip(schools, sizes, strict=True):
        for place in range(1, size + 1):
            yield f"{school.district.code}{school.number}{place:05d}", school


def make_candidates(seed: int, count: int) -> list[Candidate]:
    """`count` candidates, ordered by exam number, which is unique.

    Raises ValueError when a school has more candidates than its numbers can count,
    which is above some five million in all.
    """
    sexes, names = stream(seed, "candidate sexes"), stream(seed, "candidate names")
    tails, codes = stream(seed, "candidate ids"), stream(seed, "candidate codes")
    made = []
    for number, school in _numbered(seed, count):
        girl = sexes.random() < 0.48
        region = school.district.region
        tail = id_tail(tails, region=region, first_day=_BORN_FROM, girl=girl)
        name = full_name(names, girl=girl)
        made.append(Candidate(number, query_code(codes), tail, name, school))
    return made
