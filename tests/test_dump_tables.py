"""The tables in the guide to the dump are what the command beside them stored."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "benchmarks" / "dump_tables.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("dump_tables", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page(script: Any) -> None:
    """Every row, and the line that says how they were made."""
    stored = json.loads(SCRIPT.with_suffix(".json").read_text(encoding="utf-8"))
    page = (ROOT / ".github" / "guide" / "dump.md").read_text(encoding="utf-8")
    assert script.stamp(stored) in page
    for rows in script.tables(stored):
        assert rows
        for row in rows:
            assert f"\n{row}\n" in page


def test_agreement(script: Any) -> None:
    """Both edges of 2025 within 20 % in the coupling; 25 % where mesons decide, 30 % on the edge of the rho and the omega."""
    stored = json.loads(SCRIPT.with_suffix(".json").read_text(encoding="utf-8"))
    allowed = {30.0: 0.25, 800.0: 0.30}
    assert len(stored["2025"]) == 14
    for row in stored["2025"]:
        assert row["ratio"] is not None and abs(row["ratio"] - 1.0) < allowed.get(row["mass"], 0.20), row
