"""The broadcast reaches everybody who watches: each event once, in order, in one write."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.errors import StorageError
from lookup.public import broadcast as room
from lookup.public.account import NO_EPOCH, Account
from lookup.public.broadcast import (
    EACH_S,
    KEPT,
    MAX_UNREAD_BYTES,
    MAX_VIEWERS,
    PING,
    PING_S,
    RESET,
    SHARE,
    SLICE,
    Hub,
    Place,
)
from lookup.public.network import IPV4, NOWHERE
from lookup.stores.broadcast import NAME, NOTHING, Broadcast
from lookup.stores.entries import MAX_TEXT, Begin, Text
from tests.broadcast_makers import after, at, broadcast, said

_ACCOUNT = Account()
_ACCOUNT.take(broadcast()[0])
EPOCH = _ACCOUNT.epoch


class Watching:
    """A viewer that remembers."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def show(self, events: bytes) -> None:
        self.writes.append(events)

    def ids(self) -> list[int]:
        return ids(b"".join(self.writes))


def ids(events: bytes) -> list[int]:
    lines = [line for line in events.split(b"\n") if line.startswith(b"id: ")]
    return [int(line.rpartition(b"-")[2]) for line in lines]


def since(number: int) -> Place:
    """That entry of the broadcast of the tests."""
    return EPOCH, number


