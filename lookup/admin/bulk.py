"""Work over a whole batch: hundreds of thousands of short-lived rows, none of them in a cycle."""

import contextlib
import gc
from collections.abc import Iterator

COLLECT_EVERY = 100_000
"""So many objects are made and kept before cycles are looked for. Python's own 700 are met
many times in every chunk of rows, and looking costs a twelfth of a load."""


@contextlib.contextmanager
def rarely_collecting() -> Iterator[None]:
    """Look for cycles seldom inside the block; for a process with one work, not for a server."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
