"""Makers for the console's tests: people of every role, a client for each, no network."""

import asyncio
import re
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pyotp

from lookup.admin.app import create_app
from lookup.admin.console.site import COOKIE, Site
from lookup.admin.jobs import Job, list_jobs
from lookup.admin.people import sessions
from lookup.admin.people.accounts import get_person
from lookup.admin.people.passwords import HASHER
from lookup.admin.people.roles import AUDITOR, LOADER, PUBLISHER, REVIEWER, Actor
from lookup.clock import SteadyClock
from tests.admin_makers import Office, kind_called

T = TypeVar("T")
PASSWORD = "several made-up words"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
PEOPLE = {
    "wang": LOADER,
    "li": REVIEWER,
    "zhao": PUBLISHER,
    "qian": AUDITOR,
    "admin": "administrator",
}
WANG, ZHAO = (Actor(name, frozenset({PEOPLE[name]})) for name in ("wang", "zhao"))
KEPT = HASHER.hash(PASSWORD)
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


class Console:
    """A console over an office's folder; `wang` loads, `li` reviews, `zhao` publishes."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.office = Office(root, **{"required_approvals": 1, **settings})
        self.clock = self.office.clock
        self._boot_at = self.clock.now
        # Both clocks follow the one that the test sets.
        steady = SteadyClock(self.clock, self._boot_s)
        self.app = create_app(self.office.settings, steady)
        self.site: Site = self.app.state.site
        self.loop = asyncio.new_event_loop()
        self.cookies: dict[str, str] = {}
        self._register()

    def _boot_s(self) -> float:
        return (self.clock.now - self._boot_at).total_seconds()

    def _register(self) -> None:
        async def work(desk: Any) -> None:
            for name, role in PEOPLE.items():
                values = (name, role, KEPT, SECRET, self.clock().isoformat())
                sql = (
                    "INSERT INTO person (name, roles, password, totp, created_at)"
                    " VALUES (?, ?, ?, ?, ?)"
                )
                await desk.database.execute(sql, values)

        self.office.at_desk(work)

    def set_clock(self, by: timedelta) -> None:
        """Somebody sets the wall clock; the steady one does not follow."""
        self.clock.now += by
        self._boot_at += by

    def close(self) -> None:
        """End the loop, and with it whatever still runs."""
        self.run(self.site.jobs.stop(grace_s=0))
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """One piece of work on the console's loop."""
        return self.loop.run_until_complete(work)

    def code(self) -> str:
        """What everybody's authenticator says now."""
        return pyotp.TOTP(SECRET).at(self.clock.now)

    def enter(self, name: str) -> None:
        """A session for somebody, without the slow work of signing in."""

        async def work(desk: Any) -> str:
            return await sessions.start(desk, await get_person(desk.database, name))

        self.cookies[name] = self.office.at_desk(work)

    def request(
        self,
        method: str,
        path: str,
        name: str = "",
        headers: Mapping[str, str] = SAME_SITE,
        **options: Any,
    ) -> httpx.Response:
        """One request; `name` has a session, '' has none."""
        if name and name not in self.cookies:
            self.enter(name)
        cookies = {COOKIE: self.cookies[name]} if name else {}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://console", cookies=cookies
            ) as client:
                return await client.request(method, path, headers=dict(headers), **options)

        return self.run(send())

    def get(self, name: str, path: str, **options: Any) -> httpx.Response:
        """A page, as somebody sees it."""
        return self.request("GET", path, name, **options)

    def post(self, name: str, path: str, /, **fields: Any) -> httpx.Response:
        """A form of somebody's, with the token of their session."""
        return self.request("POST", path, name, data={"csrf": self.csrf(name)} | fields)

    def csrf(self, name: str) -> str:
        """The token in the forms of somebody's session."""
        if name not in self.cookies:
            self.enter(name)
        return sessions.csrf_token(self.cookies[name])

    def upload(self, name: str, *files: Path, **fields: str) -> httpx.Response:
        """Files sent as one batch of scores."""
        sent = [("files", (path.name, path.read_bytes())) for path in files]
        data = {"csrf": self.csrf(name), "kind": "scores", "title": "测试", **fields}
        return self.request("POST", "/batches", name, data=data, files=sent)

    def jobs(self) -> list[Job]:
        """Every job, the newest first."""
        return self.office.at_desk(lambda desk: list_jobs(desk.database))

    def finished(self) -> Job:
        """The newest job, once nothing runs any more."""
        self.run(self.site.jobs.idle())
        return self.jobs()[0]

    def loaded(self, *files: Path, **fields: str) -> int:
        """A batch that `wang` loaded; its number."""
        self.upload("wang", *files, **fields)
        job = self.finished()
        assert job.result is not None, job.message
        return int(job.result["batch"])

    def given(self, *files: Path) -> int:
        """A batch that `wang` has loaded without the console: a job's process costs a second."""
        return self.office.load(kind_called("scores"), *files, actor=WANG).batch

    def approved(self, batch: int) -> httpx.Response:
        """The batch approved by `li`, every field confirmed as it is declared."""
        kind = self.office.batch(batch).kind
        fields = {f"field-{field.name}": field.disclosure for field in kind.fields}
        sha256 = self.office.batch(batch).sha256
        return self.post("li", f"/batches/{batch}/review", sha256=sha256, **fields)

    def built(self, batch: int) -> str:
        """The batch sealed by `zhao`; the release's id."""
        self.post("zhao", f"/batches/{batch}/build")
        job = self.finished()
        assert job.result is not None, job.message
        return str(job.result["release"])

    def sealed(self, batch: int) -> str:
        """The batch sealed by `zhao` without the console; the release's id."""
        return self.office.build(batch, ZHAO).id

    def later(self, **span: float) -> None:
        """Time passes."""
        self.clock.now += timedelta(**span)


def token_in(page: str) -> str | None:
    """The CSRF token of a page's forms, None where it has none."""
    found = _CSRF.search(page)
    return found[1] if found else None
