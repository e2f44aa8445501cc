"""K+ -> mu+ nu gamma by inner bremsstrahlung: rates and mean photon energies integrated apart from the package, kinematics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import dblquad

from na62sim.core.particles import species
from na62sim.generators.amplitudes.lepton_photon import photon_fraction
from na62sim.generators.amplitudes.rest_frame import sample_vertices
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.registry import find_process

K, MU, E = (species(name).mass for name in ("K+", "mu+", "e+"))
# lowest photon energy (MeV): share of K+ -> mu+ nu, mean photon energy (MeV)
REFERENCE = {1.0: (0.013893, 26.130), 5.0: (0.008820, 39.736), 20.0: (0.004681, 65.405), 50.0: (0.002311, 99.406)}


@pytest.mark.parametrize("e_min", REFERENCE)
def test_rate(e_min: float) -> None:
    assert photon_fraction(K, MU, e_min) == pytest.approx(REFERENCE[e_min][0], rel=5e-4)


def test_rate_of_electrons_and_of_a_range() -> None:
    assert photon_fraction(K, E, 10.0) == pytest.approx(0.06641, rel=1e-3)
    parts = photon_fraction(K, MU, 1.0, 5.0) + photon_fraction(K, MU, 5.0, 20.0) + photon_fraction(K, MU, 20.0)
    assert parts == pytest.approx(photon_fraction(K, MU, 1.0), rel=1e-6)


def test_rate_below_a_muon_momentum() -> None:
    """p* < 231.5 MeV/c: 5.48e-3 of K+ decays (PDG 6.2(8)e-3), from the density itself."""
    r, alpha = (MU / K) ** 2, 1.0 / 137.035999

    def density(y: float, x: float) -> float:
        tau = x + y - 1.0 - r
        square = x * x + 2.0 * (1.0 - x) * (1.0 - r) - 2.0 * x * r * (1.0 - r) / tau
        return alpha / (2.0 * math.pi) / (1.0 - r) ** 2 * (1.0 - y + r) / (x * x * tau) * square

    slow = 2.0 * math.hypot(231.5, MU) / K
    low = lambda x: 1.0 - x + r / (1.0 - x)  # noqa: E731
    high = lambda x: max(min(1.0 + r, slow), low(x))  # noqa: E731
    value = dblquad(density, 1e-4, 1.0 - r - 1e-9, low, high, epsabs=1e-7)[0]
    assert 0.6356 * value == pytest.approx(5.48e-3, rel=0.01)


def test_sampled_decays() -> None:
    """Energy and momentum, masses, the mean photon energy (4 standard errors) and the range of energies."""
    process = find_process("kmu2g", E_min=5.0, E_max=80.0)
    (vertex,) = compile_chain(process.tree, process.species, process.amplitude).samplers
    n = 40_000
    q = np.empty((3, 4, n))
    sample_vertices(3, np.arange(n, dtype=np.int64), [vertex], q)
    np.testing.assert_allclose(q.sum(axis=0)[3], K, rtol=1e-9)
    np.testing.assert_allclose(q.sum(axis=0)[:3], 0.0, atol=1e-6)
    for row, mass in enumerate((MU, 0.0, 0.0)):
        m2 = q[row, 3] ** 2 - (q[row, :3] ** 2).sum(axis=0)
        np.testing.assert_allclose(m2, mass**2, atol=0.05)
    energy = q[2, 3]
    assert energy.min() > 5.0 and energy.max() < 80.0
    share = {e: photon_fraction(K, MU, 5.0, e) / photon_fraction(K, MU, 5.0, 80.0) for e in (10.0, 40.0)}
    for e, expected in share.items():
        assert (energy < e).mean() == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1.0 - expected) / n))
    cosine = q[2, 2] / energy
    assert abs(cosine.mean()) < 4.0 / math.sqrt(3.0 * n)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (300.0, 0.0), (20.0, 10.0)])
def test_energies_that_cannot_be(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="they must increase, between 0 and 235"):
        process = find_process("kmu2g", E_min=low, E_max=high)
        compile_chain(process.tree, process.species, process.amplitude)
