"""What an open release tells of everybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from lookup.kinds import Kind, Label
from lookup.public.live import Serving
from lookup.public.site.sheets import GROUPS, Table, published, title_of
from lookup.release_file import Manifest

STATISTICS = "statistics"
"""The page of all tables that are not of groups."""
AS_OF = "as_of_version"


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


def publication_of(kind: Kind, serving: Serving) -> Publication:
    """What a release that is open tells."""
    return Publication(kind, serving.manifest, serving.opened_at, serving.statistics)
