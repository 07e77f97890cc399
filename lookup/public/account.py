"""What a broadcast has said so far, put together from its entries."""

from datetime import datetime
from typing import Any

from lookup.stores.entries import (
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
    plain,
)

NONE, UNDER_WAY, ENDED = "none", "under_way", "ended"
SHOWN = 200
"""Words of the account that are shown; as many more are kept, for those that are taken back."""


class Account:
    """A broadcast as it stands: rounds, board and words, each as it was said last."""

    def __init__(self) -> None:
        self.last = 0
        """The id of the last entry; it goes on over the beginning of another broadcast."""
        self._clear(None, NONE)

    def _clear(self, title: Text | None, state: str) -> None:
        self.title, self.state = title, state
        self.at: datetime | None = None
        self._rounds: dict[str, Round] = {}
        self._board: dict[str, dict[str, School]] = {}
        self._words: dict[int, Words] = {}

    def take(self, entry: Entry) -> None:
        """Go on by one entry. What nobody began is not shown, and what is over stays as it is
        but for what is taken back."""
        self.last = entry.id
        if isinstance(entry, Begin):
            self._clear(entry.title, UNDER_WAY)
        elif self.state == NONE or (self.state == ENDED and not isinstance(entry, Retract | Clear)):
            return
        self.at = entry.at
        match entry:
            case Round():
                self._rounds[entry.round] = entry
            case Board():
                rows = self._board.setdefault(entry.round, {})
                rows.update({row.code: row for row in entry.schools})
            case Words():
                self._words[entry.id] = entry
                if len(self._words) > 2 * SHOWN:
                    del self._words[next(iter(self._words))]
            case Retract():
                self._words.pop(entry.entry, None)
            case Clear():
                self._rounds.pop(entry.round, None)
                self._board.pop(entry.round, None)
                self._words = {n: w for n, w in self._words.items() if w.round != entry.round}
            case End():
                self.state = ENDED

    @property
    def there(self) -> bool:
        """Whether there is a broadcast at all, under way or over."""
        return self.state != NONE

    def rounds(self) -> list[Round]:
        """The rounds in the order in which they were first told of."""
        return list(self._rounds.values())

    def board(self) -> list[tuple[str, School]]:
        """The board's rows with their round, rounds as above, schools by code."""
        order = [*self._rounds, *(name for name in self._board if name not in self._rounds)]
        return [
            (name, row)
            for name in order
            for row in sorted(self._board.get(name, {}).values(), key=lambda row: row.code)
        ]

    def words(self) -> list[Words]:
        """The words that hold, newest first."""
        return list(reversed(self._words.values()))[:SHOWN]

    def document(self) -> dict[str, Any]:
        """All of it as a document of JSON."""
        return {
            "title": plain(self.title),
            "state": self.state,
            "at": self.at,
            "last": self.last,
            "rounds": [plain(each) for each in self.rounds()],
            "board": [{"round": name, **plain(row)} for name, row in self.board()],
            "account": [plain(each) for each in self.words()],
        }
