"""Makers of made-up public statistics: documents as a release seals them."""

import math
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from lookup.kinds import Kind, read_kind
from lookup.public.app import create_app
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import Clock, make_kind, make_release, open_release

SUBJECTS = {"chinese": 120, "mathematics": 120, "sport": 30}
NAMES = ("清晖", "明德", "文澜", "学军", "求是", "育才", "春晖", "东湖")
MINIMUM = 10
TITLE = "2026年（虚构数据）"


def score_table(
    name: str, full_mark: int, people: int, centre: float = 0.72, spread: float = 0.14
) -> dict[str, Any]:
    """About so many people, bell-shaped over half marks, in cells of ten and more."""
    marks = [half / 2 for half in range(2 * full_mark, -1, -1)]
    weights = [math.exp(-(((mark / full_mark - centre) / spread) ** 2) / 2) for mark in marks]
    counts = [round(people * weight / sum(weights)) for weight in weights]
    cells: list[tuple[float, float, int]] = []
    for mark, count in zip(marks, counts, strict=True):
        if cells and cells[-1][2] < MINIMUM:
            _, high, held = cells.pop()
            cells.append((mark, high, held + count))
        elif count:
            cells.append((mark, mark, count))
    if cells[-1][2] < MINIMUM:
        low, _, few = cells.pop()
        _, high, held = cells.pop()
        cells.append((low, high, held + few))
    rows = []
    cumulative = 0
    for place, (low, high, count) in enumerate(cells):
        cumulative += count
        rows.append(
            {
                "from": low if place < len(cells) - 1 else None,
                "to": high if place else None,
                "count": count,
                "cumulative": cumulative,
            }
        )
    return {"name": name, "type": "score_table", "full_mark": full_mark, "rows": rows}


def scores_document(earlier: int = 0) -> dict[str, Any]:
    """What `scores` publishes: the total, three subjects and the counts of the flag."""

    def tables(people: int, centre: float) -> list[dict[str, Any]]:
        return [
            *(
                score_table(name, full, people, centre + 0.04 * place)
                for place, (name, full) in enumerate(SUBJECTS.items())
            ),
            score_table("total", 600, people, centre),
            {
                "name": "flag",
                "type": "counts",
                "rows": [{"value": "normal", "count": people}, {"value": None, "count": 31}],
            },
        ]

    return {
        "tables": tables(24_000, 0.72),
        "earlier": [
            {
                "title": f"{2025 - year}年中考成绩（虚构数据）",
                "tables": tables(23_000 - 900 * year, 0.70 - 0.03 * year),
            }
            for year in range(earlier)
        ],
    }


def schools_table(schools: int = 24, year: int = 0) -> dict[str, Any]:
    """A table of groups as `admissions` publishes it; one cut-off line is withheld."""
    rows: list[dict[str, Any]] = [
        {
            "round": ("第一批", "第二批")[number % 2],
            "school_code": f"{101 + number}",
            "school": f"{NAMES[number % len(NAMES)]}第{number // len(NAMES) + 1}中学",
            "plan": 80 + 37 * number % 400,
            "admitted": 78 + 37 * number % 400,
            "cut_off_line": None if number == 5 else 560.0 - 7.5 * number - 4 * year,
        }
        for number in range(schools)
    ]
    rest = dict.fromkeys(("round", "school_code", "school"))
    rows.append({**rest, "plan": None, "admitted": 17, "cut_off_line": None})
    return {
        "name": "schools",
        "type": "groups",
        "by": ["round", "school_code", "school"],
        "columns": ["plan", "admitted", "cut_off_line"],
        "rows": rows,
    }


def schools_document(earlier: int = 0) -> dict[str, Any]:
    """What `admissions` publishes."""
    return {
        "tables": [schools_table()],
        "earlier": [
            {
                "title": f"{2025 - year}年高中录取（虚构数据）",
                "tables": [schools_table(22, year + 1)],
            }
            for year in range(earlier)
        ],
    }


def _both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


def kind_with_schools() -> Kind:
    """`admissions` with a public table of schools and no other statistics."""
    document = dict(make_kind("admissions").document)
    document["field"] = [
        {key: value for key, value in field.items() if key != "statistics"}
        for field in document["field"]
    ]
    measures = {
        "plan": (_both("计划数", "Places"), {"measure": "count"}),
        "admitted": (_both("录取人数", "Admitted"), {"measure": "count"}),
        "cut_off_line": (
            _both("录取分数线", "Cut-off line"),
            {"measure": "lowest", "field": "cut_off_line"},
        ),
    }
    document["table"] = [
        {
            "name": "schools",
            "title": _both("各校录取情况", "Admissions by school"),
            "by": ["round", "school_code", "school"],
            "column": [
                {"name": name, "label": label, **how} for name, (label, how) in measures.items()
            ],
        }
    ]
    return read_kind(document)


def publish(store: EmbeddedStore, kind: Kind, document: dict[str, Any], **more: Any) -> None:
    """A release of the kind with these statistics, open."""
    reference = make_release(store, kind, (), title=TITLE, statistics=document)
    open_release(store, reference, kind=kind.name, **more)


def site_with(folder: Path, clock: Clock, earlier: int = 1) -> Starlette:
    """The public site with made-up scores and admissions open."""
    store = EmbeddedStore(folder)
    publish(store, make_kind(), scores_document(earlier))
    publish(store, kind_with_schools(), schools_document(earlier))
    app = create_app(Settings(data_dir=folder), store, clock)
    app.state.live.settle()
    return app
