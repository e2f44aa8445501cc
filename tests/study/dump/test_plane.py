"""Limits at lifetimes, regions of models of B decays, and a mother of one's own that gives the region of a shipped model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.generators.processes.alp import b_decays
from na62sim.generators.processes.dump import ALP_FERMION, DARK_SCALAR
from na62sim.generators.sources.bmesons import BMesonDecays, b_meson_table
from na62sim.study.dump.plane import LENGTHS, lifetime_exclusion
from na62sim.study.dump.region import DumpRegion

QUICK = ["exclusion", "-n", "6000", "--geometric"]


def read(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def region(**options: Any) -> DumpRegion:
    return na.exclusion("dark-scalar", masses=[240.0], events=8000, geometric=True, channel="mumu", **options)


def test_a_coupling_is_a_point_of_the_plane() -> None:
    """At an edge of the region the model's product of branching ratios is the limit at its lifetime: the two planes are one."""
    found = region()
    plane = lifetime_exclusion("dark-scalar", "mumu", masses=[240.0], events=8000, geometric=True)
    for (edge,) in found.edges():
        assert edge is not None
        product = edge**2 * sum(x for _, x in DARK_SCALAR.production("b").made(240.0, {}).decays)  # type: ignore[attr-defined]
        product *= DARK_SCALAR.fraction(240.0, "mumu")
        length = DARK_SCALAR.lengths(240.0, edge)
        limit = np.exp(np.interp(np.log(length), np.log(LENGTHS), np.log(plane.limits["mumu"][240.0])))
        assert limit == pytest.approx(product, rel=0.02)  # straight lines between the points of the plane


