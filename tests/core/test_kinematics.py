"""Boosts, two-body momenta and invariant masses against closed formulas and reference tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from na62sim.core.kinematics import boost, invariant_mass2, two_body_momentum
from na62sim.core.particles import species

K, PI, PI0 = species("K+").mass, species("pi+").mass, species("pi0").mass
MU, E = species("mu+").mass, species("e+").mass

COMPONENT = st.floats(-500.0, 500.0)
VECTOR = st.tuples(COMPONENT, COMPONENT, COMPONENT)
MASS = st.floats(0.5, 500.0)

# p* and E* (MeV) of K+ -> pi+ X against m_X: reference table, 5 decimals
KPIX = [
    (0.0, 227.10911, 266.56789),
    (17.0, 226.76548, 266.27519),
    (50.0, 224.13176, 264.03587),
    (100.0, 215.13132, 256.43981),
    (134.9768, 205.13791, 248.11581),
    (160.0, 196.02989, 240.64001),
    (200.0, 177.82359, 226.05557),
    (250.0, 147.77598, 203.26739),
    (260.0, 140.58641, 198.10207),
    (300.0, 106.25719, 175.41517),
]


def kallen(a: float, b: float, c: float) -> float:
    """Kaellen's triangle function lambda(a, b, c)."""
    return a * a + b * b + c * c - 2.0 * (a * b + b * c + c * a)


def on_shell(p: tuple[float, float, float], mass: float) -> tuple[float, float, float, float]:
    """Four-momentum of a mass."""
    return (*p, math.sqrt(sum(x * x for x in p) + mass * mass))


@pytest.mark.parametrize(("m_x", "p_star", "e_star"), KPIX)
def test_two_body_table_of_kpix(m_x: float, p_star: float, e_star: float) -> None:
    p = two_body_momentum(K, PI, m_x)
    assert p == pytest.approx(p_star, abs=6e-6)
    assert math.hypot(p, PI) == pytest.approx(e_star, abs=6e-6)


@pytest.mark.parametrize(
    ("mass", "m1", "m2", "p_star"),
    [
        (K, PI, PI0, 205.13791),
        (K, MU, 0.0, 235.53182),
        (K, E, 0.0, 246.83824),
        (PI, MU, 0.0, 29.79214),
        (PI, E, 0.0, 69.78426),
        (K, PI, 2.0 * PI, 125.43),  # end point of K3pi, two decimals
    ],
)
def test_two_body_momenta(mass: float, m1: float, m2: float, p_star: float) -> None:
    assert two_body_momentum(mass, m1, m2) == pytest.approx(p_star, abs=6e-6 if p_star != 125.43 else 6e-3)
    assert two_body_momentum(mass, m2, m1) == pytest.approx(two_body_momentum(mass, m1, m2), rel=1e-14)


@given(m1=MASS, m2=MASS, q=st.floats(0.1, 1e4))
@settings(deadline=None)
def test_two_body_momentum_inverts_the_mass(m1: float, m2: float, q: float) -> None:
    """A pair of momentum q has the mass E1 + E2, and its lambda function is (2 M q)^2."""
    mass = math.hypot(m1, q) + math.hypot(m2, q)
    assert two_body_momentum(mass, m1, m2) == pytest.approx(q, rel=1e-8)
    assert kallen(mass**2, m1**2, m2**2) == pytest.approx((2.0 * mass * q) ** 2, rel=1e-8, abs=1e-9 * mass**4)


def test_two_body_momentum_at_threshold() -> None:
    """q^2 = 2 mu Q just above; zero at and below; massless pairs share the energy."""
    assert two_body_momentum(PI + PI0, PI, PI0) == 0.0
    assert two_body_momentum(100.0, PI, PI0) == 0.0
    excess = 1e-9
    reduced = PI * PI0 / (PI + PI0)
    rounded = (PI + PI0 + excess) - PI - PI0
    assert two_body_momentum(PI + PI0 + excess, PI, PI0) == pytest.approx(math.sqrt(2.0 * reduced * rounded), rel=1e-7)
    assert two_body_momentum(91.0, 0.0, 0.0) == 45.5


