"""The ALP that couples to fermions: widths, the loop of the top quark, mistakes."""

from __future__ import annotations

import math

import pytest

from na62sim.generators.processes.alp import alp_width, b_decays, branching_ratio, ctau, flavour_coupling
from na62sim.generators.processes.dump import ALP_FERMION
from na62sim.generators.registry import find_process

VEV = 246.22


def test_widths() -> None:
    """Derivative coupling c/f = 1/TeV written out; the lighter lepton is suppressed by its squared mass."""
    mass, mu = 300.0, 105.6583755
    beta = math.sqrt(1.0 - 4.0 * mu**2 / mass**2)
    expected = mu**2 * mass * beta / (8.0 * math.pi * (1e6) ** 2)
    assert alp_width(mass, "mumu", coupling=246.22e3 / 1e6) == pytest.approx(expected, rel=1e-7)
    assert alp_width(mass, "ee") / alp_width(mass, "mumu") == pytest.approx((0.51099895 / mu) ** 2 / beta, rel=1e-5)
    assert alp_width(200.0, "mumu") == 0.0
    with pytest.raises(ValueError, match="channel 'tautau' of an ALP is unknown"):
        alp_width(200.0, "tautau")


def test_loop_of_the_top_quark() -> None:
    """b -> s a of quarks is y_t^2 ln(Lambda^2/m_t^2)/32 pi^2 at Lambda = 1 TeV, the running of y_t^2 apart (8 % on the way); that
    of leptons is two loops more, below a hundredth of it."""
    yukawa2 = 2.0 * (162.5 / VEV) ** 2
    loop = yukawa2 * math.log(1e6 / 162.5**2) / (32.0 * math.pi**2)
    assert abs(flavour_coupling(1.0)) == pytest.approx(0.0410 * loop / VEV, rel=0.12)
    assert abs(flavour_coupling(0.0)) < 0.01 * abs(flavour_coupling(1.0))


def test_branching_ratio_of_b() -> None:
    """B -> K a at f = Lambda/C = 1 PeV, 0.3 GeV, written out: 1e-11 or so."""
    g = flavour_coupling(1.0) * VEV / 1e6  # 1/GeV
    b, kaon, mass = 5.27941, 0.493677, 0.3
    energy = (b**2 + kaon**2 - mass**2) / (2.0 * b)
    momentum = math.sqrt(energy**2 - kaon**2)
    f0 = 0.330 / (1.0 - mass**2 / 37.46)
    width = (0.5 * g * (b**2 - kaon**2) * f0) ** 2 * momentum / (8.0 * math.pi * b**2)
    (recoil, ratio), star = b_decays(300.0, 1.0)
    assert recoil == pytest.approx(493.677, abs=1e-3) and star[0] == 891.67
    assert ratio * (VEV / 1e6) ** 2 == pytest.approx(width * 0.5 * (1.638e-12 + 1.517e-12) / 6.582119569e-25, rel=2e-3)


def test_model() -> None:
    """Electrons below the muons' threshold, muons above; lifetimes fall with the square of the coupling."""
    assert branching_ratio(200.0, "ee") == 1.0 and branching_ratio(300.0, "ee") == pytest.approx(3.3e-5, rel=0.01)
    assert ctau(300.0, 1e-3) == pytest.approx(100.0 * ctau(300.0, 1e-2), rel=1e-9)
    process = find_process("alp-fermion-b", m_a=300.0)
    assert process.short == "alp-fermion-b"
    assert find_process("alp-fermion-b", m_a=300.0, quarks="0").production.maker.branching_ratio(300.0) < 1e-4 * (
        process.production.maker.branching_ratio(300.0)
    )
    assert ALP_FERMION.channels == ["mumu", "ee"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"m_a": 200.0}, r"m_a = 200 MeV: mumu needs a mass above 211\.317 MeV"),
        ({"m_a": 900.0}, "alp-fermion is known up to 800 MeV"),
        ({"quarks": "many"}, "quarks = 'many' is not a number"),
        ({"coupling": "0"}, "coupling = 0: it must be a finite number above 0"),
    ],
)
def test_mistakes(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_process("alp-fermion-b", **{"m_a": 300.0, **words})
