"""Published tables as files: what programs and spreadsheets get."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from lookup.csv_text import FORMULA
from lookup.public.site.sheets import make_sheet
from lookup.public.site.table_files import as_csv
from tests.makers import Clock, send
from tests.table_makers import (
    TITLE,
    kind_with_schools,
    schools_document,
    scores_document,
    site_with,
)

STATISTICS = "/scores/statistics"
SCHOOLS = "/admissions/schools"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Starlette]:
    app = site_with(tmp_path, Clock())
    yield app
    app.state.live.close()


def read_csv(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_json_is_the_document_with_labels_in_both_languages(app: Starlette) -> None:
    found = send(app, "GET", f"{STATISTICS}.json")
    assert found.headers["content-type"] == "application/json"
    document = found.json()
    assert document["kind"] == "scores"
    assert document["release"] == {"id": "r1", "version": 1, "title": TITLE}
    assert document["opened_at"] == "2026-07-01T01:00:00Z"
    assert [table["name"] for table in document["tables"]][:2] == ["total", "chinese"]
    total = document["tables"][0]
    assert total["title"] == {"zh": "总分", "en": "Total"}
    assert total["rows"] == scores_document()["tables"][3]["rows"]
    assert total["labels"]["count"] == {"zh": "人数", "en": "People"}
    assert document["tables"][-1]["values"]["flag"]["absent"] == {"zh": "缺考", "en": "Absent"}
    assert len(document["earlier"][0]["tables"]) == 5


def test_json_of_one_table(app: Starlette) -> None:
    one = send(app, "GET", f"{STATISTICS}.json?field=sport").json()
    assert [table["name"] for table in one["tables"]] == ["sport"]
    assert [table["name"] for table in one["earlier"][0]["tables"]] == ["sport"]
    schools = send(app, "GET", f"{SCHOOLS}.json").json()
    assert schools["tables"][0]["labels"]["plan"] == {"zh": "计划数", "en": "Places"}
    assert schools["tables"][0]["rows"][5]["cut_off_line"] is None


def test_csv_opens_in_a_spreadsheet(app: Starlette) -> None:
    found = send(app, "GET", f"{SCHOOLS}.csv?lang=en")
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    disposition = 'attachment; filename="admissions-schools-v1.csv"'
    assert found.headers["content-disposition"] == disposition
    header, *rows = read_csv(found.content)
    assert header[:4] == ["Admission round", "School code", "Admitting school", "Places 2026"]
    assert len(rows) == 25
    assert (rows[5][5], rows[5][8]) == ("", "")
    assert rows[-1][0] == "All others, too few to stand alone"


def test_csv_holds_every_year_whole(app: Starlette) -> None:
    document = scores_document(1)
    _, *rows = read_csv(send(app, "GET", f"{STATISTICS}.csv").content)
    years = (document["tables"][3], document["earlier"][0]["tables"][3])
    for place, table in enumerate(years):
        counts = [int(row[2 + 2 * place]) for row in rows if row[2 + 2 * place]]
        assert counts == [row["count"] for row in table["rows"]]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5, unique=True))
def test_no_cell_of_a_csv_runs(names: list[str]) -> None:
    document = schools_document()
    (table,) = document["tables"]
    table["rows"] = [{**table["rows"][0], "school": name} for name in names]
    kind = kind_with_schools()
    header, *rows = read_csv(as_csv(kind, make_sheet(kind, document, TITLE, table), "zh"))
    assert len(rows) == len(names)
    for row in rows:
        assert len(row) == len(header)
        assert all(not cell or cell[0] not in FORMULA for cell in row)
