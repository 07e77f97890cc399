"""The lottery (电脑派位) for private middle schools."""

import random
from dataclasses import dataclass
from datetime import date

from lookup.sample.apportion import apportion
from lookup.sample.city import districts
from lookup.sample.identity import id_tail, query_code
from lookup.sample.names import full_name
from lookup.sample.streams import stream

DRAWN, NOT_DRAWN, DISQUALIFIED, ALL_ADMITTED = "派中", "未派中", "资格取消", "免派全录"

MOST_FAMILIES = 30_000_000
"""Entry numbers have eight digits, of which on average every second is used."""

_DAY, _BOARDING = "普通班", "寄宿班"
_BORN_FROM = date(2002, 9, 1)
_DISQUALIFIED_SHARE = 0.003

# Invented names. After each: applicants as a weight, places for each applicant in
# per cent, and whether a boarding class is offered besides the day class.
_SCHOOLS = (
    ("文渊中学", 95, 22, True),
    ("建岚中学", 90, 24, False),
    ("锦绣河中学", 80, 27, True),
    ("启正苑中学", 75, 30, False),
    ("采蘩实验学校", 70, 28, False),
    ("公益坊中学", 64, 33, True),
    ("春蕾湾中学", 60, 31, False),
    ("翠苑湖学校", 55, 36, False),
    ("东城河实验学校", 50, 40, True),
    ("观成里中学", 46, 38, False),
    ("风帆江中学", 42, 42, True),
    ("绿荫外国语学校", 38, 45, True),
    ("育才坊中学", 34, 44, False),
    ("钱江湾外国语学校", 30, 48, True),
    ("云谷溪学校", 26, 52, True),
    ("新理想实验学校", 22, 56, True),
    ("山水间学校", 7, 130, False),
    ("田园书院学校", 5, 145, True),
)


@dataclass(frozen=True, slots=True)
class Draw:
    """One class of one school that families enter for.

    `weight` is its share among all entries; `places` is how many it has for every
    hundred applicants.
    """

    school_code: str
    school_name: str
    class_kind: str
    weight: float
    places: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One family's entry; `number` is the eight-digit 报名号.

    `outcome` is one of 派中, 未派中, 资格取消, 免派全录; `order` is the place in
    the draw from 1, None for whoever was not drawn for.
    """

    number: str
    code: str
    id_tail: str
    name: str
    draw: Draw
    outcome: str
    order: int | None


def draws() -> tuple[Draw, ...]:
    """Every class of the eighteen schools, sixteen of which have too few places."""
    made = []
    for n, (name, weight, places, boarding) in enumerate(_SCHOOLS, start=51):
        day_share = 0.7 if boarding else 1.0
        made.append(Draw(f"{n:03d}", name, _DAY, weight * day_share, places))
        if boarding:
            made.append(Draw(f"{n:03d}", name, _BOARDING, weight * (1 - day_share), places))
    return tuple(made)


def draw_lots(
    rng: random.Random, applicants: int, places: int, disqualified: frozenset[int]
) -> list[tuple[str, int | None]]:
    """Outcome and order of each of `applicants`, by index.

    The disqualified are left out. When the others find room in `places`, all are
    admitted without a draw; otherwise they are put in random order 1 to n and the
    first `places` are drawn.
    """
    eligible = [i for i in range(applicants) if i not in disqualified]
    results: list[tuple[str, int | None]] = [(DISQUALIFIED, None)] * applicants
    if len(eligible) <= places:
        for i in eligible:
            results[i] = (ALL_ADMITTED, None)
        return results
    rng.shuffle(eligible)
    for order, i in enumerate(eligible, start=1):
        results[i] = (DRAWN if order <= places else NOT_DRAWN, order)
    return results


def _entered_draws(seed: int, families: int) -> list[Draw]:
    """The draw each family enters for, in the order in which they registered."""
    every = draws()
    shares = apportion(families, [draw.weight for draw in every])
    entered = [draw for draw, share in zip(every, shares, strict=True) for _ in range(share)]
    stream(seed, "lottery registration").shuffle(entered)
    return entered


def _results(seed: int, entered: list[Draw]) -> list[tuple[str, int | None]]:
    lots, checks = stream(seed, "lottery draw"), stream(seed, "lottery checks")
    by_draw: dict[Draw, list[int]] = {draw: [] for draw in draws()}
    for i, draw in enumerate(entered):
        by_draw[draw].append(i)
    results: list[tuple[str, int | None]] = [("", None)] * len(entered)
    for draw, members in by_draw.items():
        places = max(1, len(members) * draw.places // 100)
        # Where there is room for all, nobody's papers are worth falsifying.
        share = _DISQUALIFIED_SHARE if places < len(members) else 0.0
        out = frozenset(i for i in range(len(members)) if checks.random() < share)
        for i, result in zip(members, draw_lots(lots, len(members), places, out), strict=True):
            results[i] = result
    return results


def make_lottery(seed: int, families: int) -> list[Entry]:
    """`families` entries, ordered by number, which is unique.

    Raises ValueError above `MOST_FAMILIES`.
    """
    if families > MOST_FAMILIES:
        raise ValueError(f"{families} families are too many: at most {MOST_FAMILIES} fit.")
    entered = _entered_draws(seed, families)
    numbers, sexes = stream(seed, "lottery numbers"), stream(seed, "lottery sexes")
    names, tails = stream(seed, "lottery names"), stream(seed, "lottery ids")
    codes = stream(seed, "lottery codes")
    regions = [district.region for district in districts()]
    made, number = [], 10_000
    for draw, (outcome, order) in zip(entered, _results(seed, entered), strict=True):
        number += numbers.randrange(1, 4)
        girl = sexes.random() < 0.48
        tail = id_tail(tails, region=tails.choice(regions), first_day=_BORN_FROM, girl=girl)
        name, code = full_name(names, girl=girl), query_code(codes)
        made.append(Entry(f"{number:08d}", code, tail, name, draw, outcome, order))
    return made
