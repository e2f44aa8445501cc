"""The STRAW track fit: generalised least squares with correlated multiple scattering.

State at STRAW 1, before its material: x, y (mm), direction cosines u, v, and k = 0.2998 q / p. The model is
the exact transport through the field profile; its derivatives are those of the linear model
x_j = x + u D_j - k M_j (D distance, M double field integral). The covariance of the four points of a
projection is the measurement error plus theta0(p)^2 sum_m (z_j - z_m)(z_k - z_m) over the chambers m before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import KICK
from na62sim.core.kernel import formula, step
from na62sim.core.matter import highland
from na62sim.core.particles import species
from na62sim.geometry import Detector
from na62sim.geometry.field import Segment, field_map, plane_segments, propagate

LANES = 136  # tracks fitted side by side: 128 or fewer; no power of two, for the cache
ROWS, RESULTS = 36, 16  # of `fit_tracks`; where the results begin
PION_MASS = species("pi+").mass  # for the velocity in the scattering angle, whatever the track is


class FitArrays(NamedTuple):
    """What the fit needs (mm, MeV)."""

    z: FloatArray  # (4,)
    segments: FloatArray  # (3, 7) field moments between chambers
    distance: FloatArray  # (4,) from STRAW 1
    bend: FloatArray  # (4,) double field integrals from STRAW 1, T mm^2
    scatter: FloatArray  # (4, 4) sum over earlier chambers of (z_j - z_m)(z_k - z_m)
    theta0: float  # Highland angle times p beta of one chamber, MeV
    beam: bool  # decays come from a beam (not from a dump): tracks of a crowd begin near it


@lru_cache(maxsize=8)
def fit_arrays(detector: Detector) -> FitArrays:
    """Fit constants of a detector."""
    field = field_map(detector)
    z = np.array(detector.straw.chamber_z_m) * 1e3
    scatter = np.zeros((4, 4))
    for j in range(4):
        for k in range(4):
            scatter[j, k] = sum((z[j] - z[i]) * (z[k] - z[i]) for i in range(min(j, k)))
    whole = [plane_segments(field, np.array([z[0], zk]))[1] if zk > z[0] else np.zeros(7) for zk in z]
    return FitArrays(
        z=z,
        segments=plane_segments(field, z)[1:],
        distance=z - z[0],
        bend=np.array([row[2] for row in whole]),
        scatter=scatter,
        theta0=highland(detector.material["straw1"].x_over_x0),
        beam=detector.dump is None,
    )


@formula
def _weights(theta2: float, v1: float, v2: float, v3: float, fit: FitArrays) -> Any:
    """Inverse covariance of the last three points of a projection: elements 11, 12, 13, 22, 23, 33.

    The first point does not feel the scattering, so it stands alone; the other three are inverted in closed
    form (adjugate of a symmetric 3 x 3 matrix).
    """
    s = fit.scatter
    a, d, f = theta2 * s[1, 1] + v1, theta2 * s[2, 2] + v2, theta2 * s[3, 3] + v3
    b, c, e = theta2 * s[1, 2], theta2 * s[1, 3], theta2 * s[2, 3]
    i00, i01, i02 = d * f - e * e, c * e - b * f, b * e - c * d
    inverse = 1.0 / (a * i00 + b * i01 + c * i02)
    return (
        i00 * inverse, i01 * inverse, i02 * inverse, (a * f - c * c) * inverse, (b * c - a * e) * inverse,
        (a * d - b * b) * inverse,
    )  # fmt: skip


@formula
def _moment(w: Any, a: Any, b: Any) -> float:
    """Sum over the last three points of weight times a_i b_j."""
    w11, w12, w13, w22, w23, w33 = w
    a1, a2, a3 = a
    b1, b2, b3 = b
    return (
        w11 * a1 * b1 + w12 * a1 * b2 + w13 * a1 * b3 + w12 * a2 * b1 + w22 * a2 * b2 + w23 * a2 * b3
        + w13 * a3 * b1 + w23 * a3 * b2 + w33 * a3 * b3
    )  # fmt: skip


@formula
def _sum(w: Any, b: Any) -> float:
    """Sum over the last three points of weight times b_j."""
    w11, w12, w13, w22, w23, w33 = w
    b1, b2, b3 = b
    return (
        w11 * b1 + w12 * b2 + w13 * b3 + w12 * b1 + w22 * b2 + w23 * b3 + w13 * b1 + w23 * b2 + w33 * b3
    )  # fmt: skip


@formula
def _total(w0: float, w: Any) -> float:
    """Sum of all weights."""
    w11, w12, w13, w22, w23, w33 = w
    return w0 + w11 + w12 + w13 + w12 + w22 + w23 + w13 + w23 + w33


@formula
def _times(w: Any, r1: float, r2: float, r3: float) -> tuple[float, float, float]:
    """Weights times residuals."""
    w11, w12, w13, w22, w23, w33 = w
    return w11 * r1 + w12 * r2 + w13 * r3, w12 * r1 + w22 * r2 + w23 * r3, w13 * r1 + w23 * r2 + w33 * r3


@formula
def _between_chambers(fit: FitArrays, j: int) -> Segment:
    row = fit.segments[j]
    return Segment(row[0], row[1], row[2], row[3], row[4], row[5], row[6])


@step
def fit_tracks(n: int, b: Any, fit: FitArrays) -> None:
    """Fit the four chamber points of n tracks side by side.

    Every operation is the same for all tracks, and all rows are parts of one array a constant apart: LLVM
    vectorises the loop. The first point is the first guess, so its residuals are zero and its weight enters
    only the sums of weights.

    Parameters
    ----------
    b : flat, rows of `LANES`: measured x (4 rows), y (4), their variances (8; mm, mm^2); then the results, in the order
        of `tracks.COLUMNS`: x, y (mm), u, v at STRAW 1, k = 0.2998 q/p (1 / T mm), u, v behind STRAW 4, x, y there,
        chi2 (3 degrees of freedom), the variances of u, v and k, (time: not touched), the covariances xx, xu, xk, uk,
        yy, yv
    """
    n = min(n, LANES)
    d1, d2, d3 = fit.distance[1], fit.distance[2], fit.distance[3]
    b1, b2, b3 = fit.bend[1], fit.bend[2], fit.bend[3]
    d, m = (d1, d2, d3), (b1, b2, b3)
    step1, step2, step3 = _between_chambers(fit, 0), _between_chambers(fit, 1), _between_chambers(fit, 2)
    total_kick = fit.segments[0, 1] + fit.segments[1, 1] + fit.segments[2, 1]
    for i in range(n):
        x, mx1, mx2, mx3 = b[i], b[LANES + i], b[2 * LANES + i], b[3 * LANES + i]
        y, my1, my2, my3 = b[4 * LANES + i], b[5 * LANES + i], b[6 * LANES + i], b[7 * LANES + i]
        sx1, sy1, sx2 = (mx1 - x) / d1, (my1 - y) / d1, (mx3 - mx2) / (d3 - d2)
        norm = 1.0 / np.sqrt(1.0 + sx1 * sx1 + sy1 * sy1)
        u, v = sx1 * norm, sy1 * norm
        k = (u - sx2 / np.sqrt(1.0 + sx2 * sx2 + sy1 * sy1)) / total_kick
        p = KICK / max(abs(k), 1e-9)
        theta = fit.theta0 * np.sqrt(p * p + PION_MASS * PION_MASS) / (p * p)
        theta2 = theta * theta
        w0, q0 = 1.0 / b[8 * LANES + i], 1.0 / b[12 * LANES + i]
        w = _weights(theta2, b[9 * LANES + i], b[10 * LANES + i], b[11 * LANES + i], fit)
        q = _weights(theta2, b[13 * LANES + i], b[14 * LANES + i], b[15 * LANES + i], fit)
        # normal matrices of (x, u, k) with design rows (1, D, -M) and of (y, v) with rows (1, D)
        n00, n01, n02, n11, n12, n22 = (
            _total(w0, w), _sum(w, d), -_sum(w, m), _moment(w, d, d), -_moment(w, d, m), _moment(w, m, m)
        )  # fmt: skip
        q00, q01, q11 = _total(q0, q), _sum(q, d), _moment(q, d, d)
        c00, c01, c02 = n11 * n22 - n12 * n12, n02 * n12 - n01 * n22, n01 * n12 - n02 * n11
        c11, c12, c22 = n00 * n22 - n02 * n02, n01 * n02 - n00 * n12, n00 * n11 - n01 * n01
        det = n00 * c00 + n01 * c01 + n02 * c02
        dety = q00 * q11 - q01 * q01
        u1, v1, dx, dy, _ = propagate(u, v, k, step1)
        x1, y1 = x + dx, y + dy
        u2, v2, dx, dy, _ = propagate(u1, v1, k, step2)
        x2, y2 = x1 + dx, y1 + dy
        u3, v3, dx, dy, _ = propagate(u2, v2, k, step3)
        x3, y3 = x2 + dx, y2 + dy
        rx1, rx2, rx3, ry1, ry2, ry3 = mx1 - x1, mx2 - x2, mx3 - x3, my1 - y1, my2 - y2, my3 - y3
        s1, s2, s3 = _times(w, rx1, rx2, rx3)
        t1, t2, t3 = _times(q, ry1, ry2, ry3)
        chi2 = (s1 * rx1 + t1 * ry1) + (s2 * rx2 + t2 * ry2) + (s3 * rx3 + t3 * ry3)
        g0, g1, g2 = s1 + s2 + s3, d1 * s1 + d2 * s2 + d3 * s3, -(b1 * s1) - b2 * s2 - b3 * s3
        h0, h1 = t1 + t2 + t3, d1 * t1 + d2 * t2 + d3 * t3
        # one step: the first guess is within a few errors, and there the model is linear to 1e-5 of an error
        ex, eu, ek = (
            (c00 * g0 + c01 * g1 + c02 * g2) / det,
            (c01 * g0 + c11 * g1 + c12 * g2) / det,
            (c02 * g0 + c12 * g1 + c22 * g2) / det,
        )
        ey, ev = (q11 * h0 - q01 * h1) / dety, (q00 * h1 - q01 * h0) / dety
        b[16 * LANES + i], b[17 * LANES + i], b[18 * LANES + i], b[19 * LANES + i] = x + ex, y + ey, u + eu, v + ev
        b[20 * LANES + i], b[21 * LANES + i], b[22 * LANES + i] = k + ek, u3 + eu - total_kick * ek, v3 + ev
        b[23 * LANES + i], b[24 * LANES + i] = x3 + ex + d3 * eu - b3 * ek, y3 + ey + d3 * ev
        b[25 * LANES + i] = chi2 - (g0 * ex + g1 * eu + g2 * ek + h0 * ey + h1 * ev)
        b[26 * LANES + i], b[27 * LANES + i], b[28 * LANES + i] = c11 / det, q00 / dety, c22 / det
        b[30 * LANES + i], b[31 * LANES + i], b[32 * LANES + i] = c00 / det, c01 / det, c02 / det
        b[33 * LANES + i], b[34 * LANES + i], b[35 * LANES + i] = c12 / det, q11 / dety, -q01 / dety
