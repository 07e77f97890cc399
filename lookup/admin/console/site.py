"""The console's site: who is visiting, in which language, and how a page is made."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lookup.admin.console.forms import Form, own_path
from lookup.admin.desk import Desk, open_desk
from lookup.admin.jobs import Jobs, uploads
from lookup.admin.people import sessions
from lookup.admin.people.roles import MAY, ROLES, Actor
from lookup.admin.people.sessions import Session
from lookup.admin.publishing.hours import HourKeeper
from lookup.admin.refusals import sentence
from lookup.admin.release_day import ReleaseDay
from lookup.clock import SteadyClock
from lookup.errors import ServiceError, UsageError
from lookup.pages import choose_language, environment
from lookup.phrases import LANGUAGES, Phrases, read_phrases
from lookup.settings import Settings

HERE = Path(__file__).parent.parent
COOKIE = "__Host-lookup"
LANGUAGE_COOKIE = "__Host-language"
YEAR_S = 365 * 86400
MAX_KEPT = 64
NAVIGATION = (
    ("batches", "/batches", "b", None),
    ("releases", "/releases", "r", None),
    ("release_day", "/release-day", "d", None),
    ("live", "/live", "l", None),
    ("people", "/people", "p", "person.change"),
    ("audit", "/audit", "a", "audit.read"),
)
"""Name, path, key after `g`, and the act somebody must be allowed to see the entry."""
FLASHES = frozenset(
    {"signed_out", "proved", "approved", "rejected", "corrected", "roles", "disabled"}
    | {f"live_{act}" for act in ("begin", "post", "retract", "import", "replay", "stop", "end")}
    | {"schedule", "open", "close", "roll_back", "withdraw"}
)
"""What a page may be told in its address that has just been done."""
PROBLEMS = {403: "forbidden", 404: "not_found", 405: "not_allowed"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who has signed in; the desk's connection is the request's own."""

    site: "Site"
    request: Request
    language: str
    desk: Desk
    session: Session
    token: str
    form: Form

    @property
    def actor(self) -> Actor:
        """Who visits."""
        return self.desk.actor

    @property
    def proved(self) -> bool:
        """Whether password and code were given just now."""
        return self.session.proved(self.desk.clock())

    def number(self, name: str) -> int:
        """A number of the path. Raises HTTPException 404 where it cannot be one."""
        text = self.request.path_params[name]
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise HTTPException(404)
        return int(text)

    def say(self, key: str, **values: object) -> str:
        """A phrase in the visitor's language."""
        return self.site.phrases.say(key, self.language, **values)

    def page(self, template: str, section: str, status: int = 200, **values: Any) -> Response:
        """A page of the console."""
        values = {
            "person": self.actor,
            "section": section,
            "roles_text": "、".join(
                self.say(f"role.{role}") for role in ROLES if role in self.actor.roles
            ),
            "nav": [
                (name, path, key)
                for name, path, key, act in NAVIGATION
                if act is None or self.actor.may(act)
            ],
            "csrf_input": Markup('<input type="hidden" name="csrf" value="{}">').format(
                sessions.csrf_token(self.token)
            ),
            "may": {act: self.actor.may(act) for act in MAY},
            "proved": self.proved,
            **values,
        }
        return self.site.page(self.request, template, self.language, status, **values)

    def said(self, error: ServiceError) -> str:
        """What an error says, in the visitor's language."""
        return sentence(error, self.language)

    def refusal(self, error: ServiceError, status: int | None = None) -> Response:
        """The page that says why something was not done."""
        usage = isinstance(error, UsageError)
        code = "usage" if usage else "refused"
        status = status or (400 if usage else 409)
        back = self.request.headers.get("referer", "/")
        return self.page(
            "message.html",
            "",
            status,
            code=PROBLEMS.get(status, code),
            sentence=self.said(error),
            back=self.site.path_of(back),
        )

    def go(self, path: str, flash: str = "") -> Response:
        """On to another page, which says what was done."""
        mark = "&" if "?" in path else "?"
        return RedirectResponse(f"{path}{mark}done={flash}" if flash else path, 303)

    async def aside(self, work: Callable[[Desk], Awaitable[T]]) -> T:
        """Longer work at a desk of its own, in a thread with a loop of its own: nobody waits."""
        settings, actor, clock = self.desk.settings, self.actor, self.desk.clock

        async def run() -> T:
            async with open_desk(settings, actor, clock) as desk:
                return await work(desk)

        return await asyncio.to_thread(asyncio.run, run())

    async def once(self, key: tuple[object, ...], work: Callable[[Desk], Awaitable[T]]) -> T:
        """The same for what cannot change while `key` is the same; the last few are kept."""
        kept = self.site.kept
        if key not in kept:
            if len(kept) >= MAX_KEPT:
                kept.pop(next(iter(kept)))
            kept[key] = await self.aside(work)
        found: T = kept[key]
        return found


