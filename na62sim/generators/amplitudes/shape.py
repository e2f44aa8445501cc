"""The shape of a three-body vertex P -> d1 d2 d3: densities of q^2 = m(d2 d3)^2 and of one angle.

Every three-body matrix element of the package is, at fixed q^2, a quadratic in c, the cosine of d2 to d1 in
the rest frame of d2 d3: rho(q^2, c) = A + B c + C c^2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.generators.amplitudes.bias import SoftPhoton

Density = Callable[[FloatArray], FloatArray]
Quadratic = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class Shape:
    """Densities of a vertex; isotropic where neither ``cosine`` nor ``quadratic`` is given.

    Parameters
    ----------
    mass2 : density of q^2 (MeV^2), integrated over c; None for two bodies
    cosine : density of c, the same at every q^2
    quadratic : coefficients (A, B, C) of the density of c at q^2; A + C/3 is its integral over c, halved
    steep : whether the density of q^2 falls like 1/q^2
    bias : a factor on the density of q^2 that the weight of an event undoes
    """

    mass2: Density | None
    cosine: Density | None = None
    quadratic: Quadratic | None = None
    steep: bool = False
    bias: SoftPhoton | None = None

    def shares(self, q2: FloatArray) -> list[FloatArray]:
        """Shares of (1-c)^2, and of it with 2 (1-c^2), in the quadratic; the rest is (1+c)^2.

        Raises
        ------
        ValueError : if a share is negative: the quadratic must be at least as large as its chord through
            the end points allows
        """
        assert self.quadratic is not None
        a, b, c = (np.broadcast_to(k, q2.shape) for k in self.quadratic(q2))
        parts = np.stack((a - b + c, a - c, a + b + c))  # values at -1 and 1, and the Bernstein point between
        total = parts.sum(axis=0)  # zero where a threshold closes the phase space: any share will do
        parts = np.where(total > 0.0, parts, 1.0)
        share = parts / parts.sum(axis=0)
        if np.any(share < -1e-9):
            raise ValueError(f"an angular density is not a positive sum of Bernstein polynomials: {share.min():g}")
        share = np.maximum(share, 0.0)
        return [share[0], share[0] + share[1]]


def quadratic_shape(prefactor: Density, quadratic: Quadratic, steep: bool = False) -> Shape:
    """The shape of ``prefactor(q2) (A + B c + C c^2)``: its exact marginal and its angle."""

    def mass2(q2: FloatArray) -> FloatArray:
        a, _, c = quadratic(q2)
        return np.asarray(prefactor(q2) * (a + c / 3.0))

    return Shape(mass2, quadratic=quadratic, steep=steep)
