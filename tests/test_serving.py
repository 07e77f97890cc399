"""What the public service listens on, and what an operator is told where it cannot."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from lookup.errors import UsageError
from lookup.public.serving import serve
from lookup.settings import Settings
from lookup.sockets import MAX_PATH_BYTES, bind, bind_files
from tests.service_makers import HOST, Service, ask, free_port, publish_one, serving


def test_every_post_has_a_socket_of_its_own_for_as_long_as_the_block_runs(tmp_path: Path) -> None:
    with bind_files(tmp_path / "run", 3) as sockets:
        files = sorted((tmp_path / "run").iterdir())
        assert [file.name for file in files] == [f"worker-{n}.sock" for n in range(3)]
        assert [bound.getsockname() for bound in sockets] == list(map(str, files))
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o660}
    assert list((tmp_path / "run").iterdir()) == []


def test_a_socket_that_a_killed_service_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "worker-0.sock"))
    with bind_files(tmp_path, 1) as (bound,), socket.socket(socket.AF_UNIX) as client:
        client.connect(bound.getsockname())


def test_a_socket_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    with bind_files(tmp_path, 1), pytest.raises(UsageError, match="in use"):
        bind_files(tmp_path, 1).__enter__()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "worker-1.sock").write_bytes(b"somebody's")
    with pytest.raises(UsageError, match="--sockets"):
        bind_files(tmp_path, 2).__enter__()
    assert [file.name for file in tmp_path.iterdir()] == ["worker-1.sock"]
    assert (tmp_path / "worker-1.sock").read_bytes() == b"somebody's"


@pytest.mark.parametrize("name", ["a" * MAX_PATH_BYTES, "missing/folder", "file"])
def test_a_folder_that_cannot_hold_sockets_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="choose another with --sockets"):
        serve(Settings(data_dir=tmp_path), HOST, 1, sockets=tmp_path / name)


def test_a_file_for_a_folder_of_sockets_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="file is not a folder: choose another with --sockets"):
        serve(Settings(data_dir=tmp_path), HOST, 1, sockets=tmp_path / "file")


@pytest.mark.parametrize("name", ["missing", "file"])
def test_without_a_data_folder_nothing_starts_and_nothing_is_made(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match=f"no data folder .*{name}: give it with --data-dir"):
        serve(Settings(data_dir=tmp_path / name), HOST, free_port())
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_addresses_that_are_taken_are_told_before_anything_starts(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with bind(HOST, 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="--port"):
            serve(settings, HOST, port)
        with pytest.raises(UsageError, match=r"is in use: .* --metrics-port"):
            serve(settings, HOST, free_port(), metrics_port=port)
    assert list(tmp_path.iterdir()) == []


def test_workers_answer_on_their_sockets_which_go_with_the_service(tmp_path: Path) -> None:
    publish_one(tmp_path)
    sockets = tmp_path / "run"
    with Service(tmp_path, "--sockets", str(sockets), "--workers", "2") as service:
        service.ready(2)
        for file in sockets.iterdir():
            assert ask(file).status_code == 200
        assert service.stop() == 0
    assert list(sockets.iterdir()) == []


def test_metrics_are_of_all_workers_and_on_a_port_of_their_own(tmp_path: Path) -> None:
    publish_one(tmp_path)
    metrics_port = free_port()
    with serving(tmp_path, 2, "--metrics-port", str(metrics_port)) as (_, port):
        assert ask(port, "/metrics").status_code == 404
        # A worker reports once a second.
        for _ in range(2000):
            shown = httpx.get(f"http://{HOST}:{metrics_port}/metrics", trust_env=False).text
            if 'lookup_workers{state="answering"} 2.0' in shown:
                break
        else:
            pytest.fail("not both workers are shown")


def test_a_restart_loses_no_count(tmp_path: Path) -> None:
    publish_one(tmp_path)
    metrics_port = free_port()
    found = 'lookup_requests_total{kind="scores",outcome="found"} 10.0'
    with serving(tmp_path, 2, "--metrics-port", str(metrics_port)) as (service, port):
        for _ in range(10):
            assert ask(port).status_code == 200
        service.restart()
        # What ended is looked at once a second, and kept.
        for _ in range(2000):
            if found in httpx.get(f"http://{HOST}:{metrics_port}/", trust_env=False).text:
                break
        else:
            pytest.fail("some of the lookups are not counted")


def test_workers_carry_nothing_of_the_command_line() -> None:
    program = (
        "import sys, lookup.public.preloaded; "
        "print([m for m in ('typer', 'aiosqlite', 'lookup.cli') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
