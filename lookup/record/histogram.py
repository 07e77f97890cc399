"""A score table as a small picture: bars whose areas are people, and one of them one's own.

It is the same for everybody, and reckoned once. Cells of the table are put together, never
parted, so the picture tells no more than the table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lookup.record.standing import Row, cell

STEPS = 24
"""A bar is at least this part of the full mark wide: narrower ones cannot be told apart."""
WIDTH, HEIGHT = 360.0, 96.0
"""The picture, in units of its own."""
EDGE = 42.0
"""How far from the picture's sides words may be centred and still fit."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Cells put together, from row `first` to row `last`: people from `low` to `high` marks
    (None: no end), and where they are drawn."""

    first: int
    last: int
    low: float | None
    high: float | None
    count: int
    cumulative: int
    x: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """Where the bar's top is, from the picture's."""
        return round(HEIGHT - self.height, 1)

    @property
    def middle(self) -> float:
        """Where the bar's middle is, and the mark that points at it."""
        return round(self.x + self.width / 2, 1)

    @property
    def label(self) -> float:
        """Where words about the bar may be centred."""
        return min(max(self.middle, EDGE), WIDTH - EDGE)


@dataclass(frozen=True, slots=True)
class Histogram:
    """The bars from the lowest marks up, and their outline as a path."""

    bars: tuple[Bar, ...]
    outline: str


@dataclass(frozen=True, slots=True)
class _Span:
    """Cells from row `first` (the higher marks) to row `last`, between two marks."""

    first: int
    last: int
    left: float
    right: float


def _spans(rows: Sequence[Row], full_mark: int) -> Iterator[_Span]:
    """The table in spans of marks from the highest down, each wide enough to see."""
    right, first = float(full_mark), 0
    for index, row in enumerate(rows):
        left = 0.0 if row["from"] is None else float(row["from"])
        # What is left below must be wide enough as well.
        if right - left >= full_mark / STEPS and left >= full_mark / STEPS:
            yield _Span(first, index, left, right)
            right, first = left, index + 1
    if first < len(rows):
        yield _Span(first, len(rows) - 1, 0.0, right)


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A table's rows, equal where they are the very same: a table in memory never changes, and
    its rows are too many to compare."""

    rows: Sequence[Row]

    def __hash__(self) -> int:
        return id(self.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.rows is other.rows


@lru_cache(maxsize=16)
def _histogram(table: _Same, full_mark: int) -> Histogram:
    rows = table.rows
    spans = list(_spans(rows, full_mark))
    counts = [sum(row["count"] for row in rows[one.first : one.last + 1]) for one in spans]
    dense = [count / (one.right - one.left) for count, one in zip(counts, spans, strict=True)]
    across, up = WIDTH / full_mark, HEIGHT / max(dense)
    bars = tuple(
        Bar(
            first=one.first,
            last=one.last,
            low=rows[one.last]["from"],
            high=rows[one.first]["to"],
            count=count,
            cumulative=rows[one.last]["cumulative"],
            x=round(one.left * across, 1),
            width=round((one.right - one.left) * across, 1),
            height=round(density * up, 1),
        )
        for one, count, density in reversed(list(zip(spans, counts, dense, strict=True)))
    )
    outline = "".join(f"M{bar.x} {HEIGHT}V{bar.top}h{bar.width}V{HEIGHT}" for bar in bars)
    return Histogram(bars, outline)


def histogram(rows: Sequence[Row], full_mark: int) -> Histogram:
    """A score table's picture."""
    return _histogram(_Same(rows), full_mark)


def own_bar(bars: Sequence[Bar], rows: Sequence[Row], mark: float) -> Bar | None:
    """The bar of these rows that a mark is in; None for a mark that nobody had."""
    index = cell(rows, mark)
    return next((bar for bar in bars if index is not None and bar.first <= index <= bar.last), None)
