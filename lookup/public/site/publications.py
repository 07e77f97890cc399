"""What an open release tells of everybody, and what is kept of what is made of it."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from lookup.kinds import Kind, Label
from lookup.public.live import Serving
from lookup.public.site.kept import etag_of
from lookup.public.site.sheets import GROUPS, Table, published, title_of
from lookup.release_file import Manifest

STATISTICS = "statistics"
"""The page of all tables that are not of groups."""
AS_OF = "as_of_version"
Value = TypeVar("Value")


class Kept(Generic[Value]):
    """What was made lately, so heavy in all at most; the longest unused goes first."""

    def __init__(self, most: int, weight: Callable[[Value], int] = lambda _: 1) -> None:
        self._most, self._weight = most, weight
        self._held: OrderedDict[object, Value] = OrderedDict()
        self._sum = 0

    def get(self, key: object, make: Callable[[], Value]) -> Value:
        """What is kept under `key`, else what `make` makes, which is kept from now on."""
        if key not in self._held:
            self._held[key] = made = make()
            self._sum += self._weight(made)
            while self._sum > self._most and len(self._held) > 1:
                self._sum -= self._weight(self._held.popitem(last=False)[1])
        self._held.move_to_end(key)
        return self._held[key]


@dataclass(frozen=True, slots=True)
class Publication:
    """An open release and what it tells of everybody."""

    kind: Kind
    manifest: Manifest
    opened_at: datetime
    document: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, datetime]:
        """Where this is the same, so is all that is made of it."""
        return self.kind.name, self.manifest.release, self.opened_at

    def tables(self, name: str, field: str) -> list[Table]:
        """The tables of a page, the one to show first: the group table `name`, or the
        statistics with `field` (where it is one) at the head; none for no such page."""
        if name != STATISTICS:
            return [table for table in self.every() if _named(table, name)]
        tables = [table for table in self.every() if table["type"] != GROUPS]
        return sorted(tables, key=lambda table: table["name"] != field)

    def every(self) -> list[Table]:
        """All tables that the kind has words for, what it is most about at the head."""
        tables = published(self.document, self.kind).values()
        return sorted(tables, key=lambda table: table["name"] != self.kind.headline)

    def links(self, language: str) -> list[tuple[str, Label, Table]]:
        """Every table's page, what it is called, and the table."""
        found = []
        for table in self.every():
            grouped = table["type"] == GROUPS
            place = table["name"] if grouped else STATISTICS
            query = {"lang": language} | ({} if grouped else {"field": table["name"]})
            label = title_of(self.kind, table)
            if label:
                found.append((f"/{self.kind.name}/{place}?{urlencode(query)}", label, table))
        return found


def _named(table: Table, name: str) -> bool:
    return bool(table["type"] == GROUPS and table["name"] == name)


@dataclass(frozen=True, slots=True)
class Body:
    """One answer's bytes and the tag they are known by."""

    content: bytes
    tag: str


def publication_of(kind: Kind, serving: Serving) -> Publication:
    """What a release that is open tells."""
    return Publication(kind, serving.manifest, serving.opened_at, serving.statistics)


def tagged(content: bytes) -> Body:
    """A body and its strong tag: other bytes have another, in whatever they differ."""
    return Body(content, etag_of(content))
