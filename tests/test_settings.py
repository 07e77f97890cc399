"""The settings: what an operator sets is read once, and what cannot be read is named."""

import dataclasses
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lookup.errors import UsageError
from lookup.settings import (
    MOST_CHALLENGE_NUMBERS,
    MOST_WAIT_S,
    READERS,
    Settings,
    read_settings,
)


def test_nothing_set_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_an_empty_variable_is_a_variable_not_set() -> None:
    assert read_settings({"LOOKUP_POLL_MS": "", "LOOKUP_DATA_DIR": ""}) == Settings()


def test_each_variable_sets_its_field() -> None:
    found = read_settings(
        {
            "LOOKUP_DATA_DIR": "/srv/lookup",
            "LOOKUP_KINDS_DIR": "/etc/lookup/kinds",
            "LOOKUP_TIMEZONE": "Asia/Ho_Chi_Minh",
            "LOOKUP_SITE_URL": "https://results.example.edu.cn",
            "LOOKUP_POLL_MS": "50",
            "LOOKUP_FAILURE_BUDGET": "7",
            "PATH": "/bin",
        }
    )
    assert found.data_dir == Path("/srv/lookup")
    assert found.site_url == "https://results.example.edu.cn"
    assert found.kinds_dir == Path("/etc/lookup/kinds")
    assert found.timezone == ZoneInfo("Asia/Ho_Chi_Minh")
    assert (found.poll_ms, found.failure_budget) == (50, 7)


def test_without_an_argument_the_process_environment_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOOKUP_POLL_MS", "35")
    assert read_settings().poll_ms == 35


@pytest.mark.parametrize("variable", ["LOOKUP_POLL_MS", "LOOKUP_FAILURE_BUDGET"])
@pytest.mark.parametrize("value", ["0", "-3", "20.5", "２０", "²", "fast-4711", "9" * 5000, " "])
def test_what_is_no_number_is_refused_by_name_without_its_value(variable: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({variable: value})
    assert str(caught.value).startswith(variable)
    if len(value) > 3:
        assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Asia"])
def test_what_is_no_timezone_is_refused_by_name_without_its_value(value: str) -> None:
    with pytest.raises(UsageError, match=r"^LOOKUP_TIMEZONE ") as caught:
        read_settings({"LOOKUP_TIMEZONE": value})
    assert value not in str(caught.value).replace("Asia/Shanghai", "")


@pytest.mark.parametrize(
    "value",
    [
        *(
            "results.example.edu.cn",
            "ftp://example.org",
            "https://a.example/",
            "https://a.example/b",
        ),
        *("https://li:4711@a.example", "https://a.example?x", "https://", "https://a.example\n"),
    ],
)
def test_a_site_is_a_scheme_and_a_host_and_nothing_else(value: str) -> None:
    with pytest.raises(UsageError, match=r"^LOOKUP_SITE_URL cannot be read: give scheme") as caught:
        read_settings({"LOOKUP_SITE_URL": value})
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "most"),
    [
        ("LOOKUP_WAIT_S", MOST_WAIT_S),
        ("LOOKUP_CHALLENGE_NUMBERS", MOST_CHALLENGE_NUMBERS),
    ],
)
def test_what_would_keep_candidates_out_is_refused(variable: str, most: int) -> None:
    read_settings({variable: str(most)})
    for value in (str(most + 1), "9" * 5000, "0", "soon"):
        with pytest.raises(UsageError) as caught:
            read_settings({variable: value})
        assert str(caught.value) == (
            f"{variable} cannot be read: give a whole number from 1 to {most}."
        )


@pytest.mark.parametrize(
    "found",
    [
        {"LOOKUP_FREE_FAILURES": "7", "LOOKUP_FAILURE_BUDGET": "7"},
        {"LOOKUP_FREE_FAILURES": "20"},
        {"LOOKUP_FAILURE_BUDGET": "5"},
    ],
    ids=str,
)
def test_a_number_must_work_before_it_must_wait(found: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"^LOOKUP_FREE_FAILURES must be below LOOKUP_FAILURE_"):
        read_settings(found)


def test_every_field_has_a_reader() -> None:
    assert READERS.keys() == {field.name for field in dataclasses.fields(Settings)}


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().poll_ms = 5  # type: ignore[misc]  # that is the point
