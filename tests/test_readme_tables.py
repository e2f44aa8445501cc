"""The tables of what the package reproduces are those that benchmarks/readme_tables.py made and stored."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
STORED = ROOT / "benchmarks" / "readme_tables.json"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "benchmarks" / "readme_tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of_the_readme() -> list[list[str]]:
    """The rows of each table in the section "What it reproduces"."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## What it reproduces")[1].split("\n## ")[0]
    found: list[list[str]] = []
    for line in section.splitlines():
        if line.startswith("|---"):
            found.append([])
        elif line.startswith("|") and not line.startswith("| quantity"):
            found[-1].append(line)
    return found


def made_up(value: float, sigma: float | None, obtained: float, error: float | None) -> dict[str, Any]:
    return {"published": value, "published_sigma": sigma, "obtained": obtained, "obtained_sigma": error}


def test_a_row_in_markdown(script: ModuleType) -> None:
    """Units, errors, two momentum ranges, ratios, and what has no published number."""
    numbers = {
        "a": [made_up(0.0395, 0.004, 0.036, 0.0026), made_up(0.0395, 0.004, 0.0288, 0.0021)],
        "b": [made_up(1.4e-11, 1e-12, 1.39e-11, 1.4e-12)],
        "low": [made_up(4e-7, None, 4.4e-7, None)],
        "high": [made_up(2.5e-6, None, 2.25e-6, None)],
        "c": [{"published": None, "published_sigma": None, "obtained": 4.2e-8, "obtained_sigma": 6e-9}],
    }
    expected = {
        ("A", ("a",), 1.0, "", False): "| A | 0.0395 ± 0.0040 | 0.0360 ± 0.0026 (0.0288 ± 0.0021) |",
        ("B", ("b",), 1e-10, "·10⁻¹⁰", False): "| B | (0.140 ± 0.010)·10⁻¹⁰ | (0.139 ± 0.014)·10⁻¹⁰ |",
        ("E", ("low", "high"), 1e-7, "·10⁻⁷", True): "| E | 4, 25·10⁻⁷ | 1.1, 0.9 times as large |",
        ("C", ("c",), 1e-8, "·10⁻⁸ events", False): "| C | – | (4.20 ± 0.60)·10⁻⁸ events |",
    }
    for row, text in expected.items():
        assert script.line(row, numbers) == text


def test_every_row_of_the_readme_is_made(script: ModuleType) -> None:
    """The script has the quantities of the README, in its order."""
    names = [[row.split("|")[1].strip() for row in rows] for rows in rows_of_the_readme()[:2]]
    assert names == [[row[0] for row in rows] for rows in (script.KAON, script.CASCADES_AND_DUMP)]


@pytest.mark.slow
@pytest.mark.skipif(not STORED.exists(), reason="benchmarks/readme_tables.py has stored nothing yet")
def test_the_numbers_of_the_readme_are_the_stored_ones(script: ModuleType) -> None:
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    assert rows_of_the_readme()[:2] == script.tables(stored["numbers"])
    assert script.stamp(stored) in (ROOT / "README.md").read_text(encoding="utf-8")
