"""Makers of public tables, and of records that know all there is to know."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

SCORES: dict[str, Any] = {
    "candidate_number": "100000001",
    "name": "测试甲",
    "middle_school": "示例中学",
    "chinese": 101.5,
    "mathematics": 120,
    "english": 108,
    "science": 148,
    "society": 46.5,
    "sport": 29.5,
    "total": 553.5,
    "rank": 321,
    "flag": "normal",
}
LOTTERY: dict[str, Any] = {
    "registration_number": "00010002",
    "name": "测试乙",
    "school_code": "2001",
    "school": "清晖实验学校",
    "place_class": "普通班",
    "outcome": "drawn",
    "draw_order": 87,
}
ADMISSIONS: dict[str, Any] = {
    "candidate_number": "100000001",
    "name": "测试甲",
    "middle_school": "示例中学",
    "total": 512.5,
    "outcome": "admitted",
    "round": "第一批",
    "school_code": "1003",
    "school": "秀溪市第二高级中学",
    "preference_number": 3,
    "admitted_score": 512.5,
    "cut_off_line": 503,
    "preferences": [
        {"round": "第一批", "school": f"秀溪市第{number}高级中学", "result": "not_considered"}
        for number in range(1, 8)
    ],
}
RELEASE = {"id": "r1", "version": 2, "title": "试验发布"}
FULLEST: dict[str, dict[str, Any]] = {
    "scores": SCORES,
    "lottery": LOTTERY,
    "admissions": ADMISSIONS,
}


def score_rows(marks: Sequence[float], least: int = 10) -> list[dict[str, Any]]:
    """A score table as it is published: cells of at least so many, open at both ends."""
    rows: list[dict[str, Any]] = []
    high, held, reached = 0.0, 0, 0
    for mark, count in sorted(Counter(marks).items(), reverse=True):
        high = high if held else mark
        held, reached = held + count, reached + count
        if held >= least or not rows:
            rows.append({"from": mark, "to": high, "count": held, "cumulative": reached})
            held = 0
        else:
            high = max(high, mark)
    if held:
        rows[-1] = {**rows[-1], "count": rows[-1]["count"] + held, "cumulative": reached}
    rows[0]["to"] = rows[-1]["from"] = None
    return rows


def spread(full_mark: int) -> list[float]:
    """Marks of a thousand people, most of them in the middle."""
    third = full_mark / 3
    return [
        round(2 * (third * (a + b + c) / 27)) / 2
        for a in range(10)
        for b in range(10)
        for c in range(10)
    ]


def statistics(kind: str) -> dict[str, Any]:
    """The public document of a release, with the row of the fullest record's own school."""
    if kind == "scores":
        tables = [
            {"name": name, "type": "score_table", "full_mark": full, "rows": score_rows(marks)}
            for name, full in {"chinese": 120, "mathematics": 120, "total": 600}.items()
            for marks in [spread(full)]
        ]
        return {"tables": tables, "earlier": []}
    numbers: dict[str, dict[str, Any]] = {
        "lottery": {"applicants": 1250, "places": 360, "ratio": 3.4722222},
        "admissions": {"plan": 480, "admitted": None, "cut_off_line": 503.0},
    }
    by = {
        "lottery": ["school_code", "school", "place_class"],
        "admissions": ["round", "school_code", "school"],
    }[kind]
    cells = numbers[kind]
    own = {name: FULLEST[kind][name] for name in by}
    rows = [
        {**own, "school_code": "9999", **dict.fromkeys(cells, 77)},
        {**own, **cells},
        {**dict.fromkeys(by), **dict.fromkeys(cells, 66)},
    ]
    table = {"name": "schools", "type": "groups", "by": by, "columns": [*cells], "rows": rows}
    return {"tables": [table], "earlier": []}
