"""Flat n-body phase space as nested clusters.

R_n(M) = int prod d^3p_i / (2 E_i) delta^4(P - sum p), built by the recursion

    R_n(M; m_1 ... m_n) = int dm^2 R_2(M; m_1, m) R_{n-1}(m; m_2 ... m_n),   R_2 = pi p* / M

(Byckling and Kajantie, "Particle Kinematics", ch. V). The same recursion gives the density of the cluster
masses the chain engine samples, so a decay to n bodies is n - 1 two-body steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from na62sim.core.arrays import FloatArray

_NODES = 301  # of the tabulated sub-volumes, joined by a cubic spline
_QUAD = 96


def momentum(mass: float | FloatArray, m1: float | FloatArray, m2: float | FloatArray) -> FloatArray:
    """Two-body momentum (MeV), vectorised; zero below threshold."""
    product = (mass - m1 - m2) * (mass + m1 + m2) * (mass - m1 + m2) * (mass + m1 - m2)
    return np.sqrt(np.maximum(product, 0.0)) / (2.0 * mass)


def phase_space_volume(mass: float, daughters: Sequence[float]) -> float:
    """R_n in MeV^(2n-4) of a decay to n >= 2 bodies (masses in MeV); zero below threshold.

    >>> round(phase_space_volume(493.677, [139.57039, 134.9768]), 6)
    1.305428
    """
    return 0.0 if sum(daughters) >= mass else float(volume_function(daughters, mass)(np.array([mass]))[0])


def volume_function(daughters: Sequence[float], highest: float) -> Callable[[FloatArray], FloatArray]:
    """R_n of the given daughters as a function of the decaying mass, up to ``highest`` (MeV)."""
    threshold = float(sum(daughters))
    if len(daughters) == 2:
        first, second = daughters
        return lambda mass: np.pi * momentum(mass, first, second) / mass
    inner = volume_function(daughters[1:], highest - daughters[0])
    low = float(sum(daughters[1:]))

    def volume(mass: FloatArray) -> FloatArray:
        x, w = np.polynomial.legendre.leggauss(_QUAD)
        t = 0.25 * np.pi * (x + 1.0)
        width = np.maximum(np.asarray(mass, dtype=float) - daughters[0] - low, 0.0)[..., None]
        m = low + width * np.sin(t) ** 2  # the square roots at both ends become smooth in t
        jacobian = width * np.sin(2.0 * t) * 2.0 * m * 0.25 * np.pi
        two = np.pi * momentum(np.asarray(mass, dtype=float)[..., None], daughters[0], m) / np.asarray(mass)[..., None]
        return np.asarray((jacobian * two * inner(m) * w).sum(axis=-1))

    if len(daughters) == 3:
        return volume
    # n >= 4: a table of the volume (it is smooth as a power of the distance to threshold) stops the nesting
    power = (3 * len(daughters) - 5) / 2.0
    grid = np.linspace(0.0, 1.0, _NODES) ** 2  # dense at threshold
    span = highest - threshold
    masses = threshold + span * grid
    values = np.concatenate([volume(part) for part in np.array_split(masses[1:], 40)])
    reduced = values / (span * grid[1:]) ** power
    from scipy.interpolate import CubicSpline  # only decays to four bodies or more need it

    spline = CubicSpline(span * grid[1:], reduced)

    def tabulated(mass: FloatArray) -> FloatArray:
        above = np.maximum(np.asarray(mass) - threshold, 0.0)
        # below the first node the spline extrapolates: with massless bodies it may dip below zero
        return np.asarray(np.maximum(spline(above), 0.0) * above**power)

    return tabulated
