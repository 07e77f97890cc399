"""The sample at its default size: its files, and how they agree."""

import csv
import dataclasses
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from lookup.sample import SampleFiles, write_sample

Row = dict[str, str]

CANDIDATES = 24_000
FAMILIES = 8_800
FULL_MARKS = {"语文": 120, "数学": 120, "英语": 120, "科学": 160, "社会": 50, "体育": 30}
MISSED = {"缺考", "违纪", "缓考", "免考"}
PERSON = ("准考证号", "查询码", "身份证号后六位", "姓名", "毕业学校")
TAKEN = ("录取批次", "录取学校代码", "录取学校", "志愿序号", "录取分数", "录取分数线")
ROUNDS = ("提前批", "第一批", "第二批")


@dataclass(frozen=True)
class Sample:
    files: SampleFiles
    scores: list[Row]
    admissions: list[Row]
    lottery: list[Row]
    plans: list[Row]


def rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    files = write_sample(tmp_path_factory.mktemp("sample"))
    paths = (files.scores, files.admissions, files.lottery, files.school_plans)
    return Sample(files, *map(rows, paths))


def contents(files: SampleFiles) -> list[bytes]:
    return [path.read_bytes() for path in dataclasses.astuple(files)]


def choices(row: Row) -> list[tuple[str, str, str]]:
    """Round, school and outcome of each stated preference."""
    cells = [(row[f"志愿{n}批次"], row[f"志愿{n}学校"], row[f"志愿{n}结果"]) for n in range(1, 8)]
    return [choice for choice in cells if any(choice)]


def rank_key(row: Row) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """The order for admission, from the cells of scores.csv."""

    def mark(subject: str) -> Decimal:
        return Decimal(0) if row[subject] in MISSED else Decimal(row[subject])

    return Decimal(row["总分"]), mark("语文") + mark("数学"), mark("英语"), mark("科学")


def by_school(found: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in found:
        if row["录取结果"] == "已录取":
            groups[row["录取批次"], row["录取学校"]].append(row)
    return groups


def test_the_same_seed_and_size_give_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lookup.sample import write_sample; "
        "write_sample(Path(sys.argv[1]), candidates=400, families=300)"
    )
    root = Path(__file__).parent.parent
    for hash_seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / hash_seed)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=root,
            check=True,
        )
    here = write_sample(tmp_path / "here", candidates=400, families=300)
    for path in dataclasses.astuple(here):
        for hash_seed in ("1", "2"):
            assert path.read_bytes() == (tmp_path / hash_seed / path.name).read_bytes()


def test_the_default_sample_is_written_again_byte_for_byte(sample: Sample, tmp_path: Path) -> None:
    assert contents(write_sample(tmp_path)) == contents(sample.files)


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    one, two = (write_sample(tmp_path / str(n), candidates=50, families=50, seed=n) for n in (1, 2))
    # The plans are of nobody: the city decides them by the number of candidates.
    for name in ("scores", "lottery", "admissions"):
        assert getattr(one, name).read_bytes() != getattr(two, name).read_bytes()


def test_files_have_no_byte_order_mark_and_plain_newlines(sample: Sample) -> None:
    for data in contents(sample.files):
        assert not data.startswith(b"\xef\xbb\xbf")
        assert b"\r" not in data
        assert data.endswith(b"\n")


def test_columns_are_exactly_those_agreed(sample: Sample) -> None:
    subjects = list(FULL_MARKS)
    assert list(sample.scores[0]) == [*PERSON, *subjects, "总分", "名次", "考试情况"]
    preferences = [f"志愿{n}{part}" for n in range(1, 8) for part in ("批次", "学校", "结果")]
    assert list(sample.admissions[0]) == [*PERSON, "总分", "录取结果", *TAKEN, *preferences]
    assert ",".join(sample.lottery[0]) == (
        "报名号,查询码,身份证号后六位,姓名,报名学校代码,报名学校,班级类别,派位结果,派位序号"
    )
    assert list(sample.plans[0]) == ["录取批次", "学校代码", "学校", "计划数"]


