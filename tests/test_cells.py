"""Cells: each type's table of what it takes, what it makes of it, and what it refuses."""

import pytest

from lookup.admin.findings import PHRASES
from lookup.admin.intake.cells import Refusal, cell_reader, code_of_number, number_text
from lookup.kind_file import load_kind
from lookup.kinds import Field, Label, Value
from tests.admin_makers import THPT, kind_called

LABEL = Label("栏", "column")
FLAGS = (Value("not_taken", Label("未考", "Not taken"), ("-1",), replaces_mark=True),)


def field(**options: object) -> Field:
    return Field("column", LABEL, **options)  # type: ignore[arg-type]  # a table of options


DIGITS = field(type="code", characters="digits", min_length=8, max_length=9)
CODE = field(type="code", min_length=2, max_length=6)
ACCESS = field(type="access_code")
SUFFIX = field(type="id_suffix")
NAME = field(type="name", max_length=5)
SCORE = field(type="score", full_mark=120, decimals=1)
WHOLE = field(type="integer", minimum=1, maximum=500)
OUTCOME = field(
    type="outcome",
    values=(Value("drawn", Label("派中", "Drawn"), ("中签",)), Value("out", Label("未", "Out"))),
)
DATE = field(type="date")


@pytest.mark.parametrize(
    ("of", "text", "value"),
    [
        (DIGITS, "00010001", "00010001"),
        (DIGITS, "011000001", "011000001"),
        (DIGITS, "０１１００００１", "01100001"),
        (DIGITS, "0110 0001", "01100001"),
        (DIGITS, "'00010001", "00010001"),
        (DIGITS, "’00010001", "00010001"),
        (CODE, "ab12", "AB12"),
        (ACCESS, "36rb-ejwn", "36RBEJWN"),
        (ACCESS, "O6RBEJWI", "06RBEJW1"),
        (SUFFIX, "23364x", "23364X"),
        (SUFFIX, "００１２３４", "001234"),
        (SUFFIX, "'23364X", "23364X"),
        (ACCESS, "'36RBEJWN", "36RBEJWN"),
        (NAME, "Q&A", "Q&A"),
        (NAME, "#1", "#1"),
        (NAME, "𠮷田", "𠮷田"),
        (NAME, "阿·卜", "阿·卜"),
        (SCORE, "0", 0),
        (SCORE, "099", 99),
        (SCORE, "99.50", 99.5),
        (SCORE, "１２０", 120),
        (SCORE, "９９．５", 99.5),
        (WHOLE, "007", 7),
        (WHOLE, "５００", 500),
        (OUTCOME, "派中", "drawn"),
        (OUTCOME, "Drawn", "drawn"),
        (OUTCOME, "中签", "drawn"),
        (DATE, "2026-6-13", "2026-06-13"),
        (DATE, "2026年6月13日", "2026-06-13"),
        (DATE, "2026/06/13", "2026-06-13"),
        (DATE, "２０２６．６．１３", "2026-06-13"),
        (DATE, "2026-06-13 00:00:00", "2026-06-13"),
        (DATE, "2026-06-13T00:00:00", "2026-06-13"),
        (DATE, "2026-06-13 00:00:00.000", "2026-06-13"),
    ],
)
def test_a_cell_that_says_what_its_field_holds_is_read(of: Field, text: str, value: object) -> None:
    found = cell_reader(of)(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("of", "text", "rule"),
    [
        (DIGITS, "1.1e7", "characters"),
        (DIGITS, "0110000A", "characters"),
        (DIGITS, "-1100001", "characters"),
        (DIGITS, "=11000011", "characters"),
        (DIGITS, "1100001", "short_code"),
        (DIGITS, "1100001.0", "short_code"),
        (DIGITS, "0110001", "length"),
        (DIGITS, "01100001.0", "code_of_number"),
        (DIGITS, "1.0101E+08", "code_of_number"),
        (CODE, "1.1E+04", "code_of_number"),
        (ACCESS, "1.23E+07", "code_of_number"),
        (SUFFIX, "123456.0", "code_of_number"),
        (field(type="id_suffix", min_length=6), "12345", "short_code"),
        (DIGITS, "0110000012", "length"),
        (DIGITS, "٠١٢٣٤٥٦٧", "characters"),
        (CODE, "a", "length"),
        (CODE, "a_b", "letters_and_digits"),
        (ACCESS, "36RBEJW", "access_code"),
        (ACCESS, "36RBEJWU", "access_code"),
        (SUFFIX, "X23456", "id_suffix"),
        (SUFFIX, "12345", "id_suffix"),
        (NAME, "六个字的名字", "text_length"),
        (NAME, "a\x00b", "control_character"),
        (NAME, "a\x1b[1m", "control_character"),
        (NAME, "a\nb", "control_character"),
        (NAME, "a\x85b", "control_character"),
        (NAME, "张\ue0c5", "private_character"),
        (NAME, "张\U000f0001", "private_character"),
        (NAME, "张\ufffd", "private_character"),
        (NAME, "'张三", "leading_apostrophe"),
        (NAME, "A&amp;B", "entity"),
        (NAME, "张&#x4e00;", "entity"),
        (NAME, "&#19968;", "entity"),
        *((of, "#N/A", "formula_error") for of in (DIGITS, SUFFIX, NAME, SCORE, WHOLE, DATE)),
        *((NAME, text, "formula_error") for text in ("#REF!", "#DIV/0!", "#NAME?", "#VALUE!")),
        *((SCORE, text, "mark") for text in ("1e2", "1E2", "+9", "-1", "nan", "inf", "NaN")),
        *((SCORE, text, "mark") for text in ("9,5", "1,000", ".5", "5.", "0x10", "九", "缺考")),
        *((SCORE, text, "mark") for text in ("1_0", "9 9", "8²", "①", "½", "٩")),
        (SCORE, "99.25", "decimals"),
        (SCORE, "120.1", "full_mark"),
        (SCORE, "121", "full_mark"),
        *((WHOLE, text, "integer") for text in ("1.0", "-1", "+1", "1e1", "1,0", "1²", "")),
        (WHOLE, "0", "range"),
        (WHOLE, "501", "range"),
        (OUTCOME, "派", "outcome"),
        (OUTCOME, "DRAWN", "outcome"),
        *((DATE, text, "date") for text in ("2026-02-30", "26-6-1", "2026-06", "20260613", "x")),
        (DATE, "0000-01-01", "date"),
        (DATE, "2026-06-13 08:30:00", "date"),
    ],
)
def test_a_cell_that_does_not_is_refused_by_a_rule(of: Field, text: str, rule: str) -> None:
    found = cell_reader(of)(text)
    assert isinstance(found, Refusal)
    assert found.rule == rule
    for language in ("zh", "en"):
        said = PHRASES.say(found.rule, language, **found.values)
        assert said
        assert "{" not in said


