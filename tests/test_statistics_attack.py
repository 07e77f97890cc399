"""Nothing that is published tells about one to nine people, whatever is solved for.

The attacker knows every published cell, how many records there are, that a total is the sum of
its parts, which groups are in the last row, and the sums of a table's columns.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.kinds import Kind
from lookup.sample import write_sample
from lookup.statistics import groups, is_few, tally
from lookup.statistics.scores import Boundaries
from lookup.statistics.tally import Tally
from lookup.statistics.versions import tells_few
from tests.admin_makers import kind_called
from tests.attacks import Attack, Cell, Mask

SCORES, LOTTERY, ADMISSIONS = map(kind_called, ("scores", "lottery", "admissions"))
PARTS = ["chinese", "mathematics", "english", "science", "society", "sport"]
FULL = {name: SCORES.field(name).full_mark for name in PARTS}
Records = list[dict[str, Any]]
Table = dict[str, Any]


def tables(kind: Kind, records: Records) -> dict[str, Table]:
    """The published tables of some records, by name."""
    counted = Tally(kind)
    for record in records:
        counted.add(record)
    return {table["name"]: table for table in counted.tables()}


def marks(table: Table) -> list[float]:
    """The lower ends of a score table's rows, from the highest down; the last is 0."""
    return [row["from"] or 0 for row in table["rows"]]


def sets(count: int) -> list[Mask]:
    """Of ranges in order: each of them, those above, those below."""
    one = np.eye(count, dtype=bool)
    above = np.tri(count, dtype=bool)
    return [*one, *above, *~above[:-1]]


def possible(part: Sequence[float], total: Sequence[float], full: int, others: int) -> Mask:
    """Where a mark of a part and a total, by the lower ends of their ranges, fit together."""
    part_to = np.array([full + 1, *part[:-1]]) - 0.1
    total_to = np.array([601, *total[:-1]]) - 0.1
    enough = total_to[None, :] >= np.array(part)[:, None]
    not_too_much = np.array(total)[None, :] <= part_to[:, None] + others
    return np.asarray(enough & not_too_much)


def cells(table: Table, other: int, *, across: bool = False) -> Iterator[Cell]:
    """The rows of one table in a grid with `other` ranges of the other side."""
    everywhere = np.ones(other, dtype=bool)
    for row, one in zip(table["rows"], np.eye(len(table["rows"]), dtype=bool), strict=True):
        yield Cell(everywhere, one, row["count"]) if across else Cell(one, everywhere, row["count"])


def pair_leaks(left: Table, right: Table, fits: Mask | None = None) -> list[Any]:
    """What two tables of one release tell together."""
    shape = len(left["rows"]), len(right["rows"])
    published = [*cells(left, shape[1]), *cells(right, shape[0], across=True)]
    fits = np.ones(shape, dtype=bool) if fits is None else fits
    return Attack(fits, published).leaks(sets(shape[0]), sets(shape[1]))


def score_leaks(found: dict[str, Table]) -> list[Any]:
    """What the tables of a release of scores tell, in pairs."""
    leaks = []
    for left, right in itertools.combinations(found.values(), 2):
        fits = None
        if left["name"] in FULL and right["name"] == "total":
            others = 600 - FULL[left["name"]]
            fits = possible(marks(left), marks(right), FULL[left["name"]], others)
        leaks += pair_leaks(left, right, fits)
    return leaks


def version_leaks(old: Table, new: Table, moved: int) -> list[Any]:
    """What two versions of one score table tell of those who moved, who are `moved` at most."""
    ends = sorted({*marks(old), *marks(new)}, reverse=True)
    published = []
    for table, across in ((old, False), (new, True)):
        upper = [float("inf"), *marks(table)]
        for row, high, low in zip(table["rows"], upper, marks(table), strict=False):
            inside = np.array([low <= end < high for end in ends])
            everywhere = np.ones(len(ends), dtype=bool)
            rows, columns = (everywhere, inside) if across else (inside, everywhere)
            published.append(Cell(rows, columns, row["count"]))
    attack = Attack(np.ones((len(ends), len(ends)), dtype=bool), published, moved)
    return attack.leaks(sets(len(ends)), sets(len(ends)))


def group_leaks(kind: Kind, records: Records, table: Table) -> list[Any]:
    """What a table of groups tells of any group, named or not, and any of its classes."""
    columns = [c for c in kind.tables[0].columns if c.measure == "count"]
    conditions = [c for c in columns if c.when]
    named = [tuple(row[name] for name in table["by"]) for row in table["rows"]]
    people: Counter[Any] = Counter()
    for record in records:
        group = tuple(record.get(name) for name in table["by"])
        people[group, tuple(record.get(c.when) in c.values for c in conditions)] += 1
    order = list(dict.fromkeys(group for group, _ in people))
    classes = list(itertools.product((False, True), repeat=len(conditions)))
    every, whole = np.ones(len(order), dtype=bool), np.ones(len(classes), dtype=bool)
    sides = {c.name: np.array([m[i] for m in classes]) for i, c in enumerate(conditions)}
    rest = np.array([not any(group) or group not in named for group in order])
    areas = [rest if not any(g) else np.array([g == key for key in order]) for g in named]
    published = [Cell(every, whole, len(records))]
    for area, row in zip(areas, table["rows"], strict=True):
        for column in columns:
            if row[column.name] is not None:
                published.append(Cell(area, sides.get(column.name, whole), row[column.name]))
    sums = [sum(people[group, member] for group in order) for member in classes]
    if not any(map(is_few, sums)):
        published += [Cell(every, side, int(side @ sums)) for side in sides.values()]
    one_group, one_class = np.eye(len(order), dtype=bool), np.eye(len(classes), dtype=bool)
    attack = Attack(np.ones((len(order), len(classes)), dtype=bool), published)
    return attack.leaks([*one_group, *areas, *(~area for area in areas)], [whole, *one_class])


