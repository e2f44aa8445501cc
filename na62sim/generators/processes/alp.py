"""An axion-like particle (ALP) that couples to fermions: sum of C/(2 Lambda) (d_mu a) fbar gamma^mu gamma5 f. Masses in MeV.

The coupling of results is g_Y = C_ll v/Lambda. It decays to leptons; decays to hadrons need three pions and break isospin and are
left out, as everything above 0.8 GeV is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.core.constants import HBAR_C
from na62sim.core.particles import species
from na62sim.generators.processes.b_decays import HIGGS_VEV, V_TB_V_TS, derivative_ratios

__all__ = ["CHANNELS", "HEAVIEST", "alp_width", "b_decays", "branching_ratio", "ctau", "flavour_coupling"]

CHANNELS = ("mumu", "ee")
HEAVIEST = 800.0  # MeV: eta pi pi opens at 0.82 GeV
_LEPTONS = {"ee": "e+", "mumu": "mu+"}
# b -> s a over V_tb V_ts/Lambda, Lambda = 1 TeV, run down to the top quark: arXiv:2110.10698, for C_ll and C_qq of all
# generations. The second is y_t^2 ln(Lambda^2/m_t^2)/32 pi^2, a loop of the top quark; the first comes of two more.
_OF_LEPTONS, _OF_QUARKS = 4.15e-5, -9.2e-3
_KAONS = (species("K+").mass, 891.67)  # K and K*(892), PDG 2024


def alp_width(mass: float, channel: str, coupling: float = 1.0) -> float:
    """Width (MeV) of an ALP into leptons, for the interaction i g_Y (m_l/v) a lbar gamma5 l.

    ``coupling`` is g_Y; a derivative coupling c_l/f is g_Y/v on the mass shell.

    Examples
    --------
    >>> f"{alp_width(300.0, 'ee') / alp_width(300.0, 'mumu'):.2e}"  # helicity: the ratio of squared masses
    '3.30e-05'
    """
    if channel not in _LEPTONS:
        raise ValueError(f"channel '{channel}' of an ALP is unknown (known: {', '.join(_LEPTONS)})")
    lepton = species(_LEPTONS[channel]).mass
    beta = math.sqrt(max(1.0 - 4.0 * (lepton / mass) ** 2, 0.0))
    return coupling**2 * lepton**2 * mass * beta / (8.0 * math.pi * (HIGGS_VEV * GeV) ** 2)


def branching_ratio(mass: float, channel: str) -> float:
    """Branching ratio into ``ee`` or ``mumu``."""
    return alp_width(mass, channel) / sum(alp_width(mass, name) for name in CHANNELS)


def ctau(mass: float, coupling: Any) -> Any:
    """Mean proper decay length (mm) at g_Y.

    Examples
    --------
    >>> print(f"{ctau(300.0, 1e-3):.0f}")
    126
    """
    total = sum(alp_width(mass, name) for name in CHANNELS)
    return HBAR_C / (np.asarray(coupling, dtype=float) ** 2 * total)[()]


def flavour_coupling(quarks: float) -> float:
    """Coupling of b -> s a (1/GeV) over g_Y, for C_qq/C_ll of quarks.

    Examples
    --------
    >>> f"{flavour_coupling(1.0):.2e} {flavour_coupling(0.0):.2e}"
    '-1.53e-06 6.91e-09'
    """
    return V_TB_V_TS * (_OF_LEPTONS + _OF_QUARKS * quarks) / HIGGS_VEV


def b_decays(mass: float, quarks: float) -> tuple[tuple[float, float], ...]:
    """Recoil (MeV) and branching ratio over g_Y^2 of B -> K a and K* a at a mass (MeV)."""
    g2 = flavour_coupling(quarks) ** 2
    return tuple((recoil, g2 * ratio) for recoil, ratio in zip(_KAONS, derivative_ratios(mass / GeV), strict=True))
