"""Keys: whole or refused; and once destroyed, gone."""

from pathlib import Path

import pytest

from lookup.admin.publishing.keys import Keys
from lookup.errors import RefusedError

KEY = bytes(range(32))


def test_a_key_that_was_kept_is_given_back_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    keys.keep("r1", KEY)
    assert keys.get("r1") == KEY
    folder = tmp_path / "admin" / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "r1.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "00", "zz" * 32, "00" * 31, "é"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    keys = Keys(tmp_path)
    keys.keep("r1", KEY)
    (tmp_path / "admin" / "keys" / "r1.key").write_text(content)
    with pytest.raises(RefusedError, match="key of r1"):
        keys.get("r1")


def test_a_destroyed_key_is_gone_and_can_be_destroyed_again(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    keys.keep("r1", KEY)
    keys.keep("r2", KEY)
    keys.destroy("r1")
    keys.destroy("r1")
    with pytest.raises(RefusedError):
        keys.get("r1")
    assert keys.get("r2") == KEY