def test_the_plane_does_not_depend_on_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Scalars and ALPs from B decays have the same limits on a product of branching ratios: to the share of K*, 10 %."""
    words = [*QUICK, "--channel", "mumu", "--masses", "240", "--plane", "lifetime"]
    scalar, alp = (read([*words, "--model", name], capsys) for name in ("dark-scalar", "alp-fermion"))
    free = read([*words, "--model", "alp-b"], capsys)
    assert scalar["product"] == ["BR(B -> X_s S) x BR(S -> mumu)"] and free["product"] == [
        "BR(B -> K(*) a) x BR(a -> mumu)"
    ]
    assert scalar["best_limit"][0] == pytest.approx(alp["best_limit"][0], rel=0.1)
    assert free["best_limit"][0] == pytest.approx(alp["best_limit"][0], rel=0.1)
    assert len(free["limit"][0]) == len(free["ctau_m"]) and free["mass_GeV"] == [0.24] and free["channels"] == ["mumu"]
    photon = read([*QUICK, "--channel", "ee", "--masses", "100", "--plane", "lifetime"], capsys)
    assert photon["product"] == ["eps^2 x BR(A' -> ee)"]


def test_both_numbers_of_b_mesons_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """A quarter of the B mesons: the lower edge, where events go as the fourth power, moves by the fourth root of it; in the
    output both and which is drawn. Asked for, the other one is drawn, and the first is the other."""
    words = [*QUICK, "--model", "dark-scalar", "--channel", "mumu", "--masses", "240", "--pot", "1e18"]
    one = read(words, capsys)
    low, other = one["coupling_low"][0], one["other_flux"]["coupling_low"][0]
    assert other / low == pytest.approx(3.99**0.25, rel=0.06)
    assert one["other_flux"]["coupling_high"][0] < one["coupling_high"][0]
    two = read([*words, "-p", "exponent=0"], capsys)
    assert two["coupling_low"][0] == pytest.approx(other, rel=1e-3)
    assert two["other_flux"]["coupling_low"][0] == pytest.approx(low, rel=1e-3)
    assert main(words) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "drawn: 4.29e-07 B mesons per proton (sigma_bb = 2.63 nb, A^(1/3)" in text
    assert "other: 1.08e-07 B mesons per proton (sigma_bb = 2.63 nb, A^0, as in ALPINIST's plane of May 2023)" in text


def test_scalar_beside_its_peers(capsys: pytest.CaptureFixture[str]) -> None:
    """1e18 protons, 0.24 GeV: K and K* alone exclude 3.5e-4 to 9.3e-3 in a toy of a detector; peers with more kaons 1.8e-4 to
    1.5e-2. The edges lie between them, to 20 %, and the bracket of what is made around them."""
    words = [*QUICK, "--model", "dark-scalar", "--channel", "mumu", "--masses", "240", "--pot", "1e18"]
    found = read([*words, "--production-band"], capsys)
    assert 1.8e-4 * 0.8 < found["coupling_low"][0] < 3.5e-4 * 1.2
    assert 9.3e-3 * 0.8 < found["coupling_high"][0] < 1.5e-2 * 1.2
    most, least = found["production_band"]["most"], found["production_band"]["least"]
    assert most["coupling_low"][0] < found["coupling_low"][0] < least["coupling_low"][0]
    assert "decays of B mesons: all of B -> X_s S" in found["production_band"]["variations"]


def alp_as_a_file(folder: Path, masses: tuple[float, ...]) -> Path:
    """The shipped ALP written out: a mother, its spectrum per proton, branching ratios and widths in tables."""
    grid = b_meson_table()
    per_pair = BMesonDecays().flux / grid.counts.sum()
    lines = ["p_low_GeV,p_high_GeV,theta_low_rad,theta_high_rad,per_proton"]
    p, theta = 10.0**grid.log_p / 1e3, 10.0**grid.log_theta
    for i, row in enumerate(grid.counts):
        for j, count in enumerate(row):
            lines.append(f"{p[i]!r},{p[i + 1]!r},{theta[j]!r},{theta[j + 1]!r},{count * per_pair!r}")
    (folder / "b.csv").write_text("\n".join(lines).replace("np.float64(", "").replace(")", "") + "\n", encoding="utf-8")
    ratios = [b_decays(mass, 1.0) for mass in masses]
    decays = ", ".join(
        f"{{ recoil_MeV = {ratios[0][k][0]!r}, branching_ratio = {[row[k][1] for row in ratios]} }}" for k in (0, 1)
    )
    columns = {
        "ctau_mm": [float(ALP_FERMION.lengths(mass, 1.0)) for mass in masses],
        **{name: [ALP_FERMION.branching_ratios[name](mass) for mass in masses] for name in ("ee", "mumu")},
    }
    path = folder / "copy.toml"
    path.write_text(
        'name = "copy"\nhidden = "a"\n\n[productions.b]\nmaker = "two-body"\nparent_MeV = 5279.41\n'
        f'spectrum = "b.csv"\nmass_MeV = {list(masses)}\ndecays = [{decays}]\n\n[branching_ratios]\n'
        f"mass_MeV = {list(masses)}\n" + "".join(f"{name} = {values}\n" for name, values in columns.items()),
        encoding="utf-8",
    )
    return path


def test_a_mother_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy of alp-fermion from a spectrum and tables in files gives its region: the same events, to the digits of B's mass."""
    path = alp_as_a_file(tmp_path, (100.0, 300.0))
    words = [*QUICK, "--masses", "100,300", "--pot", "1e18", "--coupling-min", "1e-7", "--coupling-max", "1"]
    shipped, mine = (read([*words, "--model", name], capsys) for name in ("alp-fermion", str(path)))
    for end in ("coupling_low", "coupling_high"):
        for one, other in zip(shipped[end], mine[end], strict=True):
            assert (one is None) == (other is None)
            assert one is None or other == pytest.approx(one, rel=2e-3)
    assert any(x is not None for x in shipped["coupling_low"])
    assert "other_flux" not in mine
    sample = tmp_path / "a.h5"
    assert main(["simulate", str(path), "-p", "m_a=300MeV", "-g", "dump-2021", "-n", "200", "-o", str(sample)]) == 0
    assert sample.exists()