Handler = Callable[[Visit], Awaitable[Response]]
"""What answers a visit."""


@dataclass(slots=True)
class Site:
    """What every request works with."""

    settings: Settings
    clock: SteadyClock
    jobs: Jobs
    keeper: HourKeeper
    day: ReleaseDay = field(default_factory=ReleaseDay)
    phrases: Phrases = field(
        default_factory=lambda: read_phrases(HERE / "phrases" / "console.toml")
    )
    templates: Any = field(default_factory=lambda: environment(HERE / "templates"))
    kept: dict[tuple[object, ...], Any] = field(default_factory=dict)

    @property
    def uploads(self) -> Path:
        """Where uploads lie, one folder a job."""
        return uploads(self.settings)

    def time(self, text: str | datetime | None) -> str:
        """A stored time as people here read it."""
        if not text:
            return ""
        moment = datetime.fromisoformat(text) if isinstance(text, str) else text
        return f"{moment.astimezone(self.settings.timezone):%Y-%m-%d %H:%M:%S}"

    def act_text(self, act: str, language: str) -> str:
        """An act of the audit in words; its own name where there are none."""
        try:
            return self.phrases.say(f"audit.act.{act}", language)
        except KeyError:
            return act

    def language(self, request: Request) -> str:
        """What the query asks for, else the cookie, else the browser; Chinese by default."""
        kept = request.cookies.get(LANGUAGE_COOKIE, "")
        asked = request.query_params.get("lang", "")
        for language in (asked, kept):
            if language in LANGUAGES:
                return language
        return choose_language(b"", request.headers.get("accept-language", ""))

    @staticmethod
    def path_of(address: str) -> str:
        """The path of an address of this site, '/' where it is not one."""
        try:
            return own_path(urlsplit(address).path)
        except ValueError:
            return own_path("")

    def page(
        self, request: Request, template: str, language: str, status: int = 200, **values: Any
    ) -> Response:
        """A page for whoever asks; what only a visitor has is empty."""

        def say(key: str, **names: object) -> str:
            return self.phrases.say(key, language, **names)

        other = "zh" if language == "en" else "en"
        done = request.query_params.get("done", "")
        common = {
            "language": language,
            "other": other,
            "say": say,
            "time": self.time,
            "act_text": lambda act: self.act_text(act, language),
            "zone": str(self.settings.timezone),
            "switch": f"{quote(request.scope['path'])}?lang={other}",
            "flash": done if done in FLASHES else "",
            "clock_off_s": None if self.clock.agree() else round(self.clock.drift_s()),
            "person": None,
            "section": "",
        }
        body = self.templates.get_template(template).render(common | values)
        headers = {"Content-Language": language}
        response = Response(body, status, headers, "text/html")
        if request.query_params.get("lang") in LANGUAGES:
            self._keep(response, LANGUAGE_COOKIE, language, YEAR_S)
        return response

    def keep_session(self, response: Response, token: str) -> None:
        """Give the browser the session's token; an empty one takes it away."""
        self._keep(response, COOKIE, token, None if token else 0)

    def _keep(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="strict"
        )

    def message(
        self, request: Request, code: str, status: int, error: ServiceError | None = None
    ) -> Response:
        """A page of one message, for anybody."""
        language = self.language(request)
        said = sentence(error, language) if error else ""
        values = {"code": code, "sentence": said, "back": "/"}
        return self.page(request, "message.html", language, status, **values)

    async def on_error(self, request: Request, error: Exception) -> Response:
        """Starlette's own refusals, and what nobody caught, in the console's words."""
        if not isinstance(error, HTTPException):
            return self.message(request, "error", 500)
        code = PROBLEMS.get(error.status_code, "error")
        response = self.message(request, code, error.status_code)
        response.headers.update(error.headers or {})
        return response


def attachment(name: str, content: bytes, media_type: str) -> Response:
    """A file to keep."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, 200, headers, media_type)
