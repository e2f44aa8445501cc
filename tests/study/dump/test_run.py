"""A run of the beam dump in small: the folder, and how its numbers hang together."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from na62sim.cli import main
from na62sim.geometry import load_detector
from na62sim.study.dump.acceptance import Reconstructed
from na62sim.study.dump.exclusion import exclude
from na62sim.study.dump.samples import channel_samples
from na62sim.study.published import published_numbers

SMALL = """
name = "small"
seed = 3

[exclusion]
channels = ["mumu", "ee"]
production = "all"
geometry = "dump-2021"
events = 12_000
masses_MeV = [150, 300, 400, 411, 500, 600]
alp_masses_MeV = [300]
eps_min = 1e-7
eps_max = 1e-4
eps_points = 40
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("dump")
    (base / "small.toml").write_text(SMALL + "\n[run]\nfigures = false\n", encoding="utf-8")
    assert main(["run", str(base / "small.toml"), "-o", str(base / "out")]) == 0
    return base / "out"


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result


def test_folder(folder: Path, found: dict[str, Any]) -> None:
    assert {p.name for p in folder.iterdir()} == {
        "result.json",
        "report.txt",
        "report.html",
        "scenario.toml",
        "contours",
    }
    assert {p.stem for p in (folder / "contours").iterdir()} == {
        "mumu-brems", "mumu-all", "ee-brems", "ee-all", "both-brems", "both-all", "alp-mumu", "alp-ee",
    }  # fmt: skip
    assert found["geometries"]["dump-2021"]["sha256"] == load_detector("dump-2021").sha256


@pytest.mark.slow
def test_figures(tmp_path: Path) -> None:
    """Every kind of figure; of an ALP, too, with so few events that it has no limit."""
    few = SMALL.replace("[150, 300, 400, 411, 500, 600]", "[150, 300, 600]").replace("12_000", "4_000")
    (tmp_path / "few.toml").write_text(few, encoding="utf-8")
    assert main(["run", str(tmp_path / "few.toml"), "-o", str(tmp_path / "out")]) == 0
    names = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["figures"]
    for name in names:
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    for word in (
        "region-both",
        "region-mumu",
        "events-ee",
        "spectra-mumu",
        "primary-vertex-ee",
        "acceptance-",
        "alp-ee",
    ):
        assert word in " ".join(names)


