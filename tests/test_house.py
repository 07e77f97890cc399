"""The house's floors: imports go downward only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GROUND = {
    "allowance",
    "kinds",
    "phrases",
    "kind_rules",
    "kind_file",
    "check_rules",
    "page_rules",
    "documents",
    "candidate",
    "csv_text",
    "settings",
    "errors",
    "durable",
    "clock",
}
FLOORS = {
    **dict.fromkeys(GROUND, 0),
    "release_file": 1,
    "release_writer": 1,
    "sealing": 1,
    "spool": 1,
    "statistics": 1,
    "stores": 2,
    "pages": 2,
    "record": 1,
    "record_page": 2,
    "sockets": 2,
    "logs": 2,
    "public": 3,
    "admin": 3,
    "demo": 4,
    "commands": 4,
    "cli": 5,
    "__main__": 6,
}
WINGS = {"public", "admin"}
MODULES = sorted((ROOT / "lookup").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The rooms of lookup that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "lookup":
            names |= {f"lookup.{alias.name}" for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[1] for name in names if name.startswith("lookup.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downward(path: Path) -> None:
    room = path.relative_to(ROOT / "lookup").parts[0].removesuffix(".py")
    others = imported(path) - {room}
    if room in ("sample", "__init__"):
        assert not others
        return
    # The sample stands apart; the command line and the demo may write it.
    others -= {"sample"} if FLOORS[room] >= FLOORS["demo"] else set()
    assert all(FLOORS[other] <= FLOORS[room] for other in others)
    assert room not in WINGS or not others & WINGS


def test_the_public_side_starts_without_the_admin_side() -> None:
    program = (
        "import sys; from lookup.public import app, serving; "
        "from lookup.settings import Settings; app.create_app(Settings()); "
        "print([m for m in sys.modules if m.startswith(('lookup.admin', 'aiosqlite'))])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "[]"
