"""The audit: its lines, whether its chain is whole, and the whole of it as a file."""

from starlette.responses import Response

from lookup.admin import audit
from lookup.admin.console.audit_words import told
from lookup.admin.console.forms import whole_number
from lookup.admin.console.site import Visit, attachment
from lookup.admin.desk import Desk
from lookup.admin.exporting import audit_csv

SECTION = "audit"
PART = 100


async def overview(visit: Visit) -> Response:
    """`GET /audit`, older lines with `?before=`, the chain followed with `?verify=1`."""
    query = visit.request.query_params
    before = whole_number(query.get("before", ""))
    database = visit.desk.database
    lines = [line async for line in audit.entries(database, before=before, limit=PART + 1)]
    verified = None
    if query.get("verify"):
        verified = await visit.aside(lambda desk: audit.verify_chain(desk.database))
    return visit.page(
        "audit.html",
        SECTION,
        entries=told(visit, lines[:PART]),
        more=lines[PART - 1].id if len(lines) > PART else None,
        verified=verified,
    )


async def as_csv(visit: Visit) -> Response:
    """`GET /audit.csv`."""

    async def work(desk: Desk) -> bytes:
        return b"".join([part async for part in audit_csv(desk.database)])

    return attachment("audit.csv", await visit.aside(work), "text/csv")
