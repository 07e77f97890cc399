"""The whole document, put together."""

from collections.abc import Iterable

from lookup import __version__
from lookup.kinds import Kind
from lookup.public.openapi.broadcast import BROADCAST
from lookup.public.openapi.lookups import lookup, schemas
from lookup.public.openapi.parts import said
from lookup.public.openapi.places import PLACES
from lookup.public.openapi.tables import tables
from lookup.public.schemas import Schema

TAGS = ("lookup", "tables", "broadcast", "state", "site", "operations")


def operations(kinds: Iterable[Kind]) -> dict[str, Schema]:
    """Every operation by its address, lookups first."""
    known = list(kinds)
    read = {path: each for kind in known for path, each in tables(kind).items()}
    return {
        **{f"/api/v1/{kind.name}": {"post": lookup(kind)} for kind in known},
        **{path: {"get": each} for path, each in (read | BROADCAST | PLACES).items()},
    }


def document(kinds: Iterable[Kind], site_url: str) -> Schema:
    """The document over the kinds that have a live pointer; `site_url` may be empty."""
    known = list(kinds)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": said("site.title"),
            "version": __version__,
            "description": said("openapi.description"),
        },
        "servers": [{"url": site_url or "/"}],
        "tags": [{"name": tag, "description": said(f"openapi.tag.{tag}")} for tag in TAGS],
        "paths": operations(known),
        "components": {"schemas": schemas(known)},
    }
