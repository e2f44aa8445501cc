"""Importance sampling of pi0 -> gamma e+ e- towards a soft photon: a factor on the density of q^2, undone by a weight.

With x = q^2/m^2 the photon has the energy (m/2)(1 - x) in the pion's frame; the rate falls like (1 - x)^3. A sample in which
the photon must be soft to be selected is drawn from f(x) b(x) instead of f(x), b = 1 + c x / (1 - x + s)^7, with c such
that half of the decays come from the second term, in which 1 - x is about s; an event has the weight
<b>/b(x) = 2/b(x), never above 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.kernel import kernel
from na62sim.core.sampling import Density, integral


@dataclass(frozen=True)
class SoftPhoton:
    """The factor b of a vertex.

    Parameters
    ----------
    mass : of the mother (MeV)
    softness : s
    scale : c
    """

    mass: float
    softness: float
    scale: float

    def __call__(self, q2: FloatArray) -> FloatArray:
        """b at q^2 (MeV^2)."""
        x = q2 / self.mass**2
        return np.asarray(1.0 + self.scale * x / (1.0 - x + self.softness) ** 7)

    def weigh(self, cluster: FloatArray, weight: FloatArray) -> None:
        """Multiply ``weight`` (n,) by 2/b of clusters with the four-momenta ``cluster`` (4, n), in MeV."""
        _weigh(cluster, 1.0 / self.mass**2, self.softness, self.scale, weight)


def soft_photon(density: Density, mass: float, low: float, softness: float) -> SoftPhoton:
    """The factor for a density of q^2 that begins at ``low`` (MeV^2) and ends at mass^2.

    Raises
    ------
    ValueError : softness out of range
    """
    if not 0.01 <= softness <= 1.0:
        raise ValueError(f"bias = {softness:g}: it must be 0 (none), or from 0.01 to 1 of the largest photon energy")
    unit = SoftPhoton(mass, softness, 1.0)
    high = mass * mass
    plain = integral(density, low, high, steep=True)
    soft = integral(lambda q2: np.asarray(density(q2) * (unit(q2) - 1.0)), low, high, steep=True)
    return SoftPhoton(mass, softness, plain / soft)


@kernel
def _weigh(p: Any, inverse: float, softness: float, scale: float, weight: Any) -> None:
    for i in range(weight.size):
        q = np.sqrt(p[0, i] * p[0, i] + p[1, i] * p[1, i] + p[2, i] * p[2, i])
        x = (p[3, i] - q) * (p[3, i] + q) * inverse
        d = 1.0 - x + softness
        d2 = d * d
        weight[i] *= 2.0 / (1.0 + scale * x / (d2 * d2 * d2 * d))
