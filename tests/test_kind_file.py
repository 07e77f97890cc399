"""A kind's TOML file: every mistake is named by its line and key, all of them at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import KindError, StorageError, UsageError
from lookup.kind_file import faults, load_kind, load_named

ROOT = Path(__file__).parent.parent
SCORES = (ROOT / "data" / "kinds" / "scores.toml").read_text(encoding="utf-8")
THPT = ROOT / "tests" / "kinds" / "thpt.toml"


def written(folder: Path, content: str | bytes, name: str = "scores.toml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def line_of(text: str, wanted: str) -> int:
    return text.split("\n").index(wanted) + 1


# What is replaced (once), by what, the line that is blamed, the key, part of the reason.
MISTAKES = [
    ('name = "scores"', 'name = "Scores!"', 'name = "Scores!"', "name", "a name of lower-case"),
    ("format = 1", "format = 2", "format = 2", "format", "must be 1"),
    ("format = 1", "fromat = 1", "fromat = 1", "fromat", "did you mean format?"),
    ('name = "scores"\n', "", "# 中考成绩查询. What each key means: DESIGN.md, \"A kind's file\".",
     "name", "is missing"),
    ('characters = "digits"', 'characters = "letters"', 'characters = "letters"',
     "field 1 characters", "one of digits, letters_and_digits"),
    ("max_length = 9", "max_length = -9", "max_length = -9", "field 1 max_length", "whole number"),
    ("max_length = 9", "max_length = 999", "max_length = 999", "field 1 max_length", "128 or less"),
    ("required = true", 'required = "yes"', 'required = "yes"', "field 1 required",
     "true or false"),
    ('label = { zh = "查询码", en = "Access code" }', 'label = "查询码"', 'label = "查询码"',
     "field 2 label", "a text in both languages"),
    ('type = "access_code"', 'type = "secret"', 'type = "secret"', "field 2 type", "one of code"),
    ("full_mark = 120", "full_marks = 120", "full_marks = 120", "field 6 full_marks",
     "did you mean full_mark?"),
    ("full_mark = 120", "full_mark = 0", "full_mark = 0", "field 6 full_mark", "above 0"),
    ('flags = "flag"', 'flags = "name"', 'flags = "name"', "field 6 flags", "of type outcome"),
    ('statistics = "score_table"', 'statistics = "mean"', 'statistics = "mean"',
     "field 6 statistics", "one of score_table"),
    ("minimum = 1", "minimum = 99999999", "minimum = 99999999", "field 13 minimum",
     "above maximum"),
    ('code = "absent"', 'code = "不在"', 'code = "不在"', "field 14 value 2 code", "a name of"),
    ('headline = "total"', 'headline = "access_code"', 'headline = "access_code"', "headline",
     "that the page shows"),
    ('identifier = "candidate_number"', 'identifier = "nobody"', 'identifier = "nobody"',
     "identifier", "type code that is required"),
    ('fields = ["candidate_number", "id_suffix"]', 'fields = ["candidate_number"]',
     'fields = ["candidate_number"]', "way_in 2 fields", "second factor"),
    ('fields = ["total", "rank"]', 'fields = ["total", "id_suffix"]',
     'fields = ["total", "id_suffix"]', "group 3 fields", "may show"),
    ('rule = "sum"', 'rule = "add"', 'rule = "add"', "check 1 rule", "must be one of sum"),
    ('score = "total"', 'score = "music"', 'score = "music"', "check 3 score", "must be a field"),
    ('by = "middle_school"', 'bye = "middle_school"', 'bye = "middle_school"', "check 4 bye",
     "did you mean by?"),
    ("score = 500", "score = 601", "score = 601", "line 1 score", "above the full mark of total"),
    ("score = 500", 'score = "500"', 'score = "500"', "line 1 score", "a number, 0 or more"),
    ('field = "total"\nscore = 420', 'field = "id_suffix"\nscore = 420', 'field = "id_suffix"',
     "line 2 field", "of type score"),
    ('is = ["deferred"]', 'is = ["postponed"]', 'is = ["postponed"]', "advice 4 is",
     "postponed is no value of flag"),
    ('until = "2015-06-30"', "until = 2015-06-30", "until = 2015-06-30", "advice 3 until",
     "a date as text"),
    ('help = { zh =', 'help = { cn =', None, "help", "a text in both languages"),
]  # fmt: skip
ADMISSIONS = (ROOT / "data" / "kinds" / "admissions.toml").read_text(encoding="utf-8")
TABLE_MISTAKES = [
    ('by = ["round", ', 'by = ["total", ', "table 1 by", "field of type code, text"),
    ('by = ["round", ', 'by = ["access_code", ', "table 1 by", "of type code, text"),
    ('by = ["round", ', 'by = ["candidate_number", ', "table 1 by", "groups of one candidate each"),
    ('measure = "count"', 'measure = "mean"', "table 1 column 2 measure", "one of count, lowest"),
    ('measure = "count"', 'measur = "count"', "table 1 column 2 measure", "is missing"),
    ('measure = "count"\nwhen = "outcome"\n', 'measure = "count"\n', "table 1 column 2 when",
     "say both or neither"),
    ('when = "outcome"\nis = ["admitted"]\n\n[[table.column]]',
     'when = "outcome"\nis = ["gone"]\n\n[[table.column]]', "table 1 column 2 is",
     "gone is no value of outcome"),
    ('measure = "lowest"\nfield = "cut_off_line"', 'measure = "lowest"\nfield = "total"',
     "table 1 column 3 field", 'must say disclosure = "proactive"'),
    ('reference = "school_plans"\ncolumn = "plan"\n\n[[table', 'reference = "../plans"\n[[table',
     "table 1 column 1 reference", "a name of lower-case"),
    ('name = "admitted"\n', 'name = "school"\n', "table 1 column 2 name",
     "a field of by already"),
    ('name = "admitted"\n', 'name = "plan"\n', "table 1 column 2", "plan stands here twice"),
    ('measure = "lowest"\nfield = "cut_off_line"',
     'measure = "ratio"\nof = ["admitted", "cut_off_line"]', "table 1 column 3 of",
     "a column before this one that is a number of people"),
    ('measure = "lowest"\nfield = "cut_off_line"', 'measure = "ratio"\nof = ["admitted"]',
     "table 1 column 3 of", "a list of two columns"),
    ('max_length = 60\nheaders = ["初中学校"',
     'max_length = 60\nstatistics = "counts"\nheaders = ["初中学校"', "field 5 statistics",
     "a kind with a table makes no other"),
    ('[[table]]\n', '[[table]]\nname = "two"\ntitle = { zh = "二", en = "2" }\nby = ["round"]\n'
     '[[table.column]]\nname = "n"\nlabel = { zh = "数", en = "n" }\nmeasure = "count"\n'
     '[[table]]\n', "table 2", "a kind has one table"),
    ('disclosure = "proactive"', 'disclosure = "withheld"', "table 1 column 3 field",
     "must be a field of type"),
    ('name = "admissions"', 'name = "live"', "name", "live is a page of the site"),
    ('name = "schools"', 'name = "statistics"', "table 1 name", "is a page of every kind"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "blamed", "key", "reason"), MISTAKES)
def test_a_mistake_is_named_by_line_and_key(
    tmp_path: Path, old: str, new: str, blamed: str | None, key: str, reason: str
) -> None:
    assert old in SCORES
    text = SCORES.replace(old, new, 1)
    found, kind = faults(written(tmp_path, text))
    assert kind is None
    named = [fault for fault in found if fault.key == key]
    blamed = blamed or next(line for line in text.split("\n") if line.startswith(key))
    assert [fault.line for fault in named] == [line_of(text, blamed)]
    assert reason in named[0].reason


@pytest.mark.parametrize(("old", "new", "key", "reason"), TABLE_MISTAKES)
def test_a_mistake_in_a_public_table_is_named_by_key(
    tmp_path: Path, old: str, new: str, key: str, reason: str
) -> None:
    assert old in ADMISSIONS
    found, kind = faults(written(tmp_path, ADMISSIONS.replace(old, new, 1)))
    assert kind is None
    assert any(fault.key == key and reason in fault.reason for fault in found)


def test_a_missing_key_of_a_field_is_named_at_the_field(tmp_path: Path) -> None:
    text = SCORES.replace('type = "id_suffix"\n', "", 1)
    found, _ = faults(written(tmp_path, text))
    third_field = [n for n, line in enumerate(text.split("\n"), 1) if line == "[[field]]"][2]
    assert [(fault.line, fault.key) for fault in found] == [(third_field, "field 3 type")]


def test_a_mistake_in_a_column_is_named_at_the_column(tmp_path: Path) -> None:
    text = (ROOT / "data" / "kinds" / "admissions.toml").read_text(encoding="utf-8")
    text = text.replace('headers = ["志愿{n}结果"]', 'headers = ["志愿结果"]')
    found, _ = faults(written(tmp_path, text))
    line = line_of(text, 'headers = ["志愿结果"]')
    assert [(fault.line, fault.key) for fault in found] == [(line, "field 14 column 3 headers")]


def test_a_code_that_stands_twice_is_named(tmp_path: Path) -> None:
    text = SCORES.replace('code = "exempt"', 'code = "absent"')
    found, _ = faults(written(tmp_path, text))
    assert ["absent stands here twice" in fault.reason for fault in found] == [True, False]
    assert "exempt is no value of flag" in found[1].reason


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = SCORES.replace("max_length = 9", 'max_length = "nine"')
    text = text.replace("full_mark = 160", "full_mark = 1.5").replace("format = 1", "format = 7")
    with pytest.raises(KindError) as caught:
        load_kind(written(tmp_path, text))
    lines = str(caught.value).split("\n")
    wanted = ["format = 7", 'max_length = "nine"', "full_mark = 1.5"]
    assert [line.split(":")[0] for line in lines] == [
        f"scores.toml, line {line_of(text, blamed)}" for blamed in wanted
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_syntax_error_has_its_line(tmp_path: Path, ending: str) -> None:
    text = SCORES.replace("max_length = 9", "max_length = nine")
    found, _ = faults(written(tmp_path, text.replace("\n", ending)))
    assert [(fault.line, fault.key) for fault in found] == [
        (line_of(text, "max_length = nine"), "")
    ]
    assert found[0].reason.startswith("is not TOML: ")


def test_a_file_cut_in_the_middle_of_a_text_has_a_line(tmp_path: Path) -> None:
    found, _ = faults(written(tmp_path, 'format = 1\nname = "sco'))
    assert [fault.line for fault in found] == [2]


def test_a_file_that_is_not_utf8_has_the_line_of_the_first_wrong_byte(tmp_path: Path) -> None:
    found, _ = faults(written(tmp_path, SCORES.encode("gb18030")))
    assert [(fault.line, fault.key) for fault in found] == [(1, "")]
    assert "save the file as UTF-8" in found[0].reason


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + SCORES.replace("\n", "\r\n").encode()
    assert load_kind(written(tmp_path, content)) == load_kind(written(tmp_path, SCORES))


def test_an_empty_file_lacks_everything(tmp_path: Path) -> None:
    found, _ = faults(written(tmp_path, ""))
    assert {fault.line for fault in found} == {1}
    assert {"name", "field", "way_in"} <= {fault.key for fault in found}


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\u0085"])
def test_only_a_line_feed_ends_a_line(tmp_path: Path, character: str) -> None:
    text = SCORES.replace("考试", f"考{character}试").replace('code = "exempt"', 'code = "!"')
    text = text.replace("What each", f"What{character}each")
    found, _ = faults(written(tmp_path, text))
    assert [fault.line for fault in found] == [line_of(text, 'code = "!"')]


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000 + "]" * 5000, "format = " + "1" * 5000],
    ids=["deeply nested", "a number without end"],
)
def test_what_the_toml_reader_cannot_bear_is_a_fault(tmp_path: Path, text: str) -> None:
    found, kind = faults(written(tmp_path, text))
    assert found
    assert kind is None


@given(content=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_no_bytes_whatever_break_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    found, kind = faults(written(tmp_path_factory.mktemp("kind"), content))
    assert found
    assert kind is None


def test_a_missing_file_and_a_folder_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not there"):
        load_kind(tmp_path / "nothing.toml")
    with pytest.raises(StorageError, match="is a folder"):
        load_kind(tmp_path)


def test_a_kind_is_found_by_its_name() -> None:
    assert load_named(THPT.parent, "thpt").name == "thpt"


@pytest.mark.parametrize("name", ["unknown", "../kinds/unknown", ""])
def test_an_unknown_name_tells_the_known_ones(name: str) -> None:
    with pytest.raises(
        UsageError, match=r"known: admissions, cut_offs, lottery, school_plans, score"
    ):
        load_named(ROOT / "data" / "kinds", name)


def test_a_file_must_be_named_after_its_kind(tmp_path: Path) -> None:
    written(tmp_path, SCORES, "marks.toml")
    with pytest.raises(KindError, match=r"marks\.toml defines the kind scores"):
        load_named(tmp_path, "marks")


def test_the_fourth_kind_reads_the_header_of_the_real_files() -> None:
    kind = load_kind(THPT)
    header = "SBD,Toán,Ngữ Văn,Ngoại Ngữ,Vật Lý,Hóa Học,Sinh Học,Lịch Sử,Địa Lý,GDCD"
    known = {text: field.name for field in kind.fields for text in field.headers}
    assert [known[text] for text in header.split(",")] == [
        "candidate_number",
        "mathematics",
        "literature",
        "foreign_language",
        "physics",
        "chemistry",
        "biology",
        "history",
        "geography",
        "civics",
    ]
    flag = kind.flags(kind.field("civics"))
    assert [(value.code, value.written) for value in flag] == [("not_taken", ("-1",))]


@pytest.mark.real
def test_every_real_file_has_the_header_the_fourth_kind_knows() -> None:
    folder = ROOT.parent / "shared" / "data" / "vn-thpt-2019"
    files = sorted(folder.glob("*.csv"))
    if not files:
        pytest.skip(f"{folder} is not there")
    known = {text for field in load_kind(THPT).fields for text in field.headers}
    for path in files:
        with path.open(encoding="utf-8-sig") as file:
            assert set(file.readline().rstrip("\r\n").split(",")) <= known