def test_there_are_as_many_rows_as_asked_for(sample: Sample) -> None:
    assert len(sample.scores) == len(sample.admissions) == CANDIDATES
    assert len(sample.lottery) == FAMILIES


def test_numbers_keep_leading_zeros_and_are_unique_and_sorted(sample: Sample) -> None:
    for found, column, digits in ((sample.scores, "准考证号", 9), (sample.lottery, "报名号", 8)):
        numbers = [row[column] for row in found]
        assert all(re.fullmatch(rf"[0-9]{{{digits}}}", number) for number in numbers)
        assert any(number.startswith("0") for number in numbers)
        assert numbers == sorted(set(numbers))


def test_codes_and_id_tails_are_well_formed(sample: Sample) -> None:
    for row in sample.scores + sample.lottery:
        assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{8}", row["查询码"])
        assert re.fullmatch("(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]", row["身份证号后六位"])


def test_marks_are_within_the_full_marks_and_in_their_steps(sample: Sample) -> None:
    for row in sample.scores:
        for subject, full in FULL_MARKS.items():
            if row[subject] in MISSED:
                assert row[subject] == row["考试情况"]
                continue
            half = "(?:[.]5)?" if subject in ("语文", "英语") else ""
            assert re.fullmatch(f"(?:0|[1-9][0-9]*){half}", row[subject])
            assert Decimal(row[subject]) <= full


def test_totals_are_the_sums_of_the_marks_there_are(sample: Sample) -> None:
    for row in sample.scores:
        marks = [Decimal(row[subject]) for subject in FULL_MARKS if row[subject] not in MISSED]
        assert Decimal(row["总分"]) == sum(marks)
        assert row["总分"].removesuffix(".5").isdecimal()


def test_ranks_are_competition_ranks_by_total(sample: Sample) -> None:
    counts = Counter(Decimal(row["总分"]) for row in sample.scores)
    ranks, ahead = {}, 0
    for total in sorted(counts, reverse=True):
        ranks[total] = ahead + 1
        ahead += counts[total]
    assert all(int(row["名次"]) == ranks[Decimal(row["总分"])] for row in sample.scores)


def test_a_candidate_is_not_normal_exactly_if_a_subject_is_missing(sample: Sample) -> None:
    for row in sample.scores:
        missing = any(row[subject] in MISSED for subject in FULL_MARKS)
        assert missing == (row["考试情况"] != "正常")


def test_every_status_occurs_and_few_are_not_normal(sample: Sample) -> None:
    found = Counter(row["考试情况"] for row in sample.scores)
    assert set(found) == MISSED | {"正常"}
    assert 0.003 < 1 - found["正常"] / CANDIDATES < 0.008


def test_good_candidates_are_good_in_several_subjects(sample: Sample) -> None:
    sat = [row for row in sample.scores if row["考试情况"] == "正常"]
    maths = sum(float(row["数学"]) for row in sat) / len(sat)
    best = [float(row["数学"]) for row in sat if float(row["语文"]) >= 105]
    assert sum(best) / len(best) > maths + 10


def test_both_exam_files_have_the_same_people_and_totals(sample: Sample) -> None:
    for scored, admitted in zip(sample.scores, sample.admissions, strict=True):
        assert [scored[column] for column in (*PERSON, "总分")] == [
            admitted[column] for column in (*PERSON, "总分")
        ]


def test_whoever_missed_everything_states_no_preference_and_is_not_admitted(
    sample: Sample,
) -> None:
    pairs = zip(sample.scores, sample.admissions, strict=True)
    absent = [a for s, a in pairs if all(s[subject] in MISSED for subject in FULL_MARKS)]
    assert absent
    assert all(not choices(row) and row["录取结果"] == "未录取" for row in absent)


def test_every_result_occurs_and_about_nine_in_ten_are_admitted(sample: Sample) -> None:
    found = Counter(row["录取结果"] for row in sample.admissions)
    assert set(found) == {"已录取", "未录取", "待投档", "退档"}
    assert 0.88 < found["已录取"] / CANDIDATES < 0.94
    assert 0 < found["退档"] < 40
    assert 0 < found["待投档"] < 40


def test_only_the_admitted_have_a_school(sample: Sample) -> None:
    for row in sample.admissions:
        filled = {bool(row[column]) for column in TAKEN}
        assert filled == {row["录取结果"] == "已录取"}


