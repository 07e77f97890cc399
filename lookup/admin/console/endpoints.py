"""A request of somebody signed in: who, may they, is the form their own; then the handler."""

import dataclasses
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lookup.admin.console import signing
from lookup.admin.console.forms import Form, read_form
from lookup.admin.console.guard import same_origin
from lookup.admin.console.site import COOKIE, Handler, Site, Visit
from lookup.admin.desk import Desk, open_desk
from lookup.admin.people import sessions
from lookup.admin.people.roles import NOBODY
from lookup.admin.people.sessions import Session
from lookup.admin.refusals import misused
from lookup.errors import ServiceError

PROVED = frozenset(
    {"release.schedule", "release.open", "release.close", "release.withdraw", "release.roll_back"}
    | {"person.change", "live.begin", "live.import", "live.replay"}
)
"""Acts before which password and code are asked for once more. An hour one minute away opens
as surely as opening does."""
FILLED_IN_AFTER = {"person.change": "/people", "live.import": "/live"}
"""Acts whose forms hold a password or a file, by their page: no page repeats such a form, so it
is filled in after the proof."""
POLLED = ".json"
"""How paths end that pages ask for by themselves, with nobody doing anything."""


def endpoint(
    handler: Handler, act: str | None = None, *, upload: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """A handler of visits as a route takes it; `act` is what the visitor must be allowed.

    The handler of an upload reads the body itself, and must check the token in it.
    """

    async def serve(request: Request) -> Response:
        return await _serve(request.app.state.site, request, handler, act, upload=upload)

    return serve


async def _serve(
    site: Site, request: Request, handler: Handler, act: str | None, *, upload: bool
) -> Response:
    if request.method == "POST" and not same_origin(request):
        return site.message(request, "forbidden", 403, misused("foreign"))
    token = request.cookies.get(COOKIE, "")
    try:
        async with open_desk(site.settings, NOBODY, site.clock) as desk:
            asked = not request.scope["path"].endswith(POLLED)
            session = await sessions.find(desk, token, seen=asked) if token else None
            if session is None:
                return _to_sign_in(request)
            desk = dataclasses.replace(desk, actor=session.actor)
            visit = _visit_of(site, request, desk, session, token)
            return await _visit(visit, handler, act, upload=upload)
    except ServiceError as error:
        return site.message(request, "refused", HTTPStatus.CONFLICT, error)


def _visit_of(site: Site, request: Request, desk: Desk, session: Session, token: str) -> Visit:
    return Visit(site, request, site.language(request), desk, session, token, Form({}))


async def _visit(visit: Visit, handler: Handler, act: str | None, *, upload: bool) -> Response:
    request = visit.request
    posted = request.method == "POST"
    try:
        if posted and not upload:
            visit = dataclasses.replace(visit, form=await read_form(request))
            if not sessions.csrf_right(visit.token, visit.form.get("csrf")):
                return visit.refusal(misused("foreign"), 403)
        if act is not None and not visit.actor.may(act):
            return _forbidden(visit, act)
        if posted and act in PROVED and not visit.proved:
            if act in FILLED_IN_AFTER:
                return visit.go(f"/prove?next={FILLED_IN_AFTER[act]}")
            return await signing.proved_first(visit, handler)
        return await handler(visit)
    except ServiceError as error:
        return visit.refusal(error)


def _to_sign_in(request: Request) -> Response:
    path = request.scope["path"]
    if path.endswith(POLLED):
        return Response(b"{}", 401, media_type="application/json")
    return RedirectResponse(f"/sign-in?next={quote(path if request.method == 'GET' else '/')}", 303)


def _forbidden(visit: Visit, act: str) -> Response:
    try:
        visit.actor.check(act)
    except ServiceError as error:
        return visit.refusal(error, 403)
    raise AssertionError(act)
