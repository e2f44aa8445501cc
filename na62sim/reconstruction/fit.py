"""The STRAW track fit: generalised least squares with correlated multiple scattering.

State at STRAW 1, before its material: x, y (mm), direction cosines u, v, and k = 0.2998 q / p. The model is
the exact transport through the field profile; its derivatives are those of the linear model
x_j = x + u D_j - k M_j (D distance, M double field integral). The covariance of the four points of a
projection is the measurement error plus theta0(p)^2 sum_m (z_j - z_m)(z_k - z_m) over the chambers m before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from na62sim.detector.planes import highland
from na62sim.field import KICK, FieldMap, Segment, plane_segments, propagate
from na62sim.geometry import Detector
from na62sim.kernel import formula, kernel
from na62sim.particles import species

FloatArray = npt.NDArray[np.float64]
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


def fit_arrays(detector: Detector, field: FieldMap) -> FitArrays:
    """Fit constants of a detector, with the field map the reconstruction believes in."""
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
def _weights(variance: Any, theta2: float, fit: FitArrays, w: Any) -> None:
    """Inverse covariance of the four points of a projection, into w (4, 4).

    The first point does not feel the scattering, so it stands alone; the other three are inverted in closed
    form (adjugate of a symmetric 3 x 3 matrix).
    """
    s = fit.scatter
    a, d, f = theta2 * s[1, 1] + variance[1], theta2 * s[2, 2] + variance[2], theta2 * s[3, 3] + variance[3]
    b, c, e = theta2 * s[1, 2], theta2 * s[1, 3], theta2 * s[2, 3]
    i00, i01, i02 = d * f - e * e, c * e - b * f, b * e - c * d
    inverse = 1.0 / (a * i00 + b * i01 + c * i02)
    w[0, 0] = 1.0 / variance[0]
    for k in range(1, 4):
        w[0, k] = 0.0
        w[k, 0] = 0.0
    w[1, 1], w[1, 2], w[1, 3] = i00 * inverse, i01 * inverse, i02 * inverse
    w[2, 1], w[2, 2], w[2, 3] = w[1, 2], (a * f - c * c) * inverse, (b * c - a * e) * inverse
    w[3, 1], w[3, 2], w[3, 3] = w[1, 3], w[2, 3], (a * d - b * b) * inverse


@formula
def _predict(x: float, y: float, u: float, v: float, k: float, fit: FitArrays, px: Any, py: Any) -> Any:
    """Positions at the four chambers, and the direction behind STRAW 4."""
    px[0], py[0] = x, y
    for j in range(3):
        row = fit.segments[j]
        s = Segment(row[0], row[1], row[2], row[3], row[4], row[5], row[6])
        u, v, dx, dy, _ = propagate(u, v, k, s)
        x, y = x + dx, y + dy
        px[j + 1], py[j + 1] = x, y
    return u, v


@kernel
def fit_track(mx: Any, my: Any, vx: Any, vy: Any, fit: FitArrays, work: Any) -> Any:
    """Fit four chamber points.

    Parameters
    ----------
    mx, my : (4,) measured positions (mm); vx, vy : (4,) their variances (mm^2)
    work : (16, 4) work space

    Returns
    -------
    x, y (mm), u, v at STRAW 1, k = 0.2998 q/p (1 / T mm), u, v behind STRAW 4, x, y there, chi2 (3 degrees of
    freedom), the variances of u, v and k, and the covariances xx, xu, xk, uk, yy, yv
    """
    px, py = work[0], work[1]
    wx, wy = work[8:12], work[12:16]
    d, b = fit.distance, fit.bend
    sx1, sy1 = (mx[1] - mx[0]) / d[1], (my[1] - my[0]) / d[1]
    sx2 = (mx[3] - mx[2]) / (d[3] - d[2])
    norm = 1.0 / np.sqrt(1.0 + sx1 * sx1 + sy1 * sy1)
    u, v = sx1 * norm, sy1 * norm
    total_kick = fit.segments[0, 1] + fit.segments[1, 1] + fit.segments[2, 1]
    k = (u - sx2 / np.sqrt(1.0 + sx2 * sx2 + sy1 * sy1)) / total_kick
    x, y = mx[0], my[0]
    p = KICK / max(abs(k), 1e-9)
    theta = fit.theta0 * np.sqrt(p * p + PION_MASS * PION_MASS) / (p * p)
    _weights(vx, theta * theta, fit, wx)
    _weights(vy, theta * theta, fit, wy)
    # normal matrices of (x, u, k) with design rows (1, D, -M) and of (y, v) with rows (1, D)
    n00, n01, n02, n11, n12, n22, q00, q01, q11 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(4):
        for j in range(4):
            w, q = wx[i, j], wy[i, j]
            n00 += w
            n01 += w * d[j]
            n02 -= w * b[j]
            n11 += w * d[i] * d[j]
            n12 -= w * d[i] * b[j]
            n22 += w * b[i] * b[j]
            q00 += q
            q01 += q * d[j]
            q11 += q * d[i] * d[j]
    c00, c01, c02 = n11 * n22 - n12 * n12, n02 * n12 - n01 * n22, n01 * n12 - n02 * n11
    c11, c12, c22 = n00 * n22 - n02 * n02, n01 * n02 - n00 * n12, n00 * n11 - n01 * n01
    det = n00 * c00 + n01 * c01 + n02 * c02
    dety = q00 * q11 - q01 * q01
    u2, v2 = _predict(x, y, u, v, k, fit, px, py)
    g0, g1, g2, h0, h1, chi2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(4):
        sx, sy = 0.0, 0.0
        for j in range(4):
            sx += wx[i, j] * (mx[j] - px[j])
            sy += wy[i, j] * (my[j] - py[j])
        chi2 += sx * (mx[i] - px[i]) + sy * (my[i] - py[i])
        g0 += sx
        g1 += d[i] * sx
        g2 -= b[i] * sx
        h0 += sy
        h1 += d[i] * sy
    # one step: the first guess is within a few errors, and there the model is linear to 1e-5 of an error
    ex, eu, ek = (
        (c00 * g0 + c01 * g1 + c02 * g2) / det,
        (c01 * g0 + c11 * g1 + c12 * g2) / det,
        (c02 * g0 + c12 * g1 + c22 * g2) / det,
    )
    ey, ev = (q11 * h0 - q01 * h1) / dety, (q00 * h1 - q01 * h0) / dety
    chi2 -= g0 * ex + g1 * eu + g2 * ek + h0 * ey + h1 * ev
    x4, y4 = px[3] + ex + d[3] * eu - b[3] * ek, py[3] + ey + d[3] * ev
    x, u, k, y, v = x + ex, u + eu, k + ek, y + ey, v + ev
    u2, v2 = u2 + eu - total_kick * ek, v2 + ev
    return (
        x, y, u, v, k, u2, v2, x4, y4, chi2, c11 / det, q00 / dety, c22 / det,
        c00 / det, c01 / det, c02 / det, c12 / det, q11 / dety, -q01 / dety,
    )  # fmt: skip
