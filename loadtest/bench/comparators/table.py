"""A town's records as a SQLite table: what the comparators without sealing look things up in."""

import sqlite3
from pathlib import Path

from loadtest.bench.town import Town

PARTIAL = ".partial"


def table(folder: Path, town: Town) -> Path:
    """`records(number, code, body)` of a town, made in `folder` the first time."""
    final = folder / f"records-{town.size}.db"
    if final.is_file() and final.stat().st_mtime >= (town.folder / "stamp").stat().st_mtime:
        return final
    partial = final.with_name(final.name + PARTIAL)
    partial.unlink(missing_ok=True)
    connection = sqlite3.connect(partial)
    connection.execute("CREATE TABLE records (number TEXT PRIMARY KEY, code TEXT, body TEXT)")
    people = map(town.person, range(town.size))
    rows = ((each.number, each.code, each.body.decode()) for each in people)
    connection.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    partial.replace(final)
    return final
