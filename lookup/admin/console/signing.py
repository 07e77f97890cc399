"""Signing in and out, and proving again who it is."""

import dataclasses

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lookup.admin.console.forms import own_path, read_form
from lookup.admin.console.guard import same_origin
from lookup.admin.console.site import COOKIE, Handler, Site, Visit
from lookup.admin.desk import open_desk
from lookup.admin.people import sessions
from lookup.admin.people.accounts import change_password
from lookup.admin.people.passwords import refuse_weak
from lookup.admin.people.roles import NOBODY
from lookup.admin.people.signing_in import sign_in
from lookup.admin.refusals import misused, sentence
from lookup.errors import RefusedError, ServiceError


async def sign_in_page(request: Request) -> Response:
    """`GET /sign-in`."""
    return _page(request, own_path(request.query_params.get("next", "")))


def _page(
    request: Request, path: str, error: ServiceError | None = None, status: int = 200
) -> Response:
    site: Site = request.app.state.site
    language = site.language(request)
    said = sentence(error, language) if error else ""
    return site.page(request, "sign_in.html", language, status, next=path, sentence=said)


async def sign_in_post(request: Request) -> Response:
    """`POST /sign-in`: a new session, or one sentence for whatever was wrong."""
    site: Site = request.app.state.site
    if not same_origin(request):
        return site.message(request, "forbidden", 403, misused("foreign"))
    try:
        form = await read_form(request)
        async with open_desk(site.settings, NOBODY, site.clock) as desk:
            typed = (form.get("name").strip(), form.get("password"), form.get("code"))
            person = await sign_in(desk, *typed)
            token = await sessions.start(desk, person, request.cookies.get(COOKIE, ""))
    except RefusedError as error:
        return _page(request, own_path(form.get("next")), error, 403)
    except ServiceError as error:
        return site.message(request, "usage", 400, error)
    response = RedirectResponse(own_path(form.get("next")), 303)
    site.keep_session(response, token)
    return response


async def sign_out(visit: Visit) -> Response:
    """`POST /sign-out`."""
    await sessions.end(visit.desk, visit.session)
    response = visit.go("/sign-in", "signed_out")
    visit.site.keep_session(response, "")
    return response


PROOF = ("password", "code")
"""The fields that prove who it is; no form of an act has a field called so."""


async def prove_page(visit: Visit) -> Response:
    """`GET /prove`: password and code once more."""
    return _prove(visit, own_path(visit.request.query_params.get("next", "")))


def _prove(
    visit: Visit, path: str, error: ServiceError | None = None, status: int = 200
) -> Response:
    said = visit.said(error) if error else ""
    values = {"to": "/prove", "carried": [("next", path)], "sentence": said, "act": ""}
    return visit.page("prove.html", "", status, **values)


async def prove_post(visit: Visit) -> Response:
    """`POST /prove`."""
    path = own_path(visit.form.get("next"))
    try:
        form = visit.form
        await sessions.prove(visit.desk, visit.session, form.get("password"), form.get("code"))
    except RefusedError as error:
        return _prove(visit, path, error, 403)
    return visit.go(path, "proved")


async def password_page(visit: Visit) -> Response:
    """`GET /password`: a password of one's own in place of the one somebody else typed."""
    return _password(visit)


def _password(visit: Visit, error: ServiceError | None = None, status: int = 200) -> Response:
    return visit.page("password.html", "", status, sentence=visit.said(error) if error else "")


async def password_post(visit: Visit) -> Response:
    """`POST /password`: every other session of theirs ends."""
    form, new = visit.form, visit.form.get("new")
    try:
        if new != form.get("again"):
            raise misused("passwords_differ")
        # Looked at first: a code is good once.
        refuse_weak(visit.actor.name, new)
        await sessions.prove(visit.desk, visit.session, form.get("password"), form.get("code"))
        await change_password(visit.desk, new, visit.session.id)
    except ServiceError as error:
        return _password(visit, error, 403)
    return visit.go("/batches", "password")


async def proved_first(visit: Visit, handler: Handler) -> Response:
    """An act once password and code are given: what was typed for it goes with the question and
    comes back with the answer, in a page that nobody keeps."""
    form = visit.form
    if not form.get("code"):
        return _ask(visit)
    try:
        session = await sessions.prove(
            visit.desk, visit.session, form.get("password"), form.get("code")
        )
    except RefusedError as error:
        return _ask(visit, error)
    return await handler(dataclasses.replace(visit, session=session))


def _ask(visit: Visit, error: ServiceError | None = None) -> Response:
    path = visit.request.scope["path"]
    carried = [pair for pair in visit.form.pairs() if pair[0] not in (*PROOF, "csrf")]
    values = {"to": path, "carried": carried, "act": path.rpartition("/")[2]}
    said = visit.said(error) if error else ""
    return visit.page("prove.html", "", 403 if error else 200, sentence=said, **values)
