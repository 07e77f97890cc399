"""What pages of both wings share: templates, the language, headers, errors nobody caught."""

import logging
import os
import re
from collections.abc import Awaitable, Callable
from os import PathLike
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.environment import TemplateModule
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookup.phrases import LANGUAGES, Phrases

OnError = Callable[[Request, Exception], Awaitable[Response]]
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FORBIDDEN = (
    *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen"),
    *("gamepad", "geolocation", "gyroscope", "hid", "idle-detection", "local-fonts"),
    *("magnetometer", "microphone", "midi", "payment", "picture-in-picture"),
    *("publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "serial"),
    *("storage-access", "usb", "xr-spatial-tracking"),
)
"""What no page of ours ever asks a browser for. Sharing and copying are not among it."""
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in FORBIDDEN)
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", PERMISSIONS_POLICY.encode()),
)
"""What every answer carries. Strict-Transport-Security is not here: whoever ends TLS says it,
once (data/deploy/nginx.conf); said over plain http it means nothing (RFC 6797, 7.2)."""
_PREFERENCE = re.compile(r"\s*([a-zA-Z-]{1,35}|\*)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")


class SecurityHeaders:
    """Adds `SECURITY_HEADERS` to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class CachedFiles(StaticFiles):
    """Static files that a browser keeps for an hour, and then asks whether they changed."""

    def file_response(
        self,
        full_path: PathLike[str] | str,
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, or that it is the one the browser has."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "public, max-age=3600"
        return response


class Catcher:
    """Answers 500 for what nobody caught and logs its type only: a message or a traceback could
    hold a candidate's data, and the server would log both."""

    def __init__(self, app: ASGIApp, log: logging.Logger, on_error: OnError) -> None:
        self.app = app
        self.log = log
        self.on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if scope["type"] != "http":
                raise
            self.log.error("a request failed: %s", type(error).__name__)
            response = await self.on_error(Request(scope), error)
            if not started:
                await response(scope, receive, send)


def environment(*folders: Path) -> Environment:
    """Templates of `folders`, the first that has one: everything escaped, an unknown name an
    error."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


class Pages:
    """Templates and phrases put together: every page gets `say`, its language and its path."""

    def __init__(self, templates: Environment, phrases: Phrases) -> None:
        self._templates = templates
        self._phrases = phrases
        # Compiled now: the first student of the hour must not wait 30 ms for it.
        for name in templates.list_templates():
            templates.get_template(name)

    def render(self, template: str, language: str, path: str, **values: object) -> str:
        """The page a template makes of `values`; `path` is the page's own, without a query."""
        return self._templates.get_template(template).render(
            language=language,
            other="zh" if language == "en" else "en",
            path=path,
            say=self._sayer(language),
            **values,
        )

    def macros(self, template: str, language: str, **values: object) -> TemplateModule:
        """A template's macros by their names; each returns ready markup."""
        found = self._templates.get_template(template)
        return found.make_module({"language": language, "say": self._sayer(language), **values})

    def _sayer(self, language: str) -> Callable[..., str]:
        def say(key: str, **names: object) -> str:
            return self._phrases.say(key, language, **names)

        return say


def _weights(accept_language: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accept_language[:200].split(","):
        found = _PREFERENCE.fullmatch(part)
        if found:
            language = found[1].lower().partition("-")[0]
            weights[language] = max(weights.get(language, 0.0), float(found[2] or 1))
    return weights


def choose_language(query: bytes, accept_language: str) -> str:
    """`en` where `lang=en` asks for it or the browser prefers it to Chinese; else `zh`."""
    asked = parse_qs(query[:2000].decode("latin-1")).get("lang", [""])[-1]
    if asked in LANGUAGES:
        return asked
    weights = _weights(accept_language)
    return "en" if weights.get("en", 0) > weights.get("zh", 0) else "zh"


def language_of(scope: Scope) -> str:
    """The language of a request."""
    accepted = next((value for key, value in scope["headers"] if key == b"accept-language"), b"")
    return choose_language(scope.get("query_string", b""), accepted.decode("latin-1"))
