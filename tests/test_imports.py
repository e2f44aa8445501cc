"""The house stands as pyproject.toml draws it: imports point down, nothing in a circle, no truth in reconstruction."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "cli", "core", "detector", "generators", "geometry", "reconstruction", "report", "sample", "selection", "simulation",
    "statistics", "study",
}  # fmt: skip


def test_contracts_of_imports() -> None:
    """`lint-imports` keeps every contract, and none is ignored in part."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert found.returncode == 0, found.stdout
    assert " 0 broken" in found.stdout
    assert "ignore_imports" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_nothing_new_at_the_top() -> None:
    """Twelve folders and the door."""
    names = {path.name for path in (ROOT / "na62sim").iterdir()} - {"__pycache__", "data"}
    assert names == FOLDERS | {"__init__.py", "__main__.py", "py.typed"}
