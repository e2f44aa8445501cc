"""``na.exclusion``, models of one's own, the published region beside, the band of the production."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.generators.processes import dark_photon
from na62sim.generators.processes.dump import DARK_PHOTON
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung
from na62sim.generators.sources.mesons import MesonDecays
from na62sim.statistics.exclusion import MIN_EFFECTIVE
from na62sim.study.dump.published_contours import compare_edges, published_contours
from na62sim.study.dump.region import POINTS
from na62sim.study.dump.samples import stream_seed

MASSES = [250.0, 400.0]
COPY = """
name = "copy"
hidden = "V"
productions = {{ brems = {{}}, meson = {{}} }}

[widths_MeV]
mass_MeV = {masses}
ee = {ee}
mumu = {mumu}
other = {other}
"""


@pytest.fixture(scope="module")
def shipped() -> Any:
    return na.exclusion(channel="both", production="all", masses=MASSES, events=4000, geometric=True)


def test_a_copy_in_python(shipped: Any) -> None:
    """Another name, particle and author, the same formulas: the same region to the bit."""
    mine = na.DumpModel(
        "mine", "V",
        productions={"brems": Bremsstrahlung(), "meson": MesonDecays()},
        branching_ratios={
            "ee": lambda mass: dark_photon.branching_ratio(mass, "ee"),
            "mumu": lambda mass: dark_photon.branching_ratio(mass, "mumu"),
        },
        ctau=dark_photon.ctau,
    )  # fmt: skip
    found = na.exclusion(mine, channel="both", production="all", masses=MASSES, events=4000, geometric=True)
    assert found.edges() == shipped.edges()
    np.testing.assert_array_equal(found.region.events, shipped.region.events)


def test_a_copy_in_a_file(shipped: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command line, with the widths in a table."""
    widths = {
        name: [float(dark_photon.reduced_width(mass, width)) for mass in MASSES]
        for name, width in (("ee", "ee"), ("mumu", "mumu"), ("other", "hadrons"))
    }
    path = tmp_path / "copy.toml"
    path.write_text(COPY.format(masses=MASSES, **widths), encoding="utf-8")
    words = ["exclusion", "--model", str(path), "--production", "all", "-n", "4000", "--geometric", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert [found["coupling_low"], found["coupling_high"]] == list(shipped.edges())
    assert found["model"] == "copy" and found["channel"] == "all"


def test_a_file_goes_through_every_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """simulate, acceptance and --lifetimes take the file of a model."""
    path = tmp_path / "copy.toml"
    path.write_text(
        COPY.format(masses=[280, 320], ee=[0.68, 0.78], mumu=[0.58, 0.71], other=[0, 0.03]), encoding="utf-8"
    )
    common = ["-g", "dump-2021", "-n", "2000", "-p", "m_V=300MeV", "--json"]
    assert main(["simulate", str(path), *common, "-o", str(tmp_path / "x.h5")]) == 0
    assert json.loads(capsys.readouterr().out)["process"] == "copy-brems"
    assert main(["acceptance", str(path), *common, "-p", "production=meson", "-s", "dimuon"]) == 0
    assert json.loads(capsys.readouterr().out)["process"] == "copy-meson"
    assert main(["acceptance", str(path), *common, "-s", "dimuon", "--lifetimes", "ctau_V=1m:100m:2"]) == 0
    assert json.loads(capsys.readouterr().out)["particle"] == "V"


@pytest.mark.slow
def test_a_scenario_takes_a_file(tmp_path: Path) -> None:
    """A run of a model of one's own."""
    path = tmp_path / "copy.toml"
    path.write_text(
        COPY.format(masses=[280, 320], ee=[0.68, 0.78], mumu=[0.58, 0.71], other=[0, 0.03]), encoding="utf-8"
    )
    scenario = f"""
name = "mine"
title = "a model of my own"
seed = 1
[run]
figures = false
[exclusion]
model = "{path}"
channels = ["mumu", "ee"]
geometry = "dump-2021"
events = 2000
masses_MeV = [290, 310]
eps_min = 1e-8
eps_max = 1e-4
"""
    (tmp_path / "run.toml").write_text(scenario, encoding="utf-8")
    assert main(["run", str(tmp_path / "run.toml"), "-o", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["exclusion"]["regions"]
    assert set(found) == {"mumu-brems", "ee-brems", "both-brems"}
    assert found["both-brems"]["coupling_low"][0] is not None


def test_streams() -> None:
    """Production, channel and mass have streams of their own; the model's name has none."""
    seeds = {
        stream_seed(seed, production, channel, mass)
        for seed in (1, 2) for production in ("brems", "meson") for channel in ("ee", "mumu") for mass in (300.0, 300.5)
    }  # fmt: skip
    assert len(seeds) == 16
    one, two = (na.exclusion(channel="mumu", masses=[300.0], events=2000, geometric=True, seed=s) for s in (1, 2))
    assert one.edges() != two.edges()


def test_hadrons_add() -> None:
    """At 0.6 GeV pions are four in ten decays: the region of all channels is wider than that of leptons."""
    options: dict[str, Any] = {"masses": [600.0], "events": 4000, "geometric": True, "form_factor": "on"}
    leptons, everything = na.exclusion(channel="both", **options), na.exclusion(channel="all", **options)
    assert everything.edges()[0][0] < 0.95 * leptons.edges()[0][0]
    assert everything.edges()[1][0] > 1.03 * leptons.edges()[1][0]


def test_production_band() -> None:
    """The nominal region lies between the two; other generators move the edges by more than the data's protons."""
    found = na.exclusion(channel="mumu", masses=[300.0], events=4000, geometric=True, production_band=True)
    assert found.least is not None and found.most is not None
    (low, high), (least, least_high), (most, most_high) = (r.edges() for r in (found.region, found.least, found.most))
    assert most[0] <= low[0] < 0.97 * least[0]
    assert least_high[0] < high[0] <= most_high[0]
    assert any("quasi-real" in words for words in found.variations)


def test_contour_of_2025() -> None:
    """Open edges as the data sheet has them; nothing in the gaps, beyond the ends, or between its pieces."""
    contour = published_contours()["na62-2025-dark-photon"]
    sheet = ((20.0, 7.24e-7, 7.48e-5), (100.0, 4.08e-7, 1.55e-5), (400.0, 2.13e-7, 2.16e-6), (800.0, 4.1e-8, 5.9e-7))
    for mass, low, high in sheet:
        assert contour.edge(mass, upper=False) == pytest.approx(low, rel=0.02)
        assert contour.edge(mass, upper=True) == pytest.approx(high, rel=0.02)
    for mass in (50.0, 140.0, 250.0, 500.0, 700.0, 5.0, 900.0):
        assert contour.edge(mass, upper=False) is None
    for masses, couplings in contour.pieces:
        assert np.abs(np.diff(np.log(masses))).max(initial=0.0) < 0.1 and masses.size == couplings.size
    assert len(contour.pieces) > 5


def test_comparison_in_events(shipped: Any) -> None:
    """At the lower edge N goes as the fourth power of the coupling: the ratio of events is that of the edges, inverted."""
    rows = [
        row for row in compare_edges(shipped.region, published_contours()["na62-2025-dark-photon"]) if row.edge == "low"
    ]
    assert [row.mass for row in rows] == [400.0]
    (row,) = rows
    assert row.ratio is not None
    assert np.log(row.events) / np.log(row.ratio) == pytest.approx(-4.0, abs=0.8)  # lifetimes shorten


@pytest.mark.slow
def test_seeds_scatter_as_printed() -> None:
    """20 seeds, full chain: the chi2 of both edges with the printed errors has 19 degrees of freedom (p > 1e-3)."""
    found = [na.exclusion(channel="mumu", masses=[300.0], events=5000, seed=seed) for seed in range(1, 21)]
    for end in (0, 1):
        logs = np.log([float(x.edges()[end][0]) for x in found])
        errors = np.array([float(x.region.mc_errors()[end][0]) for x in found])
        chi2 = (((logs - logs.mean()) / errors) ** 2).sum()
        print(
            f"chi2 of the edges {end}: {chi2:.1f} for 19; mean error {errors.mean():.4f}, scatter {logs.std(ddof=1):.4f}"
        )
        assert 5.4 < chi2 < 43.8


def test_defaults() -> None:
    assert POINTS == 76 and MIN_EFFECTIVE == 25.0
    with pytest.raises(ValueError, match="has no masses of its own"):
        na.exclusion(na.DumpModel("x", "X", {"brems": Bremsstrahlung()}, {"ee": lambda m: 1.0}, DARK_PHOTON.ctau))
