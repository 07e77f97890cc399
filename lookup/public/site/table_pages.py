"""A sheet as a page: what stands in its headings, rows, notes and links."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from lookup.kind_rules import SCORE_TABLE
from lookup.kinds import Kind
from lookup.pages import Pages
from lookup.public.answers import PHRASES
from lookup.public.site.charts import End, draw
from lookup.public.site.sheets import (
    Cell,
    Row,
    Sheet,
    folded,
    group_table,
    ordered,
)
from lookup.statistics.groups import GROUPS

WITHHELD = "–"
ROW, HIDDEN = Markup("<tr>"), Markup("<tr hidden>")
Say = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Wish:
    """How somebody wants to see a sheet: nothing in it but `q` is their own text."""

    language: str
    sort: str = ""
    descending: bool = False
    q: str = ""

    def query(self, **others: str) -> str:
        """This wish as the query of a link, `others` put over it; what is empty is left out."""
        order = "desc" if self.descending else "asc"
        mine = {"sort": self.sort, "order": order if self.sort else "", "q": self.q}
        every = {"lang": self.language, **mine, **others}
        return "?" + urlencode({name: value for name, value in every.items() if value})


@dataclass(frozen=True, slots=True)
class Heading:
    """One column: its label, its year where there are several; `name` where it sorts."""

    name: str
    label: str
    year: str
    number: bool
    sorted: str
    href: str


def number(value: float) -> str:
    """A number as pages show it: 12,345 or 531.5, two decimals at most."""
    text = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell(value: Cell) -> str:
    """A cell as pages show it."""
    if value is None:
        return WITHHELD
    return value if isinstance(value, str) else number(value)


def score_range(marks: Sequence[Cell], full_mark: float, say: Say) -> str:
    """The marks a row of a score table stands for, lowest and highest."""
    low, high = marks
    if high is None and low == full_mark:
        return cell(low)
    if low is None or high is None:
        if low is high:
            return say("tables.all")
        key = "tables.and_below" if low is None else "tables.and_above"
        return say(key, mark=cell(high if low is None else low))
    return cell(low) if low == high else f"{cell(low)}–{cell(high)}"


def key_texts(kind: Kind, sheet: Sheet, row: Row, language: str) -> list[str]:
    """The texts a row begins with."""
    if sheet.type == SCORE_TABLE:
        return [score_range(row.keys, sheet.full_mark, partial(PHRASES.say, language=language))]
    names = sheet.keys if sheet.type == GROUPS else (sheet.name,)
    return [_coded(kind, name, key, language) for name, key in zip(names, row.keys, strict=True)]


def _coded(kind: Kind, field: str, key: Cell, language: str) -> str:
    value = kind.field(field).value(key)
    text = value.label.in_language(language) if value else "" if key is None else str(key)
    return " ".join(text.split())


def key_labels(kind: Kind, sheet: Sheet, language: str) -> list[str]:
    """What the columns of `key_texts` are headed with."""
    if sheet.type == SCORE_TABLE:
        return [PHRASES.say("tables.score", language)]
    names = sheet.keys if sheet.type == GROUPS else (sheet.name,)
    return [kind.field(name).label.in_language(language) for name in names]


def measure_label(kind: Kind, sheet: Sheet, measure: str, language: str) -> str:
    """What a measure is called."""
    table = group_table(kind, sheet.name) if sheet.type == GROUPS else None
    labels = {column.name: column.label for column in table.columns} if table else {}
    if measure in labels:
        return labels[measure].in_language(language)
    return measure if table else PHRASES.say(f"tables.{measure}", language)


class Print:
    """A sheet in one language, with every row as it will stand on a page.

    Made once for a release and language: what a wish asks for is then a choice of rows.
    """

    def __init__(self, pages: Pages, kind: Kind, sheet: Sheet, language: str) -> None:
        self.sheet = sheet
        self._pages, self._kind, self._language = pages, kind, language
        keys = [key_texts(kind, sheet, row, language) for row in sheet.rows]
        self._order = _longest_first(keys)
        shown = [
            ([texts[place] for place in self._order], [cell(value) for value in row.cells])
            for texts, row in zip(keys, sheet.rows, strict=True)
        ]
        lines = self._render("table_rows.html", rows=shown).split("\n")
        self._lines = dict(zip(sheet.rows, map(Markup, lines), strict=False))
        searched = [folded("\n".join(texts)) for texts in keys]
        self._searched = dict(zip(sheet.rows, searched, strict=True))
        self._chart = self._draw()

    def _render(self, template: str, path: str = "", **values: object) -> str:
        return self._pages.render(template, self._language, path, **values)

    def _say(self, key: str, **values: object) -> str:
        return PHRASES.say(key, self._language, **values)

    def page(self, path: str, wish: Wish, **values: object) -> str:
        """The whole page; `values` are what the template wants to know of the release."""
        rows, rest = self._rows(wish), self.sheet.rest
        found = {row for row in rows if folded(wish.q) in self._searched[row]}
        return self._render(
            "table.html",
            path,
            sheet=self.sheet,
            title=self.sheet.title.in_language(self._language),
            chart=self._chart,
            keys=self._headings(wish),
            columns=list(self._columns(wish)),
            # What was not searched for is there and hidden, so a script can bring it back.
            rows=Markup("\n").join(
                self._lines[row] if row in found else self._lines[row].replace(ROW, HIDDEN, 1)
                for row in rows
            ),
            shown=len(found),
            rest=[cell(value) for value in rest.cells] if rest else None,
            notes=list(self._notes()),
            wish=wish,
            **values,
        )

    def _rows(self, wish: Wish) -> Sequence[Row]:
        if not wish.sort:
            return self.sheet.rows
        place = self.sheet.names().index(wish.sort)
        return ordered(self.sheet.rows, place, wish.descending)

    def _headings(self, wish: Wish) -> list[Heading]:
        labels = key_labels(self._kind, self.sheet, self._language)
        names = self.sheet.keys if self.sheet.type == GROUPS else ("",)
        headings = [
            self._heading(wish, name, label, "", number=False)
            for name, label in zip(names, labels, strict=True)
        ]
        return [headings[place] for place in self._order] or headings

    def _columns(self, wish: Wish) -> Iterator[tuple[str, list[Heading]]]:
        """Each year and its columns, this year's first: a phone shows no more than those."""
        sheet, columns = self.sheet, iter(self.sheet.columns())
        for year in sheet.years:
            headings = []
            for measure in sheet.measures:
                name, _ = next(columns)
                label = measure_label(self._kind, sheet, measure, self._language)
                sorts = name if sheet.type == GROUPS else ""
                shown = year.short if len(sheet.years) > 1 else ""
                headings.append(self._heading(wish, sorts, label, shown, number=True))
            yield year.short, headings

    def _heading(self, wish: Wish, name: str, label: str, year: str, number: bool) -> Heading:
        now = bool(name) and wish.sort == name
        # Who wants a column of numbers sorted wants to see the most first.
        descending = not wish.descending if now else number
        href = wish.query(sort=name, order="desc" if descending else "asc") if name else ""
        direction = ("descending" if wish.descending else "ascending") if now else ""
        return Heading(name, label, year, number, direction, href)

    def _notes(self) -> Iterator[str]:
        if self.sheet.type == SCORE_TABLE:
            yield self._say("tables.note.merged")
        if self.sheet.withheld():
            yield self._say("tables.note.withheld")
        if self.sheet.partial():
            yield self._say("tables.note.absent")

    def _draw(self) -> dict[str, Any] | None:
        """The chart, and what is said of it."""
        sheet = self.sheet
        if sheet.type != SCORE_TABLE or not sheet.full_mark:
            return None
        chart = draw([table["rows"] for table in sheet.series], sheet.full_mark)
        if chart is None:
            return None
        step = "" if chart.step == 1 else ".more"
        peak, full = chart.peak, number(sheet.full_mark)
        return {
            "shape": chart,
            "unit": self._say(f"chart.unit{step}", step=number(chart.step)),
            "desc": self._say(
                "chart.desc",
                full=full,
                low=number(peak.low),
                high=number(peak.high),
                people=number(peak.people),
            ),
            "ends": [self._end(end, top) for end, top in chart.ends()],
        }

    def _end(self, end: End, top: bool) -> tuple[End, bool, str]:
        """An open end of the chart, whether it is the upper one, and what stands there."""
        marks = (end.mark, None) if top else (None, end.mark)
        text = score_range(marks, self.sheet.full_mark, self._say)
        return end, top, self._say("chart.end", mark=text, people=number(end.people))


def _longest_first(keys: Sequence[Sequence[str]]) -> list[int]:
    """The places of the keys, the one that says most of what a row is about at the head: it
    stays in sight on a phone."""
    lengths = [sum(map(len, texts)) for texts in zip(*keys, strict=True)]
    return sorted(range(len(lengths)), key=lambda place: lengths[place] < max(lengths))
