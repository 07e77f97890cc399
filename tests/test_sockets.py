"""The kernel's queue of those who connect all at once."""

from pathlib import Path

import pytest

from lookup.sockets import BACKLOG, check_backlog


def test_a_kernel_that_keeps_fewer_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limit = tmp_path / "somaxconn"
    limit.write_text(f"{BACKLOG}\n")
    check_backlog(limit)
    check_backlog(tmp_path / "nowhere")
    assert not caplog.records
    limit.write_text("4096\n")
    check_backlog(limit)
    assert [record.getMessage() for record in caplog.records] == [
        f"the kernel keeps 4096 waiting connections, not {BACKLOG}: set net.core.somaxconn"
    ]
