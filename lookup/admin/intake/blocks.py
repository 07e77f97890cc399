"""Several tables in one: side by side under one header, or one to a group of columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from lookup.admin.intake.columns import Mapper
from lookup.admin.intake.headings import MAX_CHARACTERS, Heading, heading, plain
from lookup.kinds import Field, Kind

MIN_COLUMNS = 2
"""A table has a key and something beside it; one column repeated is a mistake, not a table."""


@dataclass(frozen=True, slots=True)
class Block:
    """The columns of one of the tables in a table.

    `own` are those it shares with no other, `tag` is what its group of columns is called: it
    stands in a cell of its own after the others, where there are groups.
    """

    indexes: tuple[int, ...]
    own: tuple[int, ...]
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The tables in a table, one or more, and the header they are read by."""

    blocks: tuple[Block, ...]
    header: tuple[Heading, ...]


def find_blocks(kind: Kind, header: Sequence[Heading], mapper: Mapper) -> Blocks:
    """How many tables a header stands over."""
    return _side_by_side(header) or _groups(kind, header, mapper) or _one(header)


def _one(header: Sequence[Heading]) -> Blocks:
    all_of_it = tuple(range(len(header)))
    return Blocks((Block(all_of_it, all_of_it),), tuple(header))


def _side_by_side(header: Sequence[Heading]) -> Blocks | None:
    """One header several times over, from left to right: 分数 人数 分数 人数."""
    named = tuple(index for index, one in enumerate(header) if one.text)
    names = [plain(header[index].text) for index in named]
    for width in range(MIN_COLUMNS, len(named) // 2 + 1):
        times, rest = divmod(len(named), width)
        if not rest and names == names[:width] * times:
            parts = [named[start : start + width] for start in range(0, len(named), width)]
            return Blocks(
                tuple(Block(part, part) for part in parts),
                tuple(header[index] for index in parts[0]),
            )
    return None


def _groups(kind: Kind, header: Sequence[Heading], mapper: Mapper) -> Blocks | None:
    """The same columns for each of several groups: 成绩, 文史人数, 文史累计, 理工人数, 理工累计.

    What the groups are called is the one text of a reference's key that has no column.
    """
    if not kind.reference:
        return None
    shared: dict[int, Field] = {}
    groups: dict[str, dict[str, int]] = {}
    for index, one in enumerate(header):
        name = plain(one.text[:MAX_CHARACTERS])
        claim = mapper.claim(name)
        if claim is not None and claim[1] is None:
            shared[index] = claim[0]
        elif (part := _tagged(name, mapper)) is not None:
            tag, field = part
            if groups.setdefault(tag, {}).setdefault(field.name, index) != index:
                return None
    kinds_of = {tuple(sorted(group)) for group in groups.values()}
    there = {field.name for field in shared.values()}
    tags = [f for f in map(kind.field, kind.key) if f.type == "text" and f.name not in there]
    fits = len(groups) > 1 and len(kinds_of) == 1 and len(tags) == 1
    if not fits or len(*kinds_of) < MIN_COLUMNS or there.intersection(*kinds_of):
        return None
    first = next(iter(groups.values()))
    order = sorted(first, key=first.__getitem__)
    blocks = tuple(
        Block((*shared, *(group[name] for name in order)), tuple(group.values()), tag)
        for tag, group in groups.items()
    )
    names = (*(field.name for field in shared.values()), *order, tags[0].name)
    return Blocks(blocks, tuple(heading(kind.field(name).label.zh) for name in names))


def _tagged(name: str, mapper: Mapper) -> tuple[str, Field] | None:
    """A heading as a group's name and the field it ends with, the longest there is."""
    for cut in range(1, len(name)):
        claim = mapper.claim(name[cut:])
        if claim is not None and claim[1] is None:
            return name[:cut], claim[0]
    return None
