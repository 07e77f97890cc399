"""What a kind says to a record: its distance from the control lines, and advice."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lookup.kinds import Advice, Kind, Label, Line
from lookup.record.remarks import Distance, advice, distances
from tests.makers import make_kind


def label(text: str) -> Label:
    return Label(text, text)


def kind_with(*said: Advice) -> Kind:
    return replace(make_kind(), lines=(Line(label("L"), "total", 400.1),), advice=said)


ABSENT = Advice("flag", ("absent",), label("absent"), label(""), date(2026, 7, 5))
NORMAL = Advice("flag", ("normal",), label("normal"), label(""))


@pytest.mark.parametrize(
    ("total", "side", "by"),
    [(400.3, "above", "0.2"), (400.1, "on", "0"), (399, "below", "1.1")],
)
def test_a_score_is_above_below_or_on_a_line(total: float, side: str, by: str) -> None:
    assert distances(kind_with(), {"total": total}, "zh") == (
        Distance("L", "400.1", f"{total:g}", side, by),
    )


@pytest.mark.parametrize("record", [{}, {"total": "absent"}, {"total": None}])
def test_without_a_mark_there_is_no_distance(record: dict[str, Any]) -> None:
    assert distances(kind_with(), record, "zh") == ()


@pytest.mark.parametrize("record", [{"flag": "absent"}, {"english": "absent"}])
def test_a_flag_is_explained_wherever_it_stands(record: dict[str, Any]) -> None:
    (told,) = advice(kind_with(ABSENT, NORMAL), record, "zh")
    assert (told.title, told.until, told.pressing) == ("absent", date(2026, 7, 5), True)


def test_what_all_are_told_can_wait() -> None:
    (told,) = advice(kind_with(ABSENT, NORMAL), {"flag": "normal", "total": 1}, "zh")
    assert (told.title, told.pressing) == ("normal", False)


def test_what_the_headline_calls_for_cannot_wait() -> None:
    said = Advice("outcome", ("drawn",), label("go"), label(""))
    kind = replace(make_kind("lottery"), advice=(said,))
    assert [told.pressing for told in advice(kind, {"outcome": "drawn"}, "zh")] == [True]


def test_nothing_is_said_to_who_has_no_such_outcome() -> None:
    assert advice(kind_with(ABSENT, NORMAL), {"total": 500, "name": "absent"}, "zh") == ()
