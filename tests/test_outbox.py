"""Answers go out together, none of them late and none of them lost."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lookup.public.outbox import TOGETHER, Outbox


@dataclass
class Soon:
    """A loop that calls what it was given when told to."""

    calls: list[Callable[[], None]] = field(default_factory=list)

    def call_soon(self, call: Callable[[], None]) -> None:
        self.calls.append(call)

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


@dataclass
class Sender:
    """Counts how often it was flushed; may fail."""

    fails: bool = False
    flushed: int = 0

    def flush(self) -> None:
        self.flushed += 1
        if self.fails:
            raise RuntimeError("personal-4711")


def test_answers_wait_for_the_end_of_the_turn() -> None:
    loop = Soon()
    outbox, senders = Outbox(loop), [Sender(), Sender()]  # type: ignore[arg-type]
    for sender in senders:
        outbox.add(sender)
    assert len(loop.calls) == 1
    assert [sender.flushed for sender in senders] == [0, 0]
    loop.turn()
    assert [sender.flushed for sender in senders] == [1, 1]


@pytest.mark.parametrize("count", [1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER + 5])
def test_each_is_flushed_once_and_few_wait_for_many(count: int) -> None:
    loop = Soon()
    outbox, senders = Outbox(loop), [Sender() for _ in range(count)]  # type: ignore[arg-type]
    for sender in senders:
        outbox.add(sender)
    assert sum(sender.flushed == 0 for sender in senders) == count % TOGETHER
    loop.turn()
    assert {sender.flushed for sender in senders} == {1}


def test_one_that_cannot_be_written_to_silences_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = Soon()
    outbox, senders = Outbox(loop), [Sender(fails=True), Sender()]  # type: ignore[arg-type]
    for sender in senders:
        outbox.add(sender)
    loop.turn()
    assert senders[1].flushed == 1
    assert "RuntimeError" in caplog.text
    assert "4711" not in caplog.text
