"""One sample of accepted events for every lifetime: the probability to decay and be accepted as a function of c tau.

An accepted event with path l from production to decay, momentum p and base weight B has, at a decay length
L = c tau p/m, the weight B exp(-l/L)/L. With a = l m/p and b = B m/p the mean over all generated events is

    P(c tau) = 1/(N c tau) sum b exp(-a/(c tau)),

a Laplace transform of the accepted sample. Lengths in mm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.elementary import exp
from na62sim.core.kernel import kernel

__all__ = ["MassSample"]

_BLOCK = 256
_GRID = 8  # lifetimes: more are a grid
_UNDERFLOW = 690.0


@dataclass(frozen=True)
class MassSample:
    """Accepted events of one production at one mass.

    Parameters
    ----------
    mass : MeV
    produced : mothers per proton on target, over the coupling squared, times the branching ratio of the decay
    generated : number of events before any cut
    scaled_path : a = l m/p of each accepted event, mm
    scaled_weight : b = B m/p of each accepted event, with all other weights
    resolution : standard deviation of the reconstructed mass, MeV
    production, channel : names
    unit : product of the branching ratios of production and decay, over the coupling squared, that ``produced`` stands for
    """

    mass: float
    produced: float
    generated: int
    scaled_path: FloatArray
    scaled_weight: FloatArray
    resolution: float
    production: str = ""
    channel: str = ""
    unit: float = 1.0
    _known: dict[bytes, tuple[FloatArray, FloatArray]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if (
            self.generated <= 0
            or self.scaled_path.size > self.generated
            or self.scaled_path.size != self.scaled_weight.size
        ):
            raise ValueError(
                f"sample at {self.mass:g} MeV: {self.scaled_path.size} paths and {self.scaled_weight.size} weights of"
                f" {self.generated} generated events"
            )
        if self.resolution <= 0.0 or self.produced <= 0.0:
            raise ValueError(
                f"sample at {self.mass:g} MeV: resolution = {self.resolution:g} MeV, produced = {self.produced:g};"
                " both must be above 0"
            )

    def probability(self, ctau: Any) -> tuple[FloatArray, FloatArray]:
        """Mean probability to decay in the volume and be accepted, and the effective number of events.

        Parameters
        ----------
        ctau : mean proper decay lengths, mm

        Returns
        -------
        probability and (sum w)^2 / sum w^2, for each
        """
        lengths = np.atleast_1d(np.asarray(ctau, dtype=np.float64))
        key = lengths.tobytes() if lengths.size > _GRID else b""
        if key in self._known:  # a grid: every combination of channels asks for it again
            return self._known[key]
        sums, squares = np.empty(lengths.size), np.empty(lengths.size)
        _transform(self.scaled_path, self.scaled_weight, 1.0 / lengths, sums, squares)
        effective = np.divide(sums * sums, squares, out=np.zeros_like(sums), where=squares > 0.0)
        found = sums / self.generated, effective
        if key:
            self._known[key] = found
        return found


@kernel
def _transform(path: Any, weight: Any, inverse: Any, sums: Any, squares: Any) -> None:
    """Sums of weights and of their squares at each lifetime, in a fixed order; the exponentials are vectorised."""
    w = np.empty(_BLOCK)
    for k in range(inverse.size):
        x = inverse[k]
        s0, s1, q0, q1 = 0.0, 0.0, 0.0, 0.0
        for begin in range(0, path.size, _BLOCK):
            n = min(_BLOCK, path.size - begin)
            a, b = path[begin : begin + n], weight[begin : begin + n]
            for i in range(n):
                w[i] = b[i] * exp(-min(a[i] * x, _UNDERFLOW))
            if n % 2:
                w[n] = 0.0  # the block's length is even
            for i in range(0, n, 2):
                s0 += w[i]
                s1 += w[i + 1]
                q0 += w[i] * w[i]
                q1 += w[i + 1] * w[i + 1]
        sums[k] = (s0 + s1) * x
        squares[k] = (q0 + q1) * x * x
