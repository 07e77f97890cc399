"""A batch's findings: grouped and counted, one rule in full, and as files."""

import io

from starlette.responses import Response

from lookup.admin.batch_file import batch_path, open_batch_file
from lookup.admin.batches import finding_groups, findings, refuse_destroyed
from lookup.admin.console.batches import of_batch, running_for, tab
from lookup.admin.console.forms import whole_number
from lookup.admin.console.site import Visit, attachment
from lookup.admin.desk import Desk
from lookup.admin.exporting import findings_csv, findings_xlsx

PART = 200
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def show(visit: Visit) -> Response:
    """`GET /batches/ID/findings`, one rule with `?rule=`, from the finding `after` on."""
    batch = await of_batch(visit)
    refuse_destroyed(batch)
    rule = visit.request.query_params.get("rule") or None
    after = whole_number(visit.request.query_params.get("after", "")) or 0
    async with open_batch_file(batch_path(visit.desk.batches, batch.id)) as file:
        groups = await finding_groups(file, visit.language)
        language = visit.language
        shown = (
            await findings(file, PART + 1, language=language, rule=rule, after=after)
            if rule
            else []
        )
    return await tab(
        visit,
        batch,
        "findings",
        "findings.html",
        groups=groups,
        rule=rule,
        shown=shown[:PART],
        more=after + PART if len(shown) > PART else None,
        running=await running_for(visit, batch),
    )


async def as_csv(visit: Visit) -> Response:
    """`GET /batches/ID/findings.csv`."""
    batch = await of_batch(visit)
    refuse_destroyed(batch)

    async def work(desk: Desk) -> bytes:
        async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
            parts = [part async for part in findings_csv(file, language=visit.language)]
        return b"".join(parts)

    return attachment(f"findings-{batch.id}.csv", await visit.aside(work), "text/csv")


async def as_xlsx(visit: Visit) -> Response:
    """`GET /batches/ID/findings.xlsx`."""
    batch = await of_batch(visit)
    refuse_destroyed(batch)

    async def work(desk: Desk) -> bytes:
        target = io.BytesIO()
        async with open_batch_file(batch_path(desk.batches, batch.id)) as file:
            await findings_xlsx(file, target, language=visit.language)
        return target.getvalue()

    return attachment(f"findings-{batch.id}.xlsx", await visit.aside(work), XLSX)
