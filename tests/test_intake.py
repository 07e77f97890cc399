"""Intake: what is read, what is asked, and what is remembered."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.admin.findings import WARNING, Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import About, Opened, Read, intake
from lookup.admin.intake.records import Record
from lookup.admin.readers.tables import Row, Source, Table
from lookup.errors import UsageError
from tests.admin_makers import HEADER, SAMPLES, candidate, candidates, kind_called, write_rows
from tests.intake_makers import mapped, nothing_remembered, reader, sheet, taken

SCORES = kind_called("scores")
TABLE = kind_called("score_table")
FIELDS = ("candidate_number", "access_code", "id_suffix", "name", "chinese", "total", "flag")
BY_PLACE = {f"#{number}": name for number, name in enumerate(FIELDS, 1)}


def plain(count: int) -> list[list[str]]:
    return [HEADER, *candidates(count)]


@given(
    overrides=st.dictionaries(st.text(), st.text()),
    header=st.none() | st.integers(0, 100),
    sheets=st.lists(st.text()).map(tuple),
)
def test_a_choice_survives_its_json(
    overrides: dict[str, str], header: int | None, sheets: tuple[str, ...]
) -> None:
    choice = Choice(overrides, header, sheets)
    assert Choice.from_json(choice.to_json()) == choice


def test_a_file_is_read_through_the_real_readers(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "s.csv", candidates(3))
    events = list(
        intake(
            SCORES,
            path,
            Choice(),
            supplied=frozenset(),
            remembered=nothing_remembered,
            memory_mb=512,
            seconds=30,
        )
    )
    source, opened, records = events
    assert isinstance(source, Source)
    assert isinstance(opened, Opened)
    assert (opened.name, opened.sure, dict(opened.columns)) == (
        "s.csv",
        True,
        dict(zip(HEADER, FIELDS, strict=True)),
    )
    assert isinstance(records, list)
    assert [type(record) for record in records] == [Record] * 3


@pytest.mark.parametrize("kind", ["scores", "lottery", "admissions"])
def test_the_samples_need_no_word_of_the_clerk(kind: str) -> None:
    found = [
        event
        for event in intake(
            kind_called(kind),
            SAMPLES / f"{kind}.csv",
            Choice(),
            supplied=frozenset(),
            remembered=nothing_remembered,
            memory_mb=512,
            seconds=30,
        )
        if isinstance(event, list) and isinstance(event[0], Finding)
    ]
    assert found == []


def test_every_visible_table_that_fits_is_read() -> None:
    found = taken(
        SCORES,
        sheet(plain(2), "一班"),
        sheet([], "空"),
        sheet([["标题"], HEADER, candidate(9)], "二班"),
    )
    assert [opened.name for opened in found.opened] == ["file.xlsx/一班", "file.xlsx/二班"]
    assert [record.line for record in found.records] == [2, 3, 3]
    assert found.findings == []


def test_a_visible_table_without_a_header_is_an_error_and_never_skipped() -> None:
    found = taken(SCORES, sheet(plain(2), "成绩"), sheet([["甲", "乙"], ["丙", "丁"]], "备注"))
    assert len(found.records) == 2
    assert [opened.sure for opened in found.opened] == [True, False]
    (finding,) = found.findings
    assert finding.rule == "unclear_layout"
    for language in ("zh", "en"):
        assert "--" not in finding.reason(language)


def test_naming_the_sheets_leaves_the_others_out_and_says_so() -> None:
    tables = [sheet(plain(2), "成绩"), sheet([["甲", "乙"]], "备注"), sheet([], "空")]
    for name in ("成绩", "file.xlsx/成绩"):
        found = taken(SCORES, *tables, choice=Choice(sheets=(name,)))
        assert len(found.records) == 2
        assert [(f.rule, f.severity, f.values) for f in found.findings] == [
            ("sheet_left_out", "warning", {"name": "备注"})
        ]


def test_a_table_that_is_left_out_is_not_read_and_the_others_are() -> None:
    tables = [sheet(plain(2), "成绩"), sheet([["甲", "乙"], ["丙", "丁"]], "汇总")]
    asked = taken(SCORES, *tables).opened[1]
    choice = Choice(left_out={asked.name: asked.shape})
    assert Choice.from_json(choice.to_json()) == choice
    found = taken(SCORES, *tables, choice=choice)
    assert len(found.records) == 2
    assert [(f.rule, f.severity, f.values) for f in found.findings] == [
        ("sheet_not_wanted", "warning", {})
    ]


def test_what_was_left_out_is_remembered_for_a_sheet_of_its_name_and_shape() -> None:
    good, summary = sheet(plain(2), "成绩"), [["甲", "乙"], ["丙", "丁"]]
    asked = taken(SCORES, good, sheet(summary, "汇总")).opened[1]
    known = {asked.shape: Choice(left_out={"another.xlsx/汇总": asked.shape})}
    again = taken(SCORES, good, sheet(summary, "汇总"), remembered=known.get)
    assert (len(again.records), again.rules()) == (2, [])
    for other in (sheet(summary, "名单"), sheet([["甲", "乙", "戊"]], "汇总")):
        assert taken(SCORES, good, other, remembered=known.get).rules() == ["unclear_layout"]


def test_a_sheet_that_is_not_there_is_an_error() -> None:
    found = taken(SCORES, sheet(plain(2), "成绩"), choice=Choice(sheets=("成积",)))
    assert (found.rules(), found.records) == (["sheet_absent"], [])


def test_a_hidden_table_is_read_only_when_it_is_named() -> None:
    tables = [sheet(plain(2), "成绩"), sheet([HEADER, candidate(9)], "旧", hidden=True)]
    assert len(taken(SCORES, *tables).records) == 2
    found = taken(SCORES, *tables, choice=Choice(sheets=("成绩", "旧")))
    assert len(found.records) == 3
    assert found.findings == []


@pytest.mark.parametrize("rule", ["formula_value", "hidden_rows", "formulas"])
def test_what_is_said_of_the_cells_of_an_unread_table_does_not_count(rule: str) -> None:
    hidden = sheet([HEADER, candidate(9)], "旧", hidden=True)
    hidden[1:1] = [Finding("wrong_name", severity=WARNING), Finding(rule)]
    found = taken(SCORES, sheet(plain(2), "成绩"), hidden)
    assert [finding.rule for finding in found.findings] == ["wrong_name", "hidden_sheet"]
    assert len(found.records) == 2
    named = taken(SCORES, hidden, choice=Choice(sheets=("旧",)))
    assert rule in named.rules()


def test_a_table_without_a_header_is_described_and_not_read() -> None:
    found = taken(SCORES, sheet(candidates(3)))
    assert (found.rules(), found.records) == (["unclear_layout"], [])
    said = found.findings[0].reason()
    assert "#1 999999999" in said
    assert "#4 文文文" in said
    assert candidate(2)[0] not in said
    assert [name for name, _ in found.opened[0].columns] == list(BY_PLACE)
    assert found.opened[0].rows_shown[0].cells == candidate(1)


def test_a_table_without_a_header_is_read_as_the_clerk_says() -> None:
    found = taken(SCORES, sheet(candidates(3)), choice=Choice(BY_PLACE, 0))
    assert found.said() == taken(SCORES, sheet(plain(3))).said()
    assert mapped(found.opened[0]) == BY_PLACE
    assert found.findings == []


def test_a_header_that_says_too_little_is_read_as_the_clerk_says() -> None:
    rows = [["题", "名"], ["A", "B", "C", "D", "E", "F", "G"], *candidates(3)]
    assert taken(SCORES, sheet(rows)).rules() == ["unknown_header"]
    by_name = dict(zip("ABCDEFG", FIELDS, strict=True))
    for choice in (Choice(by_name), Choice(by_name, 2), Choice(BY_PLACE, 2)):
        found = taken(SCORES, sheet(rows), choice=choice)
        assert found.findings == []
        assert found.said() == taken(SCORES, sheet(plain(3))).said()


def test_what_was_confirmed_is_remembered_for_the_same_header() -> None:
    header = [*HEADER[:5], "总分(含加分)", "考试情况"]
    asked: list[str] = []
    first = taken(SCORES, sheet([header, *candidates(2)]))
    assert first.rules() == ["unclear_column"]
    assert not first.opened[0].sure

    def remembered(shape: str) -> Choice | None:
        asked.append(shape)
        return Choice({"总分(含加分)": "total"}) if shape == first.opened[0].shape else None

    rows = [["另一个标题"], header, *candidates(3)]
    again = taken(SCORES, sheet(rows), remembered=remembered)
    assert (len(again.records), again.findings) == (3, [])
    assert again.opened[0].sure
    other = taken(SCORES, sheet([[*header, "名次"], *candidates(2)]), remembered=remembered)
    assert other.records == []
    assert len(set(asked)) == 2


def test_the_shape_is_the_headers_whatever_the_clerk_says() -> None:
    tables = [sheet(plain(2)), sheet([["标题"], *plain(5)])]
    choices = [None, Choice({"总分": "total"}), Choice(header=1)]
    shapes = {
        taken(SCORES, table, choice=choice).opened[0].shape
        for table, choice in itertools.product(tables, choices)
    }
    assert len(shapes) == 1
    assert taken(kind_called("admissions"), tables[0]).opened[0].shape not in shapes
    assert taken(SCORES, sheet([HEADER[::-1], *candidates(1)])).opened[0].shape not in shapes


def test_a_remembered_table_without_a_header_is_read_with_a_warning() -> None:
    found = taken(SCORES, sheet(candidates(3)), remembered=lambda _: Choice(BY_PLACE, 0))
    assert len(found.records) == 3
    assert [(f.rule, f.severity) for f in found.findings] == [("remembered_layout", "warning")]


def test_a_remembered_header_row_that_moved_is_found_again() -> None:
    by_name = dict(zip("ABCDEFG", FIELDS, strict=True))
    rows = [["题"], ["又一题"], [*"ABCDEFG"], *candidates(2)]
    found = taken(SCORES, sheet(rows), remembered=lambda _: Choice(by_name, 1))
    assert (len(found.records), found.findings) == (2, [])


def test_what_is_remembered_and_does_not_fit_is_not_used() -> None:
    found = taken(SCORES, sheet(plain(2)), remembered=lambda _: Choice({"别的": "total"}, 9))
    assert (len(found.records), found.findings) == (2, [])


def test_what_the_clerk_says_now_wins_over_what_is_remembered() -> None:
    header = [*HEADER[:5], "甲", "乙"]
    now = {"甲": "total", "乙": "flag"}
    found = taken(
        SCORES,
        sheet([header, *candidates(2)]),
        choice=Choice(now),
        remembered=lambda _: Choice({"乙": "total", "甲": ""}),
    )
    assert mapped(found.opened[0])["甲"] == "total"


def test_a_column_that_no_table_has_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="first row"):
        taken(SCORES, sheet(plain(2)), choice=Choice({"没有": "total"}))
    with pytest.raises(UsageError, match="does not have"):
        taken(SCORES, sheet(plain(2)), choice=Choice({"总分": "nothing"}))


def test_a_column_that_one_of_the_tables_has_is_enough() -> None:
    other = [[*HEADER[:5], "加分后", "考试情况"], candidate(9)]
    choice = Choice({"加分后": "total"})
    found = taken(SCORES, sheet(plain(2), "一"), sheet(other, "二"), choice=choice)
    assert found.rules() == ["missing_column"]
    assert len(found.records) == 1


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (HEADER[1:], "missing_column"),
        ([*HEADER[:6], "总成绩"], "double_column"),
        ([HEADER[0], "甲", "乙", *HEADER[3:]], "missing_factor"),
    ],
)
def test_a_header_that_leaves_something_open_is_asked_about(header: list[str], rule: str) -> None:
    found = taken(SCORES, sheet([header, *candidates(2)]))
    assert rule in found.rules()
    assert found.records == []
    assert not found.opened[0].sure


def test_a_reference_needs_no_second_factor() -> None:
    found = taken(TABLE, sheet([["分数", "人数", "累计"], [600, 1, 1]]))
    assert (len(found.records), found.findings) == (1, [])


@pytest.mark.parametrize(
    ("tables", "rule"),
    [
        ([], "empty"),
        ([[]], "empty"),
        ([[HEADER]], "no_records"),
        ([[["标题"], HEADER]], "no_records"),
    ],
)
def test_a_file_without_rows_is_an_error(tables: list[list[list[str]]], rule: str) -> None:
    found = taken(SCORES, *(sheet(rows) for rows in tables))
    assert (found.rules(), found.records) == ([rule], [])


def test_what_the_reader_found_of_a_table_comes_after_it_was_opened() -> None:
    warning = Finding("formulas", 2, severity="warning", values={"count": 1, "cells": "B2"})
    table, *rows = sheet(plain(2), "一")
    order = [
        type(event[0]) if isinstance(event, list) else type(event)
        for event in intake(
            SCORES,
            Path("f.xlsx"),
            Choice(),
            supplied=frozenset(),
            remembered=nothing_remembered,
            memory_mb=64,
            seconds=9,
            read=reader([table, warning, *rows]),
        )
    ]
    assert order == [Source, Opened, Finding, Record]


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_reader_that_fails_leaves_one_error_and_no_second_one(place: int) -> None:
    error = Finding("damaged")
    events = sheet(plain(20), "一")
    found = taken(SCORES, [*events[:place], error])
    assert found.rules() == ["damaged"]
    assert (len(found.records) > 0) == (place == 3)


def test_closing_the_intake_closes_the_reader() -> None:
    closed = []

    def read(path: Path, *, memory_mb: int, seconds: int) -> Iterator[Read]:
        try:
            yield Source(path.name, "0", "xlsx")
            yield Table("", "xlsx")
            while True:
                yield [Row(line, list(cells)) for line, cells in enumerate(plain(90), 1)]
        finally:
            closed.append(True)

    events = intake(
        SCORES,
        Path("f.xlsx"),
        Choice(),
        supplied=frozenset(),
        remembered=nothing_remembered,
        memory_mb=64,
        seconds=9,
        read=read,
    )
    assert isinstance(next(events), Source)
    assert isinstance(next(events), Opened)
    events.close()
    assert closed == [True]


def test_a_stray_quote_in_the_header_is_an_error() -> None:
    swallowed = Row(1, [*HEADER[:6], "考试情况\n" + ",".join(candidate(1))], 2)
    rows = [Row(line, list(cells)) for line, cells in enumerate(candidates(3), 3)]
    found = taken(SCORES, [Table("", "text"), [swallowed, *rows]])
    assert "line_break" in found.rules()
    assert found.records == []


def test_a_line_break_in_a_heading_is_none() -> None:
    header = Row(1, [*HEADER[:5], "总分\n(满分600)", "考试\n情况"], 3)
    rows = [Row(line, list(cells)) for line, cells in enumerate(candidates(3), 4)]
    found = taken(SCORES, [Table("", "text"), [header, *rows]])
    assert (len(found.records), found.findings) == (3, [])


@pytest.mark.parametrize("size", [1, 119, 120, 121, 500])
def test_no_record_is_lost_where_the_first_rows_end(size: int) -> None:
    for part in (1, 60, 120, 1000):
        found = taken(SCORES, sheet(plain(size), part=part))
        assert [record.line for record in found.records] == list(range(2, size + 2))


ONE_SHEET = Table("", "xlsx", title="成绩")


@pytest.mark.parametrize("name", ["成绩", "file.xlsx"])
def test_the_only_table_goes_by_its_files_name_and_its_own(name: str) -> None:
    _, *rows = sheet(plain(2))
    found = taken(SCORES, [ONE_SHEET, *rows], choice=Choice(sheets=(name,)))
    assert (len(found.records), found.findings) == (2, [])


@pytest.mark.parametrize("title", ["", "成绩"])
def test_a_name_that_is_no_tables_is_refused_where_there_is_only_one(title: str) -> None:
    _, *rows = sheet(plain(2))
    found = taken(SCORES, [Table("", "text", title=title), *rows], choice=Choice(sheets=("x",)))
    (finding,) = found.findings
    assert (finding.rule, found.records) == ("sheet_absent", [])
    assert finding.values == {"absent": "x", "names": title or "file.xlsx"}


def test_a_table_of_another_file_of_the_load_is_not_missed_in_this_one() -> None:
    choice = Choice(sheets=("other.xlsx/成绩", "一"))
    for beside, rules in (({"other.xlsx"}, []), (set[str](), ["sheet_absent"])):
        events = intake(
            SCORES,
            Path("file.xlsx"),
            choice,
            supplied=frozenset(),
            remembered=nothing_remembered,
            memory_mb=64,
            seconds=9,
            beside=beside,
            read=reader(sheet(plain(2), "一")),
        )
        found = [e for event in events if isinstance(event, list) for e in event]
        assert [one.rule for one in found if isinstance(one, Finding)] == rules


def places(*tables: list[Read]) -> list[tuple[str, str]]:
    """The place and rule of each finding."""
    said: list[tuple[str, str]] = []
    place = ""
    for event in intake(
        SCORES,
        Path("f.zip"),
        Choice(),
        supplied=frozenset(),
        remembered=nothing_remembered,
        memory_mb=64,
        seconds=9,
        read=reader(*tables),
    ):
        if isinstance(event, Source | Opened | About):
            place = event.name
        else:
            said += [(place, one.rule) for one in event if isinstance(one, Finding)]
    return said


def test_a_table_that_cannot_be_read_is_named_and_no_other() -> None:
    sound, other = sheet(plain(2), "东区.csv"), sheet(plain(3), "西区.csv")
    junk: list[Read] = [Table("readme.docx", ""), Finding("no_table", values={"member": "r"})]
    assert places(sound, junk, other) == [("f.zip/readme.docx", "no_table")]
    assert places(sound, other, junk) == [("f.zip/readme.docx", "no_table")]


def test_hidden_tables_are_one_finding_of_the_file() -> None:
    hidden = [sheet(plain(1), f"旧{n}", hidden=True) for n in range(1, 8)]
    assert places(sheet(plain(2), "一"), *hidden) == [("f.zip", "hidden_sheet")]
    (finding,) = taken(SCORES, sheet(plain(2), "一"), *hidden).findings
    assert finding.values == {"count": 7, "sheets": "旧1, 旧2, 旧3, 旧4, 旧5, …"}


def test_what_was_read_too_is_not_said_of_a_table_that_nobody_can_read_yet() -> None:
    table, *rows = sheet(candidates(3), "一")
    warning = Finding("hidden_rows", 0, severity=WARNING, values={"count": 1, "rows": "2"})
    assert taken(SCORES, [table, warning, *rows]).rules("warning") == []
