"""The public statistics over ASGI: pages, JSON and CSV of what is open, and of nothing else."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from lookup.public.app import create_app
from lookup.public.site.kept import Recent
from lookup.public.site.publications import Publication
from lookup.public.site.sheets import ABSENT, Row, make_sheet, ordered
from lookup.release_file import Manifest
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import OPENING, Clock, make_kind, send
from tests.table_makers import (
    TITLE,
    kind_with_schools,
    publish,
    schools_document,
    scores_document,
    site_with,
)

STATISTICS = "/scores/statistics"
SCHOOLS = "/admissions/schools"
EVERY = [path + form for path in (STATISTICS, SCHOOLS) for form in ("", ".json", ".csv")]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Iterator[Starlette]:
    app = site_with(tmp_path, clock)
    yield app
    app.state.live.close()


def rows_of(page: str) -> list[list[str]]:
    """The cells of the rows that a page shows."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row)
        for row in body.split("\n")
        if row.startswith("<tr>")
    ]


# What is shown


def test_the_page_shows_the_total_first_with_a_chart_and_the_table_behind_it(
    app: Starlette,
) -> None:
    page = send(app, "GET", f"{STATISTICS}?lang=en").text
    assert "<h1>Total: score table</h1>" in page
    assert 'role="img"' in page
    total = scores_document()["tables"][3]["rows"]
    shown = rows_of(page)
    assert len(shown) == len(total)
    assert shown[0][0] == f"{total[0]['from']:g} and above"
    assert shown[-1][0] == f"{total[-1]['to']:g} and below, or no mark"
    assert [int(row[1].replace(",", "")) for row in shown] == [row["count"] for row in total]


@pytest.mark.parametrize(
    ("field", "title"), [("sport", "Physical education"), ("flag", "Exam status")]
)
def test_one_table_is_shown_at_a_time(app: Starlette, field: str, title: str) -> None:
    page = send(app, "GET", f"{STATISTICS}?lang=en&field={field}").text
    assert f"<h1>{title}" in page
    assert page.count("<table") == 1
    assert page.count('aria-current="page"') == 1


def test_counts_are_shown_by_the_labels_of_their_codes(app: Starlette) -> None:
    page = send(app, "GET", f"{STATISTICS}?lang=zh&field=flag").text
    assert rows_of(page)[0][0] == "正常"
    assert "其他" in page.partition("<tfoot>")[2]


def test_an_earlier_year_says_how_many_reached_each_score(tmp_path: Path, clock: Clock) -> None:
    document = scores_document(1)
    (before,) = document["earlier"]
    reached = {row["from"]: row["cumulative"] for row in before["tables"][3]["rows"]}
    store = EmbeddedStore(tmp_path)
    publish(store, make_kind(), document)
    app = create_app(Settings(data_dir=tmp_path), store, clock)
    app.state.live.settle()
    shown = rows_of(send(app, "GET", STATISTICS).text)
    app.state.live.close()
    for row, now in zip(shown, document["tables"][3]["rows"], strict=True):
        expected = f"{reached[now['from']]:,}" if now["from"] in reached else ""
        assert row[4] == expected


def test_a_year_with_another_full_mark_is_not_set_beside(app: Starlette) -> None:
    document = scores_document(1)
    document["earlier"][0]["tables"][3]["full_mark"] = 650
    sheet = make_sheet(make_kind(), document, TITLE, document["tables"][3])
    assert [year.title for year in sheet.years] == [TITLE]


def test_schools_show_what_is_withheld_and_the_rest_apart(app: Starlette) -> None:
    page = send(app, "GET", f"{SCHOOLS}?lang=en").text
    withheld = next(row for row in rows_of(page) if row[0] == "育才第1中学")
    assert (withheld[5], withheld[8]) == ("–", "–")
    assert "fewer than 10 people" in page
    assert "too few to stand alone" in page.partition("<tfoot>")[2]


def test_figures_of_an_earlier_version_say_so(tmp_path: Path, clock: Clock) -> None:
    store = EmbeddedStore(tmp_path)
    publish(store, make_kind(), {**scores_document(), "as_of_version": 1})
    app = create_app(Settings(data_dir=tmp_path), store, clock)
    app.state.live.settle()
    assert "figures of version 1" in send(app, "GET", f"{STATISTICS}?lang=en").text
    assert send(app, "GET", f"{STATISTICS}.json").json()["as_of_version"] == 1
    app.state.live.close()