def test_report(folder: Path) -> None:
    text = (folder / "report.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 100
    for words in (
        "expected events, cut by cut", "efficiency beyond geometry", "both, bremsstrahlung + meson decays",
        "mumu, bremsstrahlung\n", "Published and obtained", "BR(B -> K(*) a)", "σ(Z_TAX)",
    ):  # fmt: skip
        assert words in text


def test_reference_events(found: dict[str, Any]) -> None:
    """300 MeV, eps = 1e-6: 887 produced, 47.1 decays (3 %), 21.6 by geometry (8 %); then cuts that only remove."""
    brems = next(row for row in found["exclusion"]["benchmark"] if row["process"] == "aprime-brems")
    steps = {row["step"]: row["events"] for row in brems["steps"]}
    assert steps["produced, all decays"] == pytest.approx(887.0, rel=0.01)
    assert steps["in the decay volume"] == pytest.approx(47.1, rel=0.03)
    assert brems["geometry"] == pytest.approx(21.6, rel=0.08)
    events = [row["events"] for row in brems["steps"]]
    assert events == sorted(events, reverse=True)
    product = np.prod([row["efficiency"] for row in brems["steps"][1:]])
    assert events[0] * product == pytest.approx(events[-1])
    assert brems["efficiency"] == pytest.approx(events[-1] / brems["geometry"])


def test_the_region_is_that_of_the_functions(found: dict[str, Any]) -> None:
    """Bremsstrahlung alone, made again by hand: the same edges."""
    detector = load_detector("dump-2021")
    masses = [300.0, 400.0, 411.0]
    samples = channel_samples(masses, detector, "mumu", events=12_000, seed=3, chain=Reconstructed)
    low, high = exclude({"mumu": samples}, detector, np.geomspace(1e-7, 1e-4, 40)).edges()
    region = found["exclusion"]["regions"]["mumu-brems"]
    assert region["mass_GeV"] == [0.3, 0.4, 0.411, 0.5, 0.6]
    assert region["eps_low"][:3] == low and region["eps_high"][:3] == high


def test_mesons_add(found: dict[str, Any]) -> None:
    """More events with mesons than without, more with both channels than with one; one event seen at 411 MeV."""
    regions = found["exclusion"]["regions"]
    for channel in ("mumu", "ee", "both"):
        brems, everything = regions[f"{channel}-brems"], regions[f"{channel}-all"]
        assert all(a < b for a, b in zip(brems["n_events_max"], everything["n_events_max"], strict=True))
    both = dict(zip(regions["both-brems"]["mass_GeV"], regions["both-brems"]["eps_low"], strict=True))
    for name in ("mumu-brems", "ee-brems"):
        for mass, edge in zip(regions[name]["mass_GeV"], regions[name]["eps_low"], strict=True):
            assert edge is None or both[mass] <= edge
    limits = dict(zip(regions["mumu-all"]["mass_GeV"], regions["mumu-all"]["limit_events"], strict=True))
    assert limits[0.411] > 1.5 * limits[0.4]


def test_efficiency_moves_the_edges(found: dict[str, Any]) -> None:
    """10 % in efficiency: about a quarter of it in the lower edge, and the closing mass on both sides."""
    region = found["exclusion"]["regions"]["mumu-brems"]
    minus, plus = region["varied"]["minus"], region["varied"]["plus"]
    k, j = minus["mass_GeV"].index(0.3), region["mass_GeV"].index(0.3)
    assert minus["eps_low"][k] / region["eps_low"][j] == pytest.approx(0.9**-0.25, rel=0.02)
    assert plus["eps_low"][k] / region["eps_low"][j] == pytest.approx(1.1**-0.25, rel=0.02)
    assert minus["closing"][0] < region["closing"][0] < plus["closing"][0]


def test_comparison(found: dict[str, Any]) -> None:
    """Bremsstrahlung alone against the published edges; the ones with a stated range are within it."""
    rows = {row["key"]: row for row in found["comparison"]}
    for mass in (300, 400):
        for edge in ("eps_low", "eps_high"):
            row = rows[f"dump-2021-mumu.{edge}.{mass}"]
            assert row["within"] and row["published"] == published_numbers()[row["key"]].value
    assert {"dump-2021-mumu.produced", "dump-2021-mumu.geometry", "dump-2021-mumu.closing"} <= set(rows)


def test_contours(folder: Path, found: dict[str, Any]) -> None:
    with open(folder / "contours" / "ee-all.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    region = found["exclusion"]["regions"]["ee-all"]
    for row, low in zip(rows, region["eps_low"], strict=True):
        assert (row["eps_low"] == "") == (low is None)
        assert low is None or float(row["eps_low"]) == pytest.approx(low, rel=1e-4)


def test_acceptance_maps(found: dict[str, Any]) -> None:
    """Shares between 0 and 1; at 300 MeV and eps = 1e-6 the share of the cut-flow."""
    maps = found["exclusion"]["acceptance"]["mumu-aprime-brems"]
    for image in (maps["of_coupling"], maps["of_momentum"]):
        values = [v for row in image for v in row if v is not None]
        assert values and min(values) >= 0.0 and max(values) <= 1.0
    brems = next(row for row in found["exclusion"]["benchmark"] if row["process"] == "aprime-brems")
    steps = {row["step"]: row["events"] for row in brems["steps"]}
    share = brems["steps"][-1]["events"] / steps["in the decay volume"]
    row = maps["of_coupling"][maps["mass_GeV"].index(0.3)]
    known = [(eps, value) for eps, value in zip(maps["eps"], row, strict=True) if value is not None]
    assert np.interp(np.log(1e-6), *(np.log([x for x, _ in known]), [y for _, y in known])) == pytest.approx(
        share, rel=0.08
    )


def test_resolutions(found: dict[str, Any]) -> None:
    """Reference samples: Z_TAX and its distance for a spot of 5 mm (2.3 and 2.6 m; 3.7 and 11 mm), within 15 %."""
    for channel, sigma in (("mumu", 2.3), ("ee", 2.6)):
        r = found["exclusion"]["reference"][channel]["aprime-brems"]
        assert r["sigma_z_tax_m"] == pytest.approx(sigma, rel=0.15)
        assert r["cda_tax_mm"]["median"] == pytest.approx(3.7, rel=0.15)
        assert r["cda_tax_mm"]["95 %"] == pytest.approx(11.0, rel=0.15)
        assert r["in_signal"] > 0.985
