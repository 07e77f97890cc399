"""Kinds as data: what a right document gives, and that no document whatever breaks the check."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.kind_file import load_kind
from lookup.kind_rules import TYPES, check, dotted
from lookup.kinds import read_kind

ROOT = Path(__file__).parent.parent
FILES = [*sorted((ROOT / "data" / "kinds").glob("*.toml")), ROOT / "tests" / "kinds" / "thpt.toml"]
DOCUMENTS = [tomllib.loads(path.read_text(encoding="utf-8")) for path in FILES]
KEYS = [
    "name",
    "label",
    "type",
    "headers",
    "flags",
    "value",
    "column",
    "values",
    "written",
    "fields",
    "field",
    "way_in",
    "group",
    "hint",
    "required",
    "max_rows",
    "max_length",
    "min_length",
    "minimum",
    "maximum",
    "full_mark",
    "decimals",
    "statistics",
    "zh",
    "en",
]
WORDS = st.sampled_from([*KEYS, *TYPES, "candidate_number", "access_code", "id_suffix", "counts"])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
JSON = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of everything inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[str | int, ...]] = []
    for key, part in inner:
        found.append((*path, key))
        if isinstance(part, dict | list):
            found += places(part, (*path, key))
    return found


def mutate(document: dict[str, Any], path: tuple[str | int, ...], *values: Any) -> dict[str, Any]:
    """A copy with what stands at `path` replaced, or deleted where no value is given."""
    changed = copy.deepcopy(document)
    *outer, last = path
    table: Any = changed
    for part in outer:
        table = table[part]
    if values:
        table[last] = values[0]
    else:
        del table[last]
    return changed


SCORES = DOCUMENTS[[path.stem for path in FILES].index("scores")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_kind_loads(path: Path) -> None:
    kind = load_kind(path)
    assert kind.name == path.stem
    assert kind.field(kind.identifier).required
    assert all(way.fields[0] == kind.identifier for way in kind.ways)
    for way in kind.ways:
        assert kind.way_of(frozenset(way.fields)) == way
    shown = {name for group in kind.groups for name in group.fields}
    assert not {field.name for field in kind.fields if field.secret} & shown


@pytest.mark.parametrize("document", DOCUMENTS, ids=[path.stem for path in FILES])
def test_a_document_survives_json(document: dict[str, Any]) -> None:
    kind = read_kind(document)
    assert read_kind(orjson.loads(orjson.dumps(document))) == kind
    assert read_kind(orjson.loads(orjson.dumps(kind.document))) == kind


def test_a_score_knows_what_may_stand_for_a_mark() -> None:
    kind = read_kind(SCORES)
    flags = kind.flags(kind.field("chinese"))
    assert [flag.code for flag in flags] == ["absent", "misconduct", "deferred", "exempt"]
    assert kind.flags(kind.field("total")) == ()


def test_secrets_have_the_length_they_have() -> None:
    kind = read_kind(SCORES)
    code, suffix = kind.field("access_code"), kind.field("id_suffix")
    assert (code.min_length, code.max_length) == (8, 8)
    assert (suffix.min_length, suffix.max_length) == (6, 6)
    assert code.secret
    assert suffix.secret
    assert not kind.field("name").secret


def test_a_field_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        read_kind(SCORES).field("music")


def test_a_label_speaks_chinese_unless_asked_for_english() -> None:
    title = read_kind(SCORES).title
    assert title.in_language("en") == "Senior high-school entrance exam scores"
    assert title.in_language("zh") == title.in_language("fr") == "中考成绩查询"


def test_no_way_in_is_made_of_part_of_one() -> None:
    kind = read_kind(SCORES)
    assert kind.way_of(frozenset({"candidate_number"})) is None
    assert kind.way_of(frozenset({"candidate_number", "access_code", "id_suffix"})) is None


def test_a_wrong_document_is_a_value_error_with_every_problem() -> None:
    wrong = mutate(mutate(SCORES, ("title",)), ("field", 0, "type"), "codes")
    with pytest.raises(ValueError, match=r"field 1 type: .*title: is missing|title: is missing.*"):
        read_kind(wrong)


def test_a_path_counts_tables_from_one() -> None:
    assert dotted(("field", 2, "column", 0, "headers")) == "field 3 column 1 headers"


REFERENCE_MISTAKES: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("identifier",), "name", "must name a field of type code"),
    (("headline",), "access_code", "must name a field that the page shows"),
    (("way_in", 0, "fields"), ["candidate_number"], "at least one second factor"),
    (("way_in", 0, "fields"), ["access_code", "candidate_number"], "must be candidate_number"),
    (("way_in", 0, "fields"), ["candidate_number", "total"], "cannot be typed here"),
    (("group", 0, "fields"), ["name", "id_suffix"], "may show"),
    (("group", 0, "fields"), ["music"], "may show"),
    (("field", 5, "flags"), "music", "of type outcome"),
    (("field", 5, "full_mark"), 0, "above 0"),
    (("field", 0, "max_length"), 200, "128 or less"),
    (("field", 0, "min_length"), 10, "above max_length"),
]


@pytest.mark.parametrize(("path", "value", "reason"), REFERENCE_MISTAKES)
def test_a_name_or_limit_that_makes_no_sense_is_found(
    path: tuple[str | int, ...], value: Any, reason: str
) -> None:
    problems = check(mutate(SCORES, path, value))
    assert [reason in found.reason for found in problems if found.path == path] == [True]


@pytest.mark.parametrize(
    "document",
    [
        {"field": [{"type": []}]},
        {"field": [{"type": {}}]},
        {"field": [{"type": "rows", "column": [{"type": []}]}]},
        {"field": [{"type": "rows", "column": [{"headers": 1}]}]},
        {"field": [{"type": "rows", "column": [{"headers": [1]}]}]},
        {"field": [{"type": "rows", "column": [{"headers": None}]}]},
        {"field": [{"type": "code", "characters": []}]},
        {"name": [], "format": {}},
    ],
    ids=str,
)
def test_no_type_of_value_breaks_the_check(document: dict[str, Any]) -> None:
    assert check(document)


@settings(deadline=None)
@given(document=st.dictionaries(WORDS | st.text(max_size=5), JSON, max_size=6))
def test_no_document_breaks_the_check(document: dict[str, Any]) -> None:
    check(document)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_no_change_to_a_right_document_breaks_the_check(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(DOCUMENTS))
    path = data.draw(st.sampled_from(places(document)))
    changed = mutate(document, path, *data.draw(st.lists(JSON, max_size=1)))
    if not check(changed):
        kind = read_kind(changed)
        for field in kind.fields:
            kind.flags(field)
        orjson.dumps(kind.document)


OUGHT_TO_BE_REFUSED: dict[str, dict[str, Any]] = {
    "a whole number that JSON cannot hold": mutate(SCORES, ("field", 5, "full_mark"), 10**20),
    "true for the format": mutate(SCORES, ("format",), True),
    "no way in": mutate(SCORES, ("way_in",), []),
    "an outcome without values": mutate(SCORES, ("field", 13, "value"), []),
}


@pytest.mark.parametrize("document", OUGHT_TO_BE_REFUSED.values(), ids=OUGHT_TO_BE_REFUSED)
def test_a_document_no_release_could_use_is_refused(document: dict[str, Any]) -> None:
    assert check(document)


def admissions_with_column(**changes: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENTS[[path.stem for path in FILES].index("admissions")])
    rows = next(field for field in document["field"] if field["type"] == "rows")
    rows["column"][1] |= changes
    return document


def test_two_columns_of_one_name_are_refused() -> None:
    assert check(admissions_with_column(name="round"))


def test_a_column_whose_flags_name_nothing_is_refused() -> None:
    document = admissions_with_column(type="score", full_mark=10, flags="nowhere")
    rows = next(field for field in document["field"] if field["type"] == "rows")
    del rows["column"][1]["max_length"]
    assert any("flags" in problem.path for problem in check(document))
