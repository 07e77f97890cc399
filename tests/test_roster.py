"""Who stands at which post: whatever workers and operators do."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lookup.public.roster import (
    FIRST_PAUSE_S,
    GIVEN_UP,
    LEAVE_S,
    LONGEST_PAUSE_S,
    RESTARTED,
    SILENCE_S,
    STALL_S,
    START_S,
    Action,
    Kill,
    Leave,
    Roster,
    Say,
    Start,
)

POSTS = 3


class Stage:
    """A roster, and the workers as they would be: started, told to leave, killed."""

    def __init__(self, posts: int = POSTS) -> None:
        self.now = 100.0
        self.roster = Roster(posts)
        self.alive: dict[int, int] = {}
        self.ready: set[int] = set()
        self.leaving: set[int] = set()
        self.said: list[str] = []
        self.killed: list[str] = []
        self.act(self.roster.begin(self.now))

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Start(worker, post):
                    assert worker not in self.alive
                    self.alive[worker] = post
                case Leave(worker):
                    assert worker in self.alive
                    self.leaving.add(worker)
                case Kill(worker, why):
                    self.killed.append(why)
                    self.forget(worker)
                    self.act(self.roster.ended(worker, self.now))
                case Say(sentence):
                    self.said.append(sentence)

    def forget(self, worker: int) -> None:
        self.alive.pop(worker, None)
        self.ready.discard(worker)
        self.leaving.discard(worker)

    def wait(self, seconds: float) -> None:
        """Time passes as it does for the supervisor: it looks whenever it asked to."""
        end = self.now + seconds
        while True:
            due = self.roster.look(self.now)
            if due is None or self.now + due > end:
                break
            self.now += due
            self.act(self.roster.tick(self.now))
        self.now = end

    def beat(self) -> None:
        for worker in self.alive:
            self.roster.beat(worker, self.now)

    def live(self, seconds: float) -> None:
        """Time passes and every loop runs."""
        for _ in range(int(seconds * 2)):
            self.wait(0.5)
            self.beat()

    def get_ready(self, *workers: int) -> None:
        for worker in workers or sorted(self.alive):
            self.ready.add(worker)
            self.act(self.roster.ready(worker, self.now))

    def end(self, worker: int) -> None:
        self.forget(worker)
        self.act(self.roster.ended(worker, self.now))

    def posts(self) -> list[int]:
        return sorted(self.alive.values())


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def served() -> Stage:
    stage = Stage()
    stage.get_ready()
    return stage


def test_every_post_gets_a_worker(stage: Stage) -> None:
    assert stage.posts() == [0, 1, 2]


def test_a_dead_worker_is_replaced_at_once(served: Stage) -> None:
    served.end(2)
    assert served.alive == {1: 0, 3: 2, 4: 1}


def test_a_worker_that_stands_still_is_killed_and_replaced(served: Stage) -> None:
    served.live(10)
    for _ in range(5):
        served.roster.beat(1, served.now)
        served.roster.beat(3, served.now)
        served.wait(SILENCE_S / 4)
    assert served.alive == {1: 0, 3: 2, 4: 1}
    assert served.killed == ["stood still"]


def test_a_worker_that_starts_slowly_is_waited_for_while_its_loop_runs(stage: Stage) -> None:
    stage.live(10 * START_S)
    assert list(stage.alive) == [1, 2, 3]


def test_a_worker_that_never_runs_its_loop_is_replaced(stage: Stage) -> None:
    stage.wait(START_S + LONGEST_PAUSE_S)
    assert stage.killed == ["stood still"] * POSTS
    assert stage.posts() == [0, 1, 2]


def test_pauses_before_the_next_try_double_up_to_their_bound() -> None:
    stage = Stage(posts=1)
    pauses = []
    for _ in range(40):
        stage.end(*stage.alive)
        began = stage.now
        while not stage.alive:
            stage.wait(FIRST_PAUSE_S / 10)
        pauses.append(round(stage.now - began, 1))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6] + [LONGEST_PAUSE_S] * 35


def test_a_worker_that_was_ready_starts_the_pauses_anew() -> None:
    stage = Stage(posts=1)
    for _ in range(6):
        stage.end(*stage.alive)
        stage.wait(LONGEST_PAUSE_S)
    stage.get_ready()
    stage.end(*stage.alive)
    assert stage.posts() == [0]


def test_a_restart_replaces_one_worker_after_the_other(served: Stage) -> None:
    served.act(served.roster.reload(served.now))
    for old, new in ((1, 4), (2, 5), (3, 6)):
        assert max(served.alive) == new
        assert not served.leaving
        served.get_ready(new)
        assert served.leaving == {old}
        assert max(served.alive) == new
        served.end(old)
    assert served.alive == {4: 0, 5: 1, 6: 2}
    assert served.said == [RESTARTED]
    assert not served.roster.restarting


def test_only_a_worker_of_a_restart_is_told_whom_it_relieves(served: Stage) -> None:
    assert served.roster.reload(served.now) == [Start(4, 0, relieves=1)]
    assert served.roster.ended(2, served.now) == [Start(5, 1)]


def test_an_old_worker_that_does_not_leave_is_killed(served: Stage) -> None:
    served.act(served.roster.reload(served.now))
    served.get_ready(4)
    served.live(LEAVE_S + 1)
    assert served.killed == ["did not end in time"]
    assert served.alive == {2: 1, 3: 2, 4: 0, 5: 1}


def test_a_second_request_to_restart_is_remembered_once(served: Stage) -> None:
    for _ in range(3):
        served.act(served.roster.reload(served.now))
    while served.roster.restarting:
        served.get_ready(max(served.alive))
        served.end(*served.leaving)
    assert served.said == [RESTARTED] * 2
    assert sorted(served.alive) == [7, 8, 9]


@pytest.mark.parametrize("dies", [True, False])
def test_a_new_worker_that_cannot_take_over_leaves_the_old_one_there(
    served: Stage, dies: bool
) -> None:
    served.act(served.roster.reload(served.now))
    if dies:
        served.end(4)
    else:
        served.live(START_S + 1)
        assert served.killed == ["was not ready in time"]
    assert served.said == [GIVEN_UP]
    assert served.alive == {1: 0, 2: 1, 3: 2}
    assert not served.leaving


def test_an_old_worker_that_dies_while_relieved_is_followed_by_the_new_one(served: Stage) -> None:
    served.act(served.roster.reload(served.now))
    served.end(1)
    assert served.alive == {2: 1, 3: 2, 4: 0, 5: 1}


def test_a_post_whose_worker_died_meanwhile_is_not_restarted_again(served: Stage) -> None:
    served.act(served.roster.reload(served.now))
    served.end(3)
    served.get_ready(4, 5)
    served.end(1)
    served.get_ready(6)
    served.end(2)
    assert served.said == [RESTARTED]
    assert served.alive == {4: 0, 5: 2, 6: 1}


def test_stopping_tells_everybody_once_and_kills_who_stays(served: Stage) -> None:
    served.act(served.roster.stop(served.now))
    assert served.leaving == {1, 2, 3}
    served.end(1)
    served.live(LEAVE_S + 1)
    assert served.killed == ["did not end in time"] * 2
    assert served.roster.done


def test_asked_twice_to_stop_it_ends_at_once(served: Stage) -> None:
    served.act(served.roster.stop(served.now))
    served.act(served.roster.stop(served.now))
    assert served.roster.done


def test_workers_are_not_blamed_for_a_supervisor_that_stood_still(served: Stage) -> None:
    served.live(1)
    assert served.roster.look(served.now) is not None
    served.now += SILENCE_S + 2 * STALL_S
    served.act(served.roster.tick(served.now))
    assert served.killed == []
    served.wait(SILENCE_S)
    assert served.killed == ["stood still"] * POSTS


class Service(RuleBasedStateMachine):
    """Workers that live, die and hang in any order, operators who ask at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.stopped_at: float | None = None

    def one(self, data: st.DataObject, workers: set[int]) -> int:
        return data.draw(st.sampled_from(sorted(workers)))

    def told(self) -> set[int]:
        return set(self.stage.leaving)

    def check(self, told: set[int]) -> None:
        """Whoever was told to leave in one step left somebody ready behind."""
        for worker in self.stage.leaving - told:
            if self.stopped_at is None:
                post = self.stage.alive[worker]
                others = self.stage.ready - self.stage.leaving
                assert any(self.stage.alive[other] == post for other in others)

    @precondition(lambda self: self.stage.alive)
    @rule(data=st.data())
    def becomes_ready(self, data: st.DataObject) -> None:
        told = self.told()
        self.stage.get_ready(self.one(data, set(self.stage.alive)))
        self.check(told)

    @precondition(lambda self: self.stage.alive)
    @rule(data=st.data())
    def dies(self, data: st.DataObject) -> None:
        told = self.told()
        self.stage.end(self.one(data, set(self.stage.alive)))
        self.check(told)

    @rule(seconds=st.floats(0, 3), beating=st.booleans())
    def passes(self, seconds: float, beating: bool) -> None:
        told = self.told()
        if beating:
            self.stage.beat()
        self.stage.wait(seconds)
        self.check(told)

    @rule()
    def is_asked_to_restart(self) -> None:
        told = self.told()
        self.stage.act(self.stage.roster.reload(self.stage.now))
        assert self.told() == told

    @rule(data=st.data())
    def is_rarely_stopped(self, data: st.DataObject) -> None:
        if data.draw(st.integers(0, 9)) == 0 and self.stopped_at is None:
            self.stopped_at = self.stage.now
            self.stage.act(self.stage.roster.stop(self.stage.now))

    @invariant()
    def every_post_has_a_worker_or_soon_gets_one(self) -> None:
        if self.stopped_at is not None:
            return
        for number, post in enumerate(self.stage.roster.posts):
            staying = [
                worker
                for worker, at in self.stage.alive.items()
                if at == number and worker not in self.stage.leaving
            ]
            assert len(staying) in (1, 2) if post.start_at is None else not staying
            if post.start_at is not None:
                assert post.start_at - self.stage.now <= LONGEST_PAUSE_S

    @invariant()
    def one_post_at_a_time_has_two_workers(self) -> None:
        assert len(self.stage.alive) <= POSTS + 1

    @invariant()
    def who_was_told_to_leave_is_gone_in_time(self) -> None:
        if self.stopped_at is not None and self.stage.now > self.stopped_at + LEAVE_S:
            assert self.stage.roster.done

    @invariant()
    def it_knows_exactly_the_workers_there_are(self) -> None:
        assert set(self.stage.roster.workers) == set(self.stage.alive)


TestService = Service.TestCase
TestService.settings = settings(max_examples=100, stateful_step_count=50)
