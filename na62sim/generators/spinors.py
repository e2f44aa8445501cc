"""Dirac spinors in the chiral representation, with explicit components: amplitudes as numbers, spin by spin.

A spinor is four complex numbers (left upper, left lower, right upper, right lower);
u = (sqrt(p.sigma) xi, sqrt(p.sigmabar) xi), v = (sqrt(p.sigma) xi, -sqrt(p.sigmabar) xi), xi the basis spinors
along z (Peskin and Schroeder, section 3.3). Sums over both spins of every particle need no helicities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.kernel import formula


@formula
def fill_spinors(px: float, py: float, pz: float, e: float, m: float, anti: bool, out: Any) -> None:
    """Both spinors of a momentum (MeV), out (2, 4); v instead of u with ``anti``."""
    n = 1.0 / np.sqrt(2.0 * (e + m))
    a = e + m
    sign = -1.0 if anti else 1.0
    out[0, 0], out[0, 1] = n * (a - pz), n * complex(-px, -py)
    out[1, 0], out[1, 1] = n * complex(-px, py), n * (a + pz)
    out[0, 2], out[0, 3] = sign * n * (a + pz), sign * n * complex(px, py)
    out[1, 2], out[1, 3] = sign * n * complex(px, -py), sign * n * (a - pz)


@formula
def current(a: Any, b: Any, out: Any) -> None:
    """abar gamma^mu b, contravariant: out (4,) = x, y, z, t."""
    l0, l1, r0, r1 = np.conj(a[0]), np.conj(a[1]), np.conj(a[2]), np.conj(a[3])
    out[3] = l0 * b[0] + l1 * b[1] + r0 * b[2] + r1 * b[3]
    out[0] = r0 * b[3] + r1 * b[2] - l0 * b[1] - l1 * b[0]
    out[1] = 1j * (r1 * b[2] - r0 * b[3] - l1 * b[0] + l0 * b[1])
    out[2] = r0 * b[2] - r1 * b[3] - l0 * b[0] + l1 * b[1]


@formula
def slash(x: complex, y: complex, z: complex, t: complex, b: Any, out: Any) -> None:
    """The contravariant four-vector contracted with gamma, times the spinor b; out may not be b."""
    out[0] = (t - z) * b[2] - (x - 1j * y) * b[3]
    out[1] = (t + z) * b[3] - (x + 1j * y) * b[2]
    out[2] = (t + z) * b[0] + (x - 1j * y) * b[1]
    out[3] = (t - z) * b[1] + (x + 1j * y) * b[0]


@formula
def bar_product(a: Any, b: Any) -> complex:
    """abar b."""
    return np.conj(a[0]) * b[2] + np.conj(a[1]) * b[3] + np.conj(a[2]) * b[0] + np.conj(a[3]) * b[1]
