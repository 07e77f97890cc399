"""What an open release tells of everybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from lookup.kinds import Kind, Label
from lookup.page_rules import STATISTICS
from lookup.phrases import LANGUAGES
from lookup.public.answers import PHRASES
from lookup.public.live import Serving
from lookup.public.site.sheets import Table, published, title_of
from lookup.release_file import Manifest
from lookup.statistics.groups import GROUPS

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
        tables = [table for table in self.every() if _place(table) == name]
        return sorted(tables, key=lambda table: table["name"] != field)

    def every(self) -> list[Table]:
        """All tables that the kind has words for, what it is most about at the head."""
        tables = published(self.document, self.kind).values()
        return sorted(tables, key=lambda table: table["name"] != self.kind.headline)

    def pages(self) -> list[tuple[str, Label]]:
        """The pages that have something to show, as `named`."""
        filled = {_place(table) for table in self.every()}
        return [(name, title) for name, title in named(self.kind) if name in filled]

    def links(self, language: str) -> list[tuple[str, Label, Table]]:
        """Every table's page, what it is called, and the table."""
        found = []
        for table in self.every():
            place = _place(table)
            query = {"lang": language} | ({"field": table["name"]} if place == STATISTICS else {})
            label = title_of(self.kind, table)
            if label:
                found.append((f"/{self.kind.name}/{place}?{urlencode(query)}", label, table))
        return found


def _place(table: Table) -> str:
    """The name of the page on which a table is."""
    return str(table["name"]) if table["type"] == GROUPS else STATISTICS


def named(kind: Kind) -> list[tuple[str, Label]]:
    """The pages of tables that a kind may have: the name in the address, the title."""
    title = Label(*(PHRASES.say("tables.of", language) for language in LANGUAGES))
    statistics = [(STATISTICS, title)] if any(field.statistics for field in kind.fields) else []
    return statistics + [(table.name, table.title) for table in kind.tables]


def publication_of(kind: Kind, serving: Serving) -> Publication:
    """What a release that is open tells."""
    return Publication(kind, serving.manifest, serving.opened_at, serving.statistics)