class Turned:
    """What is called soon, called when told to."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def call_soon(self, call: Callable[..., object], *values: object) -> None:
        self.calls.append(lambda: call(*values))

    def run(self) -> int:
        """How many turns it took until nothing was left."""
        turns = 0
        while self.calls:
            self.calls.pop(0)()
            turns += 1
        return turns


class World:
    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.file = Broadcast(folder)
        self.hub = Hub(self.file.tail(), lambda: self.now)
        self.loop: Any = Turned()

    def turn(self, seconds: float = 0.0) -> int:
        """A turn of the hub, with all its slices; how many there were after the first."""
        self.now += seconds
        self.hub.turn(self.loop)
        return int(self.loop.run())

    def say(self, count: int = 1) -> None:
        self.file.append(after(*[said("一")] * count))


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.file.append(lambda _: broadcast())
    made.hub.catch_up()
    return made


def test_a_new_event_reaches_everybody_in_one_write(world: World) -> None:
    viewers = [Watching() for _ in range(3)]
    for viewer in viewers:
        assert world.hub.attach(viewer, since(7)) == b""
    world.say(2)
    world.turn()
    assert [viewer.ids() for viewer in viewers] == [[8, 9]] * 3
    assert {len(viewer.writes) for viewer in viewers} == {1}
    assert viewers[0].writes == viewers[1].writes


def test_an_event_says_what_it_is_and_is_one_line_of_data(world: World) -> None:
    world.say()
    [number, kind, data, *rest] = world.hub.look().decode().split("\n")
    assert (number, kind, rest) == (f"id: {EPOCH}-8", "event: words", ["", ""])
    assert orjson.loads(data.removeprefix("data: "))["text"] == {"zh": "一"}


def test_whoever_comes_back_gets_what_was_missed_and_nothing_twice(world: World) -> None:
    assert ids(world.hub.missed(since(5))) == [6, 7]
    assert world.hub.missed(since(7)) == world.hub.missed(None) == b""
    assert ids(world.hub.missed(since(0))) == [1, 2, 3, 4, 5, 6, 7]


def test_whoever_is_ahead_of_the_file_begins_anew(world: World) -> None:
    assert world.hub.missed(since(8)) == RESET


def test_a_place_in_a_file_that_was_replaced_is_not_believed(world: World, tmp_path: Path) -> None:
    (tmp_path / NAME).unlink()
    world.file.append(lambda _: [Begin(1, at(0), Text("另一场"))])
    world.say(8)
    world.hub.catch_up()
    assert world.hub.account.last == 9
    assert world.hub.missed(since(5)) == RESET
    assert world.hub.missed(("", 5)) == world.hub.missed((NO_EPOCH, 0)) == RESET
    assert ids(world.hub.missed((world.hub.account.epoch, 5))) == [6, 7, 8, 9]


def test_a_place_before_another_broadcast_began_is_not_believed(world: World) -> None:
    world.file.append(after(lambda id_: Begin(id_, at(9), Text("另一场"))))
    world.hub.catch_up()
    assert world.hub.missed(since(7)) == RESET
    assert world.hub.missed((world.hub.account.epoch, 8)) == b""


def test_whoever_missed_too_much_begins_anew(world: World) -> None:
    world.say(KEPT)
    world.hub.catch_up()
    assert world.hub.missed(since(6)) == RESET
    assert len(world.hub.missed(since(KEPT))) < MAX_UNREAD_BYTES
    world.file.append(after(*[said("长" * MAX_TEXT)] * 60))
    world.hub.catch_up()
    assert world.hub.missed(since(KEPT + 7)) == RESET
    assert ids(world.hub.missed(since(KEPT + 66))) == [KEPT + 67]


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(["come", "go", "say", "turn", "slice"]) | st.integers(0, 12), max_size=60
    )
)
def test_whatever_happens_in_between_each_entry_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str | int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "SLICE", 2)
        play(World(tmp_path_factory.mktemp("live")), steps)


def play(world: World, steps: list[str | int]) -> None:
    """People come and go, entries and turns too; in the end each saw what it should."""
    world.file.append(lambda _: broadcast())
    world.hub.catch_up()
    there: list[tuple[int, Watching]] = []
    for step in [*steps, "turn"]:
        if step == "come" or isinstance(step, int):
            viewer = Watching()
            start = world.hub.account.last if isinstance(step, str) else step
            first = world.hub.attach(viewer, since(start))
            if first != RESET:
                viewer.writes.append(first)
                there.append((start, viewer))
        elif step == "go" and there:
            world.hub.leave(there.pop(0)[1])
        elif step == "say":
            world.say()
        elif step == "turn":
            world.now += 1
            world.hub.turn(world.loop)
        elif world.loop.calls:
            world.loop.calls.pop(0)()
    world.loop.run()
    for _ in range(3):
        world.turn(1)
    for start, viewer in there:
        assert viewer.ids() == list(range(start + 1, world.hub.account.last + 1))


def test_many_are_told_in_slices_so_that_lookups_have_their_turn(world: World) -> None:
    viewers = [Watching() for _ in range(SLICE * 2 + 1)]
    for viewer in viewers:
        world.hub.attach(viewer, since(7))
    world.say()
    world.hub.turn(world.loop)
    assert sum(viewer.ids() == [8] for viewer in viewers) == SLICE
    assert world.loop.run() == 2
    assert all(viewer.ids() == [8] for viewer in viewers)


def test_the_next_events_wait_until_the_last_are_told_and_paid_for(world: World) -> None:
    viewers = [Watching() for _ in range(SLICE + 1)]
    for viewer in viewers:
        world.hub.attach(viewer, since(7))
    world.say()
    world.hub.turn(world.loop)
    world.say()
    world.now += 10
    world.hub.turn(world.loop)
    world.loop.run()
    assert all(viewer.ids() == [8] for viewer in viewers)
    world.turn()
    assert all(viewer.ids() == [8, 9] for viewer in viewers)
    world.say()
    world.turn(len(viewers) * EACH_S * 0.9)
    assert viewers[0].ids() == [8, 9]
    world.turn(len(viewers) * EACH_S * 0.2)
    assert viewers[0].ids() == [8, 9, 10]


def test_who_left_while_others_were_told_is_not_written_to(world: World) -> None:
    viewers = [Watching() for _ in range(SLICE + 1)]
    for viewer in viewers:
        world.hub.attach(viewer, since(7))
    world.say()
    world.hub.turn(world.loop)
    world.hub.leave(viewers[-1])
    world.loop.run()
    assert viewers[-1].writes == []


def test_a_viewer_that_fails_silences_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Watching):
        def show(self, events: bytes) -> None:
            raise RuntimeError("gone")

    broken, viewer = Broken(), Watching()
    world.hub.attach(broken, since(7))
    world.hub.attach(viewer, since(7))
    world.say()
    world.turn()
    assert viewer.ids() == [8]
    assert world.hub.count() == 1
    assert "RuntimeError" in caplog.text
    assert "gone" not in caplog.text


@pytest.mark.parametrize("count", [1, 149, 500])
def test_everybody_hears_something_once_in_fifteen_seconds_not_all_at_once(
    world: World, count: int
) -> None:
    viewers = [Watching() for _ in range(count)]
    for viewer in viewers:
        world.hub.attach(viewer, since(7))
    most = 0
    world.now = PING_S - PING_S / 150
    for _ in range(150):
        before = sum(len(viewer.writes) for viewer in viewers)
        world.turn(PING_S / 150)
        most = max(most, sum(len(viewer.writes) for viewer in viewers) - before)
    assert [viewer.writes for viewer in viewers] == [[PING]] * count
    assert most <= count // 150 + 1


def test_a_file_that_was_replaced_sends_everybody_back_to_the_beginning(
    world: World, tmp_path: Path
) -> None:
    viewer = Watching()
    world.hub.attach(viewer, since(7))
    (tmp_path / NAME).unlink()
    world.turn()
    assert viewer.writes == [RESET]
    assert world.hub.account.state == "none"
    world.file.append(lambda _: broadcast())
    world.turn(1)
    assert viewer.ids() == [1, 2, 3, 4, 5, 6, 7]


def test_the_document_changes_with_the_account_and_its_tag_with_it(world: World) -> None:
    first = world.hub.document()
    assert world.hub.document() is first
    world.say()
    world.hub.catch_up()
    assert world.hub.document().tag != first.tag
    assert orjson.loads(world.hub.document().content)["last"] == f"{EPOCH}-8"


def test_nobody_more_is_taken_than_a_worker_can_tell(world: World) -> None:
    for number in range(MAX_VIEWERS - 1):
        world.hub.attach(Watching(), None, network(number))
    assert not world.hub.full(NOWHERE)
    world.hub.attach(Watching(), None)
    assert world.hub.full(NOWHERE)


def network(number: int) -> bytes:
    return IPV4 + number.to_bytes(6)


def test_viewers_leave_two_thirds_of_the_connections_to_lookups(tmp_path: Path) -> None:
    tail = Broadcast(tmp_path).tail()
    assert Hub(tail, connections=300).places == 100
    assert Hub(tail, connections=1_000_000).places == MAX_VIEWERS


def test_one_network_alone_shuts_nobody_out(tmp_path: Path) -> None:
    hub = Hub(Broadcast(tmp_path).tail(), connections=300)
    ours = [Watching() for _ in range(100 // SHARE)]
    for viewer in ours:
        assert not hub.full(network(1))
        hub.attach(viewer, None, network(1))
    assert hub.full(network(1))
    assert not hub.full(network(2))
    hub.leave(ours[0])
    hub.leave(ours[0])
    assert not hub.full(network(1))
    hub.attach(ours[0], None, network(1))
    assert hub.full(network(1))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40))
def test_places_are_counted_by_who_is_there(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, int]]
) -> None:
    hub = Hub(Broadcast(tmp_path_factory.mktemp("live")).tail(), connections=60)
    viewers, there = [Watching() for _ in range(6)], set[int]()
    for comes, number in steps:
        if comes and number not in there:
            hub.attach(viewers[number], None, network(number % 2))
            there.add(number)
        elif not comes:
            hub.leave(viewers[number])
            there.discard(number)
        for parity in (0, 1):
            assert hub.full(network(parity)) == (sum(n % 2 == parity for n in there) >= 2)


def test_a_damaged_line_is_told_once_and_hides_no_other(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (tmp_path / NAME).open("ab") as file:
        file.write(b"{}\n" * 3)
    world.turn()
    with (tmp_path / NAME).open("ab") as file:
        file.write(b"{}\n")
    world.turn(1)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert world.hub.account.last == 7


def test_no_error_ends_the_following(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = [StorageError("the disk failed"), RuntimeError("100000001")]
    turned = asyncio.Event()

    class Failing:
        def read(self) -> object:
            if not errors:
                turned.set()
                return NOTHING
            raise errors.pop(0)

    monkeypatch.setattr(room, "LOOK_S", 0)
    hub = Hub(Failing())  # type: ignore[arg-type]

    async def run() -> None:
        task = asyncio.create_task(hub.follow())
        await turned.wait()
        assert not task.done()
        task.cancel()

    asyncio.run(run())
    assert "the disk failed" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "100000001" not in caplog.text
