"""Which reference batches a batch is held against."""

from collections.abc import Collection

from lookup.admin.batches import Batch, list_batches
from lookup.admin.desk import Desk
from lookup.admin.states import APPROVED, CHECKED


async def references_of(desk: Desk, batch: Batch) -> dict[str, int]:
    """For each reference kind that the batch's checks name, its newest batch that may be relied
    on; a kind without one is left out."""
    options = (check.options for check in batch.kind.checks)
    named = {str(given["reference"]) for given in options if "reference" in given}
    return await relied_on(desk, named) if named else {}


async def relied_on(desk: Desk, kinds: Collection[str]) -> dict[str, int]:
    """Of each of these kinds the newest batch that checks may rely on."""
    good = {APPROVED} if desk.settings.required_approvals else {APPROVED, CHECKED}
    found: dict[str, int] = {}
    for other in await list_batches(desk.database):
        if other.kind.name in kinds and other.state in good and other.destroyed_at is None:
            found.setdefault(other.kind.name, other.id)
    return found
