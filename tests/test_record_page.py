"""A record's page: what it shows, and that both wings get the very same one."""

from dataclasses import replace
from pathlib import Path

import pytest

from lookup.kinds import Kind
from lookup.public.app import create_app
from lookup.record_page import STATIC, TEMPLATES, render, show
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import RECORD, TYPED, Clock, make_kind, make_release, open_release, send

RELEASE = {"id": "r1", "version": 1, "title": "试验发布"}
SHOWN = {name: value for name, value in RECORD.items() if name not in ("access_code", "id_suffix")}


def withholding(name: str) -> Kind:
    """The scores with a field withheld, as no document may say of a field of the page."""
    kind = make_kind()
    fields = (replace(f, disclosure="withheld") if f.name == name else f for f in kind.fields)
    return replace(kind, fields=tuple(fields))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_preview_is_byte_for_byte_what_the_public_gets(tmp_path: Path, language: str) -> None:
    store, kind = EmbeddedStore(tmp_path), make_kind()
    open_release(store, make_release(store, kind))
    app = create_app(Settings(data_dir=tmp_path), store, Clock())
    app.state.live.settle()
    served = send(app, "POST", f"/scores?lang={language}", data=TYPED)
    app.state.live.close()
    body = {"record": SHOWN, "release": RELEASE}
    assert served.status_code == 200
    assert served.text == render(kind, body, "2026-07-01 09:00", language, "/scores")


def test_a_withheld_field_is_never_shown_even_where_a_record_has_it() -> None:
    kind = withholding("rank")
    whole, page = (
        render(each, {"record": SHOWN, "release": RELEASE}, "", "zh", "/")
        for each in (
            make_kind(),
            kind,
        )
    )
    assert "<dd>321</dd>" in whole
    assert "321" not in page
    assert "512.5" in page


def test_a_headline_that_is_withheld_is_no_headline() -> None:
    kind = withholding(make_kind().headline)
    assert show(make_kind(), SHOWN, "zh").headline is not None
    assert show(kind, SHOWN, "zh").headline is None
    assert "512.5" not in str(show(kind, SHOWN, "zh"))


def test_what_a_record_lacks_is_left_out_with_its_group() -> None:
    shown = show(make_kind(), {"candidate_number": "100000001"}, "zh")
    assert shown.headline is None
    assert [len(section.lines) for section in shown.sections] == [1]


def test_the_page_needs_one_stylesheet_and_it_is_there() -> None:
    frame = (TEMPLATES / "base.html").read_text("utf-8")
    assert frame.count("stylesheet") == 1
    assert 'href="/static/site.css"' in frame
    assert (STATIC / "site.css").is_file()
