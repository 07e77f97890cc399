"""Who stands at which post, and what is to be done about it: the supervisor's decisions.

A service has a fixed number of posts, and one worker holds each. Events come in as method calls
with the time they happened, seconds of a clock that never goes back; what is to be done comes
out. Nothing here starts, stops or waits for anything.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SILENCE_S = 2.0
"""A worker's loop writes ten times a second; after so long without a word it is blocked."""
START_S = 30.0
"""How long a worker may take to be ready where another waits for it."""
LEAVE_S = 5.0
"""How long a worker may take to finish what it has begun."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
RESTARTED = "every worker was replaced by a new one"
GIVEN_UP = "the restart ended: a new worker did not become ready, those there were serve on"
STALL_S = 0.5
"""Looked at later than that after the time asked for: the supervisor itself stood still."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start a worker at a post; `relieves` is the one that serves there and is to go after."""

    worker: int
    post: int
    relieves: int | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Tell a worker to finish what it has begun and to end."""

    worker: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End a worker at once; `why` completes the sentence "the worker …"."""

    worker: int
    why: str


@dataclass(frozen=True, slots=True)
class Say:
    """Tell the operator."""

    sentence: str


Action = Start | Leave | Kill | Say


@dataclass(slots=True)
class Worker:
    """A worker that was started and has not ended."""

    number: int
    post: int
    started_at: float
    heard_at: float
    spoke: bool = False
    ready: bool = False
    leaves_by: float | None = None

    def overdue_at(self) -> float:
        """When it is to be killed if nothing is heard of it until then."""
        silent = self.heard_at + (SILENCE_S if self.spoke else START_S)
        return silent if self.leaves_by is None else min(silent, self.leaves_by)


@dataclass(slots=True)
class Post:
    """A place that one worker holds; without one, when the next is to start."""

    holder: int | None = None
    newcomer: int | None = None
    start_at: float | None = None
    failures: int = 0


@dataclass(slots=True)
class _Round:
    """A rolling restart: the posts still to be relieved of whoever was there before it."""

    newest: int
    posts: list[int] = field(default_factory=list)


