"""The kaon beam at GTK3 and the forced decay, against scipy and closed formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from na62sim.core.particles import species
from na62sim.core.sampling import table_moment
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.generators.sources.kaon_beam import beam_arrays
from na62sim.geometry import Detector, load_detector

N = 200_000
VOLUME = (105e3, 170e3)  # mm
Z0 = 102_400.0
K = species("K+")
CTAU = 3711.246577  # mm, `particle` 1.1.0 as printed
WIDTHS = [(0, 13.0, 26.0), (1, 6.0, 12.0)]  # coordinate, sigma and cut (mm)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("run1-2018-s2")


@pytest.fixture(scope="module")
def kaons(detector: Detector) -> Truth:
    return Generator(find_process("kmu2"), detector, VOLUME).generate(seed=11, first=0, n=N)


# --- without random numbers ----------------------------------------------------------------------


def test_profiles_are_truncated_normals(detector: Detector) -> None:
    """Mean, rms and quantiles of the tables against scipy.stats.truncnorm: to 1e-6 of sigma."""
    beam = beam_arrays(detector, K, VOLUME)
    for table, (_, sigma, cut) in zip((beam.x_table, beam.y_table), WIDTHS, strict=True):
        exact = stats.truncnorm(-cut / sigma, cut / sigma, scale=sigma)
        assert table_moment(table, 1) == pytest.approx(0.0, abs=1e-9)
        assert math.sqrt(table_moment(table, 2)) == pytest.approx(exact.std(), rel=1e-6)
        np.testing.assert_allclose(table, exact.ppf(np.linspace(0.0, 1.0, table.size)), atol=1e-9 * sigma)


def test_decay_length_of_the_beam(detector: Detector) -> None:
    """beta gamma c tau = 563.817 m at 75 GeV/c, and 10.0951 % decay within 60 m: reference numbers."""
    beam = beam_arrays(detector, K, VOLUME)
    assert beam.ctau == pytest.approx(CTAU, rel=1e-9)
    length = beam.momentum * beam.ctau / beam.mass
    assert length == pytest.approx(563_817.0, abs=1.0)
    assert 1.0 - math.exp(-60e3 / length) == pytest.approx(0.100951, abs=1e-6)


@pytest.mark.parametrize(
    "volume",
    [
        (170e3, 105e3), (105e3, 105e3), (100e3, 170e3), (-1.0, 170e3), (105e3, 300e3), (105e3, math.inf),
        (math.nan, 170e3), (105e3, math.nan),
    ],
)  # fmt: skip
def test_bad_decay_volumes(detector: Detector, volume: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"decay volume .* m: it must have a positive length and lie between GTK3"):
        Generator(find_process("kmu2"), detector, volume)


# --- N kaons of seed 11: means within 4 sigma, p > 1e-4 ------------------------------------------


def test_momentum(detector: Detector, kaons: Truth) -> None:
    """75 GeV/c with an rms of 1 %, normally distributed."""
    p = kaons.gtk[4]
    assert p.mean() == pytest.approx(75e3, abs=4.0 * 750.0 / math.sqrt(N))
    assert p.std() == pytest.approx(750.0, abs=4.0 * 750.0 / math.sqrt(2.0 * N))
    assert stats.kstest((p - 75e3) / 750.0, "norm").pvalue > 1e-4


def test_angles(kaons: Truth) -> None:
    """TRIM5 gives 1.2 mrad in x; the divergence is 0.11 mrad in each plane."""
    for row, mean in ((kaons.gtk[2], 1.2e-3), (kaons.gtk[3], 0.0)):
        assert row.mean() == pytest.approx(mean, abs=4.0 * 0.11e-3 / math.sqrt(N))
        assert row.std() == pytest.approx(0.11e-3, abs=4.0 * 0.11e-3 / math.sqrt(2.0 * N))
        assert stats.kstest((row - mean) / 0.11e-3, "norm").pvalue > 1e-4


@pytest.mark.parametrize(("coordinate", "sigma", "cut"), WIDTHS)
def test_profile(kaons: Truth, coordinate: int, sigma: float, cut: float) -> None:
    x = kaons.gtk[coordinate]
    exact = stats.truncnorm(-cut / sigma, cut / sigma, scale=sigma)
    assert np.abs(x).max() <= cut
    assert x.mean() == pytest.approx(0.0, abs=4.0 * exact.std() / math.sqrt(N))
    assert stats.kstest(x, exact.cdf).pvalue > 1e-4


def test_nothing_is_correlated(kaons: Truth) -> None:
    """Position, slopes, momentum and depth of decay: |r| < 4 / sqrt(n)."""
    depth = np.log1p(-(kaons.vertex[0, 2] - VOLUME[0]) / 1e6)
    r = np.corrcoef(np.vstack((kaons.gtk, depth)))
    assert np.abs(r - np.eye(6)).max() < 4.0 / math.sqrt(N)


def test_weight_is_the_decay_probability(kaons: Truth) -> None:
    """exp(-(z1 - z0)/L) - exp(-(z2 - z0)/L) for each kaon; 0.108 on average over the momenta."""
    length = kaons.gtk[4] * CTAU / K.mass
    np.testing.assert_allclose(
        kaons.weight, np.exp(-(VOLUME[0] - Z0) / length) - np.exp(-(VOLUME[1] - Z0) / length), rtol=1e-9
    )

    def probability(p: float) -> float:
        at = p * CTAU / K.mass
        density = stats.norm.pdf(p, 75e3, 750.0)
        return float(density * (math.exp(-(VOLUME[0] - Z0) / at) - math.exp(-(VOLUME[1] - Z0) / at)))

    mean = quad(probability, 71e3, 79e3, epsrel=1e-10)[0]
    assert mean == pytest.approx(0.1084, abs=1e-4)
    assert kaons.weight.mean() == pytest.approx(mean, abs=4.0 * kaons.weight.std() / math.sqrt(N))


def test_decay_position_is_exponential(kaons: Truth) -> None:
    """Chi-square of the depth of decay, made uniform by its own distribution: p > 1e-4."""
    z = kaons.vertex[0, 2]
    assert VOLUME[0] <= z.min() and z.max() <= VOLUME[1]
    length = kaons.gtk[4] * CTAU / K.mass
    u = np.expm1(-(z - VOLUME[0]) / length) / np.expm1(-(VOLUME[1] - VOLUME[0]) / length)
    assert stats.chisquare(np.histogram(u, bins=100, range=(0.0, 1.0))[0]).pvalue > 1e-4
    flat = np.histogram((z - VOLUME[0]) / (VOLUME[1] - VOLUME[0]), bins=100, range=(0.0, 1.0))[0]
    assert stats.chisquare(flat).pvalue < 1e-10  # a flat depth would have been seen


def test_kaon_at_its_decay(detector: Detector, kaons: Truth) -> None:
    """A straight line from GTK3 but for the residual field of the tube, whose bend is computed here."""
    x, y, tx, ty, p = kaons.gtk
    vx, vy, vz, t = kaons.vertex[0]
    px, py, pz, e = kaons.p[0]
    np.testing.assert_allclose(np.sqrt(px**2 + py**2 + pz**2), p, rtol=1e-12)
    np.testing.assert_allclose(e, np.hypot(p, K.mass), rtol=1e-14)
    tube = detector.field.blue_tube
    edges = 1e3 * np.asarray(tube.z_edges_m)
    for slope, gtk, sign, field, v, start in (
        (px / pz, tx, -1.0, tube.b_y_uT, vx, x),
        (py / pz, ty, 1.0, tube.b_x_uT, vy, y),
    ):
        inside = np.clip(vz[:, None] - edges[:-1], 0.0, np.diff(edges))  # mm of each stretch seen
        arm = inside * (vz[:, None] - edges[:-1] - 0.5 * inside)  # double integral of the field
        kick = sign * 0.299792458e-6 / p
        np.testing.assert_allclose(slope - gtk, kick * (inside @ np.asarray(field)), atol=2e-10)
        np.testing.assert_allclose(v - start - gtk * (vz - Z0), kick * (arm @ np.asarray(field)), atol=1e-4)
    path = (vz - Z0) * np.sqrt(1.0 + tx**2 + ty**2)
    np.testing.assert_allclose(t, path * e / p / 299.792458, rtol=1e-9)