def test_preferences_are_packed_in_the_order_of_rounds_within_their_limits(
    sample: Sample,
) -> None:
    for row in sample.admissions:
        stated = choices(row)
        assert all(all(choice) for choice in stated)
        assert not any(row[f"志愿{n}批次"] for n in range(len(stated) + 1, 8))
        rounds = [ROUNDS.index(choice[0]) for choice in stated]
        assert rounds == sorted(rounds)
        assert all(rounds.count(n) <= limit for n, limit in enumerate((1, 3, 3)))
        assert len({choice[:2] for choice in stated}) == len(stated)


def test_outcomes_of_preferences_tell_the_result(sample: Sample) -> None:
    for row in sample.admissions:
        outcomes = [choice[2] for choice in choices(row)]
        if row["录取结果"] in ("未录取", "待投档"):
            assert set(outcomes) <= {"未达线"}
            continue
        word = "录取" if row["录取结果"] == "已录取" else "退档"
        taken = outcomes.index(word)
        unread = len(outcomes) - taken - 1
        assert outcomes == ["未达线"] * taken + [word] + ["未检索"] * unread


def test_the_admitting_preference_is_the_one_named(sample: Sample) -> None:
    for row in sample.admissions:
        if row["录取结果"] == "已录取":
            taken = choices(row)[int(row["志愿序号"]) - 1]
            assert taken == (row["录取批次"], row["录取学校"], "录取")
            assert row["录取分数"] == row["总分"]


def test_the_line_is_the_last_admitted_total_and_nobody_admitted_is_below(
    sample: Sample,
) -> None:
    for admitted in by_school(sample.admissions).values():
        line = min(Decimal(row["总分"]) for row in admitted)
        assert {Decimal(row["录取分数线"]) for row in admitted} == {line}
        assert all(Decimal(row["录取分数"]) >= line for row in admitted)


def test_no_school_is_over_plan_counting_those_returned(sample: Sample) -> None:
    forwarded = Counter(
        choice[:2]
        for row in sample.admissions
        for choice in choices(row)
        if choice[2] in ("录取", "退档")
    )
    places = {(row["录取批次"], row["学校"]): int(row["计划数"]) for row in sample.plans}
    assert len(places) == len(sample.plans)
    assert forwarded.keys() <= places.keys()
    assert all(count <= places[school] for school, count in forwarded.items())


def test_whoever_was_refused_a_school_ranks_behind_all_it_admitted(sample: Sample) -> None:
    last: dict[tuple[str, str], tuple[Decimal, ...]] = {}
    refused: list[tuple[tuple[str, str], tuple[Decimal, ...]]] = []
    for scored, row in zip(sample.scores, sample.admissions, strict=True):
        key = rank_key(scored)
        for stage, school, outcome in choices(row):
            if outcome in ("录取", "退档"):
                last[stage, school] = min(key, last.get((stage, school), key))
            elif outcome == "未达线":
                refused.append(((stage, school), key))
    assert refused
    assert all(key <= last[school] for school, key in refused)


def test_a_school_has_one_code_with_leading_zeros(sample: Sample) -> None:
    pairs = {(row["录取学校代码"], row["录取学校"]) for row in sample.admissions} - {("", "")}
    assert pairs <= {(row["学校代码"], row["学校"]) for row in sample.plans}
    assert len({code for code, _ in pairs}) == len({name for _, name in pairs}) == len(pairs)
    assert all(re.fullmatch("0[0-9]{2}", code) for code, _ in pairs)
    codes = {row["报名学校代码"]: row["报名学校"] for row in sample.lottery}
    assert len(codes) == len(set(codes.values())) == 18


def test_names_include_the_dot_and_four_byte_characters(sample: Sample) -> None:
    for found in (sample.scores, sample.lottery):
        names = [row["姓名"] for row in found]
        assert any("·" in name for name in names)
        assert any(ord(char) > 0xFFFF for name in names for char in name)
    short = sum(len(row["姓名"]) == 2 for row in sample.scores)
    assert 0.2 < short / CANDIDATES < 0.3
