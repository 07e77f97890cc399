"""What a clerk says of a file, where it does not say it itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson


@dataclass(frozen=True, slots=True)
class Choice:
    """How a file's tables are to be read; nothing said is found.

    `overrides` map a column (its header, or `#3` for the third) to a field's name, '' where
    it is not to be read; `header` is the header's row, 0 where there is none, None to find
    it; `sheets` are the tables to read, () for all that are visible; `left_out` are tables
    that are not, `book.xlsx/汇总`, with their shapes.
    """

    overrides: Mapping[str, str] = field(default_factory=dict)
    header: int | None = None
    sheets: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def says_how(self) -> bool:
        """Whether it says how a table is to be read, and not only which."""
        return bool(self.overrides) or self.header is not None

    def to_json(self) -> str:
        """The choice as JSON."""
        return orjson.dumps(
            {
                "overrides": dict(self.overrides),
                "header": self.header,
                "sheets": list(self.sheets),
                "left_out": dict(self.left_out),
            }
        ).decode()

    @classmethod
    def from_json(cls, text: str) -> "Choice":
        """The choice that `to_json` wrote."""
        found = orjson.loads(text)
        return cls(
            found["overrides"],
            found["header"],
            tuple(found["sheets"]),
            # What an earlier version remembered leaves no table out.
            found.get("left_out", {}),
        )
