"""How a benchmark shows what it found."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table


def show(columns: Sequence[str], rows: Iterable[Sequence[str]], *sentences: str) -> None:
    """Print a table, then sentences."""
    grid = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        grid.add_row(*row)
    console = Console(width=180)
    console.print(grid)
    for sentence in sentences:
        console.print(sentence)
