"""Phase-space volumes against reference integrals by quadrature and the massless formula."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.integrate import quad

from na62sim.core.particles import species
from na62sim.generators.amplitudes.phase_space import momentum, phase_space_volume, volume_function

K, PI, PI0 = species("K+").mass, species("pi+").mass, species("pi0").mass
MU, E = species("mu+").mass, species("e+").mass

# R_n in GeV^(2n-4): reference integrals by nested quadrature, 9 digits
VOLUMES = {
    "K -> pi+ pi0": (K, [PI, PI0], 1.30542793),
    "K -> mu nu": (K, [MU, 0.0], 1.49884448),
    "K -> pi nu nu": (K, [PI, 0.0, 0.0], 0.177311415),
    "K -> pi0 e nu": (K, [PI0, E, 0.0], 0.182397606),
    "K -> pi0 mu nu": (K, [PI0, MU, 0.0], 0.112389015),
    "K -> pi+ pi+ pi-": (K, [PI, PI, PI], 1.54700325e-2),
    "K -> pi+ pi0 pi0": (K, [PI, PI0, PI0], 1.92868005e-2),
    "K -> pi a a, 17 MeV": (K, [PI, 17.0, 17.0], 0.168991940),
    "K -> pi a a, 50 MeV": (K, [PI, 50.0, 50.0], 0.130468485),
    "K -> pi a a, 100 MeV": (K, [PI, 100.0, 100.0], 5.86939016e-2),
    "K -> pi e e": (K, [PI, E, E], 0.177295575),
    "K -> pi+ pi0 gamma": (K, [PI, PI0, 0.0], 8.40300227e-2),
    "pi0 -> e e gamma": (PI0, [E, E, 0.0], 2.24620941e-2),
    "K -> pi+ pi- e nu": (K, [PI, PI, E, 0.0], 1.37036259e-3),
    "K -> mu nu e e": (K, [MU, 0.0, E, E], 9.72528682e-3),
    "pi0 -> 4e": (PI0, [E, E, E, E], 1.06849184e-4),
    "K -> pi 4e": (K, [PI, E, E, E, E], 1.24546697e-4),
}


def massless(mass: float, n: int) -> float:
    """R_n of n massless particles: (pi/2)^(n-1) s^(n-2) / ((n-1)! (n-2)!)."""
    s = mass * mass
    return (0.5 * math.pi) ** (n - 1) * s ** (n - 2) / (math.factorial(n - 1) * math.factorial(n - 2))


@pytest.mark.parametrize("name", VOLUMES)
def test_reference_volumes(name: str) -> None:
    mass, daughters, volume = VOLUMES[name]
    in_gev = phase_space_volume(mass, daughters) * 1e-3 ** (2 * len(daughters) - 4)
    assert in_gev == pytest.approx(volume, rel=1e-7)


@pytest.mark.parametrize(("n", "tolerance"), [(2, 1e-14), (3, 1e-12), (4, 1e-7), (5, 1e-7)])
def test_massless_formula(n: int, tolerance: float) -> None:
    assert phase_space_volume(K, [0.0] * n) == pytest.approx(massless(K, n), rel=tolerance)


def test_order_of_the_daughters_does_not_matter() -> None:
    """The recursion takes the daughters one by one; the volume knows no order."""
    three = [phase_space_volume(K, list(order)) for order in permutations([PI, MU, 0.0])]
    np.testing.assert_allclose(three, three[0], rtol=1e-9)
    four = [phase_space_volume(K, order) for order in ([PI, PI0, E, 0.0], [0.0, PI, E, PI0], [E, 0.0, PI0, PI])]
    np.testing.assert_allclose(four, four[0], rtol=1e-7)


def test_three_bodies_by_the_dalitz_area() -> None:
    """R_3 = pi^2 / (4 M^2) times the area of the Dalitz plot, with scipy's quadrature in s_12."""

    def width(s: float) -> float:
        """Length of the s_23 interval: 4 p2 p3 in the frame of the pair 12."""
        root = math.sqrt(s)
        e2 = (s - PI**2 + MU**2) / (2.0 * root)
        e3 = (K**2 - s) / (2.0 * root)
        return 4.0 * math.sqrt(max(e2**2 - MU**2, 0.0)) * e3

    area = quad(width, (PI + MU) ** 2, K**2, epsrel=1e-10)[0]
    assert phase_space_volume(K, [PI, MU, 0.0]) == pytest.approx(math.pi**2 / (4.0 * K**2) * area, rel=1e-8)


def test_thresholds() -> None:
    """Closed decays have no volume; near threshold R_4 goes like the excess to the power 7/2."""
    assert phase_space_volume(K, [PI, PI, PI, PI]) == 0.0
    assert momentum(np.float64(200.0), PI, PI0) == 0.0
    volume = volume_function([100.0] * 4, 600.0)
    ratio = volume(np.array([400.02])) / volume(np.array([400.01]))
    assert ratio[0] == pytest.approx(2.0**3.5, rel=1e-3)
    assert np.all(np.diff(volume(np.linspace(400.0, 600.0, 500))) > 0.0)
