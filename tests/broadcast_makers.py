"""A made-up broadcast, and those who watch it without a network."""

import datetime as dt
from collections.abc import Callable, Sequence

from lookup.stores.entries import Begin, Board, Entry, Round, School, Text, Words

AT = dt.datetime(2026, 7, 10, 1, 0, tzinfo=dt.UTC)
TITLE = Text("2026年高级中等学校录取直播", "Senior high school admissions 2026, live")
FIRST, SECOND = "第一批", "第二批"
NAMES = ("虚构第一中学", "云汉中学", "北辰外国语学校", "松江实验高级中学", "星河附属中学东校区")


def at(minutes: int) -> dt.datetime:
    """So many minutes into the broadcast."""
    return AT + dt.timedelta(minutes=minutes)


def round_of(id_: int, name: str = FIRST, state: str = "under_way", admitted: int = 3300) -> Round:
    return Round(id_, at(id_), name, state, 12_000, 3_400, 9_000, admitted)


def school(number: int, admitted: int = 80, plan: int = 120) -> School:
    score = None if admitted == 0 else 560 - number * 1.5
    position = None if admitted == 0 else 900 + number * 137
    name = NAMES[number % len(NAMES)] + ("" if number < len(NAMES) else f"（{number}）")
    return School(f"{number + 1:04d}", name, plan, admitted, position, score, admitted >= plan)


def words(id_: int, zh: str, en: str | None = None, name: str | None = FIRST) -> Words:
    return Words(id_, at(id_), Text(zh, en), name)


def broadcast(schools: int = 5) -> list[Entry]:
    """One that is under way, ids from 1."""
    rows = tuple(school(number, (0, 57, 120, 118)[number % 4]) for number in range(schools))
    return [
        Begin(1, at(0), TITLE),
        words(
            2,
            "今天上午9时起公布第一批录取进度。",
            "The first round is shown from nine o'clock.",
            None,
        ),
        round_of(3),
        round_of(4, SECOND, "waiting", 0),
        Board(5, at(5), FIRST, rows),
        words(6, "第一批投档过半。", "More than half of the first round has been forwarded."),
        words(7, "北辰外国语学校计划已录满。"),
    ]


def after(*entries: Callable[[int], Entry]) -> Callable[[int], Sequence[Entry]]:
    """What `Broadcast.append` takes: each entry is made with its id."""
    return lambda last: [make(last + 1 + n) for n, make in enumerate(entries)]


def said(zh: str, en: str | None = None) -> Callable[[int], Entry]:
    """Words with the id they are given."""
    return lambda id_: words(id_, zh, en)
