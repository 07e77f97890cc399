"""People: who may sign in, with which roles."""

import io

import segno
from markupsafe import Markup
from starlette.responses import Response

from lookup.admin.console.site import Visit
from lookup.admin.people.accounts import (
    Enrolment,
    add_person,
    change_roles,
    disable,
    list_people,
    reset,
)
from lookup.admin.people.roles import ROLES
from lookup.errors import ServiceError

SECTION = "people"


async def overview(visit: Visit) -> Response:
    """`GET /people`."""
    return await _page(visit)


async def _page(
    visit: Visit, enrolment: Enrolment | None = None, sentence: str = "", status: int = 200
) -> Response:
    people = await list_people(visit.desk.database)
    qr = _qr(enrolment.uri) if enrolment else ""
    values = {"people": people, "roles": ROLES, "sentence": sentence, "enrolment": enrolment}
    return visit.page("people.html", SECTION, status, qr=qr, **values)


def _qr(uri: str) -> Markup:
    """The code an authenticator app scans, as markup without inline style."""
    target = io.BytesIO()
    segno.make(uri, error="m").save(
        target, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, svgclass=None,
        lineclass=None,
    )  # fmt: skip
    return Markup(target.getvalue().decode())  # noqa: S704  # segno's own shapes, no text of ours


async def add(visit: Visit) -> Response:
    """`POST /people`: somebody new; their secret is shown on this answer alone."""
    form = visit.form
    name = form.get("name").strip()
    try:
        made = await add_person(visit.desk, name, form.get("password"), form.all("role"))
    except ServiceError as error:
        return await _page(visit, None, visit.said(error), 409)
    return await _page(visit, made)


async def roles(visit: Visit) -> Response:
    """`POST /people/roles`."""
    await change_roles(visit.desk, visit.form.get("name"), visit.form.all("role"))
    return visit.go("/people", "roles")


async def give_anew(visit: Visit) -> Response:
    """`POST /people/reset`: a new password and a new secret."""
    form = visit.form
    try:
        made = await reset(visit.desk, form.get("name"), form.get("password"))
    except ServiceError as error:
        return await _page(visit, None, visit.said(error), 409)
    return await _page(visit, made)


async def keep_out(visit: Visit) -> Response:
    """`POST /people/disable`."""
    await disable(visit.desk, visit.form.get("name"))
    return visit.go("/people", "disabled")