GOOD = """name = "copy"
hidden = "a"
[branching_ratios]
mass_MeV = [250, 300]
ctau_mm = [1e-5, 1e-5]
mumu = [1.0, 1.0]
[productions.b]
maker = "two-body"
parent_MeV = 1869.7
spectrum = "d.csv"
mass_MeV = [250, 300]
decays = [{ recoil_MeV = 139.6, branching_ratio = [1e-3, 1e-3] }]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("parent_MeV = 1869.7\n", "", "production 'b': 'parent_MeV' is missing"),
        ("1869.7", '"D"', "production 'b': parent_MeV = 'D' must be a mass in MeV"),
        ("1869.7", "100", "the mass must lie below that of the parent"),
        ("d.csv", "c.csv", "c.csv"),
        ("recoil_MeV", "recoil", "decays must be a list of tables with branching_ratio and recoil_MeV"),
        ("[1e-3, 1e-3]", "[1e-3]", "branching_ratio in [productions.b] has 1 values for 2 masses"),
        ("[1e-3, 1e-3]", "[-1e-3, 1e-3]", "must be a list of numbers of 0 or more"),
        ("two-body", "two-bodies", "maker 'two-bodies' is unknown; did you mean 'two-body'"),
        ("spectrum", "spectra", "'spectra' is unknown; did you mean 'spectrum'"),
    ],
)
def test_mistakes_in_a_file(
    old: str, new: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, and no traceback."""
    (tmp_path / "d.csv").write_text(
        "p_low_GeV,p_high_GeV,theta_low_rad,theta_high_rad,per_proton\n20,40,0.001,0.02,1e-4\n", encoding="utf-8"
    )
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    assert main([*QUICK, "--model", str(path), "--masses", "300"]) in (1, 2)
    lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert len(lines) == 1 and message in lines[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "dark-scalar", "--masses", "2500"], "m_S = 2500 MeV"),
        (
            ["--model", "dark-scalar", "--channel", "mumu", "--masses", "200"],
            "m_S = 200 MeV: mumu needs a mass above 211.317",
        ),
        (["--model", "dark-scalar", "--production", "brems", "--masses", "240"], "production 'brems' is unknown"),
        (["--model", "alp-fermion", "--channel", "pipi"], "channel 'pipi' of alp-fermion is unknown"),
        (["--model", "alp-fermion", "--masses", "900"], "m_a = 900 MeV"),
        (["--model", "alp-fermion", "--masses", "300", "--coupling", "0"], "eps = 0 is outside"),
        (["--model", "alp-b", "--masses", "300"], "limits are on a product of branching ratios (--plane lifetime)"),
        (["--model", "alp-b", "--masses", "5000", "--plane", "lifetime"], "m_a = 5000 MeV"),
        (["--plane", "lifetimes", "--masses", "300"], "plane 'lifetimes' is unknown; did you mean 'lifetime'"),
        (["--plane", "lifetime", "--masses", "300", "--eps", "1e-6"], "--plane lifetime and --eps exclude each other"),
        (
            ["--plane", "lifetime", "--masses", "300", "--eps-min", "1e-6"],
            "--plane lifetime has neither a grid of couplings",
        ),
        (
            ["--plane", "lifetime", "--masses", "300", "--production-band"],
            "nor a production band",
        ),
        (["--plane", "lifetime", "--masses", "300", "-o", "x.yaml"], ".csv or .json or .png or .pdf"),
        (["--model", "dark-scalar", "--masses", "240", "-p", "sigma_bb_nb=-1"], "sigma_bb_nb = -1"),
        (["--model", "dark-scalar", "--masses", "240", "-p", "rates=all"], "did you mean 'rate'"),
    ],
)
def test_wrong_use(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, *words]) == 2
    lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert len(lines) == 1 and message in lines[0]


@pytest.mark.parametrize("ending", ["png", "csv", "json"])
def test_endings(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"x.{ending}"
    assert main([*QUICK, "--model", "alp-fermion", "--masses", "100,300", "--plane", "lifetime", "-o", str(path)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "BR(B -> K(*) a) x BR(a -> ee)" in text and "limits divided by that" in text
    data = path.read_bytes()
    assert data.startswith({"png": b"\x89PNG", "csv": b"channel,mass_GeV,ctau_m", "json": b"{"}[ending])
