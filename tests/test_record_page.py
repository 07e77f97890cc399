"""A record's page: what it shows, and that both wings get the very same one."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from lookup.kinds import Kind
from lookup.public.app import create_app
from lookup.record_page import STATIC, STYLES, TEMPLATES, render, show
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import RECORD, TYPED, Clock, make_kind, make_release, open_release, send
from tests.record_makers import ADMISSIONS, FULLEST, RELEASE, SCORES, statistics

FIRST = {"id": "r1", "version": 1, "title": "试验发布"}
SHOWN = {name: value for name, value in RECORD.items() if name not in ("access_code", "id_suffix")}


def withholding(name: str) -> Kind:
    """The scores with a field withheld, as no document may say of a field of the page."""
    kind = make_kind()
    fields = (replace(f, disclosure="withheld") if f.name == name else f for f in kind.fields)
    return replace(kind, fields=tuple(fields))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_preview_is_byte_for_byte_what_the_public_gets(tmp_path: Path, language: str) -> None:
    hours = {"zh": "2026年7月1日（星期三）09:00", "en": "Wednesday, 1 July 2026, 09:00 (UTC+08:00)"}
    store, kind = EmbeddedStore(tmp_path), make_kind()
    open_release(store, make_release(store, kind))
    app = create_app(Settings(data_dir=tmp_path), store, Clock())
    app.state.live.settle()
    served = send(app, "POST", f"/scores?lang={language}", data=TYPED)
    app.state.live.close()
    body = {"record": SHOWN, "release": FIRST}
    assert served.status_code == 200
    today = date(2026, 7, 1)
    page = render(kind, body, hours[language], language, "/scores", None, today)
    assert served.text == page


def test_a_withheld_field_is_never_shown_even_where_a_record_has_it() -> None:
    kind = withholding("rank")
    whole, page = (
        render(each, {"record": SHOWN, "release": RELEASE}, "", "zh", "/")
        for each in (
            make_kind(),
            kind,
        )
    )
    assert ">321</dd>" in whole
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
    assert [len(section.entries) for section in shown.sections] == [1]


def test_what_is_beside_the_headline_comes_with_it_and_only_once() -> None:
    shown = show(make_kind(), SHOWN, "zh")
    assert shown.headline is not None
    assert shown.headline.text == "512.5 / 600"
    assert [entry.text for entry in shown.beside] == ["321"]
    names = [entry.name for section in shown.sections for entry in section.entries]
    assert not {"total", "rank"} & set(names)


def test_only_a_group_of_scores_has_bars_and_a_flag_has_none() -> None:
    sections = show(make_kind(), SHOWN, "zh").sections
    assert [section.bars for section in sections] == [False, True]
    shares = {entry.name: entry.share for entry in sections[1].entries}
    assert shares == {"chinese": 84.6, "mathematics": 100, "english": None}


@pytest.mark.parametrize("mark", [-3, 130])
def test_a_bar_stays_in_its_place_whatever_the_mark(mark: float) -> None:
    (entry,) = show(make_kind(), {"chinese": mark}, "zh").sections[0].entries
    assert entry.share in (0, 100)
    assert entry.text == f"{mark} / 120"


def page_of(kind: str, language: str = "zh", **body: object) -> str:
    """The page of the fullest record there is, with public statistics."""
    whole = {"record": FULLEST[kind], "release": RELEASE, **body}
    return render(make_kind(kind), whole, "2026-07-01 09:00", language, "/", statistics(kind))


def test_the_place_in_the_city_is_a_range_a_picture_and_a_table() -> None:
    page = page_of("scores")
    assert "全市前 1%" in page
    assert page.count('class="own"') == 2
    assert "您 553.5" in page
    assert "<summary>" in page


def test_without_statistics_nothing_is_said_of_others() -> None:
    page = render(make_kind(), {"record": SCORES, "release": RELEASE}, "", "zh", "/")
    assert "全市前" not in page
    assert "histogram" not in page


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("scores", "/scores/statistics?lang=en&amp;field=total"),
        ("lottery", "/lottery/schools?lang=en"),
        ("admissions", "/admissions/schools?lang=en"),
    ],
)
def test_what_is_said_of_others_leads_to_the_whole_of_it(kind: str, address: str) -> None:
    assert f'href="{address}"' in page_of(kind, "en")
    alone = {"record": FULLEST[kind], "release": RELEASE}
    assert f'href="{address}"' not in render(make_kind(kind), alone, "–", "en", "/x")


def test_a_flag_in_the_headline_has_no_place_in_the_city() -> None:
    record = {**SCORES, "total": "absent"}
    body = {"record": record, "release": RELEASE}
    page = render(make_kind(), body, "", "zh", "/", statistics("scores"))
    assert "histogram" not in page


@pytest.mark.parametrize(
    ("total", "said"), [(103.5, ["全市前 42%–50%"]), (96.5, []), (22, []), (3, [])]
)
def test_a_place_below_the_middle_is_in_the_picture_and_not_in_words(
    total: float, said: list[str]
) -> None:
    record = {**SCORES, "chinese": 3, "mathematics": 3, "total": total}
    page = page_of("scores", record=record)
    assert re.findall(r"全市前 [\d%–]+", page) == [*said, *said]
    assert f"您 {total}</text>" in page


@pytest.mark.parametrize("kind", FULLEST)
def test_the_page_says_which_release_it_is_of_before_all_else(kind: str) -> None:
    page = page_of(kind)
    assert page.index("</h1>") < page.index("试验发布") < page.index("headline")


def test_rows_are_numbered_in_the_record_s_order() -> None:
    page = page_of("admissions", "en")
    assert '<th scope="col">No.</th><th scope="col">Round</th>' in page
    assert re.findall(r'<th scope="row">(\d+)</th><td>第一批', page) == [*"1234567"]


def test_a_correction_is_told_with_its_version_and_hour() -> None:
    assert "已经更正" not in page_of("scores")
    assert "第 2 版，开放时间 2026-07-01 09:00" in page_of("scores", corrected=True)


def test_the_day_by_which_to_act_is_in_words() -> None:
    assert "2015年7月11日（星期六）" in page_of("admissions")
    assert "Saturday, 11 July 2015" in page_of("admissions", "en")


@pytest.mark.parametrize(("days", "over"), [(-1, False), (0, False), (1, True), (None, False)])
def test_a_day_to_act_by_is_over_only_once_it_has_passed(days: int | None, over: bool) -> None:
    body = {"record": ADMISSIONS, "release": RELEASE}
    today = None if days is None else date(2015, 7, 11) + timedelta(days)
    for language, word in (("zh", "已截止"), ("en", "This time is over")):
        page = render(make_kind("admissions"), body, "", language, "/", None, today)
        assert (word in page) == over


@pytest.mark.parametrize("kind", FULLEST)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_carry_no_style_script_or_event_of_their_own(kind: str, language: str) -> None:
    hostile = '"><script>x</script>' * 3
    record = {**FULLEST[kind], "name": hostile, "school": hostile, "middle_school": hostile}
    known = {name: value for name, value in record.items() if name in FULLEST[kind]}
    body = {"record": known, "release": {**RELEASE, "title": hostile}, "corrected": True}
    page = render(make_kind(kind), body, hostile, language, "/", statistics(kind))
    assert re.findall(r"<script[^>]*>[^<]|\son[a-z]+=|style=|javascript:", page) == []
    assert "<script>" not in page


def test_what_the_page_brings_along_is_there_and_small() -> None:
    page = page_of("scores")
    frame = (TEMPLATES / "base.html").read_text("utf-8")
    assert frame.count("stylesheet") == 1
    assert re.findall(r'<link rel="stylesheet" href="/static/([^"]+)"', page) == [*STYLES]
    assert all((STATIC / name).is_file() for name in STYLES)
    assert len((STATIC / "result.css").read_bytes()) < 8_000
    assert len((STATIC / "result.js").read_bytes()) < 2_000


def test_the_stylesheet_brings_no_colour_of_its_own() -> None:
    style = (STATIC / "result.css").read_text("utf-8")
    screen = style.partition("@media print")[0]
    assert re.findall(r"#[0-9a-f]{3,6}\b|rgb|hsl", screen) == []


@pytest.mark.parametrize("flag", ["absent", "misconduct", "deferred", "exempt"])
@pytest.mark.parametrize("own", [{}, {"english": "FLAG"}])
def test_a_total_that_lacks_a_mark_is_held_against_nobody_s(flag: str, own: dict[str, str]) -> None:
    record = {**SCORES, "flag": flag, **dict.fromkeys(own, flag), "total": 445.5}
    page = page_of("scores", record=record)
    assert "445.5" in page
    for other in ("全市前", "histogram", "控制线"):
        assert other in page_of("scores")
        assert other not in page


def test_who_has_no_mark_at_all_is_told_so_and_not_a_total_of_nothing() -> None:
    marks = [field.name for field in make_kind().fields if field.flags]
    record = {**SCORES, **dict.fromkeys(marks, "absent"), "flag": "absent", "total": 0}
    shown = show(make_kind(), record, "zh")
    assert shown.headline is not None
    assert (shown.headline.label, shown.headline.text, shown.beside) == ("考试情况", "缺考", ())
    names = [entry.name for section in shown.sections for entry in section.entries]
    assert not {"total", "rank", "flag"} & set(names)
    page = page_of("scores", record=record)
    for harsh in ("321", "/ 600", "全市前", "histogram", "控制线"):
        assert harsh not in page


@pytest.mark.parametrize("record", [{"flag": "absent"}, {"chinese": "absent", "flag": "normal"}])
def test_a_status_is_the_headline_wherever_it_is_said(record: dict[str, str]) -> None:
    shown = show(make_kind(), {**record, "total": 0, "rank": 9}, "en")
    assert shown.headline is not None
    assert (shown.headline.text, shown.beside) == ("Absent", ())


def test_a_mark_of_nothing_without_a_status_is_a_mark() -> None:
    shown = show(make_kind(), {**SCORES, "total": 0}, "zh")
    assert shown.headline is not None
    assert shown.headline.text == "0 / 600"


def test_a_registration_that_did_not_qualify_is_told_so_gently_and_files_may_say_it_harshly() -> (
    None
):
    kind = make_kind("lottery")
    value = kind.field("outcome").value("disqualified")
    assert value is not None
    assert (value.label.zh, value.label.en) == ("资格审核未通过", "Not qualified")
    assert {"资格取消", "取消资格"} <= {*value.written}
