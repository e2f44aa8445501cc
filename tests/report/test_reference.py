"""info columns, scenario, geometry: complete, from the code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.geometry import load_detector
from na62sim.report.reference import REFERENCES, reference, reference_report
from na62sim.report.text import as_text
from na62sim.study.scenario.meaning import KEYS, ROLES, key_types
from na62sim.study.scenario.toml import BLOCKS


def test_every_key_of_a_scenario_has_a_meaning() -> None:
    """Those of the blocks, and no others but ones that are yet to come."""
    assert set(key_types()) == {"", *BLOCKS}
    missing = {(block, key) for block, keys in key_types().items() for key in keys if not KEYS.get(block, {}).get(key)}
    assert missing == set()


def test_every_role_has_a_meaning() -> None:
    role = BLOCKS["sample"].model_fields["role"].annotation
    assert set(ROLES) == set(role.__args__)  # type: ignore[union-attr]


def test_columns_are_those_of_a_sample(tmp_path: Path) -> None:
    """Every group and column that a reconstructed sample holds, in its order, with its unit."""
    sample = na.reconstruct(na.simulate("kpinunu", events=50, seed=1))
    groups = reference("columns")["groups"]
    for name in sample.groups:
        listed = {c["name"]: c["unit"] for c in groups[name]["columns"]}
        assert list(listed) == list(sample[name].names), name
        assert [c.unit for c in sample[name].fields] == list(listed.values())
        assert all(c["description"] for c in groups[name]["columns"])


def test_keys_of_a_geometry() -> None:
    keys = {k["key"]: k for k in reference("geometry")["keys"]}
    d = load_detector("run1-2018-s2")
    assert set(keys) == {entry.path for entry in d.entries()}
    assert keys["straw.chamber_resolution_um"]["unit"] == "µm"
    assert all(k["source"] for k in keys.values())


@pytest.mark.parametrize("word", REFERENCES)
def test_as_it_is_printed(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert as_text(reference_report(reference(word))).count("\n") > 30
    assert main(["info", word, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"].startswith(word)
