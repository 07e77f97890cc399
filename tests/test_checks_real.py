"""Real tables pass the checks that are true of them: no finding, and no suspicion."""

from pathlib import Path

import orjson
import pytest

from lookup.admin.checks import Checker, Context, Place
from lookup.admin.findings import Finding
from lookup.admin.intake.choice import Choice
from lookup.admin.intake.file import intake
from lookup.admin.intake.records import Record
from lookup.kind_file import load_kind
from tests.admin_makers import CHECKOUT

FOLDER = CHECKOUT.parent / "shared" / "data"
KINDS = (CHECKOUT / "data" / "kinds", CHECKOUT / "tests" / "kinds")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the real files, ../shared/data, are not here"),
]

TABLES = [
    ("score_table", "chengdu-zhongkao/score.stats.2023.xlsx", 256),
    ("track_table", "shandong-yifenyiduan/2019一份一段表.xls", 521),
    ("track_table", "shandong-yifenyiduan/2018一分一段.xlsx", 260),
    ("cut_offs", "zhejiang-gaokao-2020/2020投档线.csv", 5294),
    ("cut_offs", "hangzhou-schools/high_school_cutoffs_2025.csv", 32),
    ("school_plans", "hangzhou-schools/high_schools_2026_plan.csv", 30),
    ("draw_periods", "hangzhou-car-lottery/_periods.csv", 66),
    ("draw", "hangzhou-car-lottery/201712.csv", 4796),
    ("thpt", "vn-thpt-2019/cleanData_11-BacKan_2019.csv", 2849),
]


@pytest.mark.parametrize(("name", "file", "rows"), TABLES, ids=[row[1] for row in TABLES])
def test_a_real_table_passes_its_checks(name: str, file: str, rows: int) -> None:
    path = next(folder / f"{name}.toml" for folder in KINDS if (folder / f"{name}.toml").exists())
    kind = load_kind(path)
    checker = Checker(kind, Context(expected=rows))
    found: list[tuple[str, Finding]] = []
    for event in intake(
        kind,
        FOLDER / file,
        Choice(),
        supplied=frozenset({"access_code"}),
        remembered=lambda shape: None,
        memory_mb=1024,
        seconds=60,
    ):
        for record in event if isinstance(event, list) else ():
            if isinstance(record, Record):
                values = orjson.loads(record.body) | record.withheld
                found += checker.add(Place(Path(file).name, record.line), values)
    found += checker.finish()
    assert found == []
