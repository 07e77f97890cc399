"""The supervisor with real workers: who dies is replaced, who is told ends, nothing is left."""

import contextlib
import errno
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookup.clock import SteadyClock
from lookup.public.roster import GIVEN_UP
from lookup.public.supervisor import Supervisor
from lookup.settings import Settings
from lookup.stores.embedded import EmbeddedStore
from tests.makers import make_kind, make_release, open_release
from tests.service_makers import (
    ASKED,
    PATIENCE_S,
    Service,
    ask,
    free_port,
    publish_one,
    serving,
    wait_gone,
)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return publish_one(tmp_path)


@pytest.fixture
def served(tmp_path: Path, store: EmbeddedStore) -> Iterator[tuple[Service, int]]:
    with serving(tmp_path, 2) as found:
        yield found


def test_a_killed_worker_is_replaced(served: tuple[Service, int]) -> None:
    service, port = served
    os.kill(service.workers[0], signal.SIGKILL)
    service.says("ended by signal 9")
    service.ready(2)
    assert ask(port).status_code == 200


def test_a_stopped_worker_is_killed_and_replaced(served: tuple[Service, int]) -> None:
    service, port = served
    os.kill(service.workers[0], signal.SIGSTOP)
    service.says("stood still and is killed")
    service.says("ended by signal 9")
    service.ready(2)
    assert ask(port).status_code == 200


def test_a_restart_gives_every_post_a_new_worker(served: tuple[Service, int]) -> None:
    service, port = served
    before = set(service.workers)
    service.restart()
    assert len(service.workers) == 2
    assert not before & set(service.workers)
    assert ask(port).status_code == 200


def test_a_restart_stops_at_a_worker_that_cannot_answer_what_the_one_there_does(
    served: tuple[Service, int], store: EmbeddedStore
) -> None:
    service, port = served
    before = set(service.workers)
    (release,) = store.releases.glob("*.lmdb")
    away = release.rename(release.with_suffix(".away"))
    service.process.send_signal(signal.SIGHUP)
    service.says("cannot answer what the one it was to replace does: scores;")
    service.says(GIVEN_UP)
    assert set(service.workers) == before
    assert {ask(port).status_code for _ in range(10)} == {200}
    away.rename(release)
    service.restart()
    assert not before & set(service.workers)
    assert ask(port).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_and_so_do_its_workers(
    served: tuple[Service, int], number: signal.Signals
) -> None:
    service, port = served
    service.process.send_signal(number)
    assert service.process.wait(PATIENCE_S) == 0
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))


def test_a_signal_to_the_whole_group_is_no_error(served: tuple[Service, int]) -> None:
    service, _ = served
    os.killpg(service.process.pid, signal.SIGTERM)
    for _ in range(2):
        service.says("ended as told")
    assert service.process.wait(PATIENCE_S) == 0
    assert not [event for event in service.events if "status" in event or "cannot" in event]


def test_a_client_that_never_finishes_its_request_does_not_hold_up_the_end(
    served: tuple[Service, int],
) -> None:
    service, port = served
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /scores HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n")
        assert ask(port).status_code == 200
        assert service.stop() == 0


def test_at_the_end_what_was_begun_is_finished_and_nobody_else_let_in(
    served: tuple[Service, int],
) -> None:
    service, port = served
    head, body = ASKED % b"", ASKED[-1:]
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
        client.sendall(head[:-1])
        assert ask(port).status_code == 200
        service.process.terminate()
        service.says("the service is to stop")
        while True:
            # As soon as the workers stop listening too.
            with socket.socket() as another:
                if another.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED:
                    break
        client.sendall(body)
        assert client.recv(1 << 12).startswith(b"HTTP/1.1 200 ")
    assert service.process.wait(PATIENCE_S) == 0


def test_workers_end_when_the_supervisor_is_killed(served: tuple[Service, int]) -> None:
    service, _ = served
    service.process.kill()
    for worker in service.workers:
        # Whoever is gone already has no process to wait for.
        with contextlib.suppress(ProcessLookupError):
            wait_gone(worker)


def test_a_service_whose_fork_server_was_killed_goes_on_and_replaces_workers(
    served: tuple[Service, int],
) -> None:
    service, port = served
    for task in Path(f"/proc/{service.process.pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if "forkserver" in Path(f"/proc/{child}/cmdline").read_text():
                os.kill(int(child), signal.SIGKILL)
    assert ask(port).status_code == 200
    os.kill(service.workers[0], signal.SIGKILL)
    service.says("ended")
    service.ready(2)
    assert ask(port).status_code == 200


@pytest.mark.parametrize("content", [b"", b"not a release", None])
def test_it_starts_though_the_release_is_damaged_and_serves_it_once_it_is_whole(
    tmp_path: Path, content: bytes | None
) -> None:
    store = EmbeddedStore(tmp_path)
    reference = make_release(store, make_kind())
    whole = store.path(reference).read_bytes()
    store.path(reference).unlink()
    if content is not None:
        store.path(reference).write_bytes(content)
    open_release(store, reference)
    with serving(tmp_path, 1) as (_, port):
        assert ask(port).status_code == 503
        assert ask(port, "/healthz").status_code == 200
        store.path(reference).unlink(missing_ok=True)
        store.path(reference).write_bytes(whole)
        while ask(port).status_code == 503:
            pass
        assert ask(port).status_code == 200


@pytest.mark.parametrize("what", ["empty", "pointers", "folder"])
def test_it_starts_whatever_the_data_folder_is(tmp_path: Path, what: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    if what == "pointers":
        (data / "live").mkdir()
        (data / "live" / "scores.json").write_bytes(b"{")
    if what == "folder":
        (data / "live").write_bytes(b"")
    port = free_port()
    with Service(data, "--port", str(port)) as service:
        service.says("this worker listens")
        assert ask(port, "/healthz").status_code == 200
        assert ask(port).status_code in (404, 503)
        ready = ask(port, "/readyz").status_code
        assert ready == (503 if what == "folder" else 200)
        assert service.stop() == 0


def test_a_clock_that_was_set_is_told_once_until_the_next_restart(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "lookup.public")
    supervisor = Supervisor(Settings(), [])
    before = supervisor.clock
    monkeypatch.setattr(SteadyClock, "agree", lambda _: False)
    for _ in range(3):
        supervisor._watch_clock()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    supervisor._obey(signal.SIGHUP)
    assert supervisor.clock is not before
