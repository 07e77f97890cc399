"""What is on the air: the broadcast that was begun last, as its file has it."""

from dataclasses import dataclass, field
from pathlib import Path

from lookup.stores.broadcast import Broadcast, Entry
from lookup.stores.entries import Begin, Board, Clear, End, Retract, Round, School, Text, Words


@dataclass(slots=True)
class OnAir:
    """The state of a broadcast: `last` is the newest entry's id, 0 before the first; `begun` the
    id it began with, 0 where none did; boards by round and code; `cleared` the entry that last took
    a round off, by round."""

    last: int = 0
    begun: int = 0
    title: Text | None = None
    running: bool = False
    rounds: dict[str, Round] = field(default_factory=dict)
    boards: dict[str, dict[str, School]] = field(default_factory=dict)
    words: dict[int, Words] = field(default_factory=dict)
    retracted: set[int] = field(default_factory=set)
    cleared: dict[str, int] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """What is said next."""
        self.last = entry.id
        match entry:
            case Begin():
                self.begun, self.title, self.running = entry.id, entry.title, True
                self.rounds, self.boards, self.words, self.retracted = {}, {}, {}, set()
                self.cleared = {}
            case Words():
                self.words[entry.id] = entry
            case Round():
                self.rounds[entry.round] = entry
            case Board():
                rows = {row.code: row for row in entry.schools}
                self.boards.setdefault(entry.round, {}).update(rows)
            case Retract():
                self.retracted.add(entry.entry)
            case Clear():
                self.rounds.pop(entry.round, None)
                self.boards.pop(entry.round, None)
                self.words = {n: w for n, w in self.words.items() if w.round != entry.round}
                self.cleared[entry.round] = entry.id
            case End():
                self.running = False

    def heard(self) -> list[Words]:
        """The words that stand, the newest first."""
        return [
            words for number, words in reversed(self.words.items()) if number not in self.retracted
        ]


class Listener:
    """Follows the broadcast of a `live` folder, reading on from where it was."""

    def __init__(self, folder: Path) -> None:
        self.broadcast = Broadcast(folder)
        self._tail = self.broadcast.tail()
        self._air = OnAir()

    def look(self) -> OnAir:
        """The state now. Raises StorageError."""
        while not self._tail.at_end():
            fresh = self._tail.read()
            if fresh.anew:
                self._air = OnAir()
            for entry in fresh.entries:
                self._air.take(entry)
        return self._air
