"""File forwarding (投档): one admission round, the rule alone, without any data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Applicant:
    """One candidate as a round sees them.

    `standing` is compared item by item, more is better: the total, then whatever
    breaks ties. `preferences` are school keys, the most wanted first, none twice.
    """

    key: str
    standing: tuple[int, ...]
    preferences: tuple[str, ...]


def forward(applicants: Iterable[Applicant], places: Mapping[str, int]) -> dict[str, int]:
    """Who gets which preference: applicant key to index in `preferences`.

    Applicants go one by one in order of standing, best first (分数优先，遵循志愿);
    each takes the first of their preferences that still has a place, for good.
    Equal standings go in the order given, so the caller decides the last tie.
    Whoever finds no place is absent from the answer. A school that is not in
    `places` has none. The answer is in the order of admission.

    It follows that no school admits more than its places, that nobody has two
    seats, and that whoever was refused a school stands behind all it admitted.

    Raises ValueError if two applicants share a key.
    """
    left = dict(places)
    ranked = sorted(applicants, key=lambda applicant: applicant.standing, reverse=True)
    if len({applicant.key for applicant in ranked}) != len(ranked):
        raise ValueError("Two applicants of one round have the same key.")
    admitted: dict[str, int] = {}
    for applicant in ranked:
        for index, school in enumerate(applicant.preferences):
            if left.get(school, 0) > 0:
                left[school] -= 1
                admitted[applicant.key] = index
                break
    return admitted
