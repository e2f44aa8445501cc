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

from na62sim.core.columns import index_of
from na62sim.core.constants import KICK
from na62sim.core.kernel import step
from na62sim.geometry.field import FieldMap, between, integrals_at
from na62sim.reconstruction.track_columns import T
from na62sim.reconstruction.vertex import back_to

MAX_VERTEX_TRACKS = 5
# rows of the work space, one column per track of the vertex
W = index_of(["x", "y", "slope_x", "slope_y", "variance_x", "variance_y", "u", "v", "k", "px", "py", "pz", "p"])
_NOT_FOUND = 1e30


@step
def _solve(n: int, w: Any) -> Any:
    """Vertex from positions, slopes and variances at one plane: X, Y, dz, chi2, and the variances of X, Y, Z."""
    ax, ay, bx, by, cz, gx, gy, gz, chi2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        p, q = 1.0 / w[W.variance_x, i], 1.0 / w[W.variance_y, i]
        ax += p
        ay += q
        bx += p * w[W.slope_x, i]
        by += q * w[W.slope_y, i]
        cz += p * w[W.slope_x, i] ** 2 + q * w[W.slope_y, i] ** 2
        gx += p * w[W.x, i]
        gy += q * w[W.y, i]
        gz += p * w[W.slope_x, i] * w[W.x, i] + q * w[W.slope_y, i] * w[W.y, i]
    # X = (gx + bx d) / ax, Y likewise; what is left determines d
    zz = cz - bx * bx / ax - by * by / ay
    if zz <= 0.0:
        return 0.0, 0.0, 0.0, _NOT_FOUND, 0.0, 0.0, 0.0
    d = -(gz - bx * gx / ax - by * gy / ay) / zz
    x, y = (gx + bx * d) / ax, (gy + by * d) / ay
    for i in range(n):
        rx, ry = w[W.x, i] + w[W.slope_x, i] * d - x, w[W.y, i] + w[W.slope_y, i] * d - y
        chi2 += rx * rx / w[W.variance_x, i] + ry * ry / w[W.variance_y, i]
    return x, y, d, chi2, 1.0 / ax + (bx / ax) ** 2 / zz, 1.0 / ay + (by / ay) ** 2 / zz, 1.0 / zz


@step
def _residual(i: int, x: float, y: float, d: float, w: Any) -> tuple[float, float]:
    """Distance of a track from the vertex at its plane, over the variance, in x and in y."""
    return (w[W.x, i] + w[W.slope_x, i] * d - x) / w[W.variance_x, i], (w[W.y, i] + w[W.slope_y, i] * d - y) / w[
        W.variance_y, i
    ]


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
        inverse = 1.0 / np.sqrt(1.0 - t[T.u, k] ** 2 - t[T.v, k] ** 2)
        w[W.x, i], w[W.y, i], w[W.slope_x, i], w[W.slope_y, i] = (
            t[T.x, k],
            t[T.y, k],
            t[T.u, k] * inverse,
            t[T.v, k] * inverse,
        )
        w[W.variance_x, i], w[W.variance_y, i] = (
            t[T.variance_u, k],
            t[T.variance_v, k],
        )  # far from the chambers the slopes' errors count
    _, _, d, chi2, _, _, _ = _solve(n, w)
    z = min(max(z1 + d, z_min), z1 - 1.0)  # a segment of no length has no mean slope
    here = integrals_at(field, z)
    dz = z - z1
    s = between(here, at_straw, -dz)
    for i in range(n):
        k = index[i]
        x, y, u, v = back_to(t[T.x, k], t[T.y, k], t[T.u, k], t[T.v, k], t[T.k, k], s)
        inverse = 1.0 / np.sqrt(1.0 - u * u - v * v)
        w[W.x, i], w[W.y, i], w[W.slope_x, i], w[W.slope_y, i], w[W.u, i], w[W.v, i] = (
            x,
            y,
            u * inverse,
            v * inverse,
            u,
            v,
        )
        w[W.variance_x, i] = t[T.variance_x, k] + 2.0 * dz * t[T.covariance_xu, k] + dz * dz * t[T.variance_u, k]
        w[W.variance_y, i] = t[T.variance_y, k] + 2.0 * dz * t[T.covariance_yv, k] + dz * dz * t[T.variance_v, k]
    x, y, d, chi2, xx, yy, zz = _solve(n, w)
    # measured slopes are correlated with the positions they act on, which pulls Z; the fitted ones are not
    for i in range(n):
        k = index[i]
        rx, ry = _residual(i, x, y, d, w)
        u, v = (
            w[W.u, i] - (t[T.covariance_xu, k] + dz * t[T.variance_u, k]) * rx,
            w[W.v, i] - (t[T.covariance_yv, k] + dz * t[T.variance_v, k]) * ry,
        )
        inverse = 1.0 / np.sqrt(1.0 - u * u - v * v)
        w[W.slope_x, i], w[W.slope_y, i] = u * inverse, v * inverse
    x, y, d, chi2, xx, yy, zz = _solve(n, w)
    for i in range(n):
        k = index[i]
        rx, ry = _residual(i, x, y, d, w)
        u, v = (
            w[W.u, i] - (t[T.covariance_xu, k] + dz * t[T.variance_u, k]) * rx,
            w[W.v, i] - (t[T.covariance_yv, k] + dz * t[T.variance_v, k]) * ry,
        )
        w[W.k, i] = t[T.k, k] - (t[T.covariance_xk, k] + dz * t[T.covariance_uk, k]) * rx
        p = KICK / max(abs(w[W.k, i]), 1e-12)
        w[W.u, i], w[W.v, i], w[W.p, i] = u, v, p
        w[W.px, i], w[W.py, i], w[W.pz, i] = p * u, p * v, p * np.sqrt(1.0 - u * u - v * v)
    return x, y, z + d, chi2, xx, yy, zz
