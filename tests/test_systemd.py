"""The systemd unit that operators get."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lookup.cli import app

FOLDER = Path(__file__).parent.parent / "data" / "deploy"
UNIT = (FOLDER / "lookup-serve.service").read_text("utf-8")
ANALYZE = shutil.which("systemd-analyze")


def command() -> list[str]:
    (line,) = re.findall(r"^ExecStart=(.+)$", UNIT, re.MULTILINE)
    return shlex.split(line)


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd")
def test_systemd_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    path = tmp_path / "lookup-serve.service"
    # Neither the program nor its user is on this machine.
    here = re.sub(r"^(User|Group)=.*\n", "", UNIT.replace(command()[0], "/bin/true"), flags=re.M)
    path.write_text(here, "utf-8")
    said = subprocess.run(
        [str(ANALYZE), "verify", str(path)], capture_output=True, text=True, check=True
    )
    assert (said.stdout, said.stderr) == ("", "")


def test_the_unit_starts_a_command_there_is() -> None:
    _, *arguments = command()
    options = {argument for argument in arguments if argument.startswith("--")}
    shown = CliRunner().invoke(app, [arguments[0], "--help"], env={"COLUMNS": "200"}).output
    assert options == {"--workers", "--sockets", "--metrics-port"}
    assert all(option in shown for option in options)


def test_nginx_has_a_server_for_every_worker_of_the_unit() -> None:
    _, *arguments = command()
    workers = int(arguments[arguments.index("--workers") + 1])
    sockets = arguments[arguments.index("--sockets") + 1]
    front = (FOLDER / "nginx.conf").read_text("utf-8")
    servers = re.findall(r"^\s*server unix:(\S+)", front, re.MULTILINE)
    assert servers == [f"{sockets}/worker-{post}.sock" for post in range(workers)]