@given(q=VECTOR, m=MASS, p=VECTOR, mass=MASS)
@settings(deadline=None)
def test_boost_there_and_back(
    q: tuple[float, float, float], m: float, p: tuple[float, float, float], mass: float
) -> None:
    """Back to a few roundings of the largest energy on the way, and the mass stays."""
    particle, frame = on_shell(q, m), on_shell(p, mass)
    gamma = frame[3] / mass
    seen = boost(*particle, *frame, mass)
    back = boost(*seen, -p[0], -p[1], -p[2], frame[3], mass)
    np.testing.assert_allclose(back, particle, rtol=0.0, atol=4e-15 * gamma**2 * particle[3])
    assert invariant_mass2(seen) == pytest.approx(m * m, abs=4e-15 * (gamma * particle[3]) ** 2)


@given(p=VECTOR, mass=MASS)
@settings(deadline=None)
def test_boost_of_a_particle_at_rest(p: tuple[float, float, float], mass: float) -> None:
    np.testing.assert_allclose(boost(0.0, 0.0, 0.0, mass, *on_shell(p, mass), mass), on_shell(p, mass), rtol=1e-14)


def test_boost_is_the_matrix() -> None:
    """Against the Lorentz matrix of a 75 GeV/c kaon: a pion forward, backward and across."""
    frame = on_shell((0.0, 0.0, 75e3), K)
    gamma, beta_gamma = frame[3] / K, 75e3 / K
    assert beta_gamma == pytest.approx(151.921, abs=1e-3)
    q = two_body_momentum(K, PI, PI0)
    e = math.hypot(q, PI)
    for c in (-1.0, -0.3, 0.0, 1.0):
        s = math.sqrt(1.0 - c * c)
        expected = (q * s, 0.0, gamma * q * c + beta_gamma * e, gamma * e + beta_gamma * q * c)
        np.testing.assert_allclose(boost(q * s, 0.0, q * c, e, *frame, K), expected, rtol=1e-13)


@given(q=VECTOR, m=MASS, p=VECTOR, mass=MASS, axis=st.tuples(*[st.floats(-3.0, 3.0)] * 3))
@settings(deadline=None)
def test_boost_is_covariant_under_rotations(
    q: tuple[float, float, float],
    m: float,
    p: tuple[float, float, float],
    mass: float,
    axis: tuple[float, float, float],
) -> None:
    """Rotating both vectors rotates the result: to 1e-12."""
    turn = Rotation.from_rotvec(axis)
    particle, frame = on_shell(q, m), on_shell(p, mass)
    plain = boost(*particle, *frame, mass)
    turned = boost(*turn.apply(q), particle[3], *turn.apply(p), frame[3], mass)
    np.testing.assert_allclose(turned[:3], turn.apply(plain[:3]), rtol=0.0, atol=1e-12 * plain[3])
    assert turned[3] == pytest.approx(plain[3], rel=1e-12)


def test_invariant_and_missing_mass() -> None:
    """pi+ pi0 of a kaon in flight: the pair has the kaon's mass, what the pion leaves has the pi0's."""
    frame = on_shell((90.0, -20.0, 75e3), K)
    q = two_body_momentum(K, PI, PI0)
    x, y, z = 0.6 * q, 0.0, 0.8 * q
    pion = boost(x, y, z, math.hypot(q, PI), *frame, K)
    pi0 = boost(-x, -y, -z, math.hypot(q, PI0), *frame, K)
    np.testing.assert_allclose(np.add(pion, pi0), frame, rtol=1e-12)
    assert invariant_mass2(pion, pi0) == pytest.approx(K * K, rel=1e-9)
    assert invariant_mass2(frame, np.negative(pion)) == pytest.approx(PI0 * PI0, rel=1e-8)
    assert PI0 * PI0 * 1e-6 == pytest.approx(0.018219, abs=5e-7)  # GeV^2
    columns = invariant_mass2(np.array([frame, frame]).T, -np.array([pion, pi0]).T)
    np.testing.assert_allclose(columns, [PI0**2, PI**2], rtol=1e-8)
