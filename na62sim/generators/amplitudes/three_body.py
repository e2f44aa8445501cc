"""Three-body matrix elements of kaons and of the neutral pion, as quadratics in one cosine.

The order of the daughters in the descriptor matters: the first is the particle named d1 below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.particles import species
from na62sim.generators.amplitudes.bias import soft_photon
from na62sim.generators.amplitudes.form_factors import (
    dilepton_form_factor,
    form_factor,
    scalar_form_factor,
    transition_form_factor,
    two_photon_form_factor2,
)
from na62sim.generators.amplitudes.phase_space import momentum
from na62sim.generators.amplitudes.shape import Quadratic, Shape, quadratic_shape

# linear and quadratic slopes g, h, k of the Dalitz plot: PDG 2026, K+- listing
SLOPES_CHARGED = (-0.21134, 0.01848, -0.00463)  # pi+ pi+ pi-
SLOPES_NEUTRAL = (0.626, 0.052, 0.0054)  # pi+ pi0 pi0


def k3pi(mass: float, daughters: Sequence[float]) -> Shape:
    """K+ -> pi- pi+ pi+: 1 + g u + h u^2 + k v^2, d1 is the odd pion."""
    return _dalitz_plot(mass, daughters, SLOPES_CHARGED)


def k3pi0(mass: float, daughters: Sequence[float]) -> Shape:
    """K+ -> pi+ pi0 pi0: 1 + g u + h u^2 + k v^2, d1 is the odd pion; without the cusp at 4 m_pi^2."""
    return _dalitz_plot(mass, daughters, SLOPES_NEUTRAL)


def _dalitz_plot(mass: float, daughters: Sequence[float], slopes: tuple[float, float, float]) -> Shape:
    """u = (s3 - s0)/m_pi^2, v = (s2 - s1)/m_pi^2 = 4 P q c / m_pi^2 with P of d1 and q of d2 in the pair's frame."""
    odd, pion, _ = daughters
    g, h, k = slopes
    unit = species("pi+").mass ** 2
    s0 = (mass**2 + odd**2 + 2.0 * pion**2) / 3.0

    def quadratic(q2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        m = np.sqrt(q2)
        u = (q2 - s0) / unit
        v = 4.0 * momentum(mass, odd, m) * mass / m * momentum(m, pion, pion) / unit
        return 1.0 + g * u + h * u * u, np.zeros_like(u), k * v * v

    return quadratic_shape(lambda q2: _volume(mass, odd, pion, pion, q2), quadratic)


def _volume(mass: float, m1: float, m2: float, m3: float, q2: FloatArray) -> FloatArray:
    """Phase space per dq^2, without constants."""
    m = np.sqrt(q2)
    return np.asarray(momentum(mass, m1, m) * momentum(m, m2, m3) / m)


def kl3(mass: float, daughters: Sequence[float]) -> Shape:
    """K+ -> pi0 l+ nu, in this order; c of the lepton to the pi0 in the l nu frame.

    The helicity form of the K_l3 rate (PDG, review of K_l3 form factors): with k = m_l^2/t, D = m_K^2 - m_pi^2,
    sqrt(L) (1-k)^2 {L f+^2 [(1-c^2) + k c^2] + k D^2 f0^2 + 2 k D sqrt(L) f+ f0 c}, L = lambda(m_K^2, m_pi^2, t).
    """
    pion, lepton, _ = daughters
    delta = mass**2 - pion**2

    def root(q2: FloatArray) -> FloatArray:
        return 2.0 * mass * momentum(mass, pion, np.sqrt(q2))

    def quadratic(q2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        k, plus, zero = lepton**2 / q2, form_factor(q2), scalar_form_factor(q2)
        vector, scalar = root(q2) * plus, delta * zero
        return vector**2 + k * scalar**2, 2.0 * k * vector * scalar, (k - 1.0) * vector**2

    return quadratic_shape(lambda q2: root(q2) * (1.0 - lepton**2 / q2) ** 2, quadratic)


def dalitz(mass: float, daughters: Sequence[float], bias: float = 0.0) -> Shape:
    """pi0 -> gamma e+ e-, in this order (Kroll and Wada, Phys. Rev. 98 (1955) 1355), without radiative corrections.

    (1-x)^3/x beta [1 + r/x + beta^2 c^2] (1 + a x)^2, x = m_ee^2/m^2, r = 4 m_e^2/m^2, beta^2 = 1 - r/x.
    ``bias`` samples soft photons more often (`bias.SoftPhoton`) and leaves the rest to the weight; 0: all weights are 1.
    """
    lepton = daughters[1]

    def prefactor(q2: FloatArray) -> FloatArray:
        x = q2 / mass**2
        return np.asarray((1.0 - x) ** 3 / x * _beta(q2, lepton) * transition_form_factor(x) ** 2)

    shape = quadratic_shape(prefactor, _photon_conversion(lepton, 1.0), steep=True)
    if bias == 0.0:
        return shape
    assert shape.mass2 is not None
    return replace(shape, bias=soft_photon(shape.mass2, mass, 4.0 * lepton**2, bias))


def kpill(mass: float, daughters: Sequence[float]) -> Shape:
    """K+ -> pi+ l+ l-, in this order (D'Ambrosio et al., JHEP 08 (1998) 004): a virtual photon, longitudinal.

    lambda^(3/2) beta [1 - beta^2 c^2] |W|^2, beta^2 = 1 - 4 m_l^2/q^2.
    """
    pion, lepton, _ = daughters
    muon = lepton > 50.0  # MeV: which of the two published pairs of form-factor constants

    def prefactor(q2: FloatArray) -> FloatArray:
        w2 = np.abs(dilepton_form_factor(q2, mass, muon)) ** 2
        return np.asarray(momentum(mass, pion, np.sqrt(q2)) ** 3 * _beta(q2, lepton) * w2)

    return quadratic_shape(prefactor, _photon_conversion(lepton, -1.0))


def kpigg(mass: float, daughters: Sequence[float]) -> Shape:
    """K+ -> pi+ gamma gamma (Ecker, Pich, de Rafael, NPB 303 (1988) 665): p* z^2 |A|^2, isotropic."""
    return Shape(lambda q2: momentum(mass, daughters[0], np.sqrt(q2)) * two_photon_form_factor2(q2, mass))


def _beta(q2: FloatArray, lepton: float) -> FloatArray:
    return np.sqrt(np.maximum(1.0 - 4.0 * lepton**2 / q2, 0.0))


def _photon_conversion(lepton: float, sign: float) -> Quadratic:
    """Angle of the leptons of a transverse (+1: 1 + r/x + beta^2 c^2) or longitudinal (-1: 1 - beta^2 c^2) photon."""

    def quadratic(q2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        ratio = 4.0 * lepton**2 / q2
        constant = 1.0 + ratio if sign > 0.0 else np.ones_like(q2)
        return constant, np.zeros_like(q2), sign * (1.0 - ratio)

    return quadratic
