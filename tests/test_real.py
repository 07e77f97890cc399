"""The real files: three provinces of 2019, every served record against its source row."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from loadtest.bench.load import SUBJECTS
from lookup.candidate import CANONICAL, credential
from lookup.kind_file import load_kind
from lookup.release_file import ReleaseFile
from tests.admin_makers import CHECKOUT, THPT, Office

FOLDER = CHECKOUT.parent / "shared" / "data" / "vn-thpt-2019"
BAC_KAN = "cleanData_11-BacKan_2019.csv"
PROVINCES = {"cleanData_07-LaiChau_2019.csv", BAC_KAN, "cleanData_06-CaoBang_2019.csv"}
BAC_KAN_ROWS = 2849

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not FOLDER.is_dir(), reason="the real files, ../shared/data/vn-thpt-2019, are not here"
    ),
]


def source_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def expected(row: dict[str, str]) -> dict[str, object]:
    marks = {
        SUBJECTS[header]: "not_taken" if Decimal(cell) == -1 else Decimal(cell)
        for header, cell in row.items()
        if header in SUBJECTS and cell.strip()
    }
    return {"candidate_number": row["SBD"], **marks}


def test_every_served_record_is_its_source_row(tmp_path: Path) -> None:
    office = Office(tmp_path)
    paths = [FOLDER / name for name in sorted(PROVINCES)]
    codes_path = tmp_path / "codes.csv"
    loaded = office.load(load_kind(THPT), *paths, codes_path=codes_path)
    assert (loaded.errors, loaded.warnings) == (0, 0)
    release = office.open(office.build(loaded.batch).id)

    with codes_path.open(encoding="utf-8-sig", newline="") as file:
        codes = dict(list(csv.reader(file))[1:])
    rows = {path.name: source_rows(path) for path in paths}
    assert len(rows[BAC_KAN]) == BAC_KAN_ROWS
    assert all(row["SBD"].startswith("011") and len(row["SBD"]) == 9 for row in rows[BAC_KAN])
    assert loaded.records == len(codes) == sum(map(len, rows.values()))

    pointer = office.pointer("thpt")
    assert pointer is not None
    assert pointer.current is not None
    file_found = ReleaseFile(office.store.path(release.reference))
    for row in (row for several in rows.values() for row in several):
        number = row["SBD"]
        asked = credential(
            [
                ("candidate_number", CANONICAL["code"](number)),
                ("access_code", CANONICAL["access_code"](codes[number].lower())),
            ]
        )
        body = file_found.find(pointer.current.key, asked)
        assert body is not None, number
        served = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        assert served["record"] == expected(row)
    assert file_found.entries() == loaded.records
    file_found.close()
    assert office.verify(release, *paths).differences == 0
