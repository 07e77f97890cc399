"""`lookup live`: one sentence each, and the exit codes of the other commands."""

import json
from pathlib import Path

import pytest

from tests.admin_makers import lookup, write_rows
from tests.studio_makers import FIRST, Studio, round_of
from tests.test_live_board import HEADER, ROWS


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def said(studio: Studio, *arguments: str) -> tuple[int, str]:
    """A command's exit code, and all it printed."""
    done = lookup(studio.office.root, "live", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_a_broadcast_by_command_from_its_beginning_to_its_end(studio: Studio) -> None:
    table = write_rows(studio.office.root / "table.csv", ROWS, HEADER)
    for arguments, code, words in (
        (("show",), 0, "Nothing has been broadcast yet."),
        (("post", "早了"), 1, "No broadcast runs"),
        (("begin", "试验直播", "--en", "Trial"), 0, "On the air: 试验直播"),
        (("begin", "又一场"), 1, "A broadcast runs already"),
        (("post", "开始投档", "--en", "It begins", "--round", FIRST), 0, "Said as entry 2."),
        (("post", " "), 2, "Chinese"),
        (("round", FIRST, "--state", "under_way", "--plan", "170"), 0, f"{FIRST} is under_way."),
        (("round", FIRST, "--state", "over"), 2, "over"),
        (("import", FIRST, str(table)), 0, f"2 schools of {FIRST} on the board."),
        (("retract", "2"), 0, "Entry 2 is taken back."),
        (("retract", "2"), 2, "No words stand under 2"),
        (("replay", "1", FIRST, "--over", "soon"), 2, "10m"),
        (("replay", "1", FIRST), 2, "no batch 1"),
        (("stop",), 1, "nothing to stop"),
        (("end",), 0, "The broadcast is over."),
        (("show",), 0, "试验直播: over"),
    ):
        ended, printed = said(studio, *arguments)
        assert ended == code, printed
        assert words in printed
        assert "Traceback" not in printed


def test_what_is_on_the_air_is_shown_as_json(studio: Studio) -> None:
    batch = studio.opened(round_of(45))
    studio.begin()
    assert said(studio, "replay", str(batch), FIRST, "--over", "0s") == (
        0,
        f"45 of 45 candidates of {FIRST} told.\n",
    )
    _, printed = said(studio, "show", "--json", "--last", "3")
    shown = json.loads(printed)
    assert (shown["title"]["zh"], shown["running"], shown["last"]) == ("试验直播", True, 6)
    assert [entry["type"] for entry in shown["entries"]] == ["words", "round", "board"]
    assert shown["rounds"][0]["state"] == "done"
    _, printed = said(studio, "show")
    assert "done, 45 of 45 forwarded" in printed
