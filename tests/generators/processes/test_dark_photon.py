"""Widths, R and lifetimes of A' against written-out formulas, tabulated data and another programme's numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from na62sim.generators.processes.dark_photon import (
    alp_width,
    branching_ratio,
    ctau,
    hadronic_ratio,
    pion_form_factor,
    reduced_width,
    total_width,
)
from na62sim.generators.processes.dump import DARK_PHOTON

# mass (GeV), widths to ee and mu mu over eps^2 (GeV): computed independently (data sheet, section 1)
LEPTONS = [
    (0.010, 2.4324e-5, 0.0),
    (0.050, 1.2162e-4, 0.0),
    (0.200, 4.8649e-4, 0.0),
    (0.220, 5.3514e-4, 2.1753e-4),
    (0.250, 6.0811e-4, 4.4102e-4),
    (0.300, 7.2974e-4, 6.4648e-4),
    (0.500, 1.2162e-3, 1.2007e-3),
    (0.700, 1.7027e-3, 1.6972e-3),
]
# mass (GeV), R of digitised data (ALPINIST, R_hadrons.dat)
DATA = [
    (0.30, 0.018), (0.35, 0.098), (0.40, 0.204), (0.45, 0.326), (0.50, 0.506), (0.55, 0.824),
    (0.60, 1.354), (0.65, 2.44), (0.70, 4.99),
]  # fmt: skip


@pytest.mark.parametrize(("mass", "ee", "mumu"), LEPTONS)
def test_lepton_widths(mass: float, ee: float, mumu: float) -> None:
    """To 1e-4, a tenth of what is asked for: the table has five digits."""
    assert reduced_width(1e3 * mass, "ee") == pytest.approx(1e3 * ee, rel=1e-4)
    assert reduced_width(1e3 * mass, "mumu") == pytest.approx(1e3 * mumu, rel=1e-4)


def test_width_of_a_heavy_photon_is_that_of_massless_leptons() -> None:
    assert reduced_width(800.0, "ee") == pytest.approx(800.0 / 3.0 / 137.035999, rel=1e-6)


@pytest.mark.parametrize(("mass", "data"), DATA)
def test_hadrons_against_data(mass: float, data: float) -> None:
    """6 %, from the formula; at 0.3 GeV the datum has two digits and serves 6 % as well."""
    assert hadronic_ratio(1e3 * mass) == pytest.approx(data, rel=0.06)


def test_hadrons_open_at_two_pions() -> None:
    assert hadronic_ratio(279.0) == 0.0
    assert 0.0 < hadronic_ratio(281.0) < 0.002
    assert total_width(279.0) == reduced_width(279.0, "ee") + reduced_width(279.0, "mumu")


def test_pion_form_factor_near_threshold() -> None:
    """F(s) = 1 + <r^2> s / 6 + ...: the charge radius of the pion is 0.659 fm (PDG 2024); 8 % for the curvature."""
    s = 4.0 * 139.57039**2
    radius2 = (0.659 / 197.327) ** 2
    assert abs(pion_form_factor(np.array([s]))[0]) == pytest.approx(1.0 + radius2 * s / 6.0, rel=0.08)


@pytest.mark.parametrize(
    ("mass", "metres"),
    [
        (10.0, 8.113),
        (50.0, 1.6225),
        (200.0, 0.4056),
        (250.0, 0.1881),
        (300.0, 0.1422),
        (500.0, 0.0649),
        (700.0, 0.0160),
    ],
)
def test_ctau(mass: float, metres: float) -> None:
    assert ctau(mass, 1e-6) == pytest.approx(1e3 * metres, rel=4e-3)  # the table's digits


def test_ctau_of_another_programme() -> None:
    """EventCalc-SHiP, ctau-DP.txt: 1.2878e-12 m at 63 MeV and eps = 1, to its last digit; 1.398e-13 at 303 MeV to 0.5 %."""
    assert ctau(63.0, 1.0) == pytest.approx(1.2878e-9, rel=1e-4)
    assert ctau(303.0, 1.0) == pytest.approx(1.398e-10, rel=5e-3)


def test_ctau_scales_with_coupling() -> None:
    assert ctau(300.0, 1e-6) / ctau(300.0, 3e-5) == pytest.approx(900.0, rel=1e-12)


def test_branching_ratios() -> None:
    masses = np.array([50.0, 220.0, 300.0, 500.0, 700.0])
    total = sum(branching_ratio(masses, channel) for channel in ("ee", "mumu", "hadrons"))
    assert total == pytest.approx(np.ones(5), rel=1e-14)
    assert branching_ratio(300.0, "mumu") == pytest.approx(0.466, abs=6e-4)
    assert branching_ratio(500.0, "ee") == pytest.approx(0.400, abs=6e-4)
    assert branching_ratio(700.0, "hadrons") == pytest.approx(0.724, abs=2e-3)


def test_alp_widths() -> None:
    """Derivative coupling c/f = 1/TeV written out; the lighter lepton is suppressed by its squared mass."""
    mass, mu = 300.0, 105.6583755
    beta = math.sqrt(1.0 - 4.0 * mu**2 / mass**2)
    expected = mu**2 * mass * beta / (8.0 * math.pi * (1e6) ** 2)
    assert alp_width(mass, "mumu", coupling=246.22e3 / 1e6) == pytest.approx(expected, rel=1e-7)
    assert alp_width(mass, "ee") / alp_width(mass, "mumu") == pytest.approx((0.51099895 / mu) ** 2 / beta, rel=1e-5)
    assert alp_width(200.0, "mumu") == 0.0


@pytest.mark.parametrize(("mass", "channel"), [(1.0, "ee"), (211.0, "mumu"), (950.0, "ee"), (math.nan, "ee")])
def test_bad_masses(mass: float, channel: str) -> None:
    with pytest.raises(ValueError, match=r"m_Aprime = .* MeV"):
        DARK_PHOTON.check(mass, channel)


def test_bad_channel() -> None:
    with pytest.raises(ValueError, match="'tautau' of A' is unknown"):
        DARK_PHOTON.check(300.0, "tautau")
