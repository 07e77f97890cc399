"""Entries of a broadcast: what goes in comes out, and nothing else goes in."""

import datetime as dt

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import DamagedError, RefusedError
from lookup.stores.entries import (
    MAX_NAME,
    MAX_NUMBER,
    MAX_SCHOOLS,
    MAX_TEXT,
    STATES,
    Begin,
    Board,
    Clear,
    End,
    Entry,
    Retract,
    Round,
    School,
    Text,
    Words,
    decode,
    encode,
)

AT = dt.datetime(2026, 7, 10, 9, 0, tzinfo=dt.UTC)
PRINTED = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])


def texts(longest: int) -> st.SearchStrategy[str]:
    return st.text(PRINTED, min_size=1, max_size=longest).filter(lambda text: bool(text.strip()))


IDS = st.integers(1, MAX_NUMBER)
TIMES = st.timedeltas(dt.timedelta(), dt.timedelta(days=36500)).map(lambda since: AT + since)
COUNTS = st.integers(0, MAX_NUMBER)
NAMES = texts(MAX_NAME)
BILINGUAL = st.builds(Text, texts(MAX_TEXT), st.none() | texts(MAX_TEXT))
SCHOOLS = st.builds(
    School,
    NAMES,
    NAMES,
    COUNTS,
    COUNTS,
    st.none() | IDS,
    st.none() | st.floats(0, MAX_NUMBER),
    st.booleans(),
)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Begin, IDS, TIMES, BILINGUAL),
    st.builds(Words, IDS, TIMES, BILINGUAL, st.none() | NAMES),
    st.builds(Round, IDS, TIMES, NAMES, st.sampled_from(STATES), COUNTS, COUNTS, COUNTS, COUNTS),
    st.builds(Board, IDS, TIMES, NAMES, st.lists(SCHOOLS, min_size=1, max_size=5).map(tuple)),
    st.builds(Retract, IDS, TIMES, IDS),
    st.builds(Clear, IDS, TIMES, NAMES),
    st.builds(End, IDS, TIMES),
)


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was_and_is_one_line(entry: Entry) -> None:
    line = encode(entry)
    assert decode(line) == entry
    assert b"\n" not in line


@given(st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_damaged(line: bytes) -> None:
    with pytest.raises(DamagedError):
        decode(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(ENTRIES, st.data())
def test_a_member_of_another_sort_is_damaged_or_still_an_entry(
    entry: Entry, data: st.DataObject
) -> None:
    line = orjson.loads(encode(entry))
    line[data.draw(st.sampled_from(sorted(line)))] = data.draw(JSON)
    try:
        found = decode(orjson.dumps(line, default=str))
    except (DamagedError, TypeError):
        return
    assert decode(encode(found)) == found


def test_the_line_is_the_one_that_is_agreed_upon() -> None:
    row = School("0101", "虚构一中", 120, 80, 3391, 531.5, full=False)
    assert orjson.loads(encode(Board(4, AT, "第一批", (row,)))) == {
        "id": 4,
        "at": "2026-07-10T09:00:00Z",
        "type": "board",
        "round": "第一批",
        "schools": [
            {
                "code": "0101",
                "school": "虚构一中",
                "plan": 120,
                "admitted": 80,
                "position": 3391,
                "score": 531.5,
                "full": False,
            }
        ],
    }
    words = orjson.loads(encode(Words(2, AT, Text("第一批开始"), None)))
    assert words["text"] == {"zh": "第一批开始"}
    assert words["round"] is None


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    line = b'{"id": 6, "at": "2026-07-10T17:00:00+08:00", "type": "end"}'
    assert decode(line) == End(6, AT)


@pytest.mark.parametrize(
    "member",
    [
        {"id": 0},
        {"id": True},
        {"at": "2026-07-10T09:00:00"},
        {"type": "applause"},
        {"state": "over"},
        {"candidates": -1},
        {"plan": 1.5},
        {"admitted": "12"},
        {"round": ""},
        {"round": "第一批\u2028"},
        {"round": "批" * (MAX_NAME + 1)},
    ],
)
def test_what_breaks_a_rule_is_damaged(member: dict[str, object]) -> None:
    line = orjson.loads(encode(Round(1, AT, "第一批", "done", 4, 3, 2, 1)))
    with pytest.raises(DamagedError):
        decode(orjson.dumps({**line, **member}))


ROW = School("1", "一", 1, 1, None, None, full=True)
LONG = School("1" * MAX_NAME, "中" * MAX_NAME, 1, 1, None, None, full=True)


@pytest.mark.parametrize(
    "entry",
    [
        Words(1, AT, Text("字" * (MAX_TEXT + 1)), None),
        Words(1, AT, Text("字", " "), None),
        Words(1, AT, Text("一\n二"), None),
        Words(1, AT, Text("\ud800"), None),
        Words(1, AT.replace(tzinfo=None), Text("字"), None),
        Board(1, AT, "第一批", ()),
        Board(1, AT, "第一批", (ROW,) * (MAX_SCHOOLS + 1)),
        Board(1, AT, "第一批", (LONG,) * MAX_SCHOOLS),
    ],
)
def test_what_is_beyond_a_limit_is_refused_in_one_sentence(entry: Entry) -> None:
    with pytest.raises(RefusedError, match="at most 500 characters"):
        encode(entry)
