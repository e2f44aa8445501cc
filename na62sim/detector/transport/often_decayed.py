"""Particles that decay before a plane more often than they do, with exact weights.

A decay in flight is drawn as u, even between 0 and 1: the particle decays after a path of -log(1 - u) times its mean path. In
half of the draws u is even among those of decays before the plane instead; the density of the mixture decides the weight.
"""

from __future__ import annotations

from typing import Any

from na62sim.core.elementary import exp
from na62sim.core.kernel import formula

NOT_OFTEN = -1e30  # mm: no particle comes from before this plane


@formula
def often_decayed(u: float, mean_path: float, distance: float) -> Any:
    """The draw u of a decay, more often of one within a distance (mm, along the beam), and its weight."""
    if distance <= 0.0:
        return u, 1.0
    before = 1.0 - exp(-distance / mean_path)
    u = 2.0 * u * before if u < 0.5 else 2.0 * u - 1.0
    return u, 2.0 * before / (1.0 + before) if u < before else 2.0
