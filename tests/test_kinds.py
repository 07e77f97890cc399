"""Kinds as data: what a right document gives, and that no document whatever breaks the check."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.documents import dotted
from lookup.kind_file import load_kind
from lookup.kind_rules import TYPES, check
from lookup.kinds import read_kind
from lookup.public.asking import Invalid, Ways

ROOT = Path(__file__).parent.parent
FOLDERS = (ROOT / "data" / "kinds", ROOT / "tests" / "kinds")
FILES = [path for folder in FOLDERS for path in sorted(folder.glob("*.toml"))]
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
    "purpose",
    "key",
    "disclosure",
    "check",
    "rule",
    "parts",
    "is",
    "join",
    "reference",
    "line",
    "advice",
    "table",
    "measure",
    "of",
    "by",
    "until",
    "help",
    "zh",
    "en",
]
WORDS = st.sampled_from(
    [*KEYS, *TYPES, "candidate_number", "access_code", "id_suffix", "counts", "withheld"]
)
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
    assert len({frozenset(way.fields) for way in kind.ways}) == len(kind.ways)
    shown = {name for group in kind.groups for name in group.fields}
    assert not {field.name for field in kind.fields if field.secret or field.withheld} & shown


@pytest.mark.parametrize("document", DOCUMENTS, ids=[path.stem for path in FILES])
def test_a_lookup_has_ways_in_and_a_reference_a_key(document: dict[str, Any]) -> None:
    kind = read_kind(document)
    if kind.reference:
        assert kind.purpose == "reference"
        assert (kind.identifier, kind.headline, kind.ways, kind.groups) == ("", "", (), ())
        assert all(not kind.field(name).secret for name in kind.key)
    else:
        assert kind.purpose == "lookup"
        assert kind.key == (kind.identifier,)
        assert kind.field(kind.identifier).required
        assert kind.ways
        assert all(way.fields[0] == kind.identifier for way in kind.ways)


def test_the_kinds_of_this_house_are_these() -> None:
    kinds = [read_kind(document) for document in DOCUMENTS]
    committed = [
        kind for kind, path in zip(kinds, FILES, strict=True) if path.parent.parent.name == "data"
    ]
    assert {kind.name for kind in committed if kind.reference} == {
        "cut_offs", "school_plans", "score_table",
    }  # fmt: skip
    assert {kind.name for kind in committed if not kind.reference} == {
        "admissions", "lottery", "scores",
    }  # fmt: skip


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
    for typed, reason in (
        (["candidate_number"], Invalid("access_code", "missing")),
        (["candidate_number", "access_code", "id_suffix"], Invalid(None, "one_way")),
    ):
        assert Ways(kind).read(dict.fromkeys(typed, "")) == reason


def test_a_wrong_document_is_a_value_error_with_every_problem() -> None:
    wrong = mutate(mutate(SCORES, ("title",)), ("field", 0, "type"), "codes")
    with pytest.raises(ValueError, match=r"field 1 type: .*title: is missing|title: is missing.*"):
        read_kind(wrong)


def test_a_path_counts_tables_from_one() -> None:
    assert dotted(("field", 2, "column", 0, "headers")) == "field 3 column 1 headers"


def test_a_second_factor_is_withheld_and_other_fields_are_given_on_request() -> None:
    kind = read_kind(SCORES)
    assert {f.name: f.disclosure for f in kind.fields if f.disclosure != "on_request"} == {
        "access_code": "withheld",
        "id_suffix": "withheld",
    }
    assert not any(field.withheld for field in kind.fields)


def test_a_withheld_field_is_loaded_and_never_shown() -> None:
    document = mutate(SCORES, ("group", 0, "fields"), ["candidate_number", "flag"])
    document = mutate(document, ("field", 3, "disclosure"), "withheld")
    kind = read_kind(document)
    assert kind.field("name").withheld
    assert not kind.field("access_code").withheld


def test_checks_keep_their_keys() -> None:
    first = read_kind(SCORES).checks[0]
    assert first.rule == "sum"
    assert first.options == {"total": "total", "parts": [
        "chinese", "mathematics", "english", "science", "society", "sport",
    ]}  # fmt: skip


def test_a_kind_without_the_newer_keys_is_a_lookup_without_checks() -> None:
    document = mutate(SCORES, ("check",))
    assert not check(document)
    kind = read_kind(document)
    assert (kind.purpose, kind.checks, kind.reference) == ("lookup", (), False)


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
    (("field", 1, "disclosure"), "on_request", "withheld, always"),
    (("field", 11, "disclosure"), "withheld", "cannot make a public table"),
    (("check", 0, "parts"), ["chinese", "music"], "music must be a field of type"),
    (("check", 0, "parts"), ["chinese", "total"], "part of itself"),
    (("check", 0, "parts"), ["chinese", "name"], "name must be a field of type"),
    (("check", 0, "total"), "flag", "flag must be a field of type"),
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


@given(document=st.dictionaries(WORDS | st.text(max_size=5), JSON, max_size=6))
def test_no_document_breaks_the_check(document: dict[str, Any]) -> None:
    check(document)


@settings(max_examples=300)
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


def with_check(name: str, **check: Any) -> dict[str, Any]:
    """The committed kind of this name, with one check only."""
    document = DOCUMENTS[[path.stem for path in FILES].index(name)]
    return mutate(document, ("check",), [check])


CUT_OFFS = {"reference": "cut_offs", "column": "score", "join": {"school_code": "school_code"}}
ADMITTED = {"when": "outcome", "is": ["admitted"]}
ABOVE = {"rule": "at_least", "field": "admitted_score"}


@pytest.mark.parametrize(
    "options",
    [
        ABOVE | {"other": "cut_off_line"},
        ABOVE | CUT_OFFS,
        ABOVE | CUT_OFFS | ADMITTED,
        {"rule": "places", "by": ["school"], **ADMITTED, **CUT_OFFS},
        {"rule": "places", "by": ["school"], "plan": "preference_number", **ADMITTED},
        {"rule": "unique", "fields": ["name", "school"]},
    ],
)
def test_a_check_that_makes_sense_is_taken(options: dict[str, Any]) -> None:
    document = with_check("admissions", **options)
    assert not check(document)
    assert read_kind(document).checks[0].rule == options["rule"]


@pytest.mark.parametrize(
    ("options", "key", "reason"),
    [
        ({"rule": "add"}, "rule", "must be one of sum, flags"),
        ({"rule": []}, "rule", "must be one of"),
        ({"field": "total"}, "rule", "is missing"),
        (ABOVE, "other", "either other or reference"),
        (ABOVE | CUT_OFFS | {"other": "total"}, "other", "either other or reference"),
        (ABOVE | {"other": "total", "join": {"school": "school"}}, "join", "belongs with"),
        (ABOVE | {"reference": "cut_offs", "column": "score"}, "join", "belongs with reference"),
        (ABOVE | CUT_OFFS | {"join": {}}, "join", "pairs of fields"),
        (ABOVE | CUT_OFFS | {"join": {"music": "school"}}, "join", "cannot be compared|can be"),
        (ABOVE | {"other": "total", "when": "outcome"}, "when", "belongs with is"),
        (ABOVE | {"other": "admitted_score"}, "other", "another field"),
        (ABOVE | {"other": "total", "when": "outcome", "is": ["gone"]}, "is", "gone is no value"),
        ({"rule": "unique", "fields": ["access_code"]}, "fields", "must be a field of type"),
        ({"rule": "unique", "fields": ["name", "name"]}, "fields", "twice"),
        ({"rule": "unique", "felds": ["name"]}, "felds", "did you mean fields"),
        ({"rule": "flags", "flag": "outcome"}, "flag", "no score says flags"),
        ({"rule": "rank", "rank": "preference_number", "score": "total", "ties": "none"}, "ties",
         "one of shared, any"),
    ],
)  # fmt: skip
def test_a_check_that_makes_no_sense_is_explained(
    options: dict[str, Any], key: str, reason: str
) -> None:
    problems = check(with_check("admissions", **options))
    said = [problem.reason for problem in problems if problem.path[:3] == ("check", 0, key)]
    assert any(word in text for text in said for word in reason.split("|"))


def test_a_sequence_starts_at_one() -> None:
    document = with_check("lottery", rule="sequence", field="draw_order")
    assert not check(document)
    place = [field["name"] for field in document["field"]].index("draw_order")
    problems = check(mutate(document, ("field", place, "minimum"), 0))
    assert [problem.path for problem in problems] == [("check", 0, "field")]


SCORE_TABLE = DOCUMENTS[[path.stem for path in FILES].index("score_table")]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("key",), ["nothing"], "must be a field with one value"),
        (("key",), ["category"], "a field that is required"),
        (("key",), [], "one text or more"),
        (("identifier",), "score", "no such key"),
        (("way_in",), [{}], "no such key"),
        (("purpose",), "display", "one of lookup, reference"),
    ],
)
def test_a_reference_that_makes_no_sense_is_explained(
    path: tuple[str | int, ...], value: Any, reason: str
) -> None:
    problems = check(mutate(SCORE_TABLE, path, value))
    assert any(reason in problem.reason for problem in problems if problem.path == path)


def test_a_lookup_cannot_have_the_key_of_a_reference() -> None:
    document = mutate(SCORES, ("key",), ["candidate_number"])
    assert [problem.path for problem in check(document)] == [("key",)]


def test_a_withheld_identifier_or_headline_is_refused() -> None:
    document = mutate(SCORES, ("field", 0, "disclosure"), "withheld")
    assert {problem.path for problem in check(document)} >= {
        ("identifier",),
        ("group", 0, "fields"),
    }
    document = mutate(
        mutate(SCORES, ("headline",), "rank"), ("field", 12, "disclosure"), "withheld"
    )
    assert ("headline",) in {problem.path for problem in check(document)}


def test_a_column_has_no_disclosure_of_its_own() -> None:
    assert check(admissions_with_column(disclosure="withheld"))


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
