"""What a release tells the public: its tables, those of earlier titles, and no correction's
difference."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from lookup.admin.publishing.releases import Release
from lookup.admin.telling import for_review
from lookup.errors import RefusedError
from lookup.release_file import ReleaseFile
from tests.admin_makers import Office, candidate, kind_called, write_rows

SCORES, ADMISSIONS, PLANS = map(kind_called, ("scores", "admissions", "school_plans"))


YEARS = ("2011", "2012", "2013", "2014", "never opened", "2015")
NAMES = dict(zip(YEARS, ("测试甲", "测试乙", "测试丙", "测试丁", "测试戊", "测试己"), strict=True))
"""Every year has people of its own, though their numbers begin anew."""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def told(office: Office, release: Release) -> dict[str, Any]:
    """The statistics sealed in a release."""
    file = ReleaseFile(office.store.path(release.reference))
    document: dict[str, Any] = orjson.loads(file.statistics(office.keys.get(release.id)))
    file.close()
    return document


def made(office: Office, title: str, *totals: int) -> Release:
    """A sealed release in which twelve have each of these totals, opened later or not."""
    rows = [
        candidate(place * 12 + one + 1, 姓名=NAMES[title], 语文="60", 总分=str(total))
        for place, total in enumerate(totals)
        for one in range(12)
    ]
    return built(office, title, rows)


def built(office: Office, title: str, rows: list[list[str]]) -> Release:
    path = write_rows(office.root / "made.csv", rows)
    return office.build(office.load(SCORES, path, title=title).batch)


def lower_ends(document: dict[str, Any]) -> list[float | None]:
    (table,) = [table for table in document["tables"] if table["name"] == "total"]
    return [row["from"] for row in table["rows"]]


def test_a_release_tells_its_tables_and_those_of_three_earlier_titles(office: Office) -> None:
    titles = ["2011", "2012", "2013", "2014"]
    for place, title in enumerate(titles):
        office.open(made(office, title, 500, 400 + place).id)
    made(office, "never opened", 500, 300)
    document = told(office, made(office, "2015", 500, 450))
    assert [earlier["title"] for earlier in document["earlier"]] == ["2014", "2013", "2012"]
    assert [lower_ends(earlier) for earlier in document["earlier"]] == [[500, None]] * 3
    assert all(earlier.keys() == {"title", "tables"} for earlier in document["earlier"])
    assert "as_of_version" not in document


def test_who_signs_for_a_batch_sees_the_tables_that_its_release_will_tell(office: Office) -> None:
    office.open(made(office, "2014", 500, 400).id)
    release = made(office, "2015", 500, 450)
    shown = office.at_desk(lambda desk: for_review(desk.database, release.batch))
    assert shown == told(office, release)
    assert [earlier["title"] for earlier in shown["earlier"]] == ["2014"]


def test_a_version_sealed_before_the_first_was_published_does_not_open_over_it(
    office: Office,
) -> None:
    first = built(office, "2015", moved(0))
    second = built(office, "2015", moved(3))
    office.open(first.id)
    with pytest.raises(RefusedError, match="tells of few people: build the batch again"):
        office.open(second.id)
    again = office.build(second.batch)
    assert told(office, again)["as_of_version"] == first.version
    office.open(again.id)


def test_the_same_people_under_another_title_are_told_by_no_other_table(office: Office) -> None:
    office.open(built(office, "2015", moved(0)).id)
    mended = told(office, built(office, "2015 mended", moved(1)))
    assert mended == {"tables": [], "earlier": []}
    anew = told(office, built(office, "2015 anew", moved(12)))
    assert anew["tables"]
    assert anew["earlier"] == []


def test_what_was_withdrawn_is_no_earlier_title(office: Office) -> None:
    office.open(made(office, "2014", 500, 400).id)
    office.do(lambda publisher: publisher.withdraw("scores", "错了"))
    assert told(office, made(office, "2015", 500, 400))["earlier"] == []


def test_earlier_statistics_outlive_the_release_they_were_told_by(office: Office) -> None:
    release = made(office, "2014", 500, 400)
    office.open(release.id)
    office.do(lambda publisher: publisher.close("scores"))
    office.keys.destroy(release.id)
    office.store.path(release.reference).unlink()
    (earlier,) = told(office, made(office, "2015", 500, 400))["earlier"]
    assert earlier["title"] == "2014"


def moved(people: int) -> list[list[str]]:
    """Twelve with 500 and 36 with 400, of whom some are corrected to 500."""
    totals = [500] * 12 + [400] * 36
    totals[12 : 12 + people] = [500] * people
    return [candidate(i + 1, 语文="60", 总分=str(total)) for i, total in enumerate(totals)]


def test_a_correction_of_few_keeps_the_statistics_that_were_told_and_says_so(
    office: Office,
) -> None:
    first = built(office, "2015", moved(0))
    office.open(first.id)
    document = told(office, first)
    for version in (2, 3):
        release = built(office, "2015", moved(1))
        assert release.version == version
        assert told(office, release) == document | {"as_of_version": 1}
        office.open(release.id)


def test_a_correction_of_many_and_one_that_moves_no_number_tell_new_statistics(
    office: Office,
) -> None:
    office.open(built(office, "2015", moved(0)).id)
    for people, cumulative in ((0, 12), (12, 24)):
        document = told(office, built(office, "2015", moved(people)))
        assert "as_of_version" not in document
        assert document["tables"][0]["rows"][0]["cumulative"] == cumulative


def test_what_was_never_opened_keeps_nothing_back(office: Office) -> None:
    built(office, "2015", moved(0))
    assert "as_of_version" not in told(office, built(office, "2015", moved(1)))


def test_after_a_withdrawal_a_difference_of_few_leaves_no_tables_at_all(office: Office) -> None:
    office.open(built(office, "2015", moved(0)).id)
    office.do(lambda publisher: publisher.withdraw("scores", "错了"))
    assert told(office, built(office, "2015", moved(1))) == {"tables": [], "earlier": []}


def test_plans_are_those_of_the_newest_batch_that_checks_rely_on(office: Office) -> None:
    plans = office.root / "plans.csv"
    for places in (90, 30):
        header = ["录取批次", "学校代码", "学校", "计划数"]
        write_rows(plans, [["第一批", "001", "一中", str(places)]], header)
        office.load(PLANS, plans)
    header = ["准考证号", "查询码", "姓名", "录取结果", "录取批次", "录取学校代码", "录取学校"]
    rows = [
        [*candidate(n)[:2], f"测试{n}", "已录取", "第一批", "001", "一中"] for n in range(1, 15)
    ]
    other = [[*candidate(n)[:2], f"测试{n}", "未录取", "", "", ""] for n in range(20, 40)]
    path = write_rows(office.root / "admissions.csv", [*rows, *other], header)
    release = office.build(office.load(ADMISSIONS, path, title="2015").batch)
    (schools,) = told(office, release)["tables"]
    assert [(row["school"], row["plan"], row["admitted"]) for row in schools["rows"]] == [
        ("一中", 30, 14)
    ]
