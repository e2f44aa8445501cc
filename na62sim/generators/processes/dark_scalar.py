"""Widths, branching ratios and lifetimes of a scalar S that mixes with the Higgs boson. Masses and widths in MeV, lengths in mm.

Everything is proportional to sin^2(theta). Leptons are a formula; the widths to hadrons are those of a table, up to 2 GeV.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from typing import Any

import numpy as np
from hepunits import GeV, MeV, m

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import HBAR_C
from na62sim.core.particles import species
from na62sim.generators.processes.b_decays import inclusive_ratio, scalar_ratios
from na62sim.geometry.tables import table_path

__all__ = ["CHANNELS", "HEAVIEST", "b_decays", "branching_ratio", "ctau", "reduced_width"]

CHANNELS = ("mumu", "ee", "pipi", "KK")
HEAVIEST = 2000.0  # MeV: above, the table has gluons and quarks, which no channel here is
_HIGGS_VEV = 246.22 * GeV  # (sqrt 2 G_F)^-1/2
_LEPTONS = {"ee": "e+", "mumu": "mu+"}
_HADRONS = {"pipi": ("pi+", "br_pipi"), "KK": ("K+", "br_KK"), "4pi": ("", "br_4pi")}
_CHARGED = {"pipi": 2.0 / 3.0, "KK": 0.5}  # isospin 0
_K_STAR_REST = 1430.0  # MeV: recoil of B -> X_s S that is neither K nor K*: the next kaons lie at 1.27 to 1.68 GeV
_KAONS = (species("K+").mass, 891.67)  # K and K*(892), PDG 2024


@cache
def _table() -> dict[str, FloatArray]:
    """Masses (MeV) and widths (MeV) to hadrons at sin(theta) = 1, over the velocity of the pair where it is one of them."""
    with table_path("dark_scalar.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    mass = columns["mass_GeV"] * GeV / MeV
    total = HBAR_C / (columns["ctau_m"] * m)
    everything = sum(columns[name] for name in columns if name.startswith("br_"))
    good = mass <= HEAVIEST  # further on the rest of the width is not in the table
    found = {"mass": mass[good]}
    for name, (daughter, column) in _HADRONS.items():
        found[name] = (columns[column] / everything * total)[good] / np.maximum(_velocity(mass[good], daughter), 1e-3)
    return found


def _velocity(mass: Any, daughter: str) -> Any:
    """Of two particles of that name; 1 without a name, 0 below threshold."""
    if not daughter:
        return np.ones_like(mass)
    return np.sqrt(np.clip(1.0 - (2.0 * species(daughter).mass / np.asarray(mass, dtype=float)) ** 2, 0.0, None))


def reduced_width(mass: float, channel: str) -> float:
    """Width over sin^2(theta) (MeV) of S into ``ee``, ``mumu``, ``pipi``, ``KK`` (all charges), or ``4pi``, at a mass (MeV).

    Leptons: m_l^2 m_S beta^3 / 8 pi v^2. Hadrons: arXiv:1809.01876, straight lines between the points of the table, times the
    velocity of the pair, which carries them to the threshold.

    Examples
    --------
    >>> f"{reduced_width(240.0, 'mumu'):.2e}"
    '1.87e-07'
    """
    if channel in _LEPTONS:
        lepton = species(_LEPTONS[channel]).mass
        velocity = float(_velocity(mass, _LEPTONS[channel]))
        return lepton**2 * mass * velocity**3 / (8.0 * math.pi * _HIGGS_VEV**2)
    table = _table()
    known = table[channel] > 0.0  # up to the first point the number there: the velocity does the rest
    left = 0.0 if channel == "4pi" else None
    width = np.interp(mass, table["mass"][known], table[channel][known], left=left)
    return float(width * _velocity(mass, _HADRONS[channel][0]))


def total_width(mass: float) -> float:
    """Total width over sin^2(theta) (MeV)."""
    return sum(reduced_width(mass, channel) for channel in (*_LEPTONS, *_HADRONS))


def branching_ratio(mass: float, channel: str) -> float:
    """Branching ratio of S into ``ee``, ``mumu``, ``pipi`` or ``KK``, the hadrons charged."""
    return _CHARGED.get(channel, 1.0) * reduced_width(mass, channel) / total_width(mass)


def ctau(mass: float, coupling: Any) -> Any:
    """Mean proper decay length (mm) at sin(theta).

    Examples
    --------
    >>> print(f"{ctau(240.0, 1e-3):.1f}")
    1053.0
    """
    return HBAR_C / (np.asarray(coupling, dtype=float) ** 2 * total_width(mass))[()]


def b_decays(mass: float, rate: str) -> tuple[tuple[float, float], ...]:
    """Recoil (MeV) and branching ratio over sin^2(theta) of the decays of B mesons to S at a mass (MeV).

    Parameters
    ----------
    rate : ``exclusive`` for K and K*(892) by form factors; ``inclusive`` adds the rest of B -> X_s S, with the recoil of a
        heavier kaon
    """
    found = list(zip(_KAONS, scalar_ratios(mass / GeV), strict=True))
    if rate == "inclusive":
        rest = inclusive_ratio(mass / GeV) - sum(ratio for _, ratio in found)
        found.append((_K_STAR_REST, max(rest, 0.0)))
    return tuple(found)
