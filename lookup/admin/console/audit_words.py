"""The lines of the audit in the reader's words; the names they are kept under stay small print."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lookup.admin.audit import Entry
from lookup.admin.console.site import Visit
from lookup.admin.people.roles import ROLES

SHA256_DIGITS = 64
TIMES = frozenset({"opens_at", "closes_at"})
BATCHES = frozenset({"batch", "corrects"})
WORDED = {"what": "audit.what", "how": "audit.how", "state": "live.state"}
"""Details that are words, with the chapter that says them."""
_BATCH = "batch "


@dataclass(frozen=True, slots=True)
class Told:
    """One line: `raw` is the act's own name, `link` where the subject is to be seen, `before`
    and `after` hashes or words, `details` labels with what they say."""

    id: int
    at: str
    person: str
    act: str
    raw: str
    subject: str
    link: str
    before: str
    after: str
    details: list[tuple[str, str]]


def told(visit: Visit, entries: Iterable[Entry]) -> list[Told]:
    """Lines as the visitor reads them."""
    return [_told(visit, entry) for entry in entries]


def _told(visit: Visit, entry: Entry) -> Told:
    return Told(
        entry.id,
        entry.at,
        word(visit, "audit.person", entry.person),
        visit.site.act_text(entry.act, visit.language),
        entry.act,
        _subject(visit, entry.subject),
        _link(entry),
        _state(visit, entry.before),
        _state(visit, entry.after),
        [
            (word(visit, "audit.detail", name), _value(visit, name, value))
            for name, value in entry.detail.items()
            if value not in (None, "", [], {})
        ],
    )


def word(visit: Visit, chapter: str, name: str) -> str:
    """A phrase of a chapter, such as `audit.person`; the name itself where there is none."""
    try:
        return visit.say(f"{chapter}.{name}")
    except KeyError:
        return name


def _subject(visit: Visit, subject: str) -> str:
    if subject.startswith(_BATCH):
        return visit.say("batch.one", batch=subject.removeprefix(_BATCH))
    return word(visit, "audit.subject", subject)


def _link(entry: Entry) -> str:
    if entry.subject.startswith(_BATCH):
        return f"/batches/{entry.subject.removeprefix(_BATCH)}"
    return f"/releases/{entry.subject}" if entry.act.startswith("release.") else ""


def _state(visit: Visit, text: str) -> str:
    """A hash as it is, a state or roles in words."""
    if not text or len(text) == SHA256_DIGITS:
        return text
    names = text.split()
    if set(names) <= set(ROLES):
        return "、".join(visit.say(f"role.{name}") for name in names)
    return word(visit, "state", text)


def _value(visit: Visit, name: str, value: Any) -> str:
    if name in TIMES:
        return visit.site.time(value)
    if name in BATCHES:
        return visit.say("batch.one", batch=value)
    if name in WORDED:
        return word(visit, WORDED[name], value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