def test_a_search_speaks_of_the_last_row_where_there_is_one(
    app: Starlette, tmp_path: Path, clock: Clock
) -> None:
    assert "is in the last row" in send(app, "GET", f"{SCHOOLS}?lang=en&q=nowhere").text
    whole = schools_document()
    whole["tables"][0]["rows"].pop()
    store = EmbeddedStore(tmp_path / "whole")
    publish(store, kind_with_schools(), whole)
    other = create_app(Settings(data_dir=tmp_path / "whole"), store, clock)
    other.state.live.settle()
    found = send(other, "GET", f"{SCHOOLS}?lang=en&q=nowhere").text
    other.state.live.close()
    assert "No row matches." in found
    assert "last row" not in found


def test_the_hour_of_opening_is_said_in_words(app: Starlette) -> None:
    assert "opened Wednesday, 1 July 2026, 09:00" in send(app, "GET", f"{STATISTICS}?lang=en").text


def test_a_table_leads_to_a_broadcast_that_has_begun_and_has_another_tag_then(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = send(app, "GET", f"{STATISTICS}?lang=en")
    monkeypatch.setattr(app.state.service.frame, "on_air", lambda: True)
    after = send(app, "GET", f"{STATISTICS}?lang=en")
    assert 'href="/live?lang=en"' not in before.text
    assert 'href="/live?lang=en"' in after.text
    assert before.headers["etag"] != after.headers["etag"]


# Sorting and searching without a script


def test_schools_are_sorted_by_the_column_asked_for(app: Starlette) -> None:
    page = send(app, "GET", f"{SCHOOLS}?sort=cut_off_line&order=asc").text
    lines = [row[5] for row in rows_of(page)]
    assert lines[-1] == "–"
    assert [float(line) for line in lines[:-1]] == sorted(float(line) for line in lines[:-1])
    assert page.count('aria-sort="ascending"') == 1


def test_schools_are_found_by_name_or_code_in_any_width(app: Starlette) -> None:
    for typed in ("明德", "１０２"):
        page = send(app, "GET", SCHOOLS, params={"q": typed, "lang": "zh"}).text
        assert "明德第1中学" in [row[0] for row in rows_of(page)]
        assert "共 24 行" in page
    assert rows_of(send(app, "GET", SCHOOLS, params={"q": "nowhere"}).text) == []


def test_what_is_searched_for_is_never_markup(app: Starlette) -> None:
    page = send(app, "GET", SCHOOLS, params={"q": '"><script>x'}).text
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_a_query_that_makes_no_sense_is_ignored(app: Starlette) -> None:
    plain = send(app, "GET", f"{SCHOOLS}?lang=zh")
    for query in ("sort=evil-4711", "order=desc", "field=evil-4711", "x=evil-4711", "sort=&q="):
        found = send(app, "GET", f"{SCHOOLS}?lang=zh&{query}")
        assert (found.status_code, found.content) == (200, plain.content)
        assert found.headers["etag"] == plain.headers["etag"]


def test_a_long_search_is_cut_short(app: Starlette) -> None:
    page = send(app, "GET", SCHOOLS, params={"q": "x" * 5000}).text
    assert "x" * 41 not in page


CELLS = st.none() | st.just(ABSENT) | st.integers(0, 99) | st.floats(0, 600, width=32)


@given(st.lists(CELLS), st.booleans())
def test_sorting_keeps_every_row_and_puts_what_is_withheld_last(
    cells: list[int | float | str | None], descending: bool
) -> None:
    rows = [Row((f"{number}",), (value,)) for number, value in enumerate(cells)]
    found = ordered(rows, 1, descending)
    assert sorted(found, key=lambda row: str(row.keys)) == sorted(
        rows, key=lambda row: str(row.keys)
    )
    values = [row.cells[0] for row in found]
    held = [value for value in values if value is not None and value != ABSENT]
    assert values[: len(held)] == held
    assert held == sorted(held, key=lambda value: float(value), reverse=descending)


# Who may see it, and how long it is kept


@pytest.mark.parametrize("path", EVERY)
def test_nothing_is_told_before_the_hour_and_nobody_may_keep_the_refusal(
    app: Starlette, clock: Clock, path: str
) -> None:
    clock.now = OPENING - timedelta(seconds=1)
    found = send(app, "GET", path)
    assert found.status_code == 403
    assert found.headers["cache-control"] == "no-store"
    assert "etag" not in found.headers
    if "." in path:
        assert found.json()["code"] == "not_open"
        assert found.json()["opens_at"] == "2026-07-01T01:00:00Z"
    else:
        assert "2026年7月1日（星期三）09:00" in found.text


def test_nothing_is_told_after_the_close_though_the_client_has_it(
    tmp_path: Path, clock: Clock
) -> None:
    store = EmbeddedStore(tmp_path)
    publish(store, make_kind(), scores_document(), closes_at=OPENING + timedelta(seconds=90))
    app = create_app(Settings(data_dir=tmp_path), store, clock)
    app.state.live.settle()
    first = send(app, "GET", STATISTICS)
    assert first.headers["cache-control"] == "public, max-age=60"
    clock.now = OPENING + timedelta(seconds=50)
    assert send(app, "GET", STATISTICS).headers["cache-control"] == "public, max-age=40"
    clock.now = OPENING + timedelta(seconds=90)
    late = send(app, "GET", STATISTICS, headers={"if-none-match": first.headers["etag"]})
    assert late.status_code == 403
    assert send(app, "GET", f"{STATISTICS}.json").json()["code"] == "closed"
    app.state.live.close()


@pytest.mark.parametrize("path", EVERY)
def test_what_a_client_has_is_not_sent_again(app: Starlette, path: str) -> None:
    first = send(app, "GET", path)
    tag = first.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    assert first.headers["last-modified"] == "Wed, 01 Jul 2026 01:00:00 GMT"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = send(app, "GET", path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]
    assert send(app, "GET", path, headers={"if-none-match": '"other"'}).status_code == 200


def test_every_language_table_and_release_has_its_own_tag(app: Starlette) -> None:
    urls = [
        f"{STATISTICS}?lang=zh",
        f"{STATISTICS}?lang=en",
        f"{STATISTICS}?lang=zh&field=sport",
        f"{STATISTICS}.csv?lang=zh",
        f"{STATISTICS}.csv?lang=en",
        f"{SCHOOLS}?lang=zh",
        f"{SCHOOLS}?lang=zh&q=1",
        f"{SCHOOLS}?lang=zh&sort=plan",
    ]
    tags = {send(app, "GET", url).headers["etag"] for url in urls}
    assert len(tags) == len(urls)
    json = {send(app, "GET", f"{STATISTICS}.json?lang={each}").text for each in ("zh", "en")}
    assert len(json) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/scores/schools", "not_found"),
        ("/admissions/statistics", "not_found"),
        ("/scores/total", "not_found"),
        ("/nothing/statistics", "unknown_kind"),
    ],
)
def test_what_is_no_table_is_not_found(app: Starlette, path: str, code: str) -> None:
    assert send(app, "GET", path).status_code == 404
    for form in (".json", ".csv"):
        found = send(app, "GET", path + form)
        assert (found.status_code, found.json()["code"]) == (404, code)


