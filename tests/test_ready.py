"""The page's parts: each is made once, whoever asks for it."""

from typing import Any

from markupsafe import Markup

from lookup.public.account import Account
from lookup.public.site.ready import MADE_S, Ready
from lookup.stores.entries import Board
from tests.broadcast_makers import FIRST, SECOND, at, broadcast, school, words

ALL = {"round": "", "school": ""}


class Parts:
    """Macros that remember what they made."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def _make(self, name: str) -> Markup:
        self.made.append(name)
        return Markup("<tr {}>").format(name)

    def round_card(self, values: Any) -> Markup:
        return self._make(values.round)

    def news(self, values: Any) -> Markup:
        return self._make(str(values.id))

    def board_row(self, name: str, row: Any) -> Markup:
        return self._make(row.code)


class World:
    def __init__(self) -> None:
        self.parts = Parts()
        self.ready = Ready(self.parts)
        self.account = Account()
        self.now = 0.0
        for entry in broadcast(3):
            self.account.take(entry)
        self.ready.bring_up(self.account, self.now)

    def made_after(self, *entries: Any) -> list[str]:
        """What is made because of them."""
        for entry in entries:
            self.account.take(entry)
        self.now += MADE_S
        self.parts.made.clear()
        assert self.ready.bring_up(self.account, self.now)
        return self.parts.made


def test_whoever_filters_makes_nothing() -> None:
    world = World()
    world.parts.made.clear()
    rows, found = world.ready.rows({"round": FIRST, "school": "000"})
    assert (rows.count("<tr "), rows.count("hidden"), found) == (3, 0, True)
    rows, found = world.ready.rows({"round": "", "school": "0002"})
    assert (rows.count("<tr "), rows.count("<tr hidden"), found) == (3, 2, True)
    rows, found = world.ready.rows({"round": SECOND, "school": ""})
    assert (rows.count("<tr hidden"), found) == (3, False)
    assert world.parts.made == []


def test_an_entry_makes_what_it_changes_and_no_more() -> None:
    world = World()
    assert world.made_after(words(8, "又有消息")) == ["8"]
    changed = Board(9, at(9), FIRST, (school(0, 0), school(1, 99)))
    assert world.made_after(changed) == ["0002"]
    assert world.ready.rows(ALL)[0].count("<tr ") == 3


def test_what_is_shown_no_more_is_not_kept() -> None:
    world = World()
    world.made_after(Board(8, at(8), FIRST, (school(1, 99),)))
    assert world.made_after(Board(9, at(9), FIRST, (school(1, 57),))) == ["0002"]


def test_nothing_is_made_twice_a_second_but_for_another_file() -> None:
    world = World()
    world.account.take(words(8, "又有消息"))
    assert not world.ready.bring_up(world.account, world.now + MADE_S / 2)
    assert world.ready.head.last == 7
    other = Account()
    assert world.ready.bring_up(other, world.now + MADE_S / 2)
    assert world.ready.rows(ALL) == ("", False)
    assert not world.ready.bring_up(other, world.now + 9)
