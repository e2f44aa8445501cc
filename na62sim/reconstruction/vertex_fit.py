"""Common vertex of several tracks: weighted least squares in the residual field of the tube.

At the plane z0 of the vertex a track's slopes are free, so that only its position there, with its variance, enters:

    chi2 = sum_i (x_i + tx_i d - X)^2 / Vx_i + (y_i + ty_i d - Y)^2 / Vy_i,   d = Z - z0.

The residual r_x of a track corrects what is correlated with its position at the vertex: slope and curvature move by
-cov(x, .) / Vx times r_x; the fit is repeated with those slopes. Straight lines give the first z0, the field is
used from there on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import KICK
from na62sim.core.kernel import step
from na62sim.geometry.field import FieldMap, between, integrals_at
from na62sim.reconstruction.vertex import back_to

# rows of a track, as in `tracks.COLUMNS`
(
    TX, TY, TU, TV, TK, TU_AFTER, TV_AFTER, TX_AFTER, TY_AFTER, TCHI2, TVAR_U, TVAR_V, TVAR_K, TTIME, TXX, TXU, TXK, TUK,
    TYY, TYV,
) = range(20)  # fmt: skip
MAX_VERTEX_TRACKS = 5
# rows of the work space, one column per track of the vertex
WX, WY, WTX, WTY, WVX, WVY, WU, WV, WK, WPX, WPY, WPZ, WP = range(13)
_NOT_FOUND = 1e30


@step
def _solve(n: int, w: Any) -> Any:
    """Vertex from positions, slopes and variances at one plane: X, Y, dz, chi2, and the variances of X, Y, Z."""
    ax, ay, bx, by, cz, gx, gy, gz, chi2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        p, q = 1.0 / w[WVX, i], 1.0 / w[WVY, i]
        ax += p
        ay += q
        bx += p * w[WTX, i]
        by += q * w[WTY, i]
        cz += p * w[WTX, i] ** 2 + q * w[WTY, i] ** 2
        gx += p * w[WX, i]
        gy += q * w[WY, i]
        gz += p * w[WTX, i] * w[WX, i] + q * w[WTY, i] * w[WY, i]
    # X = (gx + bx d) / ax, Y likewise; what is left determines d
    zz = cz - bx * bx / ax - by * by / ay
    if zz <= 0.0:
        return 0.0, 0.0, 0.0, _NOT_FOUND, 0.0, 0.0, 0.0
    d = -(gz - bx * gx / ax - by * gy / ay) / zz
    x, y = (gx + bx * d) / ax, (gy + by * d) / ay
    for i in range(n):
        rx, ry = w[WX, i] + w[WTX, i] * d - x, w[WY, i] + w[WTY, i] * d - y
        chi2 += rx * rx / w[WVX, i] + ry * ry / w[WVY, i]
    return x, y, d, chi2, 1.0 / ax + (bx / ax) ** 2 / zz, 1.0 / ay + (by / ay) ** 2 / zz, 1.0 / zz


@step
def _residual(i: int, x: float, y: float, d: float, w: Any) -> tuple[float, float]:
    """Distance of a track from the vertex at its plane, over the variance, in x and in y."""
    return (w[WX, i] + w[WTX, i] * d - x) / w[WVX, i], (w[WY, i] + w[WTY, i] * d - y) / w[WVY, i]


@step
def fit_vertex(index: Any, n: int, t: Any, z_min: float, z1: float, field: FieldMap, at_straw: Any, w: Any) -> Any:
    """Fit the common vertex of the tracks ``index[:n]``.

    Parameters
    ----------
    t : (20, tracks) columns of the tracks; z_min, z1 : range of the vertex, STRAW 1 at its end (mm)
    at_straw : field integrals at z1
    w : (13, 5) work space; its last rows hold the tracks at the vertex: direction cosines, k, momentum

    Returns
    -------
    x, y, z (mm), chi2 (2 n - 3 degrees of freedom) and the variances of x, y, z
    """
    for i in range(n):
        k = index[i]
        inverse = 1.0 / np.sqrt(1.0 - t[TU, k] ** 2 - t[TV, k] ** 2)
        w[WX, i], w[WY, i], w[WTX, i], w[WTY, i] = t[TX, k], t[TY, k], t[TU, k] * inverse, t[TV, k] * inverse
        w[WVX, i], w[WVY, i] = t[TVAR_U, k], t[TVAR_V, k]  # far from the chambers the slopes' errors count
    _, _, d, chi2, _, _, _ = _solve(n, w)
    z = min(max(z1 + d, z_min), z1 - 1.0)  # a segment of no length has no mean slope
    here = integrals_at(field, z)
    dz = z - z1
    s = between(here, at_straw, -dz)
    for i in range(n):
        k = index[i]
        x, y, u, v = back_to(t[TX, k], t[TY, k], t[TU, k], t[TV, k], t[TK, k], s)
        inverse = 1.0 / np.sqrt(1.0 - u * u - v * v)
        w[WX, i], w[WY, i], w[WTX, i], w[WTY, i], w[WU, i], w[WV, i] = x, y, u * inverse, v * inverse, u, v
        w[WVX, i] = t[TXX, k] + 2.0 * dz * t[TXU, k] + dz * dz * t[TVAR_U, k]
        w[WVY, i] = t[TYY, k] + 2.0 * dz * t[TYV, k] + dz * dz * t[TVAR_V, k]
    x, y, d, chi2, xx, yy, zz = _solve(n, w)
    # measured slopes are correlated with the positions they act on, which pulls Z; the fitted ones are not
    for i in range(n):
        k = index[i]
        rx, ry = _residual(i, x, y, d, w)
        u, v = w[WU, i] - (t[TXU, k] + dz * t[TVAR_U, k]) * rx, w[WV, i] - (t[TYV, k] + dz * t[TVAR_V, k]) * ry
        inverse = 1.0 / np.sqrt(1.0 - u * u - v * v)
        w[WTX, i], w[WTY, i] = u * inverse, v * inverse
    x, y, d, chi2, xx, yy, zz = _solve(n, w)
    for i in range(n):
        k = index[i]
        rx, ry = _residual(i, x, y, d, w)
        u, v = w[WU, i] - (t[TXU, k] + dz * t[TVAR_U, k]) * rx, w[WV, i] - (t[TYV, k] + dz * t[TVAR_V, k]) * ry
        w[WK, i] = t[TK, k] - (t[TXK, k] + dz * t[TUK, k]) * rx
        p = KICK / max(abs(w[WK, i]), 1e-12)
        w[WU, i], w[WV, i], w[WP, i] = u, v, p
        w[WPX, i], w[WPY, i], w[WPZ, i] = p * u, p * v, p * np.sqrt(1.0 - u * u - v * v)
    return x, y, z + d, chi2, xx, yy, zz
