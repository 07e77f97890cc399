"""Makers for tests of checks: a kind with the checks in hand, and a batch run through them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lookup.admin.checks import Checker, Context, Place, Profile
from lookup.admin.findings import Finding
from lookup.kinds import Kind, read_kind

FULL = 100
TEXT = {"type": "text", "max_length": 40}
NUMBER = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
MARK = {"type": "score", "full_mark": FULL, "decimals": 1}
FIELDS: dict[str, dict[str, Any]] = {
    "number": {"type": "code", "max_length": 9, "required": True},
    "code": {"type": "access_code"},
    "school": TEXT,
    "room": TEXT,
    "a": MARK | {"flags": "flag"},
    "b": MARK | {"flags": "flag"},
    "c": MARK | {"flags": "flag"},
    "total": MARK | {"full_mark": 300},
    "line": MARK | {"full_mark": 300},
    "rank": NUMBER,
    "order": NUMBER | {"minimum": 1},
    "plan": NUMBER,
    "count": NUMBER,
    "cumulative": NUMBER,
    "flag": {
        "type": "outcome",
        "value": [
            {"code": "normal", "label": {"zh": "正常", "en": "Normal"}},
            {"code": "absent", "label": {"zh": "缺考", "en": "Absent"}, "replaces_mark": True},
            {"code": "exempt", "label": {"zh": "免考", "en": "Exempt"}, "replaces_mark": True},
        ],
    },
    "outcome": {
        "type": "outcome",
        "value": [
            {"code": "admitted", "label": {"zh": "已录取", "en": "Admitted"}},
            {"code": "waiting", "label": {"zh": "待录取", "en": "Waiting"}},
        ],
    },
}
PARTS = ["a", "b", "c"]
Row = dict[str, Any]


def document_with(*checks: Mapping[str, Any]) -> dict[str, Any]:
    """A made-up kind's document with these checks."""
    label = {"zh": "试验", "en": "Test"}
    return {
        "format": 1,
        "name": "made_up",
        "title": label,
        "about": label,
        "identifier": "number",
        "headline": "total",
        "field": [
            {"name": name, "label": {"zh": f"{name}栏", "en": name}} | options
            for name, options in FIELDS.items()
        ],
        "way_in": [{"name": "code", "label": label, "fields": ["number", "code"]}],
        "group": [{"title": label, "fields": ["total"]}],
        "check": list(checks),
    }


def kind_with(*checks: Mapping[str, Any]) -> Kind:
    """A made-up kind with these checks."""
    return read_kind(document_with(*checks))


def checked(
    kind: Kind,
    rows: Iterable[Row],
    *,
    expected: int | None = None,
    references: Mapping[str, Sequence[Row]] | None = None,
    previous: Profile | None = None,
    left_out: int | None = 0,
    doubled: int = 0,
) -> tuple[list[Finding], Checker]:
    """The findings of one batch, rows from line 2 on of 甲.csv; each says its sentence."""
    context = Context(expected, references or {}, previous, left_out, doubled)
    checker = Checker(kind, context)
    found: list[tuple[str, Finding]] = []
    for line, row in enumerate(rows, start=2):
        found += checker.add(Place("甲.csv", line), row)
    found += checker.finish()
    for source, finding in found:
        assert source == ("甲.csv" if finding.line else "")
        for language in ("zh", "en"):
            assert "{" not in finding.reason(language)
    return [finding for _, finding in found], checker


def told(kind: Kind, rows: Iterable[Row], **context: Any) -> list[tuple[int, str]]:
    """The line and rule of each finding."""
    return [(finding.line, finding.rule) for finding in checked(kind, rows, **context)[0]]
