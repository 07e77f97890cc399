"""What a broadcast has said so far."""

from hypothesis import given
from hypothesis import strategies as st

from lookup.public.account import NO_EPOCH, SHOWN, Account
from lookup.stores.entries import (
    MAX_BOARD,
    Begin,
    Board,
    Clear,
    End,
    Entry,
    Retract,
    Text,
    Words,
    encode,
)
from tests.broadcast_makers import FIRST, SECOND, TITLE, at, broadcast, round_of, school, words
from tests.test_broadcast_entries import ENTRIES


def account(*entries: Entry) -> Account:
    made = Account()
    for entry in entries:
        made.take(entry)
    return made


def test_before_any_broadcast_there_is_none() -> None:
    assert account().document() == {
        "title": None,
        "state": "none",
        "at": None,
        "last": f"{NO_EPOCH}-0",
        "rounds": [],
        "board": [],
        "account": [],
    }


def test_what_nobody_began_is_not_shown() -> None:
    made = account(words(1, "试验"), round_of(2))
    assert made.state == "none"
    assert not made.words()
    assert not made.rounds()
    assert made.last == 2


def test_a_round_is_as_it_was_told_last_in_the_order_of_the_first_telling() -> None:
    made = account(*broadcast(), round_of(8, SECOND, admitted=5), round_of(9, admitted=4000))
    assert [(each.round, each.admitted) for each in made.rounds()] == [(FIRST, 4000), (SECOND, 5)]


def test_a_row_takes_the_place_of_the_round_and_code_it_has_and_no_other() -> None:
    made = account(
        *broadcast(2),
        Board(8, at(8), SECOND, (school(0, 1),)),
        Board(9, at(9), FIRST, (school(1, 120), school(0, 90))),
    )
    found = [(name, row.code, row.admitted) for name, row in made.board()]
    assert found == [(FIRST, "0001", 90), (FIRST, "0002", 120), (SECOND, "0001", 1)]


def rows(id_: int, name: str, first: int, last: int) -> list[Board]:
    """Entries of the rows from `first` to `last`."""
    return [
        Board(id_, at(id_), name, tuple(school(number) for number in range(start, start + 200)))
        for start in range(first, last, 200)
    ]


def test_a_board_that_is_too_long_loses_the_rounds_of_before() -> None:
    made = account(Begin(1, at(0), TITLE), *rows(2, FIRST, 0, MAX_BOARD), *rows(3, SECOND, 0, 200))
    assert {name for name, _ in made.board()} == {SECOND}
    assert len(made.board()) == 200


def test_a_round_that_is_too_long_alone_keeps_the_rows_it_had() -> None:
    made = account(Begin(1, at(0), TITLE), *rows(2, FIRST, 0, MAX_BOARD + 200))
    assert [row.code for _, row in made.board()] == [f"{n:04d}" for n in range(1, MAX_BOARD + 1)]


def test_words_stand_newest_first_without_those_taken_back() -> None:
    made = account(*broadcast(), Retract(8, at(8), 6), Retract(9, at(9), 999))
    assert [each.id for each in made.words()] == [7, 2]


def test_a_long_account_shows_its_newest_words() -> None:
    made = account(Begin(1, at(0), TITLE), *(words(id_, "字") for id_ in range(2, 1000)))
    shown = [each.id for each in made.words()]
    assert shown == list(range(999, 999 - SHOWN, -1))


def test_a_new_broadcast_forgets_the_one_before() -> None:
    made = account(*broadcast(), Begin(8, at(8), Text("另一场")))
    document = made.document()
    assert document["title"] == {"zh": "另一场"}
    assert document["last"] == f"{made.epoch}-8"
    assert document["board"] == document["rounds"] == document["account"] == []


def test_what_is_over_stays_but_for_words_taken_back() -> None:
    made = account(*broadcast(), End(8, at(8)), words(9, "还有"), Retract(10, at(10), 7))
    assert made.state == "ended"
    assert [each.id for each in made.words()] == [6, 2]
    assert made.last == 10


@given(st.lists(ENTRIES, max_size=12))
def test_any_entries_make_an_account(entries: list[Entry]) -> None:
    made = account(*entries)
    document = made.document()
    assert document["last"] == f"{made.epoch}-{entries[-1].id if entries else 0}"
    said = {each.id for each in entries if isinstance(each, Words)}
    assert {each["id"] for each in document["account"]} <= said
    assert all(encode(each) for each in made.words())


def test_a_round_that_is_cleared_leaves_nothing_of_itself_even_after_the_end() -> None:
    said = [*broadcast(), End(8, at(8)), Clear(9, at(9), FIRST)]
    told = account(*said).document()
    before = account(*said[:-1]).document()
    for part in ("rounds", "board", "account"):
        assert told[part] == [each for each in before[part] if each.get("round") != FIRST]
    assert told["state"] == "ended"
