"""The Atom feed (RFC 4287): every opening, and every correction, once.

An entry is a release, and its id comes of the release's own: the feed may be made anew by any
worker of any machine and says the same.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree.ElementTree import Element, SubElement, tostring

from lookup.public.answers import PHRASES, iso
from lookup.public.live import View

ATOM = "http://www.w3.org/2005/Atom"
RELEASES = UUID("0f3ff7d9-6a4e-5d0c-9b62-0c39a9a1b2f4")
"""The namespace of entries' ids (RFC 9562, version 5); made up once, never changed."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed in which nothing has opened was last changed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One release that has opened."""

    kind: str
    release: str
    title: str
    version: int
    opened_at: datetime
    corrected: bool


def entries(views: Iterable[View]) -> tuple[Entry, ...]:
    """What is open, newest first."""
    found = [
        Entry(
            view.name,
            serving.manifest.release,
            serving.manifest.title,
            serving.manifest.version,
            serving.opened_at,
            view.corrected,
        )
        for view in views
        if (serving := view.serving) is not None
    ]
    return tuple(sorted(found, key=lambda entry: (entry.opened_at, entry.kind), reverse=True))


def _add(parent: Element, name: str, words: str = "", **attributes: str) -> Element:
    element = SubElement(parent, name, attributes)
    element.text = words or None
    return element


def feed(
    found: tuple[Entry, ...], site_url: str, language: str, words: Callable[[datetime], str]
) -> bytes:
    """The feed's bytes; addresses are whole where `site_url` is known, else from the root.
    `words` says moments."""
    root = Element("feed", {"xmlns": ATOM, "xml:lang": "en" if language == "en" else "zh-CN"})
    _add(root, "id", uuid5(NAMESPACE_URL, f"{site_url}/feed.atom?lang={language}").urn)
    _add(root, "title", PHRASES.say("feed.title", language))
    _add(root, "updated", iso(found[0].opened_at if found else NEVER))
    _add(_add(root, "author"), "name", PHRASES.say("site.title", language))
    _add(root, "link", rel="self", href=f"{site_url}/feed.atom?lang={language}")
    _add(root, "link", rel="alternate", type="text/html", href=f"{site_url}/?lang={language}")
    for entry in found:
        element = _entry(root, entry, site_url, language)
        key, values = f"{_key(entry)}.detail", {"version": str(entry.version)}
        said = PHRASES.say(key, language, **values, time=words(entry.opened_at))
        _add(element, "summary", said)
    written: bytes = tostring(root, "utf-8", xml_declaration=True)
    return written


def _key(entry: Entry) -> str:
    return "feed.corrected" if entry.corrected else "feed.opened"


def _entry(root: Element, entry: Entry, site_url: str, language: str) -> Element:
    element = _add(root, "entry")
    _add(element, "id", uuid5(RELEASES, entry.release).urn)
    _add(element, "title", PHRASES.say(_key(entry), language, title=entry.title))
    _add(element, "updated", iso(entry.opened_at))
    href = f"{site_url}/{entry.kind}?lang={language}"
    _add(element, "link", rel="alternate", type="text/html", href=href)
    return element
