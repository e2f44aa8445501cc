"""The tables of what the package reproduces are those that benchmarks/readme_tables.py made and stored."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import na62sim

ROOT = Path(__file__).parents[1]
STORED = ROOT / "benchmarks" / "readme_tables.json"
PAGE = ROOT / ".github" / "guide" / "physics.md"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "benchmarks" / "readme_tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    return dict(json.loads(STORED.read_text(encoding="utf-8")))


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
        ("E", ("low", "high"), 1e-7, "·10⁻⁷", True): "| E | (4, 25)·10⁻⁷ | 1.1, 0.9 times as large |",
        ("C", ("c",), 1e-8, "·10⁻⁸ events", False): "| C | – | (4.20 ± 0.60)·10⁻⁸ events |",
    }
    for row, text in expected.items():
        assert script.line(row, numbers) == text


def test_lines_are_written_between_their_marks(script: ModuleType) -> None:
    """Once more is the same text; what stands around stays; without its marks a table has no place."""
    text = "a\n<!-- made: x -->\nold\nold\n<!-- end -->\nb\n<!-- made: y -->\n<!-- end -->\nc\n"
    once = script.filled(text, {"x": ["1", "2"], "y": ["3"]})
    assert once == "a\n<!-- made: x -->\n1\n2\n<!-- end -->\nb\n<!-- made: y -->\n3\n<!-- end -->\nc\n"
    assert script.filled(once, {"y": ["3"], "x": ["1", "2"]}) == once
    with pytest.raises(ValueError, match="no place for the lines of 'z'"):
        script.filled(text, {"z": []})


def test_the_numbers_of_the_page_are_the_stored_ones(script: ModuleType, stored: dict[str, Any]) -> None:
    """Every row, under a line with the command, the number of events, the seed and the version."""
    text = PAGE.read_text(encoding="utf-8")
    assert script.filled(text, script.blocks(stored)) == text
    assert script.stamp(stored) in text
    assert all(f"{key} {stored[word]}" in script.stamp(stored) for key, word in (("-n", "events"), ("--seed", "seed")))
    assert stored["version"] == na62sim.__version__


@pytest.mark.slow
def test_the_stored_numbers_are_obtained_again(script: ModuleType, stored: dict[str, Any]) -> None:
    """The same events: what moves a number moves the page. Another processor may round one event differently."""
    again = script.obtained(stored["events"], stored["seed"], None)
    far = []
    for key, numbers in stored["numbers"].items():
        for old, new in zip(numbers, again[key], strict=True):
            numeric = [{name: x for name, x in row.items() if isinstance(x, int | float)} for row in (old, new)]
            others = [{name: x for name, x in row.items() if not isinstance(x, int | float)} for row in (old, new)]
            if numeric[0] != pytest.approx(numeric[1], rel=0.01) or others[0] != others[1]:
                far.append(f"{key}: {old}, now {new}")
    assert not far, "python benchmarks/readme_tables.py makes both tables again:\n" + "\n".join(far)
