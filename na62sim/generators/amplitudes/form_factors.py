"""Form factors of kaon decays, vectorised; q2 in MeV^2."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray
from na62sim.core.particles import species

# K_e3 form factor f+(t)/f+(0) = 1 + l1 t/m_pi^2 + l2/2 (t/m_pi^2)^2, slopes of K_e3: PDG 2026, K+- listing
QUADRATIC_SLOPES = (0.02589, 0.00186)
LINEAR_SLOPE = 0.02959
# f0 slope (K_mu3, linear): PDG 2026, K+- listing
SCALAR_SLOPE = 0.01760
# pole mass of f+ (MeV): PDG 2026, K+- listing
POLE_MASS = 890.3
# slope of the pi0 transition form factor: PDG 2026
DALITZ_SLOPE = 0.0332

# W(z) of K+ -> pi+ l+ l-: a and b of the electron (E865) and of the muon (NA62, JHEP 11 (2022) 011)
LOOP_ELECTRON = (-0.587, -0.655)
LOOP_MUON = (-0.575, -0.722)
# pion loop: alpha+, beta+ from K -> 3 pi, D'Ambrosio et al., JHEP 08 (1998) 004
LOOP_PIONS = (-20.84e-8, -2.88e-8)
# K+ -> pi+ gamma gamma: c-hat of the leading order, and the octet coupling (MeV^-2): NA48/2 and NA62, PLB 732 (2014) 65;
# Ecker, Pich, de Rafael, NPB 303 (1988) 665
C_HAT = 1.72
OCTET = 9.1e-12
FERMI = 1.1663788e-11  # MeV^-2, PDG 2026
RHO_MASS = 775.26  # MeV, PDG 2026


def form_factor(q2: FloatArray, kind: str = "quadratic") -> FloatArray:
    """K_l3 vector form factor f+(q2)/f+(0), q2 in MeV^2; ``kind`` quadratic, linear, pole or constant."""
    t = q2 / species("pi+").mass ** 2
    if kind == "quadratic":
        return np.asarray(1.0 + QUADRATIC_SLOPES[0] * t + 0.5 * QUADRATIC_SLOPES[1] * t * t)
    if kind == "linear":
        return np.asarray(1.0 + LINEAR_SLOPE * t)
    if kind == "pole":
        return np.asarray(POLE_MASS**2 / (POLE_MASS**2 - q2))
    return np.ones_like(q2)


def scalar_form_factor(q2: FloatArray) -> FloatArray:
    """K_l3 scalar form factor f0(q2)/f0(0), linear."""
    return np.asarray(1.0 + SCALAR_SLOPE * q2 / species("pi+").mass ** 2)


def transition_form_factor(x: FloatArray) -> FloatArray:
    """pi0 -> gamma* gamma, x = m_ee^2 / m_pi0^2."""
    return np.asarray(1.0 + DALITZ_SLOPE * x)


def dilepton_form_factor(q2: FloatArray, kaon: float, muon: bool = False) -> npt.NDArray[np.complex128]:
    """W(z) of K+ -> pi+ gamma* at q2 = z m_K^2; ``kaon`` is m_K in MeV."""
    z = np.asarray(q2, dtype=float) / kaon**2
    r2 = (species("pi+").mass / kaon) ** 2
    a, b = LOOP_MUON if muon else LOOP_ELECTRON
    slope = (LOOP_PIONS[0] + LOOP_PIONS[1] * (z - (1.0 / 3.0 + r2)) / r2) / r2
    chi = 4.0 / 9.0 - 4.0 * r2 / (3.0 * z) - (1.0 - 4.0 * r2 / z) / 3.0 * _loop(z / r2)
    return np.asarray(FERMI * kaon**2 * (a + b * z) + slope * (1.0 + q2 / RHO_MASS**2) * chi)


def _loop(x: FloatArray) -> npt.NDArray[np.complex128]:
    """G(x) of the pion loop, x = q2 / m_pi^2; two pions go on shell at x = 4."""
    below = np.clip(x, 1e-12, 4.0)
    above = np.maximum(x, 4.0)
    root = np.sqrt(1.0 - 4.0 / above)
    low = np.sqrt(4.0 / below - 1.0) * np.arcsin(0.5 * np.sqrt(below))
    high = -0.5 * root * (np.log((1.0 - root) / (1.0 + root)) + 1j * math.pi)
    return np.where(x <= 4.0, low, high)


def two_photon_form_factor2(q2: FloatArray, kaon: float) -> FloatArray:
    """|A|^2 + |C|^2 of K+ -> pi+ gamma gamma times z^2, in units of (G8 alpha m_K^2 / 2 pi)^2; loops and c-hat, no poles.

    A z = (r^2 - 1 - z) F(z/r^2) + (1 - r^2 - z) F(z) + c z at leading order; the pi0 and eta poles of C are left out (their
    share of the rate is a few per cent and the pi0 is `k2pi`).
    """
    z, r2 = np.asarray(q2, dtype=float) / kaon**2, (species("pi+").mass / kaon) ** 2
    az = (r2 - 1.0 - z) * _triangle(z / r2) + (1.0 - r2 - z) * _triangle(z) + C_HAT * z
    return np.asarray(np.abs(az) ** 2)


def _triangle(x: FloatArray) -> npt.NDArray[np.complex128]:
    """F(x) of the triangle of charged mesons, x = q2/m^2."""
    below = np.clip(x, 1e-12, 4.0)
    root = np.sqrt(1.0 - 4.0 / np.maximum(x, 4.0))
    low = 1.0 - 4.0 / below * np.arcsin(0.5 * np.sqrt(below)) ** 2
    high = 1.0 + (np.log((1.0 - root) / (1.0 + root)) + 1j * math.pi) ** 2 / np.maximum(x, 4.0)
    return np.where(x <= 4.0, low, high)
