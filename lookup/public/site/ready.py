"""The broadcast's page in parts that are ready: what is many is made once, not for each page.

Lookups share the loop with the page, and a row costs as much to make as a lookup to answer. One
entry changes some of a thousand rows; whoever filters hides some, and makes none.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any

from markupsafe import Markup

from lookup.public.account import Account
from lookup.stores.entries import School

WORDS = 50
"""Words on the page; `/live.json` has more."""
MADE_S = 1.0
"""The page is made anew so often at most, whatever is said meanwhile: its script asks for that."""
OPENING, HIDDEN = "<tr ", "<tr hidden "


class Made:
    """Parts of a page by what they are made of: each is made once, and kept while it is shown."""

    def __init__(self, make: Callable[..., str]) -> None:
        self._make = make
        self._made: dict[tuple[Any, ...], str] = {}

    def of(self, values: Iterable[tuple[Any, ...]]) -> list[str]:
        """The parts of `values`, in their order; those of other values are forgotten."""
        before = self._made
        self._made = {key: before.get(key) or str(self._make(*key)) for key in values}
        return list(self._made.values())


class Ready:
    """Rounds, words and rows in one language; `parts` has the macros of `live_parts.html`."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts
        self.head = Account()
        """The account as it was at that moment, its title and state."""
        self._of: Account | None = None
        self._until = 0.0
        self._made = {name: Made(getattr(parts, name)) for name in ("round_card", "news")}
        self._rows = Made(parts.board_row)
        self.rounds = self.words = Markup()
        self.names: list[str] = []
        self.board: list[tuple[str, School, str]] = []

    def bring_up(self, account: Account, now: float) -> bool:
        """Go on to the account as it stands, where that is due; whether anything changed. `now`
        are seconds that never go back."""
        if self._of is account and (self.head.last == account.last or now < self._until):
            return False
        self._of, self._until, self.head = account, now + MADE_S, copy(account)
        self.rounds = self._joined("round_card", account.rounds())
        self.words = self._joined("news", account.words()[:WORDS])
        board = account.board()
        rows = self._rows.of(board)
        self.board = [(*each, row) for each, row in zip(board, rows, strict=True)]
        self.names = list(dict.fromkeys(name for name, _ in board))
        return True

    def _joined(self, name: str, values: Iterable[Any]) -> Markup:
        return Markup("".join(self._made[name].of((value,) for value in values)))  # noqa: S704  # macros escape

    def rows(self, wanted: Mapping[str, str]) -> tuple[Markup, bool]:
        """Every row, those that are not wanted hidden; and whether any is shown."""
        shown = [_fits(name, row, wanted) for name, row, _ in self.board]
        rows = (
            part if fits else part.replace(OPENING, HIDDEN, 1)
            for (_, _, part), fits in zip(self.board, shown, strict=True)
        )
        return Markup("".join(rows)), any(shown)  # noqa: S704  # macros escape


def _fits(name: str, row: School, wanted: Mapping[str, str]) -> bool:
    if wanted["round"] not in ("", name):
        return False
    school = wanted["school"].casefold()
    return school in row.school.casefold() or row.code.casefold().startswith(school)
