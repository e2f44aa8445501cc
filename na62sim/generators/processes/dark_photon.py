"""Widths, branching ratios and lifetimes of the dark photon A'.

The dark photon couples to the electromagnetic current with eps e. Masses and widths in MeV, lengths in mm.
Every width of the dark photon is proportional to eps^2. Hadrons come from a compilation of e+e- data, up to 1.6 GeV.
"""

from __future__ import annotations

import csv
from functools import cache
from typing import Any

import numpy as np
from hepunits import GeV, MeV

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import ALPHA, HBAR_C, LIGHT
from na62sim.core.particles import species
from na62sim.geometry.tables import table_path

__all__ = [
    "LEPTONS",
    "branching_ratio",
    "ctau",
    "hadronic_ratio",
    "lifetime",
    "reduced_width",
    "total_width",
]

LEPTONS = {"ee": ("e+", "e-"), "mumu": ("mu+", "mu-")}
CHANNELS = ("mumu", "ee", "pipi", "KK")
HEAVIEST = 1600.0  # MeV: up to there the compilation of R was compared
# share of K+ K- among K Kbar: that of the phi, PDG 2024: 49.1 % of 83.0 %. Assumed above the phi, where the charged
# kaons are more.
_CHARGED_KAONS = 0.491 / 0.830


def _lepton(channel: str) -> float:
    """Mass of the lepton of a channel."""
    if channel not in LEPTONS:
        raise ValueError(f"channel '{channel}' of A' is unknown (known: {', '.join(LEPTONS)})")
    return species(LEPTONS[channel][0]).mass


def _open(mass: FloatArray, lepton: float) -> FloatArray:
    """sqrt(1 - 4 m^2/M^2) (1 + 2 m^2/M^2), 0 below threshold."""
    x = (lepton / mass) ** 2
    return np.sqrt(np.clip(1.0 - 4.0 * x, 0.0, None)) * (1.0 + 2.0 * x)


@cache
def _hadron_table() -> dict[str, FloatArray]:
    """Masses (MeV), R of all hadrons, and the parts of R that are pi+ pi- and K+ K-."""
    with table_path("r_hadrons.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    names = ("mass_GeV", "R", "br_ee", "br_mumu", "br_2pi", "br_KK")
    mass, r, ee, mumu, pions, kaons = (np.array([float(row[name]) for row in rows]) for name in names)
    hadrons = r / (r + 1.0 + mumu / ee)  # their share of all decays: 1 - ee - mumu has too few digits
    return {
        "mass": mass * GeV / MeV,
        "hadrons": r,
        "pipi": r * np.minimum(pions / hadrons, 1.0),
        "KK": _CHARGED_KAONS * r * np.minimum(kaons / hadrons, 1.0),
    }


def hadronic_ratio(mass: Any, channel: str = "hadrons") -> Any:
    """R = sigma(e+e- -> hadrons) over that of a pair of massless muons, 4 pi alpha^2 / 3s, at sqrt(s) = mass (MeV).

    ``channel`` is ``hadrons``, or one part of them: ``pipi``, ``KK`` (charged kaons). Up to 1.6 GeV; straight lines
    between the points of the compilation, 0 below 0.22 GeV, where there is pi0 gamma alone, below 1e-5.
    """
    table = _hadron_table()
    return np.interp(np.asarray(mass, dtype=float), table["mass"], table[channel], left=0.0)[()]


def reduced_width(mass: Any, channel: str) -> Any:
    """Width over eps^2 (MeV) of A' into ``ee``, ``mumu``, ``hadrons``, or ``pipi`` and ``KK`` of these; the mass in MeV.

    The width to hadrons is R times that to a pair of massless leptons, alpha M / 3: R is measured against these.

    Examples
    --------
    >>> f"{reduced_width(300.0, 'mumu'):.4e}"
    '6.4648e-01'
    """
    m = np.asarray(mass, dtype=float)
    if channel in ("hadrons", "pipi", "KK"):
        return np.asarray(hadronic_ratio(m, channel) * ALPHA / 3.0 * m)[()]
    return (ALPHA / 3.0 * m * _open(m, _lepton(channel)))[()]


def total_width(mass: Any) -> Any:
    """Total width over eps^2 (MeV)."""
    return reduced_width(mass, "ee") + reduced_width(mass, "mumu") + reduced_width(mass, "hadrons")


def branching_ratio(mass: Any, channel: str) -> Any:
    """Branching ratio of A' into ``ee``, ``mumu``, ``hadrons``, ``pipi`` or ``KK``."""
    return reduced_width(mass, channel) / total_width(mass)


def ctau(mass: Any, eps: Any) -> Any:
    """Mean proper decay length (mm).

    Examples
    --------
    >>> print(f"{ctau(300.0, 1e-6):.1f}")
    142.0
    """
    return HBAR_C / (np.asarray(eps, dtype=float) ** 2 * total_width(mass))[()]


def lifetime(mass: Any, eps: Any) -> Any:
    """Mean lifetime (ns)."""
    return ctau(mass, eps) / LIGHT