def test_minus_one_is_a_flag_only_where_a_flag_says_so() -> None:
    assert cell_reader(SCORE, FLAGS)("-1") == "not_taken"
    assert cell_reader(SCORE, FLAGS)("-1.0") == Refusal("mark", {"words": " / 未考"})
    assert isinstance(cell_reader(SCORE)("-1"), Refusal)


@pytest.mark.parametrize(
    ("name", "field_name", "text", "value"),
    [("scores", "chinese", "缺考", "absent"), ("scores", "total", "缺考", None)],
)
def test_the_committed_kinds_flag_their_marks(
    name: str, field_name: str, text: str, value: str | None
) -> None:
    kind = kind_called(name)
    score = kind.field(field_name)
    found = cell_reader(score, kind.flags(score))(text)
    assert found == value if value else isinstance(found, Refusal)


def test_thpt_marks_flag_minus_one() -> None:
    kind = load_kind(THPT)
    mark = kind.field("mathematics")
    assert cell_reader(mark, kind.flags(mark))("-1") == "not_taken"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (9, "9"),
        (9.0, "9"),
        (-1.0, "-1"),
        (101.5, "101.5"),
        (9.25 + 0.1, "9.35"),
        (0.1 + 0.2, "0.3"),
        (1e14, "100000000000000"),
        (1e16, "1e+16"),
        (1e-7, "1e-07"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_is_the_text_a_spreadsheet_shows(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize("text", ["1e+16", "1e-07", "nan", "inf", "-1"])
def test_a_number_that_is_no_mark_is_refused_as_text_would_be(text: str) -> None:
    assert isinstance(cell_reader(SCORE)(text), Refusal)


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (10001000, "10001000"),
        (110000010.0, "110000010"),
        (1000100, Refusal("leading_zeros", {"needed": 8, "found": 7})),
        (0, Refusal("leading_zeros", {"needed": 8, "found": 1})),
        (1e15, Refusal("number_too_long")),
        (999999999999999.0, "999999999999999"),
        (330106201001011234, Refusal("number_too_long")),
        (float("nan"), Refusal("number_too_long")),
        (-10001000.0, "-10001000"),
        (10001000.5, "10001000.5"),
    ],
)
def test_a_number_is_a_code_only_while_all_its_digits_are_there(
    number: float, found: object
) -> None:
    assert code_of_number(DIGITS, number) == found
