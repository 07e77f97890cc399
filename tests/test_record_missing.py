"""Which records lack marks, and which have none: by the flags of their kind's own document."""

from typing import Any

import pytest

from lookup.record.missing import missing
from tests.makers import make_kind
from tests.record_makers import FULLEST, SCORES

MARKS = [field.name for field in make_kind().fields if field.flags]
NONE = {**SCORES, **dict.fromkeys(MARKS, "deferred"), "total": 0}


@pytest.mark.parametrize("kind", FULLEST)
def test_a_record_with_all_its_marks_lacks_none(kind: str) -> None:
    assert missing(make_kind(kind), FULLEST[kind]) is None


@pytest.mark.parametrize(
    ("record", "code", "wholly"),
    [
        ({**SCORES, "english": "absent"}, "absent", False),
        ({**SCORES, "flag": "exempt"}, "exempt", False),
        (NONE, "deferred", True),
        ({**NONE, "flag": "misconduct"}, "misconduct", True),
        ({**NONE, "sport": 30, "total": 30}, "deferred", False),
        ({"flag": "absent", "total": 0}, "absent", True),
        ({"flag": "absent"}, "absent", True),
        ({"flag": "absent", "total": 400}, "absent", False),
    ],
)
def test_a_status_goes_before_a_cell_and_any_mark_counts(
    record: dict[str, Any], code: str, wholly: bool
) -> None:
    found = missing(make_kind(), record)
    assert found is not None
    assert (found.field.name, found.value.code, found.wholly) == ("flag", code, wholly)


def test_what_is_no_flag_of_the_kind_stands_for_no_mark() -> None:
    assert missing(make_kind(), {"name": "absent", "flag": "unheard", "total": 0}) is None
