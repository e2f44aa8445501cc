"""Dirac spinors in the chiral representation, with explicit components: amplitudes as numbers, spin by spin.

A spinor is four complex numbers (left upper, left lower, right upper, right lower);
u = (sqrt(p.sigma) xi, sqrt(p.sigmabar) xi), v = (sqrt(p.sigma) xi, -sqrt(p.sigmabar) xi), xi the basis spinors
along z (Peskin and Schroeder, section 3.3). Sums over both spins of every particle need no helicities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.kernel import formula


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
def _times(a: float, b: complex) -> complex:
    """A real number times a complex one, without products with zero."""
    return complex(a * b.real, a * b.imag)


@formula
def current(a: Any, b: Any, out: Any) -> None:
    """abar gamma^mu b, contravariant: out (4,) = x, y, z, t."""
    l0, l1, r0, r1 = np.conj(a[0]), np.conj(a[1]), np.conj(a[2]), np.conj(a[3])
    l00, l01, l10, l11 = l0 * b[0], l0 * b[1], l1 * b[0], l1 * b[1]
    r00, r01, r10, r11 = r0 * b[2], r0 * b[3], r1 * b[2], r1 * b[3]
    out[3] = l00 + l11 + r00 + r11
    out[0] = r01 + r10 - l01 - l10
    y = r10 - r01 - l10 + l01
    out[1] = complex(-y.imag, y.real)
    out[2] = r00 - r11 - l00 + l11


@formula
def slash(x: float, y: float, z: float, t: float, b: Any, out: Any) -> None:
    """The real contravariant four-vector contracted with gamma, times the spinor b; out may not be b."""
    minus, plus = complex(x, -y), complex(x, y)
    out[0] = _times(t - z, b[2]) - minus * b[3]
    out[1] = _times(t + z, b[3]) - plus * b[2]
    out[2] = _times(t + z, b[0]) + minus * b[1]
    out[3] = _times(t - z, b[1]) + plus * b[0]
