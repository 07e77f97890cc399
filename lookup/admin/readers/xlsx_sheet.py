"""One sheet of an .xlsx workbook, from its XML."""

from typing import BinaryIO

from lookup.admin.readers.markup import Handlers, parse, unescape
from lookup.admin.readers.numbers import PLAIN, number, shown
from lookup.admin.readers.sheets import MAX_COLUMNS, Sheet, column_of, span
from lookup.admin.readers.tables import Cell
from lookup.admin.readers.trouble import Unreadable

TRUE = {"1", "true", "on"}
_BOOLEANS = {"1": "TRUE", "true": "TRUE", "0": "FALSE", "false": "FALSE"}
_MAX_MERGES = 100_000


def read_sheet(
    file: BinaryIO, sheet: Sheet, strings: list[str], styles: list[str], epoch_1904: bool
) -> None:
    """Fill `sheet` from its part of the workbook. Raises Unreadable."""
    parse(file, _Reader(sheet, strings, styles, epoch_1904))


class _Reader(Handlers):
    """Follows the elements of a sheet: columns, rows, cells, merged ranges."""

    def __init__(
        self, sheet: Sheet, strings: list[str], styles: list[str], epoch_1904: bool
    ) -> None:
        super().__init__()
        self.sheet = sheet
        self.strings = strings
        self.styles = styles
        self.epoch_1904 = epoch_1904
        self.row = 0
        self.column = -1
        self.type = ""
        self.style = ""
        self.value: str | None = None
        self.pieces: list[str] = []
        self.formula = self.spoken = False
        self.columns: dict[str, int] = {}
        self.starts |= {
            "c": self.begin_cell,
            "v": self.take,
            "t": self.take,
            "f": self.begin_formula,
            "row": self.begin_row,
            "col": self.set_columns,
            "rPh": self.begin_phonetic,
            "mergeCell": self.merge,
        }
        self.ends |= {
            "v": self.end_value,
            "t": self.end_text,
            "c": self.end_cell,
            "rPh": self.end_phonetic,
        }

    def set_columns(self, attributes: dict[str, str]) -> None:
        """Columns of one width, or hidden."""
        if attributes.get("hidden") in TRUE:
            first, last = attributes.get("min", ""), attributes.get("max", "")
            if first.isdigit() and last.isdigit():
                columns = range(int(first[:8]) - 1, min(int(last[:8]), MAX_COLUMNS))
                self.sheet.hidden_columns.update(columns)

    def begin_row(self, attributes: dict[str, str]) -> None:
        """A row; where it has no number it follows the last."""
        try:
            self.row = int(attributes.get("r") or self.row + 1)
        except ValueError as error:
            raise Unreadable(self.row, "damaged") from error
        self.column = -1
        if attributes.get("hidden") in TRUE:
            self.sheet.hidden_rows.append(self.row)

    def begin_cell(self, attributes: dict[str, str]) -> None:
        """A cell; where it has no place it follows the last."""
        place = attributes.get("r")
        if place is None:
            self.column += 1
        else:
            name = place.rstrip("0123456789")
            column = self.columns.get(name)
            if column is None:
                column = self.columns[name] = column_of(name)
            self.column = column
        self.type = attributes.get("t", "n")
        self.style = attributes.get("s", "") if self.styles else ""
        self.value = None
        self.formula = False
        if self.pieces:
            self.pieces = []

    def begin_formula(self, _: dict[str, str]) -> None:
        """The cell is a formula."""
        self.formula = True

    def begin_phonetic(self, _: dict[str, str]) -> None:
        """How a text is pronounced: not what it says."""
        self.spoken = True

    def end_phonetic(self, _: str) -> None:
        """The text goes on."""
        self.spoken = False

    def end_value(self, text: str) -> None:
        """A cell's stored value."""
        self.value = text

    def end_text(self, text: str) -> None:
        """A piece of a text that stands in the cell itself."""
        if not self.spoken:
            self.pieces.append(text)

    def end_cell(self, _: str) -> None:
        """The cell is whole: set it."""
        place = (self.row, self.column)
        if self.formula:
            self.sheet.formulas.append(place)
            if not self.value and self.type != "str":
                self.sheet.unvalued.append(place)
        if self.value or self.pieces:
            self.sheet.put(self.row, self.column, self.cell(self.value or ""))

    def cell(self, value: str) -> Cell:
        """What the cell holds. Raises Unreadable `damaged`."""
        try:
            if self.type == "n":
                style = self.styles[int(self.style)] if self.style.isdigit() else PLAIN
                found = float(value)
                return number(found) if style == PLAIN else shown(found, style, self.epoch_1904)
            if self.type == "s" and value[:1] != "-":
                return self.strings[int(value)]
            if self.type == "b":
                return _BOOLEANS[value.strip()]
        except (ValueError, IndexError, KeyError) as error:
            raise Unreadable(self.row, "damaged") from error
        if self.type == "s":
            raise Unreadable(self.row, "damaged")
        if self.type == "d":
            return value.removesuffix("Z").removesuffix("T00:00:00").replace("T", " ")
        return unescape(value or "".join(self.pieces))

    def merge(self, attributes: dict[str, str]) -> None:
        """A merged range."""
        found = span(attributes.get("ref", ""))
        if found is not None and len(self.sheet.merges) < _MAX_MERGES:
            self.sheet.merges.append(found)