class Roster:
    """The workers of a service. `done` once it was stopped and the last worker has gone."""

    def __init__(self, posts: int) -> None:
        self.posts = [Post() for _ in range(posts)]
        self.workers: dict[int, Worker] = {}
        self.stopping = False
        self._count = 0
        self._round: _Round | None = None
        self._again = False
        self._looked_at = self._expected_at = math.inf

    @property
    def done(self) -> bool:
        """Whether there is nothing left to watch."""
        return self.stopping and not self.workers

    @property
    def restarting(self) -> bool:
        """Whether a rolling restart is under way."""
        return self._round is not None

    # Events

    def begin(self, now: float) -> list[Action]:
        """The service starts."""
        return [self._start(number, now) for number in range(len(self.posts))]

    def beat(self, worker: int, now: float) -> None:
        """A worker's loop runs."""
        if found := self.workers.get(worker):
            found.heard_at, found.spoke = now, True

    def ready(self, worker: int, now: float) -> list[Action]:
        """A worker has looked at the pointers and answers."""
        found = self.workers.get(worker)
        if found is None:
            return []
        self.beat(worker, now)
        found.ready = True
        post = self.posts[found.post]
        post.failures = 0
        if self.stopping or post.newcomer != worker:
            return []
        before, post.holder, post.newcomer = post.holder, worker, None
        return [] if before is None else self._dismiss(before, now)

    def ended(self, worker: int, now: float) -> list[Action]:
        """A worker's process is gone, or could not be started."""
        found = self.workers.pop(worker, None)
        if found is None:
            return []
        post = self.posts[found.post]
        if self.stopping:
            return []
        if post.newcomer == worker:
            post.newcomer = None
            return self._give_up()
        if post.holder != worker:
            return self._go_on(now)
        if post.newcomer is not None:
            post.holder, post.newcomer = post.newcomer, None
            return self._go_on(now)
        post.holder, post.start_at = None, now
        if not found.ready:
            pause = FIRST_PAUSE_S * 2 ** min(post.failures, 16)
            post.start_at = now + min(pause, LONGEST_PAUSE_S)
            post.failures += 1
        return [*self._fill(now), *self._go_on(now)]

    def reload(self, now: float) -> list[Action]:
        """Somebody asks for every worker to be replaced by a new one, one after the other."""
        if self.stopping:
            return []
        if self._round is not None:
            self._again = True
            return []
        self._round = _Round(self._count, list(range(len(self.posts))))
        return self._go_on(now)

    def stop(self, now: float) -> list[Action]:
        """Somebody asks for the service to end; asked twice it ends at once."""
        if self.stopping:
            return [Kill(worker, "was to end at once") for worker in self.workers]
        self.stopping = True
        self._round, self._again = None, False
        for post in self.posts:
            post.newcomer = None
        return [act for worker in list(self.workers) for act in self._dismiss(worker, now)]

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        if now - self._expected_at > STALL_S:
            self._forgive(now - self._looked_at)
        return [*self._overdue(now), *self._fill(now)]

    def look(self, now: float) -> float | None:
        """Look at the clock: in how many seconds `tick` is to be called, None for never."""
        times = [worker.overdue_at() for worker in self.workers.values()]
        if not self.stopping:
            times += [post.start_at for post in self.posts if post.start_at is not None]
            times += [self.workers[each].started_at + START_S for each in self._newcomers()]
        self._looked_at, self._expected_at = now, max(now, min(times, default=math.inf))
        return self._expected_at - now if times else None

    # What follows from them

    def _start(self, number: int, now: float) -> Start:
        self._count += 1
        self.workers[self._count] = Worker(self._count, number, now, now)
        post = self.posts[number]
        if post.holder is None:
            post.holder, post.start_at = self._count, None
            return Start(self._count, number)
        post.newcomer = self._count
        return Start(self._count, number, post.holder)

    def _fill(self, now: float) -> Iterator[Start]:
        if self.stopping:
            return
        for number, post in enumerate(self.posts):
            if post.start_at is not None and post.start_at <= now:
                yield self._start(number, now)

    def _dismiss(self, worker: int, now: float) -> list[Action]:
        found = self.workers[worker]
        if found.leaves_by is not None:
            return []
        found.leaves_by = now + LEAVE_S
        return [Leave(worker)]

    def _newcomers(self) -> Iterable[int]:
        return [post.newcomer for post in self.posts if post.newcomer is not None]

    def _overdue(self, now: float) -> Iterator[Action]:
        for worker in list(self.workers.values()):
            if now >= worker.overdue_at():
                left = worker.leaves_by is not None and now >= worker.leaves_by
                yield Kill(worker.number, "did not end in time" if left else "stood still")
                # Not waiting for its end: a process can hang in the kernel.
                yield from self.ended(worker.number, now)
        for number in self._newcomers():
            if now >= self.workers[number].started_at + START_S:
                yield Kill(number, "was not ready in time")
                yield from self.ended(number, now)

    def _forgive(self, seconds: float) -> None:
        """Whoever kept the supervisor from running may have kept the workers too."""
        for worker in self.workers.values():
            worker.heard_at += seconds
            worker.started_at += seconds
            if worker.leaves_by is not None:
                worker.leaves_by += seconds

    # The rolling restart

    def _go_on(self, now: float) -> list[Action]:
        """Relieve the next post, once nobody of the last one is still to come or to go."""
        found = self._round
        if found is None or any(self._newcomers()) or self._leaving():
            return []
        while found.posts:
            number = found.posts.pop(0)
            holder = self.posts[number].holder
            # A post whose worker died meanwhile has a new one already, or gets one.
            if holder is not None and holder <= found.newest:
                return [self._start(number, now)]
        self._round = None
        said: list[Action] = [Say(RESTARTED)]
        if self._again:
            self._again = False
            said += self.reload(now)
        return said

    def _leaving(self) -> bool:
        return any(worker.leaves_by is not None for worker in self.workers.values())

    def _give_up(self) -> list[Action]:
        """A new worker cannot take over: whoever stands there stays, and so do the others."""
        self._round, self._again = None, False
        return [Say(GIVEN_UP)]
