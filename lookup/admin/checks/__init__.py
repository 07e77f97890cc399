"""Checks of a whole batch: declared in a kind's `[[check]]` tables, made record by record."""

from lookup.admin.checks.checker import Checker
from lookup.admin.checks.profile import Profile
from lookup.admin.checks.rules import Context, Place

__all__ = ["Checker", "Context", "Place", "Profile"]