def test_a_path_that_is_not_there_is_never_repeated(app: Starlette) -> None:
    for path in ("/scores/evil-4711", "/evil-4711/statistics", "/evil-4711/4711.json"):
        assert "4711" not in send(app, "GET", path).text


def test_a_release_without_statistics_has_no_such_page(tmp_path: Path, clock: Clock) -> None:
    store = EmbeddedStore(tmp_path)
    publish(store, make_kind(), {"tables": [], "earlier": []})
    app = create_app(Settings(data_dir=tmp_path), store, clock)
    app.state.live.settle()
    assert [send(app, "GET", STATISTICS + form).status_code for form in ("", ".json", ".csv")] == [
        404
    ] * 3
    app.state.live.close()


def test_what_is_kept_is_bounded_and_the_longest_unused_goes_first() -> None:
    kept: Recent[bytes] = Recent(10, len)
    made: list[int] = []

    def make(number: int) -> bytes:
        made.append(number)
        return b"x" * 4

    for number in (1, 2, 1, 3, 1, 2):
        kept.get(number, lambda number=number: make(number))  # type: ignore[misc]
    assert made == [1, 2, 3, 2]


def test_the_links_of_a_publication_lead_to_its_pages(app: Starlette) -> None:
    for kind, document in (
        (make_kind(), scores_document()),
        (kind_with_schools(), schools_document()),
    ):
        manifest = Manifest("r1", kind.document, TITLE, 1, None, 0, 0, "", (), "", "")
        publication = Publication(kind, manifest, OPENING, document)
        for href, label, _ in publication.links("en"):
            page = send(app, "GET", href)
            assert page.status_code == 200
            assert f"<h1>{label.en}" in page.text
