"""Public statistics of a batch, made from what its kind says: tables without small cells.

No published cell stands for fewer than `MINIMUM_CELL` people, and no difference or union of
cells does either, whether of one table, of two tables of a release or of two of its versions.
The document's format: DESIGN.md, "Public statistics".
"""

MINIMUM_CELL = 10


def is_few(people: int) -> bool:
    """Whether a number stands for somebody, and for so few that it may not be told."""
    return 0 < abs(people) < MINIMUM_CELL
