"""The sample as CSV files, with the headers that offices use."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookup.sample.admissions import ADMITTED, Admission, make_admissions
from lookup.sample.candidates import Candidate, make_candidates
from lookup.sample.high_schools import Round, admission_rounds
from lookup.sample.lottery import Entry, make_lottery
from lookup.sample.scores import SUBJECTS, Sheet, in_marks, make_scores

PREFERENCES = 7
"""Preference columns in admissions.csv: one early, three first and three second."""

_PERSON = ("查询码", "身份证号后六位", "姓名")
_TRIPLES = tuple(
    f"志愿{n}{part}" for n in range(1, PREFERENCES + 1) for part in ("批次", "学校", "结果")
)

SCORES_HEADER = (
    *("准考证号", *_PERSON, "毕业学校"),
    *(subject.name for subject in SUBJECTS),
    *("总分", "名次", "考试情况"),
)
ADMISSIONS_HEADER = (
    *("准考证号", *_PERSON, "毕业学校", "总分", "录取结果"),
    *("录取批次", "录取学校代码", "录取学校", "志愿序号", "录取分数", "录取分数线"),
    *_TRIPLES,
)
LOTTERY_HEADER = (
    *("报名号", *_PERSON),
    *("报名学校代码", "报名学校", "班级类别", "派位结果", "派位序号"),
)
PLANS_HEADER = ("录取批次", "学校代码", "学校", "计划数")


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """Where the files are, each under the name of the kind it is loaded as."""

    scores: Path
    lottery: Path
    admissions: Path
    school_plans: Path


def _person(candidate: Candidate) -> list[str]:
    school = candidate.school.name
    return [candidate.number, candidate.code, candidate.id_tail, candidate.name, school]


def _scores_row(sheet: Sheet) -> list[str]:
    marks = [sheet.status if mark is None else in_marks(mark) for mark in sheet.marks]
    return [
        *_person(sheet.candidate),
        *marks,
        in_marks(sheet.total),
        str(sheet.rank),
        sheet.status,
    ]


def _taken_cells(admission: Admission) -> list[str]:
    """From 录取批次 to 录取分数线: empty unless admitted."""
    if admission.result != ADMITTED or admission.taken is None or admission.line is None:
        return [""] * 6
    choice = admission.choices[admission.taken]
    return [
        choice.round_name,
        choice.school.code,
        choice.school.name,
        str(admission.taken + 1),
        in_marks(admission.sheet.total),
        in_marks(admission.line),
    ]


def _admissions_row(admission: Admission) -> list[str]:
    cells: list[str] = []
    for choice, outcome in zip(admission.choices, admission.outcomes, strict=True):
        cells += [choice.round_name, choice.school.name, outcome]
    return [
        *_person(admission.sheet.candidate),
        in_marks(admission.sheet.total),
        admission.result,
        *_taken_cells(admission),
        *cells,
        *[""] * (len(_TRIPLES) - len(cells)),
    ]


def _lottery_row(entry: Entry) -> list[str]:
    draw = entry.draw
    return [
        *(entry.number, entry.code, entry.id_tail, entry.name),
        *(draw.school_code, draw.school_name, draw.class_kind),
        entry.outcome,
        "" if entry.order is None else str(entry.order),
    ]


def _plan_rows(rounds: Iterable[Round]) -> Iterator[list[str]]:
    for stage in rounds:
        for offer in stage.offers:
            yield [stage.name, offer.school.code, offer.school.name, str(offer.places)]


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_sample(
    folder: Path, *, candidates: int = 24_000, families: int = 8_800, seed: int = 2015
) -> SampleFiles:
    """Write scores, admissions, lottery and school_plans.csv into `folder`; overwrites them.

    `candidates` sit the exam and `families` enter the lottery, each at least 1; the plans are
    the places that the admissions were made with. The folder is made if it is missing. The
    files are UTF-8 without a byte order mark, with commas and "\\n", and the same numbers and
    seed give the same bytes.

    Raises ValueError for numbers below 1 or above what the numbering can hold, and
    then writes nothing.
    """
    if candidates < 1 or families < 1:
        raise ValueError("A sample needs at least one candidate and one family.")
    sheets = make_scores(seed, make_candidates(seed, candidates))
    admissions = make_admissions(seed, sheets)
    entries = make_lottery(seed, families)
    folder.mkdir(parents=True, exist_ok=True)
    return SampleFiles(
        scores=_write(folder / "scores.csv", SCORES_HEADER, map(_scores_row, sheets)),
        lottery=_write(folder / "lottery.csv", LOTTERY_HEADER, map(_lottery_row, entries)),
        admissions=_write(
            folder / "admissions.csv", ADMISSIONS_HEADER, map(_admissions_row, admissions)
        ),
        school_plans=_write(
            folder / "school_plans.csv", PLANS_HEADER, _plan_rows(admission_rounds(candidates))
        ),
    )
