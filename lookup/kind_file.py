"""A kind's TOML file: read it, or explain by line and key what is wrong with it."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from lookup.documents import Problem, dotted
from lookup.durable import storage
from lookup.errors import KindError, UsageError
from lookup.kind_rules import check
from lookup.kinds import Kind, read_kind

_TABLE = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.\-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-]+)\s*=")
_SYNTAX = re.compile(r"(?P<reason>.*) \(at line (?P<line>\d+), column \d+\)")


class Fault(NamedTuple):
    """One problem of a file: line (from 1), key in words, reason."""

    line: int
    key: str
    reason: str


def _lines(text: str) -> dict[tuple[str | int, ...], int]:
    """The line of every table header and key, by path.

    tomllib keeps no positions; a kind's file holds only `[[tables]]` and keys at the start
    of a line, so counting those is enough.
    """
    lines: dict[tuple[str | int, ...], int] = {(): 1}
    here: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if table := _TABLE.match(line):
            here = ()
            *outer, last = table[1].split(".")
            for name in outer:
                here = (*here, name, max(counts.get((*here, name), 1) - 1, 0))
            index = counts.get((*here, last), 0)
            counts[(*here, last)] = index + 1
            here = (*here, last, index)
            lines[here] = number
        elif key := _KEY.match(line):
            lines.setdefault((*here, key[1]), number)
    return lines


def _place(problem: Problem, lines: dict[tuple[str | int, ...], int]) -> Fault:
    """The fault at the nearest line that exists: a missing key is shown at its table."""
    path = problem.path
    while path not in lines:
        path = path[:-1]
    return Fault(lines[path], dotted(problem.path), problem.reason)


def faults(path: Path) -> tuple[list[Fault], Kind | None]:
    """Everything wrong with the file, ordered by line; or no faults and its kind.

    Raises StorageError where the file cannot be read.
    """
    with storage(path):
        content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [Fault(line, "", "is not UTF-8: save the file as UTF-8")], None
    except (ValueError, RecursionError) as error:
        found = _SYNTAX.fullmatch(str(error))
        if found is None:
            return [Fault(text.count("\n") + 1, "", f"is not TOML: {error}")], None
        return [Fault(int(found["line"]), "", f"is not TOML: {found['reason']}")], None
    problems = check(document)
    if problems:
        lines = _lines(text)
        return sorted(_place(problem, lines) for problem in problems), None
    return [], read_kind(document)


def load_kind(path: Path) -> Kind:
    """The kind a file defines. Raises KindError with a line for each fault, StorageError."""
    found, kind = faults(path)
    if kind is None:
        raise KindError(
            "\n".join(f"{path.name}, line {line}: {key} {why}" for line, key, why in found)
        )
    return kind


def load_named(folder: Path, name: str) -> Kind:
    """The kind called `name` among the files of `folder`. Raises UsageError, KindError."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml"))) or "none"
        raise UsageError(f"There is no kind of that name in {folder}; known: {known}.")
    kind = load_kind(path)
    if kind.name != name:
        raise KindError(f"{path.name} defines the kind {kind.name}: name the file after it.")
    return kind
