"""Samples behind one trigger mask: the products, what they are compared with, and what a scenario may not say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from na62sim.cli import main
from na62sim.geometry import load_detector
from na62sim.simulation.acceptance import acceptance
from na62sim.study.comparison import compare_triggered
from na62sim.study.kaon.triggered import triggered_sample
from na62sim.study.plan import plan
from na62sim.study.scenario.blocks import SampleBlock
from na62sim.study.scenario.scenario import ScenarioError, load_scenario, read_scenario

BLOCK = SampleBlock(
    label="mu", process="kpimumu", geometry="run1-2017", selection="kpimumu", events=4000, decay_volume_m=(105.0, 180.0),
    trigger="dimuon_multi_track", kaons=1e12, kaons_source="assumed: test", branching_ratio=1e-7,
    branching_ratio_source="assumed: test",
)  # fmt: skip
RESOLUTION = {"z": {"value": 0.3, "error": 0.1, "mean": 0.0}, "m_pimumu": {"value": 1.1, "error": 0.02, "mean": 0.0}}
OWN = """
name = "own"

[run]
figures = false

[[sample]]
label = "mu"
process = "K+ -> pi- mu+ mu+"
geometry = "run1-2017"
selection = "kpimumu"
events = 3000
"""


@pytest.fixture(scope="module")
def flow() -> Any:
    return acceptance("kpimumu", "kpimumu", 4000, "run1-2017", 3, threads=1, decay_volume_m=(105.0, 180.0))


def test_products(flow: Any) -> None:
    """A epsilon is counted, not multiplied; N_K BR A epsilon; the error holds that of the components."""
    s = triggered_sample(BLOCK, flow, RESOLUTION)
    made, n, taken = (c.sumw for c in (flow.generated, flow.selected, flow.triggers["dimuon_multi_track"]))
    assert 0.0 < taken < n
    assert s.acceptance == pytest.approx(n / made) and s.taken == pytest.approx(taken / made)
    assert s.trigger_efficiency == pytest.approx(taken / n)
    assert s.taken_stat == pytest.approx(math.sqrt(s.taken * (1.0 - s.taken) / 4000), rel=0.05)
    assert s.expected_events == pytest.approx(1e12 * 1e-7 * taken / made)
    assert s.taken_components / s.taken == pytest.approx(flow.selection.systematic)
    assert s.expected_sigma == pytest.approx(s.expected_events * s.taken_sigma / s.taken)
    assert (s.sigma_m_MeV, s.sigma_m_error) == (1.1, 0.02)


def test_comparison(flow: Any) -> None:
    """With the published numbers of the same data set, selection and process, and with no other."""
    rows = {row.key.rpartition(".")[2]: row for row in compare_triggered([triggered_sample(BLOCK, flow, RESOLUTION)])}
    assert set(rows) == {"taken", "expected_events", "sigma_m_MeV"}
    assert rows["taken"].published == 0.109
    # 8357 candidates in 7.94e11 decays of 9.62e-8
    assert rows["expected_events"].published / (7.94e11 * 9.62e-8) == pytest.approx(0.109, rel=0.01)
    flow.info["geometry"] = "run1-2018-s2"
    assert compare_triggered([triggered_sample(BLOCK, flow, RESOLUTION)]) == []


def test_nothing_accepted() -> None:
    flow = acceptance("kmu2", "kpimumu", 1000, "run1-2017", threads=1)
    s = triggered_sample(BLOCK, flow, None)
    assert (s.acceptance, s.taken, s.trigger_efficiency, s.expected_events) == (0.0, 0.0, 0.0, 0.0)
    assert s.sigma_m_MeV is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "breaks lepton number|lepton number"),
        (
            'allow = ["lepton"]\ntrigger = "dimuon"',
            "trigger mask 'dimuon' is unknown; did you mean ",
        ),
        ('allow = ["charge"]', "allow"),
        ("kaons = 1e12", "the kaons of a sample need a trigger and a kaons_source"),
        ('branching_ratio = 1e-9\nbranching_ratio_source = "x"', "needs the kaons of .limits., or kaons of its own"),
    ],
)
def test_what_a_scenario_may_not_say(lines: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        plan(read_scenario((OWN + lines).encode(), Path("own.toml")))


def test_shipped() -> None:
    """Every sample is taken by the mask of its channel; the numbers of kaons are those of NA62's 2017 analysis."""
    masks = {"kpimumu": "dimuon_multi_track", "kpiee": "electron_multi_track", "k3pi-lkr": "multi_track"}
    blocks = load_scenario("three-tracks-2017-2018").sample
    for block in blocks:
        assert block.trigger == masks[block.selection]
        assert load_detector(block.geometry).three_tracks is not None
        assert block.decay_volume_m == (105.0, 180.0)
    kaons = {block.label: block.kaons for block in blocks if block.kaons}
    # both are the same decays, seen through one in 2 and one in 8 (0.135 recalled)
    assert kaons["kpimumu"] * 2.0 == pytest.approx(kaons["kpiee"] / 0.135, rel=0.01)


def test_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario of one's own, to its report: the table, the JSON, and no yield without kaons."""
    path = tmp_path / "own.toml"
    path.write_text(OWN + 'allow = ["lepton"]\ntrigger = "dimuon_multi_track"\n')
    assert main(["run", str(path), "-o", str(tmp_path / "out")]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    (row,) = result["triggered"]
    assert row["process"] == "K+ -> pi- mu+ mu+" and row["taken"] > 0.03 and row["expected_events"] is None
    assert result["yields"] == [] and result["comparison"][0]["key"] == "run1-2017.kpimumu.K+ -> pi- mu+ mu+.taken"
    text = (tmp_path / "out" / "report.txt").read_text()
    assert "Behind one trigger mask" in text and "m(πμμ) − m_K" in text
    assert "m(4e)" not in text  # no column without a number
    capsys.readouterr()