def read(kind: Kind, path: Path) -> Records:
    """The made-up city's file as records."""
    fields = {header: f for f in kind.fields for header in (f.label.zh, *f.headers)}
    words = {
        spelling: value.code
        for field in kind.fields
        for value in field.values
        for spelling in (value.label.zh, *value.written)
    }
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cells = [(fields[header], cell) for header, cell in row.items() if header in fields]
            record: dict[str, Any] = {}
            for field, cell in cells:
                if cell and field.type == "score" and cell not in words:
                    record[field.name] = float(cell)
                elif cell:
                    record[field.name] = words.get(cell, cell)
            found.append(record)
    return found


def summed(*parts: float | str) -> dict[str, Any]:
    """A record of these marks and their total."""
    total = sum(mark for mark in parts if not isinstance(mark, str))
    flag = "absent" if "absent" in parts else "normal"
    return dict(zip(PARTS, parts, strict=True)) | {"total": total, "flag": flag}


def grown(*groups: tuple[dict[str, Any], int]) -> Records:
    """That many of each record."""
    return [record for record, times in groups for _ in range(times)]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Records]:
    files = write_sample(tmp_path_factory.mktemp("city"), candidates=2000, families=600)
    paths = ((SCORES, files.scores), (LOTTERY, files.lottery), (ADMISSIONS, files.admissions))
    return {kind.name: read(kind, path) for kind, path in paths}


def test_nothing_is_told_by_the_scores_of_a_city(city: dict[str, Records]) -> None:
    found = tables(SCORES, city["scores"])
    assert set(found) >= {*PARTS, "total"}
    assert not score_leaks(found)


@pytest.mark.parametrize("kind", [LOTTERY, ADMISSIONS], ids=lambda kind: str(kind.name))
def test_nothing_is_told_by_the_schools_of_a_city(kind: Kind, city: dict[str, Records]) -> None:
    records = city[kind.name]
    table = tables(kind, records)["schools"]
    assert len(table["rows"]) > 10
    assert not group_leaks(kind, records, table)


ENDS = [st.sampled_from([0, 1, full / 2, full - 1, full, "absent"]) for full in FULL.values()]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.builds(summed, *ENDS), st.integers(1, 14)), min_size=3, max_size=12))
def test_nothing_is_told_by_any_scores(some: list[tuple[dict[str, Any], int]]) -> None:
    assert not score_leaks(tables(SCORES, grown(*some)))


APPLICANTS = st.builds(
    lambda school, outcome: {"school_code": school, "school": school, "outcome": outcome},
    st.sampled_from(["1", "2", "3", "4", "5", None]),
    st.sampled_from(["drawn", "not_drawn", "admitted_without_draw", "disqualified"]),
)


@settings(max_examples=200)
@given(st.lists(st.tuples(APPLICANTS, st.integers(1, 30)), min_size=4, max_size=14))
def test_nothing_is_told_by_any_lottery(some: list[tuple[dict[str, Any], int]]) -> None:
    records = grown(*some)
    for table in tables(LOTTERY, records).values():
        assert not group_leaks(LOTTERY, records, table)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(5, 40)), min_size=3, max_size=10),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(5, 30)), max_size=2),
)
def test_nothing_is_told_of_those_corrected(
    some: list[tuple[int, int]], moves: list[tuple[int, int, int]]
) -> None:
    before = [mark for mark, people in some for _ in range(people)]
    after = list(before)
    for old, new, people in moves:
        for place in [i for i, mark in enumerate(after) if mark == old][:people]:
            after[place] = new
    first, second = (tables(SCORES, [{"total": m} for m in them]) for them in (before, after))
    if "total" in first and not tells_few(SCORES, [*first.values()], [*second.values()]):
        moved = sum(was != now for was, now in zip(before, after, strict=True))
        assert not version_leaks(first["total"], second["total"], moved)


def test_the_attack_finds_two_whom_a_subject_and_the_total_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    best, good, others = summed(*FULL.values()), summed(0, 0, 0, 0, 0, 30), summed(*[10] * 6)
    records = grown((best, 12), (good, 2), (others, 40))
    assert not score_leaks(tables(SCORES, records))

    def as_they_are(part: Boundaries, _: Boundaries, others: float) -> Boundaries:
        return part

    monkeypatch.setattr(tally, "keep_apart", as_they_are)
    assert {people for *_, people in score_leaks(tables(SCORES, records))} >= {2}


def test_the_attack_finds_those_who_were_not_drawn_where_a_school_is_not_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = {"school": "1", "outcome": "drawn"}
    records = grown((one, 40), (one | {"outcome": "not_drawn"}, 3), (one | {"school": "2"}, 40))
    assert not group_leaks(LOTTERY, records, tables(LOTTERY, records)["schools"])
    monkeypatch.setattr(groups, "_has_few", lambda classes: False)
    assert {p for *_, p in group_leaks(LOTTERY, records, tables(LOTTERY, records)["schools"])} == {
        3
    }


def test_the_attack_finds_one_who_was_corrected_where_both_versions_are_published() -> None:
    before = [{"total": mark} for mark in [50] * 20 + [40] * 20 + [30] * 20]
    old, new = tables(SCORES, before), tables(SCORES, [*before[:-1], {"total": 50}])
    assert tells_few(SCORES, [*old.values()], [*new.values()])
    assert {people for *_, people in version_leaks(old["total"], new["total"], 1)} == {1}
