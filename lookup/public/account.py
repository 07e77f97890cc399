"""What a broadcast has said so far, put together from its entries."""

from datetime import datetime
from hashlib import blake2b
from typing import Any

from lookup.stores.entries import (
    MAX_BOARD,
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
    encode,
    plain,
)

NONE, UNDER_WAY, ENDED = "none", "under_way", "ended"
SHOWN = 200
"""Words of the account that are shown; as many more are kept, for those that are taken back."""
NO_EPOCH = "0" * 12


class Account:
    """A broadcast as it stands: rounds, board and words, each as it was said last."""

    def __init__(self) -> None:
        self.last = 0
        """The id of the last entry; it goes on over the beginning of another broadcast."""
        self.epoch = NO_EPOCH
        """Which broadcast it is: a hash of its beginning, the same in every process."""
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
            self.epoch = blake2b(encode(entry), digest_size=len(NO_EPOCH) // 2).hexdigest()
        elif self.state == NONE or (self.state == ENDED and not isinstance(entry, Retract | Clear)):
            return
        self.at = entry.at
        match entry:
            case Round():
                self._rounds[entry.round] = entry
            case Board():
                rows = self._board.setdefault(entry.round, {})
                rows.update({row.code: row for row in entry.schools})
                self._bound(entry.round)
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

    def place(self) -> str:
        """The last entry, not to be mistaken for one of another broadcast: `EPOCH-ID`."""
        return f"{self.epoch}-{self.last}"

    @property
    def there(self) -> bool:
        """Whether there is a broadcast at all, under way or over."""
        return self.state != NONE

    def rounds(self) -> list[Round]:
        """The rounds in the order in which they were first told of."""
        return list(self._rounds.values())

    def board(self) -> list[tuple[str, School]]:
        """The board's rows with their round, rounds as above, schools by code."""
        return [
            (name, row)
            for name in self._order()
            for row in sorted(self._board[name].values(), key=lambda row: row.code)
        ]

    def _order(self) -> list[str]:
        told = [name for name in self._rounds if name in self._board]
        return told + [name for name in self._board if name not in self._rounds]

    def _bound(self, spoken_of: str) -> None:
        """Where the board is too long, the rounds before this one leave it whole, the first of
        them first; of one that is too long alone, the rows that came last."""
        while sum(map(len, self._board.values())) > MAX_BOARD:
            first = next((name for name in self._order() if name != spoken_of), None)
            if first is None:
                self._board[spoken_of].popitem()
            else:
                del self._board[first]

    def words(self) -> list[Words]:
        """The words that hold, newest first."""
        return list(reversed(self._words.values()))[:SHOWN]

    def document(self) -> dict[str, Any]:
        """All of it as a document of JSON."""
        return {
            "title": plain(self.title),
            "state": self.state,
            "at": self.at,
            "last": self.place(),
            "rounds": [plain(each) for each in self.rounds()],
            "board": [{"round": name, **plain(row)} for name, row in self.board()],
            "account": [plain(each) for each in self.words()],
        }
