"""Widths, branching ratios and lifetimes of the dark photon A' and of an axion-like particle (ALP).

The dark photon couples to the electromagnetic current with eps e. Masses and widths in MeV, lengths in mm.
Every width of the dark photon is proportional to eps^2. Valid up to 0.9 GeV: no phi, no four-pion states.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from hepunits import GeV, keV

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import ALPHA, HBAR_C, LIGHT
from na62sim.core.particles import species
from na62sim.generators.sources.production import ClosedChannelError

__all__ = [
    "LEPTONS",
    "alp_width",
    "branching_ratio",
    "ctau",
    "hadronic_ratio",
    "lifetime",
    "pion_form_factor",
    "reduced_width",
    "total_width",
]

HIGGS_VEV = 246.22 * GeV  # (sqrt 2 G_F)^-1/2
LEPTONS = {"ee": ("e+", "e-"), "mumu": ("mu+", "mu-")}
HEAVIEST = 900.0  # MeV: no phi and no four-pion states above
_OMEGA_MASS, _OMEGA_WIDTH, _OMEGA_EE = 782.66, 8.68, 0.625 * keV  # PDG 2024, omega(782) listing
_RHO = (775.11, 149.1)  # mass and width in a Gounaris-Sakurai fit of e+e- -> pi pi; PDG, note on the rho(770)
_RHO_PRIME, _RHO_PRIME_SHARE = (1465.0, 400.0), -0.145  # PDG, rho(1450)
_MIXING = 1.8e-3 * np.exp(1j * math.radians(10.0))  # rho-omega


def _lepton(channel: str) -> float:
    """Mass of the lepton of a channel."""
    if channel not in LEPTONS:
        raise ValueError(f"channel '{channel}' of A' is unknown (known: {', '.join(LEPTONS)})")
    return species(LEPTONS[channel][0]).mass


def check_mass(mass: float, channel: str = "ee") -> float:
    """A mass of A' at which the channel is open and the widths are known.

    Raises
    ------
    ClosedChannelError : outside the range
    """
    threshold = 2.0 * _lepton(channel)
    if not threshold < mass <= HEAVIEST:
        raise ClosedChannelError(
            f"m_Aprime = {mass:g} MeV: {channel} needs a mass above {threshold:.6g} MeV,"
            f" and hadronic widths are known up to {HEAVIEST:g} MeV"
        )
    return float(mass)


def _open(mass: FloatArray, lepton: float) -> FloatArray:
    """sqrt(1 - 4 m^2/M^2) (1 + 2 m^2/M^2), 0 below threshold."""
    x = (lepton / mass) ** 2
    return np.sqrt(np.clip(1.0 - 4.0 * x, 0.0, None)) * (1.0 + 2.0 * x)


def _gounaris_sakurai(s: FloatArray, mass: float, width: float) -> npt.NDArray[np.complex128]:
    """The rho amplitude, 1 at s = 0 (Gounaris and Sakurai, PRL 21 (1968) 244). s in MeV^2, above threshold."""
    pion = species("pi+").mass
    k0 = math.sqrt(0.25 * mass**2 - pion**2)
    k = np.sqrt(np.maximum(0.25 * s - pion**2, 0.0))
    root = np.sqrt(s)

    def h(q: Any, energy: Any) -> Any:
        return 2.0 / math.pi * q / energy * np.log((energy + 2.0 * q) / (2.0 * pion))

    h0 = h(k0, mass)
    slope = h0 * (1.0 / (8.0 * k0**2) - 1.0 / (2.0 * mass**2)) + 1.0 / (2.0 * math.pi * mass**2)
    shift = width * mass**2 / k0**3 * (k**2 * (h(k, root) - h0) + (mass**2 - s) * k0**2 * slope)
    d = (
        3.0 / math.pi * (pion / k0) ** 2 * math.log((mass + 2.0 * k0) / (2.0 * pion))
        + mass / (2.0 * math.pi * k0)
        - pion**2 * mass / (math.pi * k0**3)
    )
    running = width * (k / k0) ** 3 * mass / root
    return (mass**2 + d * width * mass) / (mass**2 - s + shift - 1j * mass * running)


def pion_form_factor(s: FloatArray) -> npt.NDArray[np.complex128]:
    """Electromagnetic form factor of the charged pion at s (MeV^2), above threshold.

    rho with rho-omega mixing and rho(1450), the amplitudes normalised to 1 at s = 0.
    """
    omega = _OMEGA_MASS**2 / (_OMEGA_MASS**2 - s - 1j * _OMEGA_MASS * _OMEGA_WIDTH)
    rho = _gounaris_sakurai(s, *_RHO) * (1.0 + _MIXING * s / _OMEGA_MASS**2 * omega)
    return (rho + _RHO_PRIME_SHARE * _gounaris_sakurai(s, *_RHO_PRIME)) / (1.0 + _RHO_PRIME_SHARE)


def hadronic_ratio(mass: Any) -> Any:
    """R = sigma(e+e- -> hadrons) / sigma(e+e- -> mu+mu-) at sqrt(s) = mass (MeV).

    R refers to the muon pair cross-section with the mass of the muon, as the data do that it is compared with.
    """
    m = np.asarray(mass, dtype=float)
    s, pion = m * m, species("pi+").mass
    above = np.maximum(s, 4.0 * pion**2)
    pair = 0.25 * np.clip(1.0 - 4.0 * pion**2 / above, 0.0, None) ** 1.5 * np.abs(pion_form_factor(above)) ** 2
    # omega -> 3 pi: damped towards its threshold by its P-wave phase space, about (s - 9 m^2)^4; negligible below 650 MeV
    three = 9.0 * pion**2
    damping = np.clip((s - three) / (_OMEGA_MASS**2 - three), 0.0, None) ** 4
    denominator = (s - _OMEGA_MASS**2) ** 2 + (_OMEGA_MASS * _OMEGA_WIDTH) ** 2
    omega = 9.0 * s * _OMEGA_EE * _OMEGA_WIDTH * np.minimum(damping, 1.0) / (ALPHA**2 * denominator)
    return np.where(s > 4.0 * pion**2, pair + omega, 0.0)[()]


def reduced_width(mass: Any, channel: str) -> Any:
    """Width over eps^2 (MeV) of A' into ``ee``, ``mumu`` or ``hadrons``; the mass in MeV.

    Examples
    --------
    >>> f"{reduced_width(300.0, 'mumu'):.4e}"
    '6.4648e-01'
    """
    m = np.asarray(mass, dtype=float)
    if channel == "hadrons":
        return np.asarray(hadronic_ratio(m) * reduced_width(m, "mumu"))[()]
    return (ALPHA / 3.0 * m * _open(m, _lepton(channel)))[()]


def total_width(mass: Any) -> Any:
    """Total width over eps^2 (MeV)."""
    return reduced_width(mass, "ee") + reduced_width(mass, "mumu") + reduced_width(mass, "hadrons")


def branching_ratio(mass: Any, channel: str) -> Any:
    """Branching ratio of A' into ``ee``, ``mumu`` or ``hadrons``."""
    return reduced_width(mass, channel) / total_width(mass)


def ctau(mass: Any, eps: Any) -> Any:
    """Mean proper decay length (mm).

    Examples
    --------
    >>> print(f"{ctau(300.0, 1e-6):.1f}")
    142.2
    """
    return HBAR_C / (np.asarray(eps, dtype=float) ** 2 * total_width(mass))[()]


def lifetime(mass: Any, eps: Any) -> Any:
    """Mean lifetime (ns)."""
    return ctau(mass, eps) / LIGHT


def alp_width(mass: float, channel: str, coupling: float = 1.0) -> float:
    """Width (MeV) of an ALP into leptons, for the interaction i g_Y (m_l/v) a lbar gamma5 l.

    ``coupling`` is g_Y; a derivative coupling c_l/f is g_Y/v on the mass shell.

    Examples
    --------
    >>> f"{alp_width(300.0, 'ee') / alp_width(300.0, 'mumu'):.2e}"  # helicity: the ratio of squared masses
    '3.30e-05'
    """
    lepton = _lepton(channel)
    beta = math.sqrt(max(1.0 - 4.0 * (lepton / mass) ** 2, 0.0))
    return coupling**2 * lepton**2 * mass * beta / (8.0 * math.pi * HIGGS_VEV**2)
