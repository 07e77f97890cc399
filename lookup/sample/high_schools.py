"""The high schools and how many places each offers in which round."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HighSchool:
    """A high school; `code` has three digits, with leading zeros."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A school's places in one round."""

    school: HighSchool
    places: int


@dataclass(frozen=True, slots=True)
class Round:
    """An admission round: how many preferences one may state, and what is offered.

    The offers go from the most wanted school to the least.
    """

    name: str
    limit: int
    offers: tuple[Offer, ...]


# Invented names, the most wanted first.
_GENERAL = [
    "学海中学",
    "西溪高级中学",
    "钱塘江中学",
    "保椒中学",
    "南屏高级中学",
    "云栖高级中学",
    "之江湾中学",
    "湖墅中学",
    "望江山中学",
    "灵峰高级中学",
    "清河坊中学",
    "翠屏中学",
    "运河高级中学",
    "凤起高级中学",
    "潮鸣高级中学",
    "湘云高级中学",
    "临泉高级中学",
    "富江中学",
    "桐溪中学",
    "千汀中学",
    "安江高级中学",
    "锦溪中学",
    "青枫高级中学",
    "龙坞高级中学",
]
_FURTHER = [
    "育英湾高级中学",
    "文汇外国语高级中学",
    "新世纪实验高级中学",
    "东方书院高级中学",
    "西子财经职业学校",
    "钱潮信息职业高级中学",
    "半山电子职业高级中学",
    "湖山旅游职业学校",
    "江干商贸职业学校",
    "拱辰艺术职业学校",
    "湘云机电职业学校",
    "临泉交通职业学校",
    "富江建设职业学校",
    "桐溪农林职业学校",
    "安江化工职业学校",
    "锦溪护理职业学校",
]

_EARLY_SCHOOLS = 8
_EARLY, _FIRST, _SECOND = 0.06, 0.46, 0.40
"""Places of each round as a share of the candidates; together they seat about nine in ten."""


def _offers(schools: list[HighSchool], places: float) -> tuple[Offer, ...]:
    """`places` shared out in a ratio that varies by a third; no school offers none."""
    weights = [1 + (i * 7 % 5 - 2) / 6 for i in range(len(schools))]
    each = places / sum(weights)
    return tuple(
        Offer(school, max(1, round(each * weight)))
        for school, weight in zip(schools, weights, strict=True)
    )


def admission_rounds(candidates: int) -> tuple[Round, ...]:
    """The three rounds in order, with places in proportion to the number of candidates."""
    every = [HighSchool(f"{n:03d}", name) for n, name in enumerate(_GENERAL + _FURTHER, start=1)]
    general, further = every[: len(_GENERAL)], every[len(_GENERAL) :]
    return (
        Round("提前批", 1, _offers(general[:_EARLY_SCHOOLS], _EARLY * candidates)),
        Round("第一批", 3, _offers(general, _FIRST * candidates)),
        Round("第二批", 3, _offers(further, _SECOND * candidates)),
    )
