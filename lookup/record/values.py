"""One value in words."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeGuard

from lookup.kinds import Field, Kind

_HUNDREDTH = Decimal("0.01")


def number(value: int | float | Decimal) -> str:
    """A number as people write it: 100, 101.5."""
    return f"{Decimal(str(value)).normalize():f}"


def rounded(value: int | float) -> str:
    """A number with at most two decimals: what was divided has no end."""
    return number(float(Decimal(str(value)).quantize(_HUNDREDTH, ROUND_HALF_UP)))


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a cell holds a mark or a count; a flag is a string, and a truth is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def text(kind: Kind, field: Field, value: Any, language: str) -> str:
    """One value of a record, as its candidate reads it."""
    if field.type == "outcome":
        found = field.value(value)
        return found.label.in_language(language) if found else str(value)
    if field.type == "score":
        if isinstance(value, str):
            flags = {flag.code: flag.label.in_language(language) for flag in kind.flags(field)}
            return flags.get(value, value)
        return f"{number(value)} / {field.full_mark}"
    return number(value) if is_number(value) else str(value)
