"""The real score and cut-off tables: each is read as a reference, or refused for a true reason."""

from pathlib import Path

import pytest

from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import intake
from tests.admin_makers import CHECKOUT, kind_called
from tests.intake_makers import Taken, nothing_remembered

FOLDER = CHECKOUT.parent / "shared" / "data"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the real files, ../shared/data, are not here"),
]


def read(kind: str, path: Path, choice: Choice) -> Taken:
    found = Taken()
    for event in intake(
        kind_called(kind),
        path,
        choice,
        supplied=frozenset(),
        remembered=nothing_remembered,
        memory_mb=1024,
        seconds=60,
    ):
        found.take(event)
    return found


@pytest.mark.parametrize(
    ("kind", "name", "sheets", "records", "first", "last"),
    [
        ("score_table", "shandong-yifenyiduan/2018*", (), 1300, "文史\x1f694", "艺术理\x1f435"),
        (
            "score_table",
            "shandong-yifenyiduan/2019*",
            (),
            2605,
            "文史科类\x1f690",
            "体育科类\x1f170",
        ),
        ("score_table", "chengdu-zhongkao/score*", (), 256, "\x1f655", "\x1f400"),
        (
            "cut_offs",
            "chengdu-zhongkao/schools*",
            ("data",),
            91,
            "\x1f04001\x1f成都七中(林荫校区)\x1f\x1f\x1f",
            "\x1f21017\x1f四川天府新区实外高级中学\x1f\x1f\x1f",
        ),
        (
            "cut_offs",
            "zhejiang-gaokao-2020/*.csv",
            (),
            5294,
            "\x1f1\x1f浙江大学(一流大学建设高校)\x1f\x1f6\x1f新闻传播学类",
            "\x1f9034\x1f中国人民公安大学(一流学科建设高校)\x1f\x1f27\x1f法学",
        ),
        (
            "cut_offs",
            "hangzhou-schools/high_school_cutoffs*",
            (),
            32,
            "\x1f\x1f杭州第二中学\x1f滨江校区\x1f\x1f",
            "\x1f\x1f建德新世纪实验\x1f\x1f\x1f",
        ),
        (
            "school_plans",
            "hangzhou-schools/high_schools*",
            (),
            30,
            "\x1f\x1f杭州高级中学贡院校区",
            "\x1f\x1f杭州绿城育华学校",
        ),
    ],
)
def test_a_real_table_is_read_whole(
    kind: str, name: str, sheets: tuple[str, ...], records: int, first: str, last: str
) -> None:
    (path,) = FOLDER.glob(name)
    found = read(kind, path, Choice(sheets=sheets))
    assert found.rules() == []
    assert len(found.records) == records
    assert (found.records[0].identifier, found.records[-1].identifier) == (first, last)


def test_the_repeated_headers_of_2018_are_passed_over_and_told() -> None:
    (path,) = FOLDER.glob("shandong-yifenyiduan/2018*")
    (repeated,) = (
        finding
        for finding in read("score_table", path, Choice()).findings
        if finding.rule == "repeated_header"
    )
    assert repeated.values["lines"] == "56, 57, 58, 111, 112, 113, 166, 167, 168, 221, 222, 223"


def test_the_one_code_stored_as_a_number_is_told() -> None:
    (path,) = FOLDER.glob("chengdu-zhongkao/schools*")
    found = read("cut_offs", path, Choice())
    (code,) = (finding for finding in found.findings if finding.rule == "code_as_number")
    assert (code.line, code.column, code.values["count"]) == (92, "学校代码", 1)
    # The second sheet is a list of words: it must be named or left out.
    assert found.rules() == ["unclear_layout"]


def test_a_cut_off_table_without_cut_offs_is_refused() -> None:
    (path,) = FOLDER.glob("jiangsu-toudang-2022/*")
    found = read("cut_offs", path, Choice(header=1))
    assert set(found.rules()) == {"missing_column"}
    assert {finding.column for finding in found.findings if finding.severity == "error"} == {
        "学校",
        "分数线",
    }
    assert found.records == []
