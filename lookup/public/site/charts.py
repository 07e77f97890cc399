"""How many have which marks, as a picture: a score table made into shapes and labels.

Lengths are thousandths of the plot, from the left and from the top. What is drawn is exact: the
area above a stretch of marks is the people of the score table's rows in it, however the rows were
merged. The open rows at both ends have no marks of their own to stand on and are drawn apart.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
"""`from`, `to`, `count` as in a score table, from the highest marks down."""
SIZE = 1000
BARS = 60
STEPS = (0.5, 1, 2, 5, 10, 20, 50, 100)
ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
TICKS_UPRIGHT = 4
MARKS_ACROSS = 6
NARROWEST = 12
"""An end that stands on next to no marks is still to be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`people` whose marks are at least `low` and below `high` (or the highest there are)."""

    low: float
    high: float
    people: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what stands there; `anchor` as SVG's text-anchor."""

    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class End:
    """An open end of the table: a box for `people` whose marks are `mark` and beyond."""

    left: float
    top: float
    width: float
    height: float
    mark: float
    people: int


@dataclass(frozen=True, slots=True)
class Chart:
    """`outline` is the path of this table's bars, `earlier` are those of earlier years. The
    upright axis counts people for every `step` marks; `peak` is the tallest bar."""

    step: float
    outline: str
    earlier: tuple[str, ...]
    top: End | None
    bottom: End | None
    across: tuple[Tick, ...]
    upright: tuple[Tick, ...]
    peak: Bar

    def ends(self) -> list[tuple[End, bool]]:
        """The open ends there are, and whether each is the upper one."""
        both = ((self.bottom, False), (self.top, True))
        return [(end, upper) for end, upper in both if end]


def draw(tables: Sequence[Sequence[Row]], full_mark: float) -> Chart | None:
    """The chart of a score table and of earlier years' (the first is this one's); None where
    its rows are too few to show anything."""
    unit = unit_of(tables[0])
    step = step_of(full_mark, unit)
    # Whoever has the full mark stands on it as others stand on theirs.
    ceiling = full_mark + min(unit, step)
    series = [bars(rows, ceiling, step) for rows in tables]
    if not series[0]:
        return None
    tick = _tick(max(_height(bar, step) for each in series for bar in each))
    first, last = tables[0][0], tables[0][-1]
    plot = Plot(ceiling, step, tick * TICKS_UPRIGHT)
    return Chart(
        step,
        plot.path(series[0]),
        tuple(map(plot.path, series[1:])),
        plot.end(first["from"], ceiling, first) if first["to"] is None else None,
        plot.end(0, series[0][0].low, last) if last["from"] is None else None,
        tuple(plot.across(full_mark)),
        tuple(Tick(plot.y(n * tick), f"{n * tick:,g}") for n in range(TICKS_UPRIGHT + 1)),
        max(series[0], key=lambda bar: _height(bar, step)),
    )


def step_of(full_mark: float, unit: float) -> float:
    """The marks that one bar stands for: so many that there are `BARS` at most, and never a half
    where rows are `unit` apart and there are no halves."""
    steps = [step for step in STEPS if step >= min(unit, 1)]
    return next((step for step in steps if full_mark / step <= BARS), STEPS[-1])


def unit_of(rows: Sequence[Row]) -> float:
    """The smallest difference between two rows' marks; 1 where there are none to tell."""
    marks = [row["from"] for row in rows if row["from"] is not None]
    return min((high - low for high, low in pairwise(marks)), default=1)


def bars(rows: Sequence[Row], ceiling: float, step: float) -> list[Bar]:
    """The rows with both ends put together to bars, from the lowest up, each beginning where the
    one before it ends: about `step` marks wide, wider where a row reaches over more."""
    closed = [row for row in reversed(rows) if row["from"] is not None and row["to"] is not None]
    tops = [row["from"] for row in rows[:1] if row["from"] is not None and row["to"] is None]
    above = [*(row["from"] for row in closed[1:]), tops[0] if tops else ceiling]
    made: list[Bar] = []
    low, people = None, 0
    for row, high in zip(closed, above, strict=False):
        low = row["from"] if low is None else low
        people += row["count"]
        if high == above[-1] or high >= (low // step + 1) * step:
            made.append(Bar(low, high, people))
            low, people = None, 0
    return made


def _height(bar: Bar, step: float) -> float:
    """People for every `step` marks of a bar."""
    return bar.people * step / (bar.high - bar.low)


@dataclass(frozen=True, slots=True)
class Plot:
    """Marks and people turned into lengths: `ceiling` wide, `most` people a step high."""

    ceiling: float
    step: float
    most: float

    def x(self, mark: float) -> int:
        """From the left."""
        return round(SIZE * mark / self.ceiling)

    def y(self, people: float) -> int:
        """From the top, never above it."""
        return max(0, round(SIZE - SIZE * people / self.most))

    def path(self, series: Sequence[Bar]) -> str:
        """A staircase over the bars as an SVG path, from the ground to the ground."""
        if not series:
            return ""
        steps = (f"V{self.y(_height(bar, self.step))}H{self.x(bar.high)}" for bar in series)
        return f"M{self.x(series[0].low)} {SIZE}{''.join(steps)}V{SIZE}"

    def end(self, low: float, high: float, row: Row) -> End:
        """The box of an open end. It may be too high for the plot, since many can have no mark
        at all: then it is as high as that, and its label says how many they are."""
        width = max(self.x(high) - self.x(low), NARROWEST)
        left = min(self.x(low), SIZE - width)
        top = self.y(_height(Bar(low, high, row["count"]), self.step)) if high > low else 0
        mark = row["to"] if row["from"] is None else row["from"]
        return End(left, top, width, SIZE - top, mark, row["count"])

    def across(self, full_mark: float) -> Iterator[Tick]:
        """Marks below the plot: round ones, and the full mark, which they leave room for."""
        step = next((each for each in STEPS if full_mark / each <= MARKS_ACROSS), STEPS[-1])
        marks = [n * step for n in range(math.ceil(full_mark / step))]
        for mark in marks:
            if full_mark - mark >= step * 2 / 3:
                yield Tick(self.x(mark), f"{mark:g}", "middle" if mark else "start")
        yield Tick(SIZE, f"{full_mark:g}", "end")


def _tick(tallest: float) -> float:
    """A round number of people of which `TICKS_UPRIGHT` are at least `tallest`."""
    least = tallest / TICKS_UPRIGHT
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * part for part in (*ROUND, 10) if power * part >= least)
