"""Work over a whole batch looks for cycles seldom, and leaves the process as it was."""

import gc

import pytest

from lookup.admin.bulk import COLLECT_EVERY, rarely_collecting


def test_cycles_are_looked_for_seldom_and_still_looked_for() -> None:
    with rarely_collecting():
        assert gc.isenabled()
        assert gc.get_threshold()[0] == COLLECT_EVERY


def test_a_failure_leaves_the_process_as_it_was() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="failed"), rarely_collecting():
        raise ValueError("failed")
    assert gc.get_threshold() == before
