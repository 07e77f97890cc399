"""The systemd units that operators get."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lookup.cli import app

FOLDER = Path(__file__).parent.parent / "data" / "deploy"
UNITS = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.service")}
SERVE, ADMIN = "lookup-serve.service", "lookup-admin.service"
OPTIONS = {SERVE: {"--workers", "--sockets", "--metrics-port"}, ADMIN: set[str]()}
ANALYZE = shutil.which("systemd-analyze")
THERE_ALREADY = {"root", "www-data"}


def command(unit: str) -> list[str]:
    (line,) = re.findall(r"^ExecStart=(.+)$", UNITS[unit], re.MULTILINE)
    return shlex.split(line)


def installation() -> list[list[str]]:
    """The commands at the head of the public service's unit."""
    lines = re.findall(r"^#   (\S.+)$", UNITS[SERVE], re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_to_complain_of(tmp_path: Path, unit: str) -> None:
    path = tmp_path / unit
    # Neither the program nor its user is on this machine.
    text = UNITS[unit].replace(command(unit)[0], "/bin/true")
    path.write_text(re.sub(r"^(User|Group)=.*\n", "", text, flags=re.M), "utf-8")
    said = subprocess.run(
        [str(ANALYZE), "verify", str(path)], capture_output=True, text=True, check=True
    )
    assert (said.stdout, said.stderr) == ("", "")


@pytest.mark.parametrize("unit", OPTIONS)
def test_a_unit_starts_a_command_there_is(unit: str) -> None:
    _, *arguments = command(unit)
    options = {argument for argument in arguments if argument.startswith("--")}
    shown = CliRunner().invoke(app, [arguments[0], "--help"], env={"COLUMNS": "200"}).output
    assert options == OPTIONS[unit]
    assert all(option in shown for option in options)


def test_every_user_is_made_before_anything_belongs_to_it() -> None:
    made = set(THERE_ALREADY)
    for name, *arguments in installation():
        match name:
            case "useradd":
                made.add(arguments[-1])
            case "usermod":
                assert {arguments[-1], arguments[-2]} <= made
            case "install":
                owner, group = (arguments[arguments.index(flag) + 1] for flag in ("-o", "-g"))
                assert {owner, group} <= made
            case "systemctl" if "enable" in arguments:
                users = re.findall(r"^(?:User|Group)=(.+)$", "".join(UNITS.values()), re.M)
                assert set(users) <= made


def test_every_unit_is_installed_and_both_serve_one_data_folder() -> None:
    copied = {Path(words[1]).name for words in installation() if words[0] == "cp"}
    assert copied >= set(UNITS)
    folders = [re.findall(r"^Environment=(.+)$", text, re.M) for text in UNITS.values()]
    assert folders == [["LOOKUP_DATA_DIR=/var/lib/lookup"]] * 2


def test_nginx_has_a_server_for_every_worker_of_the_unit() -> None:
    _, *arguments = command(SERVE)
    workers = int(arguments[arguments.index("--workers") + 1])
    sockets = arguments[arguments.index("--sockets") + 1]
    front = (FOLDER / "nginx.conf").read_text("utf-8")
    servers = re.findall(r"^\s*server unix:(\S+)", front, re.MULTILINE)
    # Once for lookups and once for those who watch.
    assert servers == [f"{sockets}/worker-{post}.sock" for post in range(workers)] * 2
