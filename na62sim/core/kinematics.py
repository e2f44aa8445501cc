"""Boosts, two-body momenta, invariant masses. All in MeV; four-momenta are (px, py, pz, E)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from na62sim.core.kernel import formula


@formula
def two_body_momentum(mass: float, m1: float, m2: float) -> float:
    """Momentum (MeV) of either daughter in the rest frame of a parent of the given mass.

    The factorised triangle function keeps its precision at threshold; zero below it.
    """
    product = (mass - m1 - m2) * (mass + m1 + m2) * (mass - m1 + m2) * (mass + m1 - m2)
    return math.sqrt(max(product, 0.0)) / (2.0 * mass)


@formula
def boost(
    qx: float, qy: float, qz: float, e: float, px: float, py: float, pz: float, energy: float, mass: float
) -> tuple[float, float, float, float]:
    """Four-momentum (q, e) of the rest frame of (p, energy, mass), seen in the frame of p."""
    pq = px * qx + py * qy + pz * qz
    k = (pq / (energy + mass) + e) / mass
    return qx + k * px, qy + k * py, qz + k * pz, (energy * e + pq) / mass


def invariant_mass2(*momenta: Any) -> Any:
    """Invariant mass squared (MeV^2) of a sum of four-momenta, each (4,) or (4, n): the reference form of `mass2`."""
    total = np.sum([np.asarray(p, dtype=float) for p in momenta], axis=0)
    return total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2


@formula
def mass2(e: float, px: float, py: float, pz: float) -> float:
    """Squared mass of a four-momentum (MeV^2)."""
    return e * e - px * px - py * py - pz * pz
