"""Lines of a table that are nobody's record: totals, notes, who made it, page numbers."""

import re
from collections.abc import Sequence

from lookup.admin.intake.headings import plain, shown
from lookup.admin.readers.tables import Cell

MAX_NOTE_CELLS = 6
"""Who made a table, who checked it and when stand in one line, each beside its name."""
LONE_CELL_CHARACTERS = 20
"""A single cell longer than this is a sentence, and no name or number."""

_TOTAL = re.compile(
    r"[本全]?[校市县区班页省科]?(?:合计|总计|小计|共计|累计|平均[分值数]?|总平均|最[高低]分?|满分|及格率|优秀率)"
    r"(?:人数|[:(].*)?|(?:sub|grand)?total(?:[:(].*)?|sum|average|mean"
)
_MAKERS = (
    r"(?:制表|填表|填报|审核|复核|校对|打印|报送)(?:人|单位|日期|时间)?|负责人|联系(?:人|电话)"
)
_NOTES = r"注|附注?|备注|说明|注意|注明|日期|单位|(?:资料|数据)?来源|notes?|remarks?|source|date"
_NOTE = re.compile(
    rf"(?:{_MAKERS}|{_NOTES})[0-9一二三四五]?[:.].*|{_MAKERS}"
    r"|第[0-9]+页.*|共[0-9]+[页人名条行].*|page[0-9]+.*|以下空白"
)
_CODE = re.compile(r"[0-9A-Za-z]+")
_MARK = re.compile(r"[0-9]{1,4}(?:\.[0-9]+)?")


def is_footnote(cells: Sequence[Cell], keys: Sequence[int]) -> bool:
    """Whether a row that cannot be read as a record is a line under a table, or blank.

    `keys` are the columns a record is known by. Whatever stands in them besides the line's
    own words is a broken record and no footnote; so is a note with marks beside it.
    """
    filled = [text for cell in cells if (text := shown(cell))]
    if len(filled) == 1 and len(filled[0]) > LONE_CELL_CHARACTERS:
        return not _CODE.fullmatch(filled[0])
    return not filled or is_marked(cells, keys)


def is_marked(cells: Sequence[Cell], keys: Sequence[int]) -> bool:
    """Whether a row says itself that it is a total or a note, even if it could be a record."""
    filled = [text for cell in cells if (text := shown(cell))]
    there = [text for key in keys if key < len(cells) and (text := shown(cells[key]))]
    if not filled or any(text != filled[0] for text in there):
        return False
    if _TOTAL.fullmatch(plain(filled[0])):
        return True
    marks = any(map(_MARK.fullmatch, filled))
    return _is_note(filled[0]) and len(filled) <= MAX_NOTE_CELLS and not marks


def _is_note(text: str) -> bool:
    # The colon at a name's end is cut off in its plain form.
    return _NOTE.fullmatch(plain(text) + (":" if text[-1] in ":\uff1a" else "")) is not None
